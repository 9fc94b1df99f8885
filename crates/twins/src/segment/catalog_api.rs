//! Reads of the Public API for detection (contract 2): workspace, sources, destinations, warehouses,
//! spaces, users.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answers::{Refusal, data};
use super::catalog::{CatalogEntry, Deletion, Destination, POSTGRES, Source, is_cloud};
use super::query::Query;
use super::state::Segment;

type Answer = Result<Response, Refusal>;

pub(super) fn workspace(state: &Segment) -> Response {
    let (id, slug, name) = if state.switches.workspace_swapped {
        (&state.other_workspace_id, "example-wholesale-prod", "Example Wholesale (Production)")
    } else {
        (&state.workspace_id, "example-retail-prod", "Example Retail (Production)")
    };
    data(&json!({"workspace": {"id": id, "slug": slug, "name": name}}))
}

pub(super) fn sources(state: &Segment, query: &Query) -> Answer {
    let all = state.sources.iter().map(|source| shown_source(state, source)).collect();
    page(state, query, "sources", all)
}

pub(super) fn source(state: &Segment, id: &str) -> Answer {
    let source = &state.sources[place_of_source(state, id)?];
    Ok(data(&json!({"source": shown_source(state, source), "trackingPlanId": null})))
}

/// A source's place in the catalog.
pub(super) fn place_of_source(state: &Segment, id: &str) -> Result<usize, Refusal> {
    let place = state.sources.iter().position(|source| source.id == id);
    place.ok_or_else(|| Refusal::not_found("Source", id))
}

pub(super) fn source_destinations(state: &Segment, id: &str, query: &Query) -> Answer {
    let source = place_of_source(state, id)?;
    let of_source = state.destinations.iter().filter(|destination| destination.source == source);
    page(state, query, "destinations", of_source.map(|d| shown_destination(state, d)).collect())
}

pub(super) fn source_warehouses(state: &Segment, id: &str, query: &Query) -> Answer {
    place_of_source(state, id)?;
    page(state, query, "warehouses", vec![shown_warehouse(state)])
}

pub(super) fn destinations(state: &Segment, query: &Query) -> Answer {
    let all = state.destinations.iter().map(|d| shown_destination(state, d)).collect();
    page(state, query, "destinations", all)
}

pub(super) fn destination(state: &Segment, id: &str) -> Answer {
    let destination = state.destinations.iter().find(|destination| destination.id == id);
    let destination = destination.ok_or_else(|| Refusal::not_found("Destination", id))?;
    Ok(data(&json!({"destination": shown_destination(state, destination)})))
}

pub(super) fn warehouses(state: &Segment, query: &Query) -> Answer {
    page(state, query, "warehouses", vec![shown_warehouse(state)])
}

pub(super) fn spaces(state: &Segment, query: &Query) -> Answer {
    let space = |space: &super::spaces::Space| json!({"id": space.id, "slug": space.slug, "name": space.name});
    page(state, query, "spaces", state.spaces.iter().map(space).collect())
}

pub(super) fn users(state: &Segment, query: &Query) -> Answer {
    page(state, query, "users", vec![shown_admin(state)])
}

pub(super) fn user(state: &Segment, id: &str) -> Answer {
    let admin = shown_admin(state);
    if admin["id"] != id {
        return Err(Refusal::not_found("User", id));
    }
    Ok(data(&json!({"user": admin})))
}

pub(super) fn warehouse(state: &Segment, id: &str) -> Answer {
    check_warehouse(state, id)?;
    Ok(data(&json!({"warehouse": shown_warehouse(state)})))
}

/// The warehouse takes the data of every source.
pub(super) fn warehouse_sources(state: &Segment, id: &str, query: &Query) -> Answer {
    check_warehouse(state, id)?;
    sources(state, query)
}

fn check_warehouse(state: &Segment, id: &str) -> Result<(), Refusal> {
    if id == state.warehouse_id { Ok(()) } else { Err(Refusal::not_found("Warehouse", id)) }
}

/// This workspace sends nothing out of its warehouse.
pub(super) fn reverse_etl_models(state: &Segment, query: &Query) -> Answer {
    page(state, query, "models", vec![])
}

/// One destination function; the kind of function that is wanted must be said.
pub(super) fn functions(state: &Segment, query: &Query) -> Answer {
    const KINDS: [&str; 5] =
        ["SOURCE", "DESTINATION", "INSERT_SOURCE", "INSERT_DESTINATION", "INSERT_TRANSFORMATION"];
    let kind = query.get("resourceType").filter(|kind| KINDS.contains(kind));
    let kind = kind.ok_or_else(|| Refusal::invalid("resourceType", "is required"))?;
    let loyalty = json!({
        "id": "dfn_a1B2c3D4e5F6g7H8i9J0kL",
        "resourceType": "DESTINATION",
        "createdAt": "2026-02-03T10:11:12.000Z",
        "createdBy": "uR3eW5qA7sD9fG2hJ4kL6Z",
        "displayName": "Post to loyalty API",
        "description": "",
        "logoUrl": "https://cdn.example.com/fn.svg",
        "catalogId": "65c2bdbdde6f2d8297f943da",
    });
    let all = if kind == "DESTINATION" { vec![loyalty] } else { vec![] };
    page(state, query, "functions", all)
}

/// The page that is asked for, under `key`.
fn page(state: &Segment, query: &Query, key: &str, mut all: Vec<Value>) -> Answer {
    let page = query.page(all.len(), &state.switches)?;
    let items: Vec<Value> = all.drain(page.range).collect();
    let mut body = Map::new();
    body.insert(key.to_owned(), Value::Array(items));
    body.insert("pagination".to_owned(), json!(page.info));
    Ok(data(&body))
}

fn shown_source(state: &Segment, source: &Source) -> Value {
    let mut metadata = shown_entry(&source.entry);
    metadata["isCloudEventSource"] = json!(false);
    metadata["partnerOwned"] = json!(false);
    // A cloud app pulls; nobody sends to it.
    let write_keys = if is_cloud(source) { vec![] } else { vec![&source.write_key] };
    json!({
        "id": source.id,
        "slug": source.slug,
        "name": source.name,
        "workspaceId": state.workspace_id,
        "enabled": true,
        "writeKeys": write_keys,
        "metadata": metadata,
        "settings": {},
        "labels": [{"key": "environment", "value": "prod"}],
    })
}

fn shown_destination(state: &Segment, destination: &Destination) -> Value {
    let is_keyless =
        destination.deletion == Deletion::Unconfigured && !state.switches.deletion_configured;
    let secret = if is_keyless { "" } else { "****" };
    json!({
        "id": destination.id,
        "name": destination.name,
        "enabled": destination.is_enabled,
        "sourceId": state.sources[destination.source].id,
        "settings": {"apiKey": "****", "secretKey": secret},
        "metadata": destination_metadata(destination),
    })
}

fn destination_metadata(destination: &Destination) -> Value {
    let mut metadata = shown_entry(&destination.entry);
    let entry = &destination.entry;
    let part = |kind: &str| {
        let code = format!("https://code.example.com/{}/{}", entry.slug, kind.to_lowercase());
        json!({"type": kind, "code": code, "owner": "SEGMENT"})
    };
    let (device_mode, components) = if destination.has_device_mode {
        ("SINGLE", vec![part("SERVER"), part("BROWSER")])
    } else {
        ("NONE", vec![part("SERVER")])
    };
    metadata["previousNames"] = json!([entry.name]);
    metadata["website"] = json!(entry.website);
    metadata["components"] = json!(components);
    metadata["supportedFeatures"] = json!({
        "cloudModeInstances": "MULTIPLE", "deviceModeInstances": device_mode, "replay": true,
        "browserUnbundling": true, "browserUnbundlingPublic": true,
    });
    metadata["supportedMethods"] = json!({
        "pageview": true, "identify": true, "alias": false, "track": true, "group": true,
    });
    metadata["supportedPlatforms"] = json!({
        "browser": true, "server": true, "mobile": true, "warehouse": false,
        "cloudAppObject": false, "linkedAudiences": false,
    });
    for empty in ["actions", "presets", "contacts"] {
        metadata[empty] = json!([]);
    }
    metadata["partnerOwned"] = json!(false);
    metadata["supportedRegions"] = json!(["us-west-2", "eu-west-1"]);
    metadata["regionEndpoints"] = json!(["US", "EU"]);
    metadata
}

/// The one employee with access.
fn shown_admin(state: &Segment) -> Value {
    let resource = json!({"id": state.workspace_id, "type": "WORKSPACE", "labels": []});
    let permission = json!({
        "roleId": "1WDUuRLxv84rrfCNUwvkrRtkxnS",
        "roleName": "Workspace Owner",
        "resources": [resource],
    });
    json!({
        "id": "uR3eW5qA7sD9fG2hJ4kL6Z",
        "name": "Workspace Admin",
        "email": "admin@example.com",
        "permissions": [permission],
    })
}

fn shown_warehouse(state: &Segment) -> Value {
    let mut metadata = shown_entry(&POSTGRES);
    if let Some(fields) = metadata.as_object_mut() {
        fields.remove("categories");
        fields.remove("status");
    }
    json!({
        "id": state.warehouse_id,
        "workspaceId": state.workspace_id,
        "enabled": true,
        "metadata": metadata,
        "settings": {"host": "db.example.com", "name": "Analytics PG"},
    })
}

/// What the catalog objects have in common.
fn shown_entry(entry: &CatalogEntry) -> Value {
    let logo = format!("https://cdn.example.com/{}.svg", entry.slug);
    json!({
        "id": entry.id,
        "slug": entry.slug,
        "name": entry.name,
        "description": format!("{} by its maker.", entry.name),
        "logos": {"default": logo, "mark": null, "alt": null},
        "options": [],
        "status": "PUBLIC",
        "categories": [entry.category],
    })
}
