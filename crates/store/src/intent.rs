//! Intents: one row per changing call, committed before the call, answered once after it.

use domain::{ConnectionId, Instant, IntentId, JobId, words};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Value, values};
use crate::error::StoreError;
use crate::lease::LeaseTime;
use crate::store::Store;

/// That a changing call is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its row.
    pub id: IntentId,
    /// The connection.
    pub connection: ConnectionId,
    /// The job that the call begins or changes.
    pub job: JobId,
    /// Our key, where the vendor takes one.
    pub key: Option<String>,
    /// The vendor's endpoint, without values.
    pub endpoint: String,
    /// How many members the call has.
    pub n_members: u32,
    /// The fence under which it is made.
    pub fence: i64,
    /// When it was written down.
    pub written_at: Instant,
    /// Until when the call may still arrive at the vendor.
    pub deadline: LeaseTime,
}

words! {
    /// What became of a changing call.
    IntentAnswer: "answer" {
        /// The vendor took it.
        Answered = "answered",
        /// The vendor refused it.
        Refused = "refused",
        /// It never left.
        NotSent = "not sent",
        /// Its answer was lost; it had taken place.
        ReconciledHappened = "reconciled: it happened",
        /// Its answer was lost; it had not taken place.
        ReconciledNotThere = "reconciled: it did not happen",
        /// Nobody can tell.
        CantTell = "can't tell",
    }
}

/// The outcome of an intent; it is written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntentOutcome {
    /// The intent.
    pub id: IntentId,
    /// When.
    pub at: Instant,
    /// What became of it.
    pub what: IntentAnswer,
}

pub(crate) static INSERT: Over = Over::insert(
    "intent",
    &[
        ("id", Kind::Text),
        ("connection_id", Kind::Text),
        ("job_id", Kind::Text),
        ("our_key", Kind::Text),
        ("endpoint", Kind::Text),
        ("n_members", Kind::Int),
        ("fence", Kind::Int),
        ("written_at", Kind::Int),
        ("deadline_boot", Kind::Text),
        ("deadline_ms", Kind::Int),
    ],
    "",
);
pub(crate) static ANSWER: Over = Over::new(
    &[("id", Kind::Text), ("answer", Kind::Text), ("answered_at", Kind::Int)],
    "UPDATE intent SET answer = v.answer, answered_at = v.answered_at
     FROM v WHERE intent.id = v.id AND intent.answer IS NULL",
);
const OPEN: &str = "SELECT id, connection_id, job_id, our_key, endpoint, n_members, fence,
    written_at, deadline_boot, deadline_ms FROM intent
    WHERE connection_id = $1 AND answer IS NULL ORDER BY id";
const ANSWER_OF: &str = "SELECT answer FROM intent WHERE id = $1";

/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![OPEN, ANSWER.longest_text(dialect)]
}

impl Store {
    /// The intents of a connection that have no outcome, the oldest first.
    pub async fn open_intents(&self, connection: ConnectionId) -> Result<Vec<Intent>, StoreError> {
        self.db().fetch(OPEN, values![connection]).await?.iter().map(read).collect()
    }

    /// What became of an intent, if it is known.
    pub async fn intent_answer(&self, id: IntentId) -> Result<Option<IntentAnswer>, StoreError> {
        let row = self.db().fetch_optional(ANSWER_OF, values![id]).await?;
        row.map_or(Ok(None), |row| row.parse_optional("answer"))
    }
}

/// The row of a new intent.
pub(crate) fn row(intent: &Intent) -> Vec<Value> {
    values![
        intent.id,
        intent.connection,
        intent.job,
        intent.key.clone(),
        &*intent.endpoint,
        i64::from(intent.n_members),
        intent.fence,
        intent.written_at,
        &*intent.deadline.boot,
        intent.deadline.millis,
    ]
}

/// The row that answers an intent.
pub(crate) fn answer(outcome: &IntentOutcome) -> Vec<Value> {
    values![outcome.id, outcome.what.word(), outcome.at]
}

fn read(row: &Row) -> Result<Intent, StoreError> {
    Ok(Intent {
        id: row.parse("id")?,
        connection: row.parse("connection_id")?,
        job: row.parse("job_id")?,
        key: row.get("our_key")?,
        endpoint: row.get("endpoint")?,
        n_members: row.count("n_members")?,
        fence: row.get("fence")?,
        written_at: row.instant("written_at")?,
        deadline: LeaseTime { boot: row.get("deadline_boot")?, millis: row.get("deadline_ms")? },
    })
}
