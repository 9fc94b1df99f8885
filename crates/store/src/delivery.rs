//! Deliveries as rows: what is to be told to whom, how often it was tried, and what was given up.
//!
//! Deliveries are made out of the journal, a page of it at a time: new rows, and up to where the
//! endpoints have been told, are one transaction. So nothing is written when something happens, and
//! nothing is left out.

use std::ops::ControlFlow;

use domain::telling::DeliveryState;
use domain::{Delivery, EndpointId, Entry, Event, Instant, NoticeKind, RequestId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::journal;
use crate::lease::{self, Fence};
use crate::store::Store;

/// An entry of the journal, as far as it must be known to say who is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tellable {
    /// Its number.
    pub seq: i64,
    /// What happened.
    pub event: Event,
    /// To which request.
    pub request: Option<RequestId>,
    /// Of which kind it is, where a notice was raised or mended.
    pub kind: Option<NoticeKind>,
}

/// How far an endpoint is told by a page of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Until where it had been told, as it was loaded.
    pub from: i64,
    /// Until where it is now.
    pub until: i64,
    /// What it is told of those between.
    pub of: Vec<i64>,
}

/// How many deliveries to an endpoint have not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Those still to be made, or made again.
    pub n_waiting: u32,
    /// Those that were given up.
    pub n_dead: u32,
}

/// Which deliveries to tell again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// This one.
    One(i64),
    /// All that were given up.
    Dead,
    /// Everything after this number of the journal, delivered or not.
    After(i64),
}

static INSERT: Over = Over::insert(
    "delivery",
    &[
        ("endpoint_id", Kind::Text),
        ("seq", Kind::Int),
        ("state", Kind::Text),
        ("due_at", Kind::Int),
        ("n_attempts", Kind::Int),
    ],
    "ON CONFLICT (endpoint_id, seq) DO NOTHING",
);
static ADVANCE: Over = Over::new(
    &[("id", Kind::Text), ("expected", Kind::Int), ("until", Kind::Int)],
    "UPDATE endpoint SET told_until = v.until
     FROM v WHERE endpoint.id = v.id AND endpoint.told_until = v.expected",
);
static UPDATE: Over = Over::new(
    &[
        ("endpoint_id", Kind::Text),
        ("seq", Kind::Int),
        ("state", Kind::Text),
        ("due_at", Kind::Int),
        ("ended_at", Kind::Int),
        ("n_attempts", Kind::Int),
        ("last", Kind::Text),
    ],
    "UPDATE delivery SET state = v.state, due_at = v.due_at, ended_at = v.ended_at,
        n_attempts = v.n_attempts, last = v.last
     FROM v WHERE delivery.endpoint_id = v.endpoint_id AND delivery.seq = v.seq
        AND delivery.due_at IS NOT NULL AND delivery.n_attempts = v.n_attempts - 1",
);
static ENTRIES: Over = Over::new(
    &[("number", Kind::Int)],
    "SELECT seq, at, actor, event, request_id, task_id, connection_id, job_id, intent_id, facts
     FROM v CROSS JOIN journal WHERE journal.seq = v.number",
);
const TELLABLE: &str =
    "SELECT seq, event, request_id, CASE WHEN event IN ('notice.raised', 'notice.mended')
        THEN facts END AS facts FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";
const N_TH_WAITING: &str = "SELECT seq FROM delivery
    WHERE endpoint_id = $1 AND due_at IS NOT NULL LIMIT 1 OFFSET $2";
const DUE: &str = "SELECT endpoint_id, seq, state, due_at, ended_at, n_attempts, last FROM delivery
    WHERE endpoint_id = $1 AND due_at IS NOT NULL AND due_at <= $2 ORDER BY due_at, seq LIMIT $3";
const NEXT_DUE: &str = "SELECT due_at FROM delivery
    WHERE endpoint_id = $1 AND due_at IS NOT NULL ORDER BY due_at, seq LIMIT 1";
const REST: &str = "UPDATE endpoint SET rest_until = $2 WHERE id = $1";
const PAGE: &str =
    "SELECT endpoint_id, seq, state, due_at, ended_at, n_attempts, last FROM delivery
    WHERE endpoint_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
const PAGE_DEAD: &str =
    "SELECT endpoint_id, seq, state, due_at, ended_at, n_attempts, last FROM delivery
    WHERE endpoint_id = $1 AND seq < $2 AND state = 'dead' ORDER BY seq DESC LIMIT $3";
const COUNT_WAITING: &str =
    "SELECT COUNT(*) AS n FROM delivery WHERE endpoint_id = $1 AND due_at IS NOT NULL";
const COUNT_DEAD: &str =
    "SELECT COUNT(*) AS n FROM delivery WHERE endpoint_id = $1 AND state = 'dead'";
const AGAIN_ONE: &str = "UPDATE delivery SET state = 'waiting', due_at = $3, ended_at = NULL,
        n_attempts = 0 WHERE endpoint_id = $1 AND seq = $2";
const N_TH_DEAD_AFTER: &str = "SELECT seq FROM delivery
    WHERE endpoint_id = $1 AND seq > $2 AND state = 'dead' ORDER BY seq LIMIT 1 OFFSET $3";
const AGAIN_DEAD: &str = "UPDATE delivery SET state = 'waiting', due_at = $4, ended_at = NULL,
        n_attempts = 0 WHERE endpoint_id = $1 AND seq > $2 AND seq <= $3 AND state = 'dead'";
const N_TH_AFTER: &str = "SELECT seq FROM delivery
    WHERE endpoint_id = $1 AND seq > $2 ORDER BY seq LIMIT 1 OFFSET $3";
const FORGET_ENDED: &str = "DELETE FROM delivery
    WHERE endpoint_id = $1 AND seq > $2 AND seq <= $3 AND due_at IS NULL";
const FORGET: &str = "DELETE FROM delivery WHERE endpoint_id = $1 AND seq > $2 AND seq <= $3";
const BACK_TO: &str = "UPDATE endpoint SET told_until = $2 WHERE id = $1 AND told_until > $2";
const UNREST: &str = "UPDATE endpoint SET rest_until = NULL WHERE id = $1";
const SWEEP: &str = "DELETE FROM delivery WHERE (endpoint_id, seq) IN (SELECT endpoint_id, seq
    FROM delivery WHERE ended_at IS NOT NULL AND ended_at < $1 LIMIT $2)";
const OLDEST_ENDED: &str = "SELECT ended_at FROM delivery WHERE ended_at IS NOT NULL
    ORDER BY ended_at LIMIT 1";

/// How many deliveries are changed in one transaction at most: others wait for the writer meanwhile.
const PIECE: i64 = 1_000;

/// A change of all deliveries to an endpoint, a piece at a time.
pub(crate) struct Pieces {
    /// Finds where a piece ends.
    nth: &'static str,
    change: &'static str,
}

const DEAD_AGAIN: Pieces = Pieces { nth: N_TH_DEAD_AFTER, change: AGAIN_DEAD };
const ENDED_FORGOTTEN: Pieces = Pieces { nth: N_TH_AFTER, change: FORGET_ENDED };
/// All are forgotten, those too that wait.
pub(crate) const ALL_FORGOTTEN: Pieces = Pieces { nth: N_TH_AFTER, change: FORGET };

/// What is asked again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![
        TELLABLE,
        N_TH_WAITING,
        DUE,
        NEXT_DUE,
        PAGE,
        PAGE_DEAD,
        COUNT_WAITING,
        COUNT_DEAD,
        SWEEP,
        N_TH_DEAD_AFTER,
        AGAIN_DEAD,
        N_TH_AFTER,
        FORGET_ENDED,
        FORGET,
        OLDEST_ENDED,
        UPDATE.longest_text(dialect),
        ADVANCE.longest_text(dialect),
        ENTRIES.longest_text(dialect),
    ]
}

impl Store {
    /// The entries after this number, as far as telling them needs.
    pub async fn tellable(&self, after: i64, limit: u32) -> Result<Vec<Tellable>, StoreError> {
        let rows = self.db().fetch(TELLABLE, values![after, i64::from(limit)]).await?;
        rows.iter().map(read_tellable).collect()
    }

    /// The entries of these numbers, in their order.
    pub async fn journal_entries(&self, seqs: &[i64]) -> Result<Vec<(i64, Entry)>, StoreError> {
        let rows = ENTRIES.read(self.db(), seqs.iter().map(|seq| values![*seq])).await?;
        let mut entries = rows.iter().map(journal::read).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|(seq, _)| *seq);
        Ok(entries)
    }

    /// Makes deliveries of a page of the journal, due now. Nothing is written if the place of an
    /// endpoint was moved meanwhile; says whether it was.
    pub async fn tell(
        &self,
        fence: &Fence,
        told: &[Told],
        now: Instant,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, Some(fence)).await?;
        let place = |one: &Told| values![one.endpoint, one.from, one.until];
        let places: Vec<_> = told.iter().map(place).collect();
        if ADVANCE.change(&mut tx, places).await? != told.len() as u64 {
            return Ok(ControlFlow::Break(()));
        }
        let waiting = DeliveryState::Waiting.word();
        let row = |id: EndpointId, seq: i64| values![id, seq, waiting, now, 0_i64];
        let rows = told.iter().flat_map(|one| one.of.iter().map(|seq| row(one.endpoint, *seq)));
        let rows: Vec<_> = rows.collect();
        INSERT.change(&mut tx, rows).await?;
        tx.commit().await?;
        Ok(ControlFlow::Continue(()))
    }

    /// Whether at least so many deliveries to an endpoint wait.
    pub async fn has_waiting(&self, endpoint: EndpointId, n: u32) -> Result<bool, StoreError> {
        let row = values![endpoint, i64::from(n.saturating_sub(1))];
        Ok(self.db().fetch_optional(N_TH_WAITING, row).await?.is_some())
    }

    /// Deliveries to an endpoint that are due, those that wait longest first.
    pub async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.db().fetch(DUE, values![endpoint, now, i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }

    /// When the next delivery to an endpoint is due.
    pub async fn next_delivery(&self, endpoint: EndpointId) -> Result<Option<Instant>, StoreError> {
        let row = self.db().fetch_optional(NEXT_DUE, values![endpoint]).await?;
        row.map(|row| row.instant("due_at")).transpose()
    }

    /// Keeps what attempts came to, and how long the endpoint asked to be left in peace. What a person
    /// let be made again while it was tried stays due.
    pub async fn keep_attempts(
        &self,
        fence: &Fence,
        endpoint: EndpointId,
        deliveries: &[Delivery],
        rest_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, Some(fence)).await?;
        let rows = deliveries.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        UPDATE.change(&mut tx, rows).await?;
        if rest_until.is_some() {
            tx.execute(REST, values![endpoint, rest_until]).await?;
        }
        tx.commit().await
    }

    /// A page of deliveries to an endpoint, those of the newest entries first, before this number.
    pub async fn deliveries(
        &self,
        endpoint: EndpointId,
        only_dead: bool,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sql = if only_dead { PAGE_DEAD } else { PAGE };
        let rows = self.db().fetch(sql, values![endpoint, before, i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }

    /// How many deliveries to an endpoint wait, and how many were given up.
    pub async fn count_deliveries(&self, endpoint: EndpointId) -> Result<Counted, StoreError> {
        let count = async |sql| {
            let row = self.db().fetch_optional(sql, values![endpoint]).await?;
            row.map_or(Ok(0), |row| row.count("n"))
        };
        Ok(Counted { n_waiting: count(COUNT_WAITING).await?, n_dead: count(COUNT_DEAD).await? })
    }

    /// Lets deliveries be made again from now on, and says how many those are that had ended. Of
    /// one that does not exist nothing is written. Many are changed a piece at a time; the journal says
    /// so with the first.
    pub async fn replay(
        &self,
        endpoint: EndpointId,
        replay: Replay,
        now: Instant,
        entry: &Entry,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(UNREST, values![endpoint]).await?;
        journal::append(&mut tx, [entry]).await?;
        let (tx, n) = match replay {
            Replay::One(seq) => {
                let n = tx.execute(AGAIN_ONE, values![endpoint, seq, now]).await?;
                (tx, n)
            }
            Replay::Dead => self.in_pieces(tx, &DEAD_AGAIN, endpoint, 0, Some(now)).await?,
            Replay::After(seq) => {
                let (mut tx, n) = self.in_pieces(tx, &ENDED_FORGOTTEN, endpoint, seq, None).await?;
                // Last, or what is not forgotten yet would be passed over when it is told anew.
                tx.execute(BACK_TO, values![endpoint, seq]).await?;
                (tx, n)
            }
        };
        if n == 0 && matches!(replay, Replay::One(_)) {
            return Ok(0);
        }
        tx.commit().await?;
        self.note_asked();
        Ok(n)
    }

    /// Changes the deliveries to an endpoint after a number, and counts them. Each piece is a
    /// transaction, the first of them one that has begun; the last is handed back open.
    pub(crate) async fn in_pieces(
        &self,
        mut tx: Tx,
        change: &Pieces,
        endpoint: EndpointId,
        mut after: i64,
        now: Option<Instant>,
    ) -> Result<(Tx, u64), StoreError> {
        let mut n = 0;
        loop {
            let row = tx.fetch_optional(change.nth, values![endpoint, after, PIECE - 1]).await?;
            let end: Option<i64> = row.map(|row| row.get("seq")).transpose()?;
            let mut row = values![endpoint, after, end.unwrap_or(i64::MAX)];
            row.extend(now.map(Value::from));
            n += tx.execute(change.change, row).await?;
            let Some(end) = end else { return Ok((tx, n)) };
            tx.commit().await?;
            tx = self.db().begin().await?;
            after = end;
        }
    }

    /// When the oldest delivery that is still kept ended.
    pub async fn oldest_ended(&self) -> Result<Option<Instant>, StoreError> {
        let row = self.db().fetch_optional(OLDEST_ENDED, []).await?;
        row.map(|row| row.instant("ended_at")).transpose()
    }

    /// Forgets deliveries that ended before this instant, a piece at a time.
    pub async fn sweep_deliveries(&self, fence: &Fence, before: Instant) -> Result<(), StoreError> {
        let mut n_swept = PIECE.unsigned_abs();
        while n_swept == PIECE.unsigned_abs() {
            let mut tx = self.db().begin().await?;
            lease::check(&mut tx, Some(fence)).await?;
            n_swept = tx.execute(SWEEP, values![before, PIECE]).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn row(delivery: &Delivery) -> Result<Vec<Value>, StoreError> {
    Ok(values![
        delivery.endpoint,
        delivery.seq,
        delivery.state.word(),
        delivery.due_at,
        delivery.ended_at,
        i64::from(delivery.n_attempts),
        delivery.last.as_ref().map(json).transpose()?,
    ])
}

fn read(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        endpoint: row.parse("endpoint_id")?,
        seq: row.get("seq")?,
        state: row.parse("state")?,
        due_at: row.instant_optional("due_at")?,
        ended_at: row.instant_optional("ended_at")?,
        n_attempts: row.count("n_attempts")?,
        last: row.json_optional("last")?,
    })
}

fn read_tellable(row: &Row) -> Result<Tellable, StoreError> {
    let facts: Option<serde_json::Value> = row.json_optional("facts")?;
    Ok(Tellable {
        kind: facts.as_ref().and_then(|facts| facts["kind"].as_str()?.parse().ok()),
        seq: row.get("seq")?,
        event: row.parse("event")?,
        request: row.parse_optional("request_id")?,
    })
}
