//! The pages of the error codes, served where `type` of a problem points.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;
use rust_embed::Embed;

use crate::problem::Problem;

#[derive(Embed)]
#[folder = "../../docs/errors"]
#[include = "*.md"]
struct Pages;

/// The page of a code.
pub(crate) async fn page(Path(code): Path<String>) -> Response {
    match Pages::get(&format!("{code}.md")) {
        Some(page) => {
            ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], page.data).into_response()
        }
        None => Problem::not_found("code").into_response(),
    }
}
