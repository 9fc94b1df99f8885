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

/// What the page of a code says, as Markdown; nothing for a code that does not exist.
pub fn explain(code: &str) -> Option<String> {
    let page = Pages::get(&format!("{code}.md"))?;
    String::from_utf8(page.data.into_owned()).ok()
}

/// The page of a code.
pub(crate) async fn page(Path(code): Path<String>) -> Response {
    match explain(&code) {
        Some(page) => {
            ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], page).into_response()
        }
        None => Problem::not_found("code").into_response(),
    }
}
