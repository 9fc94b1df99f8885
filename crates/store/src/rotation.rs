//! Rotation: what names an older key moves under the newest of its purpose, a piece at a time.
//!
//! Nothing remembers how far it has come. What is left to move is what still names an older key, found
//! by an index, so whoever goes on after a crash goes on where it stopped. A request key is wrapped
//! anew, a credential and evidence about many are sealed anew, a value is filed under its new token.
//! What an old token stands for that nobody knows any more (why a request is the same when it comes
//! again) can't move: its index key stays until the last such request is purged. A row that does not open
//! stays where it is, and keeps no other from moving.
//!
//! `pages` has the lists of such rows, and what is done with a page of each.

mod pages;

use crate::db::{Row, Tx, Value, values};
use crate::error::StoreError;
use crate::keyring::{CREDENTIALS, EVIDENCE, INDEX, ROTATING};
use crate::keys::{EPOCH, KeyName};
use crate::lease::{self, Fence};
use crate::seal::key_name_of;
use crate::store::Store;
use pages::{After, List, Stop};

/// How many rows are looked at in one transaction.
const PIECE: i64 = 500;
/// The newest index key under which all values are filed.
const MOVED: &str = "index_moved";

const FORGET: &str = "UPDATE identifier SET older_token = NULL
    WHERE id IN (SELECT id FROM identifier WHERE older_token IS NOT NULL LIMIT $1)";
const SECRETS: &str = "SELECT 'secret' AS place, connection_id AS owner, name, sealed FROM secret
    UNION ALL SELECT 'endpoint_secret', endpoint_id, CAST(number AS TEXT), sealed
    FROM endpoint_secret
    UNION ALL SELECT 'endpoint_url', endpoint_id, 'url', sealed FROM endpoint_url
    UNION ALL SELECT 'sealed_setting', key, 'value', sealed FROM sealed_setting";
const N_WRAPPED: &str = "SELECT COUNT(*) AS n FROM request_key WHERE epoch = $1";
const N_SEALED: &str = "SELECT COUNT(*) AS n FROM evidence WHERE sealed_under = $1";
const N_FILED: &str = "SELECT (SELECT COUNT(*) FROM identifier WHERE token >= $1 AND token < $2)
    + (SELECT COUNT(*) FROM identifier WHERE older_token >= $1 AND older_token < $2)
    + (SELECT COUNT(*) FROM request WHERE external_token >= $1 AND external_token < $2) AS n";
/// Whether anything is filed under a key of the index alone.
const LEFT: &str = "SELECT id FROM identifier WHERE token >= $1 AND token < $2
    UNION ALL SELECT id FROM request WHERE external_token >= $1 AND external_token < $2 LIMIT 1";
const N_KNOWN_BY: &str =
    "SELECT COUNT(*) AS n FROM request WHERE idempotency >= $1 AND idempotency < $2";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// What is asked for each piece, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    [&[FORGET, LEFT, N_WRAPPED, N_SEALED][..], &pages::frequent(dialect)].concat()
}

/// What names a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Rows that can move under a newer key.
    pub n_rows: u64,
    /// Rows that can't: why requests are the same when they come again.
    pub n_fixed: u64,
}

/// How far a look at all that may name an older key has come. Rows that do not open are passed, so it
/// goes by the last row that was seen; and it is gone through again until nothing has moved, since others may
/// have written meanwhile. Kept by whoever moves: a new one begins anew.
#[derive(Debug, Default)]
pub struct Walk {
    at: Option<Stop>,
    after: After,
    n_moved: u64,
    newest_index: Option<KeyName>,
    is_over: bool,
}

impl Store {
    /// All keys that exist, by purpose, the newest of each last.
    pub fn key_names(&self) -> Vec<KeyName> {
        self.keys().names()
    }

    /// Looks again which keys exist, after another process may have made or destroyed some.
    pub async fn reload_keys(&self) -> Result<(), StoreError> {
        self.refuse_older_keys().await?;
        // Not before all values are known to be filed under the newest key.
        self.keys().reload(true)?;
        let newest = self.keys().names_of(INDEX).pop();
        let moved = self.setting(MOVED).await?;
        let has_one = self.keys().names_of(INDEX).len() < 2;
        let is_moving = !has_one && moved.as_deref() != newest.as_ref().map(KeyName::as_str);
        self.keys().reload(is_moving)?;
        self.keys().know_epoch(self.newest_known().await?.remove(EPOCH));
        self.note_newest().await
    }

    /// Whether values are still on their way from the index key before the newest.
    pub fn is_index_moving(&self) -> bool {
        self.keys().older_token("", "").is_some()
    }

    /// What names a key.
    pub async fn named(&self, key: &KeyName) -> Result<Named, StoreError> {
        self.named_within(None, key).await
    }

    /// The same within a transaction, if there is one.
    async fn named_within(
        &self,
        mut tx: Option<&mut Tx>,
        key: &KeyName,
    ) -> Result<Named, StoreError> {
        let mut fetch = async |sql, values: Vec<Value>| match &mut tx {
            Some(tx) => tx.fetch(sql, values).await,
            None => self.db().fetch(sql, values).await,
        };
        let count = |rows: Vec<Row>| rows.first().map_or(Ok(0), |row| row.count::<u64>("n"));
        let (from, to) = token_range(key);
        let range = || values![&*from, &*to];
        let n_rows = match key.purpose() {
            EPOCH => count(fetch(N_WRAPPED, values![key.as_str()]).await?)?,
            EVIDENCE => count(fetch(N_SEALED, values![key.as_str()]).await?)?,
            INDEX => count(fetch(N_FILED, range()).await?)?,
            CREDENTIALS => {
                let rows = fetch(SECRETS, Vec::new()).await?;
                let mut n = 0;
                for row in &rows {
                    n += u64::from(key_name_of(row.get("sealed")?).ok() == Some(key.as_str()));
                }
                n
            }
            _ => 0,
        };
        let n_fixed =
            if key.purpose() == INDEX { count(fetch(N_KNOWN_BY, range()).await?)? } else { 0 };
        Ok(Named { n_rows, n_fixed })
    }

    /// Looks at one piece of what names an older key, moves what opens of it, and returns how many rows
    /// that were; nothing when all is done.
    pub async fn move_piece(
        &self,
        fence: Option<&Fence>,
        walk: &mut Walk,
    ) -> Result<Option<u64>, StoreError> {
        if !walk.is_over {
            if walk.at.is_none() {
                walk.newest_index = self.keys().names_of(INDEX).pop();
            }
            if let Some(page) = self.move_next_page(fence, walk).await? {
                return Ok(Some(page));
            }
            let has_moved = walk.n_moved > 0;
            *walk = Walk {
                is_over: !has_moved,
                newest_index: walk.newest_index.take(),
                ..Walk::default()
            };
            if has_moved {
                return Ok(Some(0));
            }
        }
        match self.end_move(fence, walk.newest_index.as_ref()).await? {
            0 => {
                *walk = Walk::default();
                Ok(None)
            }
            n_moved => Ok(Some(n_moved)),
        }
    }

    /// Moves the page at which a walk is; nothing where it has come to its end.
    async fn move_next_page(
        &self,
        fence: Option<&Fence>,
        walk: &mut Walk,
    ) -> Result<Option<u64>, StoreError> {
        let stops = self.stops();
        let at = walk.at.as_ref().and_then(|at| stops.iter().position(|stop| stop == at));
        let mut after =
            if at.is_some() { std::mem::take(&mut walk.after) } else { After::default() };
        for stop in stops.into_iter().skip(at.unwrap_or(0)) {
            let mut tx = self.db().begin().await?;
            lease::check(&mut tx, fence).await?;
            let page = self.move_page(&mut tx, &stop, std::mem::take(&mut after)).await?;
            if let Some(last) = page.last {
                tx.commit().await?;
                (walk.at, walk.after) = (Some(stop), last);
                walk.n_moved += page.n_moved;
                return Ok(Some(page.n_moved));
            }
        }
        Ok(None)
    }

    /// Every list of rows that may name an older key, with that key.
    fn stops(&self) -> Vec<Stop> {
        let mut stops = Vec::new();
        for purpose in ROTATING {
            let mut older = self.keys().names_of(purpose);
            let Some(newest) = older.pop() else { continue };
            for older in older {
                let stop = |list: &List| Stop {
                    list: *list,
                    older: older.clone(),
                    newest: newest.clone(),
                };
                stops.extend(List::of(purpose).iter().map(stop));
            }
        }
        stops
    }

    /// Destroys a key if nothing names it, and says whether it did.
    pub async fn destroy_key(
        &self,
        fence: Option<&Fence>,
        key: &KeyName,
    ) -> Result<bool, StoreError> {
        // Until it is gone nobody else writes, so that nothing names it meanwhile.
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        let is_free = self.named_within(Some(&mut tx), key).await? == Named::default();
        if is_free {
            self.keys().destroy(key)?;
        }
        Ok(is_free)
    }

    /// Once all identifiers are filed under the newest key, none needs its older token.
    async fn end_move(
        &self,
        fence: Option<&Fence>,
        moved_to: Option<&KeyName>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        // To one that was made meanwhile nothing has moved yet.
        let newest = self.keys().names_of(INDEX).pop();
        let Some(newest) = newest.filter(|newest| Some(newest) == moved_to) else {
            return Ok(0);
        };
        // Rows that do not open stay under the older key: until they do, values are looked for under both.
        for older in self.keys().names_of(INDEX).into_iter().filter(|older| *older < newest) {
            let (from, to) = token_range(&older);
            let left = tx.fetch_optional(LEFT, values![&*from, &*to]).await?;
            if self.is_index_moving() && left.is_some() {
                return Ok(0);
            }
        }
        if self.is_index_moving() {
            tx.execute(SET, values![MOVED, newest.as_str()]).await?;
            tx.commit().await?;
            self.reload_keys().await?;
            tx = self.db().begin().await?;
        }
        if self.is_index_moving() {
            return Ok(0);
        }
        let n_moved = tx.execute(FORGET, values![PIECE]).await?;
        if n_moved > 0 {
            tx.commit().await?;
        }
        Ok(n_moved)
    }
}

/// The tokens of a key: from the first, to before the second.
fn token_range(key: &KeyName) -> (String, String) {
    // A colon follows the key's name; a semicolon follows the colon.
    (format!("{key}:"), format!("{key};"))
}
