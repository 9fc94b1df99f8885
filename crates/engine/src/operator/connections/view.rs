//! Connections as a person sees them: what they lead to, what they can do and lack, how they are
//! set. Secrets are named, never shown.

use std::collections::{BTreeMap, BTreeSet};

use domain::connection::{Account, CheckReport, Pause, PermissionResult, Switches, Verdict};
use domain::{Connection, ConnectionId, Instant, Right};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::operator::controls::{self, PausedAll};
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::find;

/// The living connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionList {
    /// The connections.
    pub connections: Vec<ConnectionView>,
    /// That every changing call is stopped, if so.
    pub paused_all: Option<PausedAll>,
}

/// One configured account of a vendor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionView {
    /// The connection.
    pub id: ConnectionId,
    /// Its name.
    pub name: String,
    /// The connector, which says what kind of system it is.
    pub connector: String,
    /// What the credentials lead to, as the last check found.
    pub account: Option<Account>,
    /// The rights that it can serve as it stands.
    pub can_serve: Vec<Right>,
    /// What it can't work without and the last check missed.
    pub lacking: Vec<PermissionResult>,
    /// Why it stands still and what makes it go on, if it does.
    pub paused: Option<Pause>,
    /// Its switches.
    pub switches: Switches,
    /// Settings that are no secret, by the connector's keys.
    pub settings: BTreeMap<String, Value>,
    /// The names of the secrets held for it.
    pub secrets: BTreeSet<String>,
    /// Base URLs that replace the region's, by the connector's names.
    pub base_urls: BTreeMap<String, String>,
    /// Whether base URLs may be on loopback.
    pub allow_loopback: bool,
    /// What the last check found.
    pub check: Option<CheckReport>,
    /// When it is checked again.
    #[schema(value_type = Timestamp)]
    pub check_due_at: Instant,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let can_serve = Right::ALL.iter().filter(|right| connection.lacks(**right).is_none());
        let permissions = connection.check.iter().flat_map(|check| &check.permissions);
        let is_lacking =
            |result: &&PermissionResult| result.required && result.verdict == Verdict::Missing;
        Self {
            can_serve: can_serve.copied().collect(),
            lacking: permissions.filter(is_lacking).cloned().collect(),
            account: connection.account().cloned(),
            id: connection.id,
            name: connection.name,
            connector: connection.connector,
            paused: connection.paused,
            switches: connection.switches,
            settings: connection.settings,
            secrets: connection.secrets,
            base_urls: connection.base_urls,
            allow_loopback: connection.allow_loopback,
            check: connection.check,
            check_due_at: connection.check_due_at,
        }
    }
}

/// The living connections, and whether everything is stopped.
pub async fn list(desk: &Desk<'_>) -> Result<ConnectionList, OperatorError> {
    let connections = desk.store.connections().await?;
    Ok(ConnectionList {
        connections: connections.into_iter().map(ConnectionView::from).collect(),
        paused_all: controls::paused(desk.store).await?,
    })
}

/// The living connection of this name.
pub async fn view(desk: &Desk<'_>, name: &str) -> Result<ConnectionView, OperatorError> {
    Ok(find::connection(desk.store, name).await?.into())
}
