//! Connections as rows, and their secrets, which are sealed apart and only ever opened to be used.

use std::collections::BTreeMap;
use std::fmt;

use domain::{Connection, ConnectionId};
use zeroize::Zeroizing;

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::seal::{self, Place};
use crate::store::Store;

/// A secret's text: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret from its text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, to be used and not kept.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether two secrets are the same, in a time that tells nothing about either.
    pub fn is_same(&self, other: &Self) -> bool {
        seal::is_same(self.expose(), other.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

pub(crate) static INSERT: Over = Over::insert(
    "connection",
    &[
        ("id", Kind::Text),
        ("version", Kind::Int),
        ("name", Kind::Text),
        ("removed_at", Kind::Int),
        ("body", Kind::Text),
    ],
    "",
);
pub(crate) static UPDATE: Over = Over::new(
    &[
        ("id", Kind::Text),
        ("expected", Kind::Int),
        ("name", Kind::Text),
        ("removed_at", Kind::Int),
        ("body", Kind::Text),
    ],
    "UPDATE connection SET name = v.name, removed_at = v.removed_at, body = v.body,
        version = v.expected + 1
     FROM v WHERE connection.id = v.id AND connection.version = v.expected",
);
pub(crate) static COUNT_APPROVED: Over = Over::insert(
    "approved_day",
    &[("connection_id", Kind::Text), ("day", Kind::Text), ("n", Kind::Int)],
    "ON CONFLICT (connection_id, day) DO UPDATE SET n = approved_day.n + excluded.n",
);
const ALL: &str = "SELECT body, version FROM connection ORDER BY id";
const LIVING: &str = "SELECT body, version FROM connection WHERE removed_at IS NULL ORDER BY id";
const ONE: &str = "SELECT body, version FROM connection WHERE id = $1";
const NAMED: &str = "SELECT body, version FROM connection WHERE name = $1 AND removed_at IS NULL";
const SET_SECRET: &str = "INSERT INTO secret (connection_id, name, sealed) VALUES ($1, $2, $3)";
const REMOVE_SECRETS: &str = "DELETE FROM secret WHERE connection_id = $1";
const SECRETS: &str = "SELECT name, sealed FROM secret WHERE connection_id = $1 ORDER BY name";
const PER_DAY: &str = "SELECT day, n FROM approved_day WHERE connection_id = $1
    ORDER BY day DESC LIMIT $2";

impl Store {
    /// The connections that were not removed, the oldest first.
    pub async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.db().fetch(LIVING, []).await?.iter().map(read).collect()
    }

    /// All connections that ever were, the oldest first.
    pub async fn all_connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.db().fetch(ALL, []).await?.iter().map(read).collect()
    }

    /// A connection, removed or not.
    pub async fn connection(&self, id: ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.db().fetch_optional(ONE, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The living connection of this name.
    pub async fn connection_by_name(&self, name: &str) -> Result<Option<Connection>, StoreError> {
        self.db().fetch_optional(NAMED, values![name]).await?.as_ref().map(read).transpose()
    }

    /// The secrets of a connection by name, opened.
    pub async fn secrets(
        &self,
        connection: ConnectionId,
    ) -> Result<BTreeMap<String, Secret>, StoreError> {
        let id = connection.to_string();
        let mut secrets = BTreeMap::new();
        for row in self.db().fetch(SECRETS, values![connection]).await? {
            let (name, sealed): (String, &[u8]) = (row.get("name")?, row.get("sealed")?);
            let key = self.keys().credentials_of(sealed)?;
            let plain = key.open(Place::new("secret", &id, &name), sealed)?;
            let text = crate::text(&plain)?;
            secrets.insert(name, Secret::new(text));
        }
        Ok(secrets)
    }

    /// How many deletions were approved on each of the last days that had any, the newest first.
    pub async fn deletions_per_day(
        &self,
        connection: ConnectionId,
        n_days: u32,
    ) -> Result<Vec<(String, u32)>, StoreError> {
        let rows = self.db().fetch(PER_DAY, values![connection, i64::from(n_days)]).await?;
        rows.iter().map(|row| Ok((row.get("day")?, row.count("n")?))).collect()
    }
}

/// The row of a new connection.
pub(crate) fn row(connection: &Connection) -> Result<Vec<Value>, StoreError> {
    let mut row = values![connection.id, 0_i64];
    row.extend(changing_columns(connection)?);
    Ok(row)
}

/// The row that replaces the version which was loaded.
pub(crate) fn change(connection: &Connection) -> Result<Vec<Value>, StoreError> {
    let mut row = values![connection.id, connection.version];
    row.extend(changing_columns(connection)?);
    Ok(row)
}

fn changing_columns(connection: &Connection) -> Result<Vec<Value>, StoreError> {
    Ok(values![&*connection.name, connection.removed_at, json(connection)?])
}

fn read(row: &Row) -> Result<Connection, StoreError> {
    let mut connection: Connection = row.json("body")?;
    connection.version = row.get("version")?;
    Ok(connection)
}

/// The rows of a connection's secrets.
pub(crate) fn sealed(
    keys: &Keyring,
    connection: ConnectionId,
    secrets: &BTreeMap<String, Secret>,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let row = connection.to_string();
    let key = keys.credentials()?;
    let seal = |(name, secret): (&String, &Secret)| {
        let sealed = key.seal(Place::new("secret", &row, name), secret.expose().as_bytes())?;
        Ok(values![connection, &**name, sealed])
    };
    secrets.iter().map(seal).collect()
}

/// Puts secrets in place of all that a connection had.
pub(crate) async fn replace_secrets(
    tx: &mut Tx,
    connection: ConnectionId,
    secrets: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    tx.execute(REMOVE_SECRETS, values![connection]).await?;
    for row in secrets {
        tx.execute(SET_SECRET, row).await?;
    }
    Ok(())
}
