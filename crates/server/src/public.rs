//! What is served to the public: whether the program is alive, and what an error means. Nothing of the
//! operators' API is routed here.

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use crate::problem::Problem;
use crate::{api, errors, health};

/// Everything that is served to everybody.
pub fn router() -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/errors/{code}", get(errors::page))
        .fallback(|| async { Problem::not_found("page") })
        .method_not_allowed_fallback(|| async { api::not_allowed() })
        .layer(map_response(api::kept_by_nobody))
}
