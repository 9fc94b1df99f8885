//! The controls of the whole installation: the switch that stops every changing call, and the
//! settings.

#[cfg(test)]
mod tests;

use domain::deadline::MAX_DAYS;
use domain::guard::Placeholders;
use domain::{Event, Instant};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use super::meant::known;

/// Days to answer a request that came without a due date.
const RESPOND_WITHIN: &str = "respond_within";
/// Values that are never acted on beside the shipped ones, parted by `|`.
const PLACEHOLDERS: &str = "placeholders";
/// Where operators reach this server, without a slash at its end.
pub const PUBLIC_URL: &str = "public_url";
/// The control URL of the twins whose clock this installation follows, while it does.
pub const CLOCK: &str = "clock";
/// Set while every changing call is stopped.
pub(super) const PAUSED_ALL: &str = "paused_all";
/// What `respond_within` is until somebody sets it.
const DEFAULT_DAYS: u32 = 30;

/// The settings a person may change.
pub const SETTINGS: &[&str] = &[RESPOND_WITHIN, PLACEHOLDERS, PUBLIC_URL];

/// That every changing call is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PausedAll {
    /// By whom.
    pub by: String,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// Why, where it was not simply asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A setting as it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What it means.
    pub about: String,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingList {
    /// Each with its value and what it means.
    pub settings: Vec<SettingView>,
}

/// What came of allowing changing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resumed {
    /// Whether they had been stopped.
    pub was_paused: bool,
}

/// Stops every changing call, within one lease. What is under way at vendors goes on there.
pub async fn pause_all(desk: &Desk<'_>) -> Result<PausedAll, OperatorError> {
    if let Some(paused) = paused(desk.store).await? {
        return Ok(paused);
    }
    let paused = PausedAll { by: desk.name(), since: desk.now, why: None };
    let text = serde_json::json!(paused).to_string();
    desk.store.set_setting(PAUSED_ALL, &text, &desk.entry(Event::EnginePaused)).await?;
    Ok(paused)
}

/// Allows changing calls again.
pub async fn resume_all(desk: &Desk<'_>) -> Result<Resumed, OperatorError> {
    let was_paused = paused(desk.store).await?.is_some();
    if was_paused {
        desk.store.set_setting(PAUSED_ALL, "", &desk.entry(Event::EngineResumed)).await?;
    }
    Ok(Resumed { was_paused })
}

/// Whether every changing call is stopped, by whom and since when.
pub async fn paused(store: &Store) -> Result<Option<PausedAll>, StoreError> {
    let text = store.setting(PAUSED_ALL).await?.filter(|text| !text.is_empty());
    // Whatever is written there means "stopped": a value that can't be read must not start anything.
    let unreadable =
        || PausedAll { by: "somebody".to_owned(), since: Instant::UNIX_EPOCH, why: None };
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| unreadable())))
}

/// The control URL of the twins whose clock is followed, if one is.
pub async fn clock(store: &Store) -> Result<Option<String>, StoreError> {
    Ok(store.setting(CLOCK).await?.filter(|url| !url.is_empty()))
}

/// Whether every changing call is stopped.
pub async fn is_paused(store: &Store) -> Result<bool, StoreError> {
    Ok(paused(store).await?.is_some())
}

/// The settings as they hold now.
pub async fn list(store: &Store) -> Result<SettingList, OperatorError> {
    let mut settings = Vec::with_capacity(SETTINGS.len());
    for key in SETTINGS {
        let value = get(store, key).await?;
        settings.push(SettingView { key: (*key).to_owned(), value, about: about(key).to_owned() });
    }
    Ok(SettingList { settings })
}

fn about(key: &str) -> &'static str {
    match key {
        RESPOND_WITHIN => "days to answer where no date was given; a house rule, not the law's",
        PLACEHOLDERS => "values that name nobody, beside those shipped, parted by |",
        PUBLIC_URL => "where operators reach this server; links in notices begin with it",
        _ => "",
    }
}

/// The value of a setting, as it holds now.
pub async fn get(store: &Store, key: &str) -> Result<String, OperatorError> {
    match key {
        RESPOND_WITHIN => Ok(respond_within(store).await?.to_string()),
        PLACEHOLDERS => Ok(placeholders(store).await?.extra.join("|")),
        PUBLIC_URL => Ok(public_url(store).await?.unwrap_or_default()),
        _ => Err(OperatorError::NotFound { what: "setting" }),
    }
}

/// Changes a setting.
pub async fn set(desk: &Desk<'_>, key: &str, value: &str) -> Result<(), OperatorError> {
    if !SETTINGS.contains(&key) {
        return Err(OperatorError::NotFound { what: "setting" });
    }
    let value = normal(key, value).map_err(OperatorError::Fault)?;
    let mut entry = desk.entry(Event::SettingChanged).fact("setting", key);
    // An added placeholder may be a value that people have, so of those the journal names the key alone.
    if key != PLACEHOLDERS {
        entry = entry.fact("from", get(desk.store, key).await?).fact("to", &*value);
    }
    Ok(desk.store.set_setting(key, &value, &entry).await?)
}

/// Changes a setting, unless it is so already.
pub async fn keep(desk: &Desk<'_>, key: &str, value: &str) -> Result<(), OperatorError> {
    let is_so = normal(key, value).map_err(OperatorError::Fault)? == get(desk.store, key).await?;
    if is_so { Ok(()) } else { set(desk, key, value).await }
}

/// A value of a setting as it is kept; equal values have one text.
pub(super) fn normal(key: &str, value: &str) -> Result<String, Fault> {
    match key {
        RESPOND_WITHIN => days(value).ok_or_else(|| {
            let message = format!("is no number of days between 1 and {MAX_DAYS}");
            Fault::new(key, "E-SET-006", message)
        }),
        PLACEHOLDERS => Ok(parted(value).join("|")),
        PUBLIC_URL => address(value).ok_or_else(|| {
            let message = "is no http or https URL without name, password, `?` and `#`";
            Fault::new(key, "E-SET-006", message)
        }),
        _ => {
            let message = format!("there is no such setting; {}", known(key, SETTINGS));
            Err(Fault::new(key, "E-SET-008", message))
        }
    }
}

/// What a setting is until somebody sets it.
pub(super) fn usual(key: &str) -> String {
    match key {
        RESPOND_WITHIN => DEFAULT_DAYS.to_string(),
        _ => String::new(),
    }
}

fn days(value: &str) -> Option<String> {
    let days: u32 = value.trim().parse().ok()?;
    (1..=MAX_DAYS).contains(&days).then(|| days.to_string())
}

/// A URL without a slash at its end; nothing where nothing is given.
fn address(value: &str) -> Option<String> {
    let value = value.trim().trim_end_matches('/');
    if value.is_empty() {
        return Some(String::new());
    }
    let url = reqwest::Url::parse(value).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = url.username().is_empty() && url.password().is_none();
    let is_whole = url.query().is_none() && url.fragment().is_none();
    (is_web && is_bare && is_whole).then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// Where operators reach this server, if that was said.
pub async fn public_url(store: &Store) -> Result<Option<String>, StoreError> {
    Ok(store.setting(PUBLIC_URL).await?.filter(|url| !url.is_empty()))
}

/// Days to answer a request that came without a due date.
pub async fn respond_within(store: &Store) -> Result<u32, StoreError> {
    let text = store.setting(RESPOND_WITHIN).await?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_DAYS))
}

/// The placeholder values: those shipped and those an operator added.
pub async fn placeholders(store: &Store) -> Result<Placeholders, StoreError> {
    let text = store.setting(PLACEHOLDERS).await?.unwrap_or_default();
    Ok(Placeholders { extra: parted(&text) })
}

fn parted(text: &str) -> Vec<String> {
    let values = text.split('|').map(|value| value.trim().to_lowercase());
    values.filter(|value| !value.is_empty()).collect()
}
