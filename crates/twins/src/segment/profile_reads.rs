//! What the Profile API tells about a profile (contract 4.3), in pages.
//!
//! Everything is serialised from borrowed structs: these are the twin's busiest paths.

use std::collections::BTreeMap;

use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::answers::json;
use super::catalog::Source;
use super::profile_api::{Answer, NOT_FOUND, Refusal, refusal};
use super::spaces::{Class, Event, ExternalId, IdType, Profile, Space, Trait};

/// How far back events are shown.
const EVENT_WINDOW: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a read may look at.
pub(super) struct View<'a> {
    pub(super) space: &'a Space,
    pub(super) sources: &'a [Source],
    pub(super) now: Timestamp,
    pub(super) cursor_repeats: bool,
    pub(super) path: &'a str,
}

type Params = [(String, String)];

#[derive(Serialize)]
struct Cursor<'a> {
    url: &'a str,
    has_more: bool,
    next: String,
    limit: usize,
}

#[derive(Serialize)]
struct Listing<'a, T> {
    data: Vec<T>,
    cursor: Cursor<'a>,
}

impl View<'_> {
    fn source_id(&self, place: usize) -> &str {
        self.sources.get(place).map_or("", |source| &source.id)
    }
}

fn param<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn limit(params: &Params, most: usize) -> Result<usize, Refusal> {
    const USUAL: usize = 10;
    let Some(text) = param(params, "limit") else { return Ok(USUAL) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| refusal(400, "validation_error", "The limit is out of its bounds."))
}

/// A comma list; none given means everything.
fn names<'a>(params: &'a Params, name: &str) -> Option<Vec<&'a str>> {
    let text = param(params, name).filter(|text| !text.is_empty())?;
    Some(text.split(',').map(str::trim).collect())
}

fn is_in(list: Option<&Vec<&str>>, name: &str) -> bool {
    list.is_none_or(|list| list.contains(&name))
}

/// One page of `all`, by an offset in the cursor; `most` bounds the page.
fn listing<'a, T: Serialize>(view: &View<'a>, params: &Params, most: usize, all: Vec<T>) -> Answer {
    let limit = limit(params, most)?;
    let bad_cursor = |_| refusal(400, "validation_error", "The cursor is not valid.");
    let start = match param(params, "next").filter(|next| !next.is_empty()) {
        None => 0,
        Some(next) => next.parse::<usize>().map_err(bad_cursor)?,
    };
    let end = start.saturating_add(limit);
    // The first page has no cursor that a next one could repeat.
    let repeats = view.cursor_repeats && start > 0;
    let has_more = end < all.len() || repeats;
    let next = if repeats { start } else { end };
    let next = if has_more { next.to_string() } else { String::new() };
    let data = all.into_iter().skip(start).take(limit).collect();
    let cursor = Cursor { url: view.path, has_more, next, limit };
    Ok(json(200, &Listing { data, cursor }))
}

#[derive(Serialize)]
struct ShownTraits<'a> {
    traits: BTreeMap<&'a str, ShownTrait<'a>>,
    cursor: Cursor<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShownTrait<'a> {
    Plain(&'a Value),
    Verbose { value: &'a Value, source_id: &'a str, updated_at: Timestamp },
}

/// Traits, by name. The cursor is the name of the last trait of the page.
pub(super) fn traits(view: &View<'_>, profile: &Profile, params: &Params) -> Answer {
    let limit = limit(params, 200)?;
    let include = names(params, "include");
    let is_verbose = param(params, "verbose") == Some("true");
    let class = match param(params, "class") {
        None => None,
        Some("audience") => Some(Class::Audience),
        Some("computed_trait") => Some(Class::ComputedTrait),
        Some(_) => return Err(refusal(400, "validation_error", "The class is not known.")),
    };
    let after = param(params, "next").unwrap_or("");
    let wanted = |(name, held): &(&String, &Trait)| {
        name.as_str() > after
            && is_in(include.as_ref(), name)
            && class.is_none_or(|class| class == held.class)
    };
    let mut wanted = profile.traits.iter().filter(wanted).peekable();
    let mut traits = BTreeMap::new();
    while traits.len() < limit
        && let Some((name, held)) = wanted.next()
    {
        let Trait { value, source, updated_at, .. } = held;
        let shown = if is_verbose {
            let source_id = view.source_id(*source);
            ShownTrait::Verbose { value, source_id, updated_at: *updated_at }
        } else {
            ShownTrait::Plain(value)
        };
        traits.insert(name.as_str(), shown);
    }
    let repeats = view.cursor_repeats && !after.is_empty();
    let has_more = wanted.peek().is_some() || repeats;
    let last = traits.last_key_value().map_or("", |(name, _)| name);
    let next = if repeats { after } else { last };
    let next = if has_more { next.to_owned() } else { String::new() };
    let cursor = Cursor { url: view.path, has_more, next, limit };
    Ok(json(200, &ShownTraits { traits, cursor }))
}

#[derive(Serialize)]
struct ShownId<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    collection: &'static str,
    source_id: &'a str,
    created_at: Timestamp,
    encoding: &'static str,
    first_message_id: &'a str,
}

fn shown_id<'a>(view: &'a View<'_>, held: &'a ExternalId) -> ShownId<'a> {
    ShownId {
        id: &held.id,
        kind: &held.kind,
        collection: "users",
        source_id: view.source_id(held.origin.source),
        created_at: held.created_at,
        encoding: "none",
        first_message_id: &held.origin.message_id,
    }
}

pub(super) fn external_ids(view: &View<'_>, profile: &Profile, params: &Params) -> Answer {
    let include = names(params, "include");
    let ids = profile.external_ids.iter().filter(|held| is_in(include.as_ref(), &held.kind));
    listing(view, params, 100, ids.map(|held| shown_id(view, held)).collect())
}

#[derive(Serialize)]
struct ShownEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'a str,
    message_id: &'a str,
    source_id: &'a str,
    timestamp: Timestamp,
    properties: &'a Value,
    context: &'a Value,
    external_ids: Vec<BareId<'a>>,
    related: Related<'a>,
}

#[derive(Serialize)]
struct BareId<'a> {
    collection: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    encoding: &'static str,
}

#[derive(Serialize)]
struct Related<'a> {
    users: &'a str,
}

fn shown_event<'a>(view: &'a View<'_>, profile: &'a Profile, event: &'a Event) -> ShownEvent<'a> {
    let id = |(kind, id): &'a (IdType, String)| BareId {
        collection: "users",
        kind,
        id,
        encoding: "none",
    };
    ShownEvent {
        kind: "track",
        event: &event.name,
        message_id: &event.origin.message_id,
        source_id: view.source_id(event.origin.source),
        timestamp: event.at,
        properties: &event.properties,
        context: &event.context,
        external_ids: event.ids.iter().map(id).collect(),
        related: Related { users: &profile.segment_id },
    }
}

pub(super) fn events(view: &View<'_>, profile: &Profile, params: &Params) -> Answer {
    let (include, exclude) = (names(params, "include"), names(params, "exclude"));
    let bound = |name| match param(params, name) {
        None => Ok(None),
        Some(text) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|_| refusal(400, "validation_error", "A time is not in ISO 8601.")),
    };
    let earliest = view.now.checked_sub(EVENT_WINDOW).unwrap_or(Timestamp::MIN);
    let start = bound("start")?.map_or(earliest, |start| start.max(earliest));
    let end = bound("end")?.unwrap_or(Timestamp::MAX);
    let wanted = |event: &&Event| {
        event.at >= start
            && event.at <= end
            && is_in(include.as_ref(), &event.name)
            && exclude.as_ref().is_none_or(|list| !list.contains(&event.name.as_str()))
    };
    let mut all: Vec<ShownEvent<'_>> = profile
        .events
        .iter()
        .filter(wanted)
        .map(|event| shown_event(view, profile, event))
        .collect();
    all.sort_by_key(|event| event.timestamp);
    match param(params, "sort") {
        None | Some("desc") => all.reverse(),
        Some("asc") => {}
        Some(_) => return Err(refusal(400, "validation_error", "The sort order is not known.")),
    }
    listing(view, params, 100, all)
}

/// The stamp of one profile.
pub(super) fn metadata(view: &View<'_>, profile: &Profile) -> Response {
    #[derive(Serialize)]
    struct Answer<'a> {
        segment_id: &'a str,
        metadata: Metadata<'a>,
    }
    #[derive(Serialize)]
    struct Metadata<'a> {
        created_at: Timestamp,
        updated_at: Timestamp,
        expires_at: Option<Timestamp>,
        first_message_id: &'a str,
        first_source_id: &'a str,
        last_message_id: &'a str,
        last_source_id: &'a str,
    }
    let metadata = Metadata {
        created_at: profile.created_at,
        updated_at: profile.updated_at,
        expires_at: None,
        first_message_id: &profile.first.message_id,
        first_source_id: view.source_id(profile.first.source),
        last_message_id: &profile.last.message_id,
        last_source_id: view.source_id(profile.last.source),
    };
    json(200, &Answer { segment_id: &profile.segment_id, metadata })
}

#[derive(Serialize)]
struct Link<'a> {
    to_collection: &'static str,
    external_ids: Vec<ShownId<'a>>,
}

pub(super) fn links(view: &View<'_>, profile: &Profile, params: &Params) -> Answer {
    let link = |held: &'_ super::spaces::AccountLink| Link {
        to_collection: "accounts",
        external_ids: vec![ShownId {
            id: "",
            kind: "group_id",
            collection: "accounts",
            source_id: view.source_id(held.source),
            created_at: held.created_at,
            encoding: "none",
            first_message_id: &profile.first.message_id,
        }],
    };
    let links = profile.accounts.iter().map(|held| {
        let mut shown = link(held);
        shown.external_ids[0].id = &held.group_id;
        shown
    });
    listing(view, params, 20, links.collect())
}

/// `group_id:{v}` of a path.
fn group_id(id: &str) -> Result<&str, Refusal> {
    id.strip_prefix("group_id:").ok_or(NOT_FOUND)
}

pub(super) fn account_traits(view: &View<'_>, id: &str) -> Answer {
    #[derive(Serialize)]
    struct Shown<'a> {
        traits: &'a BTreeMap<String, Value>,
        cursor: Cursor<'a>,
    }
    let account = view.space.accounts.get(group_id(id)?).ok_or(NOT_FOUND)?;
    let limit = account.traits.len();
    let cursor = Cursor { url: view.path, has_more: false, next: String::new(), limit };
    Ok(json(200, &Shown { traits: &account.traits, cursor }))
}

pub(super) fn account_links(view: &View<'_>, id: &str, params: &Params) -> Answer {
    let group_id = group_id(id)?;
    view.space.accounts.get(group_id).ok_or(NOT_FOUND)?;
    let belongs = |profile: &&Profile| profile.accounts.iter().any(|l| l.group_id == group_id);
    let link = |profile| Link { to_collection: "users", external_ids: user_ids(view, profile) };
    listing(view, params, 20, view.space.profiles().filter(belongs).map(link).collect())
}

fn user_ids<'a>(view: &'a View<'_>, profile: &'a Profile) -> Vec<ShownId<'a>> {
    profile.external_ids.iter().map(|held| shown_id(view, held)).collect()
}

/// The list of all profiles, which is observed rather than documented (4.2).
pub(super) fn profiles(view: &View<'_>, params: &Params) -> Answer {
    #[derive(Serialize)]
    struct Entry<'a> {
        segment_id: &'a str,
    }
    let visible = view.space.profiles().filter(|profile| profile.visible_at <= view.now);
    let entries = visible.map(|profile| Entry { segment_id: &profile.segment_id });
    listing(view, params, 100, entries.collect())
}
