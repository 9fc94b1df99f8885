//! Connections: making, setting, pausing, checking and removing them.

mod fields;
mod removal;
pub(super) mod switches;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use connector_api::Connector;
use connector_api::check::missing_required;
use domain::connection::{CheckReport, Pause, Switches};
use domain::task::Whom;
use domain::{Connection, ConnectionId, Event, Instant, Task, TaskState};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use store::{Secret, Transition, Which};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use super::find;
use crate::http::Target;
pub use removal::{Ending, Removal, remove, what_removal_ends};
pub use view::{ConnectionList, ConnectionView, list, view};

/// Checks repeat daily.
const CHECKED_AGAIN_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// Tasks per transaction.
const GROUP: u32 = 500;

/// A connection as an operator enters it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// Its name.
    #[schema(pattern = "^[a-z0-9_-]{1,40}$")]
    pub name: String,
    /// The connector's name.
    pub connector: String,
    /// Settings that are no secret.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// Secrets by name.
    #[serde(default, deserialize_with = "read_secrets")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub secrets: BTreeMap<String, Secret>,
    /// Base URLs that replace the region's.
    #[serde(default)]
    pub base_urls: BTreeMap<String, String>,
    /// Whether base URLs may be on loopback.
    #[serde(default)]
    pub allow_loopback: bool,
    /// Switches by name, each as text.
    #[serde(default, deserialize_with = "read_switches")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub switches: Vec<(String, String)>,
}

fn read_secrets<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(from)?;
    Ok(texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect())
}

fn read_switches<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    Ok(BTreeMap::deserialize(from)?.into_iter().collect())
}

/// A connection that is well-formed but neither checked nor saved.
pub struct Draft {
    connection: Connection,
    secrets: BTreeMap<String, Secret>,
    /// The one of the same name that it renews.
    renews: Option<Connection>,
}

impl Draft {
    /// The connection as it would be, for checking it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its secrets, for checking it.
    pub fn secrets(&self) -> &BTreeMap<String, Secret> {
        &self.secrets
    }

    /// Refuses a check that lacks what is required, or leads elsewhere than before.
    pub(super) fn refuse_bad(&self, report: &CheckReport) -> Result<(), OperatorError> {
        refuse_bad(report, self.renews.as_ref())
    }
}

/// Makes a draft out of what was entered. A name that exists means that the connection gets new
/// settings and secrets; its switches and its work stay.
pub async fn draft(desk: &Desk<'_>, new: NewConnection) -> Result<Draft, OperatorError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if new.name.is_empty() || new.name.len() > 40 || !new.name.chars().all(plain) {
        let message = "is no name: use up to 40 small letters, digits, - and _";
        return Err(fault("name", "E-SET-003", message));
    }
    let connector = desk.connector(&new.connector);
    let connector = connector.ok_or(OperatorError::NotFound { what: "connector" })?;
    switches::refuse_unknown_limits(connector.manifest(), &new.switches)
        .map_err(OperatorError::Fault)?;
    let renews = desk.store.connection_by_name(&new.name).await?;
    if renews.as_ref().is_some_and(|old| old.connector != new.connector) {
        let message = "is taken by a connection of another kind of system";
        return Err(fault("name", "E-SET-003", message));
    }
    let mut switches = renews.as_ref().map_or_else(Switches::default, |old| old.switches.clone());
    switches::set(&mut switches, &new.switches, desk.now).map_err(OperatorError::Fault)?;
    let connection = Connection {
        id: renews.as_ref().map_or_else(|| ConnectionId::new(desk.ids), |old| old.id),
        name: new.name,
        connector: new.connector,
        settings: new.settings,
        secrets: new.secrets.keys().cloned().collect(),
        base_urls: new.base_urls,
        allow_loopback: new.allow_loopback,
        switches,
        paused: None,
        check: None,
        check_due_at: later(desk.now),
        removed_at: None,
        version: renews.as_ref().map_or(0, |old| old.version),
    };
    let clock = super::controls::clock(desk.store).await?;
    if clock.is_some_and(|url| !url.is_empty()) {
        refuse_beside_twins(desk.connectors, &connection)?;
    }
    fields::refuse_misfits(connector.manifest(), &connection)?;
    Ok(Draft { connection, secrets: new.secrets, renews })
}

/// Refuses a twin's clock beside a connection to a real vendor: its time is not the vendor's.
pub fn refuse_beside_twins(
    connectors: &[&'static dyn Connector],
    connection: &Connection,
) -> Result<(), OperatorError> {
    let manifests = connectors.iter().map(|connector| connector.manifest());
    let manifest = manifests.into_iter().find(|one| one.name == connection.connector);
    let manifest = manifest.ok_or(OperatorError::NotFound { what: "connector" })?;
    let region = connection.settings.get("region").and_then(Value::as_str).unwrap_or_default();
    let (bases, loopback) = (&connection.base_urls, connection.allow_loopback);
    let target = Target::new(manifest, region, bases, loopback)
        .map_err(|error| fault("base_urls", "E-SET-003", error.to_string()))?;
    if target.is_loopback() {
        return Ok(());
    }
    let message = format!(
        "{} leads to a real vendor, so no twin's clock may be followed; use a folder of its own for \
         twins (HABEAS_DATA, HABEAS_KEYS)",
        connection.name
    );
    Err(OperatorError::Forbidden(Fault::new("", "E-SET-007", message)))
}

/// Saves a draft with what its check found. With a required permission missing nothing is saved.
pub async fn add(
    desk: &Desk<'_>,
    draft: Draft,
    report: CheckReport,
) -> Result<Connection, OperatorError> {
    draft.refuse_bad(&report)?;
    // A person who stopped it has not said that it may go on.
    let stopped = draft.renews.as_ref().and_then(|old| old.paused.clone());
    let stopped = stopped.filter(|pause| pause.by_person);
    let Draft { mut connection, secrets, renews } = draft;
    let account = report.account.clone();
    connection.check = Some(report);
    connection.paused = stopped;
    let entry = desk
        .entry(Event::ConnectionAdded)
        .connection(Some(connection.id))
        .fact("name", connection.name.as_str())
        .fact("connector", connection.connector.as_str())
        .fact("account", account.map_or_else(String::new, |account| account.id))
        .fact("renewed", renews.is_some());
    let id = connection.id;
    let secrets = vec![(id, secrets)];
    let mut transition = Transition { secrets, journal: vec![entry], ..Transition::default() };
    match renews {
        // As it was loaded: who pauses or sets it meanwhile wins.
        Some(_) => transition.connections.push(connection),
        None => transition.new_connections.push(connection),
    }
    desk.write(transition).await?;
    desk.store.connection(id).await?.ok_or(OperatorError::NotFound { what: "connection" })
}

/// Refuses a check that lacks what is required, or leads elsewhere than before.
fn refuse_bad(report: &CheckReport, renews: Option<&Connection>) -> Result<(), OperatorError> {
    let missing = missing_required(report);
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|result| result.permission.as_str()).collect();
        let message = format!("required permissions are missing: {}", names.join(", "));
        return Err(fault("", "E-SET-004", message));
    }
    let (old, new) = (renews.and_then(Connection::account), report.account.as_ref());
    if old.zip(new).is_some_and(|(old, new)| old.id != new.id) {
        let message = "the credentials lead to another account than before; give that one a connection of its own";
        return Err(fault("", "E-SET-005", message));
    }
    Ok(())
}

/// Sets switches; every one is journalled. Tasks that only the old switches held back go on.
pub async fn set(
    desk: &Desk<'_>,
    name: &str,
    assignments: &[(String, String)],
) -> Result<Connection, OperatorError> {
    let Connection { id, connector, .. } = find::connection(desk.store, name).await?;
    refuse_switches(desk, &connector, assignments).map_err(OperatorError::Fault)?;
    let connection = change(desk, id, |connection| {
        // The same assignments were accepted a moment ago, by the same function.
        let _accepted = switches::set(&mut connection.switches, assignments, desk.now);
        let entries = assignments.iter().map(|(key, value)| {
            let entry = desk.entry(Event::ConnectionSet).connection(Some(id));
            entry.fact("switch", key.as_str()).fact("value", value.as_str())
        });
        entries.collect()
    })
    .await?;
    wake_planned(desk, id).await?;
    Ok(connection)
}

/// Refuses switches that `set` would not take.
pub(super) fn refuse_switches(
    desk: &Desk<'_>,
    connector: &str,
    assignments: &[(String, String)],
) -> Result<(), Fault> {
    if let Some(connector) = desk.connector(connector) {
        switches::refuse_unknown_limits(connector.manifest(), assignments)?;
    }
    switches::set(&mut Switches::default(), assignments, desk.now)
}

/// Stops changing calls of one connection; reading ones too.
pub async fn pause(desk: &Desk<'_>, name: &str) -> Result<Connection, OperatorError> {
    let id = find::connection(desk.store, name).await?.id;
    let pause = Pause {
        why: format!("paused by {}", desk.name()),
        remedy: format!("when it may go on: habeas resume {name}"),
        since: desk.now,
        by_person: true,
    };
    change(desk, id, |connection| {
        if connection.paused.as_ref().is_some_and(|pause| pause.by_person) {
            return Vec::new();
        }
        connection.paused = Some(pause.clone());
        vec![desk.entry(Event::ConnectionPaused).connection(Some(id)).fact("why", "by a person")]
    })
    .await
}

/// Lets a connection work again that a person paused. One that a failed call paused needs a check.
pub async fn resume(desk: &Desk<'_>, name: &str) -> Result<Connection, OperatorError> {
    let connection = find::connection(desk.store, name).await?;
    if let Some(pause) = connection.paused.as_ref().filter(|pause| !pause.by_person) {
        return Err(OperatorError::NeedsCheck {
            why: pause.why.clone(),
            remedy: pause.remedy.clone(),
        });
    }
    change(desk, connection.id, |connection| match connection.paused.take() {
        None => Vec::new(),
        Some(_) => {
            vec![desk.entry(Event::ConnectionResumed).connection(Some(connection.id))]
        }
    })
    .await
}

/// Keeps what a check found. A connection that a failed call had paused works again if the check is
/// good, and is paused if it is not.
pub async fn checked(
    desk: &Desk<'_>,
    name: &str,
    report: CheckReport,
) -> Result<Connection, OperatorError> {
    let id = find::connection(desk.store, name).await?.id;
    change(desk, id, |connection| {
        let why = bad_check(connection, &report);
        let missing = missing_required(&report).len();
        let mut entries = vec![
            desk.entry(Event::ConnectionChecked)
                .connection(Some(id))
                .fact("n_missing_required", missing)
                .fact("account_changed", why.is_some() && missing == 0),
        ];
        if let Some(before) = &connection.check {
            let (lost, granted) = report.changed_since(before);
            let lost = lost.into_iter().map(|name| (Event::PermissionLost, name));
            let granted = granted.into_iter().map(|name| (Event::PermissionGranted, name));
            entries.extend(lost.chain(granted).map(|(event, name)| {
                desk.entry(event).connection(Some(id)).fact("permission", name)
            }));
        }
        let by_person = connection.paused.as_ref().is_some_and(|pause| pause.by_person);
        match why {
            Some((why, remedy)) if !by_person => {
                let pause = Pause { why: why.clone(), remedy, since: desk.now, by_person: false };
                connection.paused = Some(pause);
                let entry = desk.entry(Event::ConnectionPaused).connection(Some(id));
                entries.push(entry.fact("why", why));
            }
            None => {
                connection.check = Some(report.clone());
                if !by_person && connection.paused.take().is_some() {
                    entries.push(desk.entry(Event::ConnectionResumed).connection(Some(id)));
                }
            }
            Some(_) => {}
        }
        connection.check_due_at = later(desk.now);
        entries
    })
    .await
}

/// What speaks against using a connection after this check, and what to do about it.
fn bad_check(connection: &Connection, report: &CheckReport) -> Option<(String, String)> {
    let missing = missing_required(report);
    if let Some(first) = missing.first() {
        let names: Vec<_> = missing.iter().map(|result| result.permission.as_str()).collect();
        let why = format!("the credentials lack the required permission {}", names.join(", "));
        return Some((why, format!("grant it: {}; then `habeas connections test`", first.grant)));
    }
    let (old, new) = (connection.account()?, report.account.as_ref()?);
    let remedy = "enter the credentials of the right account with `habeas connect`".to_owned();
    (old.id != new.id).then(|| ("the credentials lead to another account".to_owned(), remedy))
}

/// Changes a connection, and again if somebody else did at the same moment.
async fn change(
    desk: &Desk<'_>,
    id: ConnectionId,
    with: impl Fn(&mut Connection) -> Vec<domain::Entry>,
) -> Result<Connection, OperatorError> {
    let missing = OperatorError::NotFound { what: "connection" };
    desk.write_fresh(|| async {
        let found = desk.store.connection(id).await?;
        let mut connection = found.ok_or(OperatorError::NotFound { what: "connection" })?;
        let journal = with(&mut connection);
        let connections = vec![connection];
        Ok((Transition { connections, journal, ..Transition::default() }, ()))
    })
    .await?;
    desk.store.connection(id).await?.ok_or(missing)
}

/// Tasks that have a plan and wait for an operator's switch are looked at again.
async fn wake_planned(desk: &Desk<'_>, id: ConnectionId) -> Result<(), OperatorError> {
    let mut after = None;
    loop {
        let page = desk.store.tasks_of_connection(id, Which::Open, after, GROUP).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let held = page.into_iter().filter(is_held_by_a_switch);
        let woken = held.map(|task| {
            let task = Task { due_at: Some(desk.now), ..task };
            Transition { tasks: vec![task], ..Transition::default() }
        });
        let woken: Vec<_> = woken.collect();
        // One that was changed by someone else meanwhile is awake already.
        desk.store.apply(None, &woken).await?;
    }
}

fn is_held_by_a_switch(task: &Task) -> bool {
    let waits = task.detail.wait.as_ref().is_some_and(|wait| wait.whom == Whom::Operator);
    task.state == TaskState::Planned && task.due_at.is_none() && waits
}

fn later(now: Instant) -> Instant {
    now.checked_add(CHECKED_AGAIN_AFTER).unwrap_or(now)
}

fn fault(field: &str, code: &'static str, message: impl Into<String>) -> OperatorError {
    OperatorError::Fault(Fault::new(field, code, message))
}
