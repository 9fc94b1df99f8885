//! Leases: who may run the engine, and who may drive a connection.
//!
//! A lease counts on a time that its holders share. Over a file that is the machine's monotonic time, which
//! no one can set: the caller gives it with the id of the machine's boot, and a lease from another boot is
//! over. Over a database that several machines share it is the database's. Each new holder gets a higher
//! fence; whoever writes under a lease names his fence, and a write under an old one is refused.

use domain::Instant;

use crate::db::{Db, Row, Tx, values};
use crate::error::StoreError;
use crate::store::Store;

/// A point of the time on which leases count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseTime {
    /// The boot in which the machine's time was read; of a database's time, that it is one.
    pub boot: String,
    /// Milliseconds since that boot, or in the database's own count.
    pub millis: i64,
}

/// The right to write under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Its holder.
    pub holder: String,
    /// Which holder this is, counted up.
    pub fence: i64,
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is ours.
    Taken {
        /// To write under.
        fence: Fence,
        /// When the lease of the one before ends or ended, unless he gave it back: his calls may
        /// last that long and their deadline more.
        before: Option<LeaseTime>,
    },
    /// It is another's.
    HeldBy(LeaseRow),
}

/// A lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Its name.
    pub name: String,
    /// Its holder.
    pub holder: String,
    /// His fence.
    pub fence: i64,
    /// What he says of himself.
    pub info: String,
    /// Since when.
    pub since: Instant,
    /// Until when, unless it is renewed.
    pub until: LeaseTime,
    /// Whether he gave it back.
    pub released: bool,
}

impl LeaseRow {
    /// Whether it is held at this point of time.
    pub fn is_held(&self, time: &LeaseTime) -> bool {
        !self.released && self.until.boot == time.boot && time.millis < self.until.millis
    }
}

/// In place of a boot, for a time that the database told.
const DATABASE: &str = "database";

const ONE: &str = "SELECT name, holder, fence, boot, until_ms, taken_at, info, released
    FROM lease WHERE name = $1";
const ALL: &str = "SELECT name, holder, fence, boot, until_ms, taken_at, info, released
    FROM lease ORDER BY name";
const TAKE: &str = "INSERT INTO lease
    (name, holder, fence, boot, until_ms, taken_at, info, released)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = excluded.fence,
        boot = excluded.boot, until_ms = excluded.until_ms, taken_at = excluded.taken_at,
        info = excluded.info, released = excluded.released";
const RENEW: &str =
    "UPDATE lease SET until_ms = $3 WHERE holder = $1 AND boot = $2 AND NOT released";
const RELEASE: &str = "UPDATE lease SET released = $2 WHERE holder = $1 AND NOT released";
const RELEASE_ONE: &str =
    "UPDATE lease SET released = $3 WHERE name = $1 AND holder = $2 AND NOT released";
const HOLDS: &str = "SELECT name FROM lease
    WHERE name = $1 AND holder = $2 AND fence = $3 AND NOT released";

impl Store {
    /// Takes a lease that is free, or takes one's own again, which keeps its fence.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        info: &str,
        time: &LeaseTime,
        ttl_ms: i64,
        now: Instant,
    ) -> Result<LeaseAnswer, StoreError> {
        let mut tx = self.db().begin().await?;
        let old = tx.fetch_optional(ONE, values![name]).await?;
        let old = old.as_ref().map(read).transpose()?;
        let (fence, since, before) = match &old {
            Some(held) if held.holder == holder && held.is_held(time) => {
                (held.fence, held.since, None)
            }
            Some(held) if held.is_held(time) => return Ok(LeaseAnswer::HeldBy(held.clone())),
            Some(over) => {
                let before = (!over.released).then(|| over.until.clone());
                (over.fence + 1, now, before)
            }
            None => (1, now, None),
        };
        let until = time.millis.saturating_add(ttl_ms);
        let row = values![name, holder, fence, &*time.boot, until, since, info, false];
        tx.execute(TAKE, row).await?;
        tx.commit().await?;
        let fence = Fence { name: name.to_owned(), holder: holder.to_owned(), fence };
        Ok(LeaseAnswer::Taken { fence, before })
    }

    /// Renews all leases of a holder, and returns how many they are. A lease that ran out can still
    /// be renewed while nobody has taken it.
    pub async fn renew_leases(
        &self,
        holder: &str,
        time: &LeaseTime,
        ttl_ms: i64,
    ) -> Result<u64, StoreError> {
        let until = time.millis.saturating_add(ttl_ms);
        let mut tx = self.db().begin().await?;
        let renewed = tx.execute(RENEW, values![holder, &*time.boot, until]).await?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives all leases of a holder back.
    pub async fn release_leases(&self, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(RELEASE, values![holder, true]).await?;
        tx.commit().await
    }

    /// Gives one lease of a holder back.
    pub async fn release_lease(&self, fence: &Fence) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(RELEASE_ONE, values![&*fence.name, &*fence.holder, true]).await?;
        tx.commit().await
    }

    /// The database's time, where leases count on that; nothing where they count on the machine's.
    pub async fn lease_time(&self) -> Result<Option<LeaseTime>, StoreError> {
        time_of(self.db()).await
    }

    /// A lease as it stands.
    pub async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, StoreError> {
        self.db().fetch_optional(ONE, values![name]).await?.as_ref().map(read).transpose()
    }
}

/// A database's own time, where leases count on that.
pub(crate) async fn time_of(db: &Db) -> Result<Option<LeaseTime>, StoreError> {
    let millis = db.time().await?;
    Ok(millis.map(|millis| LeaseTime { boot: DATABASE.to_owned(), millis }))
}

/// Every lease; there is one for the engine and one for each connection.
pub(crate) async fn all(db: &Db) -> Result<Vec<LeaseRow>, StoreError> {
    db.fetch(ALL, values![]).await?.iter().map(read).collect()
}

/// Refuses to go on under a lease that is no longer held.
pub(crate) async fn check(tx: &mut Tx, fence: Option<&Fence>) -> Result<(), StoreError> {
    let Some(fence) = fence else { return Ok(()) };
    let row = values![&*fence.name, &*fence.holder, fence.fence];
    match tx.fetch_optional(HOLDS, row).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::FenceLost),
    }
}

fn read(row: &Row) -> Result<LeaseRow, StoreError> {
    Ok(LeaseRow {
        name: row.get("name")?,
        holder: row.get("holder")?,
        fence: row.get("fence")?,
        info: row.get("info")?,
        since: row.instant("taken_at")?,
        until: LeaseTime { boot: row.get("boot")?, millis: row.get("until_ms")? },
        released: row.get("released")?,
    })
}
