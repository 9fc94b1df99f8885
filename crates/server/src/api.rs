//! `/api/v1`: the list of routes, each with the permission that it needs.
//!
//! A noun is a file with its verbs: input, OpenAPI block, handler. What stands in [`routes`] without
//! [`needs`] is open to everybody, so that list is short.

mod config;
mod connections;
mod decisions;
mod gates;
pub(crate) mod imports;
mod installation;
mod journal;
mod keys;
mod mail;
mod notices;
pub(crate) mod packages;
mod principals;
mod reference;
mod requests;
mod tasks;
#[cfg(test)]
mod tests;
mod webhooks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::get;
use domain::access::Permission;
use http::{HeaderValue, StatusCode, header};
use utoipa::OpenApi as _;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::app::App;
use crate::body::{LARGEST_BODY, no_query};
use crate::caller::{admit, identify};
use crate::problem::{self, Problem};
use crate::{errors, events, health, metrics, request_id};
pub use imports::{ImportLine, ImportProgress};
pub use installation::About;
pub use packages::{ABOUT as PACKAGE_ABOUT, are_at as packages_are_at};

/// Where the API lies.
pub const BASE: &str = "/api/v1";
/// The name of the way to prove who one is.
const BEARER: &str = "token";

/// What the document says before any route.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Habeas",
        description = "Carries out privacy requests. Times are RFC 3339 in UTC; ids are opaque; \
            errors are problem+json (RFC 9457) whose `type` is the page of their code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem)),
    servers((url = "/api/v1"))
)]
struct Document;

/// Everything that is served to operators and their programs.
pub fn router(app: App) -> Router {
    let (api, document) = routes().split_for_parts();
    let document = text(&document);
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    let api = api.route("/openapi.json", get(openapi));
    Router::new()
        .nest(BASE, api)
        .route("/errors/{code}", get(errors::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .fallback(|| async { Problem::not_found("page") })
        .method_not_allowed_fallback(|| async { not_allowed() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(app.clone(), identify))
        .layer(map_response(kept_by_nobody))
        .layer(from_fn_with_state(app.clone(), request_id::name))
        .layer(from_fn_with_state(app.measured().traffic.clone(), metrics::count))
        .with_state(app)
}

/// The document of the API, as it is checked in and served.
pub fn document_text() -> String {
    text(&routes().split_for_parts().1)
}

/// The page of the documentation with every operation and every shape.
pub fn reference_page() -> String {
    // What was written a moment ago can be read.
    reference::page(&serde_json::from_str(&document_text()).unwrap_or_default())
}

fn text(document: &OpenApi) -> String {
    // A tree of texts and numbers always serialises.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn routes() -> OpenApiRouter<App> {
    use Permission as P;
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let mut document = Document::openapi();
    if let Some(components) = &mut document.components {
        components.add_security_scheme(BEARER, bearer);
    }
    OpenApiRouter::with_openapi(document)
        .routes(open(routes!(principals::set_up)))
        .routes(known(routes!(principals::me)))
        .routes(known(routes!(installation::about)))
        .routes(needs(P::RequestsRead, routes!(requests::list)))
        .routes(needs(P::RequestsWrite, routes!(requests::create)))
        .routes(needs(P::RequestsWrite, routes!(imports::import)))
        .routes(needs(P::RequestsRead, routes!(requests::find)))
        .routes(needs(P::RequestsRead, routes!(requests::show)))
        .routes(needs(P::RequestsReveal, routes!(requests::reveal)))
        .routes(needs(P::RequestsReveal, routes!(packages::package)))
        .routes(needs(P::RequestsApprove, routes!(decisions::deny)))
        .routes(needs(P::RequestsWrite, routes!(decisions::cancel)))
        .routes(needs(P::RequestsWrite, routes!(decisions::answer)))
        .routes(needs(P::RequestsWrite, routes!(decisions::reopen)))
        .routes(needs(P::RequestsWrite, routes!(decisions::add_identifiers)))
        .routes(needs(P::RequestsPurge, routes!(decisions::purge)))
        .routes(needs(P::RequestsRead, routes!(gates::preview)))
        .routes(needs(P::RequestsApprove, routes!(gates::approve)))
        .routes(needs(P::RequestsWrite, routes!(tasks::settle)))
        .routes(needs(P::RequestsWrite, routes!(tasks::retry)))
        .routes(needs(P::RequestsRead, routes!(events::events)))
        .routes(needs(P::ConnectionsRead, routes!(connections::list)))
        .routes(needs(P::ConnectionsRead, routes!(connections::show)))
        .routes(needs(P::ConnectionsRead, routes!(connections::removal)))
        .routes(needs(P::ConnectionsWrite, routes!(connections::check)))
        .routes(needs(P::ConnectionsWrite, routes!(connections::create)))
        .routes(needs(P::ConnectionsWrite, routes!(connections::test)))
        .routes(needs(P::ConnectionsWrite, routes!(connections::set)))
        .routes(needs(P::ConnectionsWrite, routes!(connections::remove)))
        .routes(needs(P::EnginePause, routes!(connections::pause)))
        .routes(needs(P::EnginePause, routes!(connections::resume)))
        .routes(needs(P::ConnectionsRead, routes!(installation::engine)))
        .routes(needs(P::EnginePause, routes!(installation::pause)))
        .routes(needs(P::EnginePause, routes!(installation::resume)))
        .routes(needs(P::SettingsRead, routes!(installation::settings)))
        .routes(needs(P::SettingsWrite, routes!(installation::set)))
        .routes(needs(P::ConnectionsRead, routes!(config::show)))
        .routes(needs(P::ConnectionsWrite, routes!(config::plan)))
        .routes(needs(P::ConnectionsWrite, routes!(config::apply)))
        .routes(needs(P::JournalRead, routes!(journal::read)))
        .routes(needs(P::KeysRead, routes!(keys::list)))
        .routes(needs(P::KeysRotate, routes!(keys::rotate)))
        .routes(needs(P::PrincipalsRead, routes!(principals::list)))
        .routes(needs(P::PrincipalsRead, routes!(principals::show)))
        .routes(needs(P::PrincipalsRead, routes!(principals::list_all_tokens)))
        .routes(needs(P::PrincipalsRead, routes!(principals::list_tokens)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::create)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::set)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::disable)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::enable)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::create_token)))
        .routes(needs(P::PrincipalsWrite, routes!(principals::revoke_token)))
        .routes(needs(P::ConnectionsRead, routes!(notices::list)))
        .routes(needs(P::WebhooksWrite, routes!(notices::test)))
        .routes(needs(P::WebhooksRead, routes!(mail::show)))
        .routes(needs(P::SettingsWrite, routes!(mail::set_server)))
        .routes(needs(P::SettingsWrite, routes!(mail::unset_server)))
        .routes(needs(P::WebhooksWrite, routes!(mail::set_recipient)))
        .routes(needs(P::WebhooksWrite, routes!(mail::remove_recipient)))
        .routes(needs(P::WebhooksRead, routes!(mail::deliveries)))
        .routes(needs(P::WebhooksWrite, routes!(mail::replay)))
        .routes(needs(P::WebhooksRead, routes!(webhooks::list)))
        .routes(needs(P::WebhooksRead, routes!(webhooks::show)))
        .routes(needs(P::WebhooksRead, routes!(webhooks::deliveries)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::create)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::set)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::remove)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::disable)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::enable)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::rotate)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::test)))
        .routes(needs(P::WebhooksWrite, routes!(webhooks::replay)))
}

/// A route that needs a permission: says so in the document, and lets nobody else pass.
fn needs(permission: Permission, route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (schemas, mut paths, router) = secured(route);
    for operation in paths.paths.values_mut().flat_map(operations) {
        let word = Extensions::builder().add("x-permission", permission.word()).build();
        operation.extensions.get_or_insert_default().merge(word);
    }
    let guarded =
        router.route_layer(from_fn(move |request, next| admit(permission, request, next)));
    (schemas, paths, guarded)
}

/// A route for everybody whom we know.
fn known(route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    secured(route)
}

/// A route for everybody.
fn open(route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (schemas, mut paths, router) = route;
    paths.paths.values_mut().flat_map(operations).for_each(may_fail);
    let is_in_query = |one: &RefOr<Parameter>| match one {
        RefOr::T(one) => matches!(one.parameter_in, ParameterIn::Query),
        RefOr::Ref(_) => true,
    };
    let takes_query = paths
        .paths
        .values_mut()
        .flat_map(operations)
        .any(|operation| operation.parameters.iter().flatten().any(is_in_query));
    match takes_query {
        true => (schemas, paths, router),
        false => (schemas, paths, router.route_layer(from_fn(no_query))),
    }
}

fn secured(route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (schemas, mut paths, router) = open(route);
    for operation in paths.paths.values_mut().flat_map(operations) {
        let token = SecurityRequirement::new::<_, _, &str>(BEARER, []);
        operation.security.get_or_insert_default().push(token);
    }
    (schemas, paths, router)
}

/// Every operation may answer with a problem.
fn may_fail(operation: &mut Operation) {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = Response::builder()
        .description("A problem: `code` says which, `detail` what is wrong here")
        .content(problem::MEDIA_TYPE, content)
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
        .into_iter()
        .flatten()
}

/// What is answered may tell of people: nobody on the way keeps it, and no browser guesses what it is.
pub(crate) async fn kept_by_nobody(
    mut response: axum::response::Response,
) -> axum::response::Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(crate) fn not_allowed() -> Problem {
    let detail = "this path does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "E-API-007", detail)
}
