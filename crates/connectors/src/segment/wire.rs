//! Request and answer shapes exactly as Segment sends them, as far as they are read.
//!
//! Fields that are not needed are left out, and a missing optional one is no error: the vendor
//! adds and drops such fields without notice.

use connector_api::VendorError;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The Public API's envelope.
#[derive(Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// `GET /`.
#[derive(Deserialize)]
pub(super) struct WorkspaceData {
    pub(super) workspace: Workspace,
}

#[derive(Deserialize)]
pub(super) struct Workspace {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

/// `POST /regulations`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRegulation<'a> {
    pub(super) regulation_type: &'a str,
    pub(super) subject_type: &'a str,
    pub(super) subject_ids: &'a [&'a str],
}

/// The answer to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    #[serde(deserialize_with = "path_part")]
    pub(super) regulate_id: String,
}

/// Reads an id that calls name in their paths. One of dots, or of nothing, would lead to another endpoint,
/// however it is encoded.
fn path_part<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let id = String::deserialize(from)?;
    if matches!(id.as_str(), "" | "." | "..") {
        return Err(D::Error::custom("an id that names nothing"));
    }
    Ok(id)
}

/// `GET /regulations/{id}`.
#[derive(Deserialize)]
pub(super) struct RegulationData {
    pub(super) regulation: Regulation,
}

/// A regulation in detail. Written again as evidence: it names no person.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Regulation {
    pub(super) id: String,
    #[serde(default)]
    pub(super) workspace_id: String,
    pub(super) overall_status: String,
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) finished_at: Option<String>,
    #[serde(default)]
    pub(super) stream_status: Vec<Stream>,
}

/// One source's part of a regulation.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stream {
    pub(super) id: String,
    #[serde(default)]
    pub(super) destination_status: Vec<DestinationStatus>,
}

/// One destination's part of a regulation. `errString` is free text of the vendor.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationStatus {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    #[serde(serialize_with = "plain_words")]
    pub(super) err_string: Option<String>,
    #[serde(default)]
    pub(super) finished_at: Option<String>,
}

/// Writes the vendor's free text as evidence: words stay, and whatever could be a value about a
/// person (digits, signs, other alphabets, long strings) is struck out.
fn plain_words<S: serde::Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let is_plain = |word: &&str| {
        word.len() <= 24 && word.chars().all(|c| c.is_ascii_alphabetic() || ".,;:()'-".contains(c))
    };
    let text = text.as_deref().unwrap_or_default();
    let words: Vec<&str> =
        text.split_whitespace().map(|it| Some(it).filter(is_plain).unwrap_or("…")).collect();
    to.serialize_str(&words.join(" "))
}

/// `GET /regulations`.
#[derive(Deserialize)]
pub(super) struct Regulations {
    pub(super) regulations: Vec<RegulationEntry>,
    #[serde(default)]
    pub(super) pagination: Pagination,
}

/// A regulation in a list, with other field names than in detail.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegulationEntry {
    pub(super) id: String,
    pub(super) subject_type: String,
    pub(super) subjects: Vec<String>,
    pub(super) created_at: String,
    pub(super) regulation_type: String,
}

/// `GET /suppressions`.
#[derive(Deserialize)]
pub(super) struct Suppressions {
    pub(super) suppressed: Vec<Suppressed>,
    #[serde(default)]
    pub(super) pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Suppressed {
    pub(super) subject_type: String,
    pub(super) subject_ids: Vec<String>,
}

/// `GET /destinations`. Settings are not read: they may hold secrets.
#[derive(Deserialize)]
pub(super) struct Destinations {
    pub(super) destinations: Vec<Destination>,
    #[serde(default)]
    pub(super) pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Destination {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) source_id: String,
    pub(super) metadata: CatalogEntry,
}

#[derive(Deserialize)]
pub(super) struct CatalogEntry {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

/// `GET /spaces`.
#[derive(Deserialize)]
pub(super) struct Spaces {
    #[serde(default)]
    pub(super) spaces: Vec<Space>,
}

#[derive(Deserialize)]
pub(super) struct Space {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

/// The Public API's pages.
#[derive(Default, Deserialize)]
pub(super) struct Pagination {
    #[serde(default)]
    pub(super) next: Option<String>,
}

/// The Profile API's pages. `url` is absolute in places and relative in others, so it is not
/// read.
#[derive(Default, Deserialize)]
pub(super) struct Cursor {
    #[serde(default)]
    pub(super) has_more: bool,
    #[serde(default)]
    pub(super) next: String,
}

impl Cursor {
    /// Where the next page begins, if there is one. More without a place where it begins would be
    /// data that nobody reads.
    pub(super) fn next(&self) -> Result<Option<&str>, VendorError> {
        if self.has_more && self.next.is_empty() {
            let what = "a page says that there is more, and not where".to_owned();
            return Err(VendorError::ContractBroken { what });
        }
        Ok(self.has_more.then_some(self.next.as_str()))
    }
}

/// `…/external_ids`.
#[derive(Deserialize)]
pub(super) struct ExternalIds {
    pub(super) data: Vec<ExternalId>,
    #[serde(default)]
    pub(super) cursor: Cursor,
}

#[derive(Deserialize)]
pub(super) struct ExternalId {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) id_type: String,
}

/// `…/traits`.
#[derive(Deserialize)]
pub(super) struct Traits {
    pub(super) traits: Map<String, Value>,
    #[serde(default)]
    pub(super) cursor: Cursor,
}

/// `…/external_ids`, `…/events`, `…/links`, read whole for a copy.
#[derive(Deserialize)]
pub(super) struct Items {
    pub(super) data: Vec<Value>,
    #[serde(default)]
    pub(super) cursor: Cursor,
}
