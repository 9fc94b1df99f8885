//! State changes as they happen: server-sent events, one per journal entry that tells of one.
//!
//! The number of an entry is the event's id, so a client that comes back says where it was
//! (`Last-Event-ID`) and misses nothing. Its data are ids, words and facts of ours, as everywhere in
//! the journal.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::{Entry, Event as Happened, Reach};
use engine::operator::principals::tokens::is_good_still;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use store::{From, JournalFilter};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use utoipa::IntoParams;

use crate::app::App;
use crate::body::Query;
use crate::caller::Caller;
use crate::problem::Problem;

/// How often is looked for what happened.
const LOOK: Duration = Duration::from_millis(500);
/// Entries read at a time.
const PAGE: u32 = 200;
/// The header by which a client that comes back says what it has seen.
const LAST_SEEN: &str = "last-event-id";
/// How long one answer lasts; clients come back by themselves.
const LASTS: Duration = Duration::from_secs(15 * 60);

/// From where to tell.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// After the event of this number; from now on if absent. `Last-Event-ID` says the same.
    after: Option<i64>,
}

/// Tells changes of state as they happen, as server-sent events.
///
/// An event's id is its number in the journal, its name what happened, its data JSON with `seq`, `at`,
/// `event`, the ids concerned, and `from` and `to` where something moved. The answer ends after a
/// quarter of an hour; come back with `Last-Event-ID` and nothing is missed.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "stream_events",
    tag = "events",
    params(Since),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String))
)]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(since): Query<Since>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Problem> {
    let last_seen = headers.get(LAST_SEEN).map(|value| value.to_str().unwrap_or_default().parse());
    let last_seen = last_seen.transpose();
    let last_seen =
        last_seen.map_err(|_| Problem::malformed("Last-Event-ID is no number of an event"))?;
    let after = match last_seen.or(since.after) {
        Some(after) => after,
        None => app
            .store()
            .journal(From::Before(i64::MAX), &JournalFilter::default(), 1)
            .await?
            .first()
            .map_or(0, |(seq, _)| *seq),
    };
    let telling = Telling::new(app, caller, after);
    // The head of the answer leaves with the first bytes, so something is said at once.
    let begin = stream::once(async { Ok(Event::default().comment("from here on")) });
    let events = stream::unfold(telling, |mut telling| async {
        let event = telling.next().await?;
        Some((event, telling))
    });
    Ok(Sse::new(begin.chain(events)).keep_alive(KeepAlive::default()))
}

/// A stream of events to one caller.
struct Telling {
    app: App,
    caller: Caller,
    after: i64,
    ready: VecDeque<(i64, Entry)>,
    /// Whether more may lie there already.
    is_behind: bool,
    look: Interval,
    until: Instant,
    stopped: watch::Receiver<bool>,
}

impl Telling {
    fn new(app: App, caller: Caller, after: i64) -> Self {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopped = app.stopped();
        let until = Instant::now() + LASTS;
        Self { app, caller, after, ready: VecDeque::new(), is_behind: true, look, until, stopped }
    }

    /// The next event, once there is one; nothing when the answer ends.
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        loop {
            if let Some((seq, entry)) = self.ready.pop_front() {
                return Some(event(seq, &entry));
            }
            tokio::select! {
                _ = self.look.tick(), if !self.is_behind => {}
                () = std::future::ready(()), if self.is_behind => {}
                () = sleep_until(self.until) => return None,
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            }
            // A store that fails, or a token that ended, ends the answer; the client comes back and is
            // told why.
            self.read().await.ok()?;
        }
    }

    /// Reads what happened meanwhile, as far as this caller may see it.
    async fn read(&mut self) -> Result<(), Problem> {
        if !is_good_still(self.app.store(), self.caller.access(), self.app.now()).await? {
            return Err(Problem::unauthenticated());
        }
        let all = JournalFilter::default();
        let mut entries = self.app.store().journal(From::After(self.after), &all, PAGE).await?;
        self.is_behind = entries.len() == PAGE as usize;
        if let Some((seq, _)) = entries.last() {
            self.after = *seq;
        }
        entries.retain(|(_, entry)| Happened::TOLD.contains(&entry.event));
        if self.caller.access().reach != Reach::All {
            let desk = self.app.desk(&self.caller);
            let about = entries.iter().filter_map(|(_, entry)| entry.request);
            let within = desk.within_reach(about).await?;
            entries.retain(|(_, entry)| entry.request.is_some_and(|id| within.contains(&id)));
        }
        self.ready.extend(entries);
        Ok(())
    }
}

fn event(seq: i64, entry: &Entry) -> Result<Event, axum::Error> {
    let moved = |name: &str| entry.facts.get(name);
    let data = json!({
        "seq": seq,
        "at": entry.at,
        "event": entry.event,
        "request": entry.request,
        "task": entry.task,
        "connection": entry.connection,
        "job": entry.job,
        "from": moved("from"),
        "to": moved("to"),
    });
    Event::default().id(seq.to_string()).event(entry.event.word()).json_data(data)
}
