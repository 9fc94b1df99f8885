//! Query parameters as the vendor's documentation and its three families of SDKs write them (1.6).
//!
//! | form | pagination | lists |
//! | --- | --- | --- |
//! | dotted | `pagination.count=3` | `types.0=A&types.1=B` |
//! | brackets | `pagination[count]=3` | `types[0]=A&types[1]=B` |
//! | JSON text, repetition | `pagination={"count":3}` | `types=A&types=B` |
//! | body | `{"pagination":{"count":3}}` | – |

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::answers::Refusal;
use super::switches::Switches;
use crate::front::Call;

const LARGEST_PAGE: usize = 1000;
const USUAL_PAGE: usize = 200;

/// The decoded parameters of one call.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    in_body: Option<Pagination>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Pagination {
    count: Option<Count>,
    cursor: Option<String>,
}

/// A number, or a number as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Count {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct Body {
    pagination: Option<Pagination>,
}

impl Query {
    pub(super) fn of(call: &Call<'_>) -> Query {
        let in_body = serde_json::from_slice::<Body>(call.body).ok().and_then(|b| b.pagination);
        Query { pairs: pairs(call.query), in_body }
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a list parameter, in any of its forms.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let is_member = |key: &str| match key.strip_prefix(name) {
            Some("") => true,
            Some(rest) => rest.starts_with('.') || rest.starts_with('['),
            None => false,
        };
        self.pairs.iter().filter(|(key, _)| is_member(key)).map(|(_, v)| v.as_str()).collect()
    }

    fn pagination(&self) -> Result<Pagination, Refusal> {
        if let Some(text) = self.get("pagination") {
            let unreadable = |_| Refusal::invalid("pagination", "must be an object");
            return serde_json::from_str(text).map_err(unreadable);
        }
        let part = |name: &str| {
            let dotted = self.get(&format!("pagination.{name}"));
            dotted.or_else(|| self.get(&format!("pagination[{name}]"))).map(str::to_owned)
        };
        let (count, cursor) = (part("count").map(Count::Text), part("cursor"));
        match &self.in_body {
            Some(body) if count.is_none() && cursor.is_none() => Ok(body.clone()),
            _ => Ok(Pagination { count, cursor }),
        }
    }

    /// The page that is asked for, of a list of `total` entries.
    pub(super) fn page(&self, total: usize, switches: &Switches) -> Result<Page, Refusal> {
        let Pagination { count, cursor } = self.pagination()?;
        let count = match count {
            None => USUAL_PAGE,
            Some(count) => count.checked().ok_or_else(|| {
                Refusal::invalid("pagination.count", "must be a number from 1 to 1000")
            })?,
        };
        // Generated clients send an empty cursor for the first page.
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let start = match &cursor {
            None => 0,
            Some(cursor) => read_cursor(cursor)
                .filter(|_| !switches.cursor_invalid)
                .ok_or_else(|| Refusal::invalid("pagination.cursor", "is not a valid cursor"))?,
        };
        let range = start.min(total)..start.saturating_add(count).min(total);
        let next = (range.end < total && !switches.omit_next)
            .then_some(if switches.cursor_repeats { start } else { range.end });
        let info = PageInfo {
            current: write_cursor(start),
            next: next.map(write_cursor),
            previous: (start > 0).then(|| write_cursor(start.saturating_sub(count))),
            total_entries: total,
        };
        Ok(Page { range, info })
    }
}

impl Count {
    fn checked(&self) -> Option<usize> {
        let number = match self {
            Count::Number(number) => *number,
            Count::Text(text) => text.parse().ok()?,
        };
        usize::try_from(number).ok().filter(|count| (1..=LARGEST_PAGE).contains(count))
    }
}

/// One page of a list.
pub(super) struct Page {
    pub(super) range: Range<usize>,
    pub(super) info: PageInfo,
}

/// The `pagination` object of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    previous: Option<String>,
    total_entries: usize,
}

/// Key and value pairs of a query string, decoded.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let split = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    split.map(|(key, value)| (decode(key), decode(value))).collect()
}

fn write_cursor(offset: usize) -> String {
    STANDARD.encode(offset.to_string())
}

fn read_cursor(cursor: &str) -> Option<usize> {
    String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?.parse().ok()
}
