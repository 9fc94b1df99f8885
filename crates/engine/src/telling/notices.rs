//! When an operator is told of something: by entries of the journal and by deadlines. A notice is
//! raised once for each cause, and mended when the cause is gone; both are entries of the journal, which
//! endpoints are told like any other.

use std::time::Duration;

use domain::job::JobState;
use domain::notice::{About, NoticeKind};
use domain::task::Whom;
use domain::{Actor, Entry, Event, Instant, Notice, NoticeId, RequestState, TaskState};
use store::{Fence, Store, StoreError};

use crate::limits::add;
use crate::operator::controls;
use crate::pump::PumpParts;

/// Entries looked at in one go.
const PAGE: u32 = 200;
/// Overdue requests that are told of in one go.
const OVERDUE: u32 = 200;
/// How often is looked for causes that are gone, and for deadlines.
const SWEEP: Duration = Duration::from_secs(600);
/// How long notices that were mended can still be seen.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where the journal and the deadlines were last looked at.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    until: Option<i64>,
    swept_at: Option<Instant>,
}

/// Raises and mends what came up since the last look. Says when to look again, if that depends on
/// time alone.
pub(super) async fn follow(
    parts: &PumpParts,
    fence: &Fence,
    mut place: Place,
) -> Result<Place, StoreError> {
    let store = &parts.store;
    let mut until = match place.until {
        Some(until) => until,
        None => store.noticed_until().await?,
    };
    loop {
        let page = store.notable(until, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        until = *last;
        let (mut raised, mut mended) = (Vec::new(), Vec::new());
        let noticed = page.iter().filter_map(|(_, entry)| {
            let (kind, about) = cause(entry)?;
            Some((entry, new(parts, kind, about)))
        });
        let noticed: Vec<_> = noticed.collect();
        let causes: Vec<_> = noticed.iter().map(|(_, notice)| notice.cause()).collect();
        let mut open = store.open_notices_of(&causes).await?;
        for (entry, notice) in noticed {
            if holds(store, &notice, Some(entry)).await? {
                raised.push(told(notice, Event::NoticeRaised));
            } else {
                raised.retain(|(one, _): &(Notice, Entry)| one.cause() != notice.cause());
                let gone = open.extract_if(.., |one| one.cause() == notice.cause());
                mended.extend(gone.map(|one| mend(one, parts)));
            }
        }
        store.keep_notices(fence, &raised, &mended, Some(until)).await?;
    }
    place.until = Some(until);
    let now = parts.clock.now();
    if place.swept_at.is_none_or(|at| add(at, SWEEP) <= now) {
        place.swept_at = Some(now);
        sweep(parts, fence).await?;
    }
    Ok(place)
}

impl Place {
    /// When is looked again although nothing happens.
    pub(super) fn due(&self) -> Option<Instant> {
        self.swept_at.map(|at| add(at, SWEEP))
    }
}

/// Mends what is not so any more, tells of deadlines that have passed, and forgets what was mended long
/// ago.
async fn sweep(parts: &PumpParts, fence: &Fence) -> Result<(), StoreError> {
    let store = &parts.store;
    let now = parts.clock.now();
    let mut after = None;
    loop {
        let open = store.open_notices(after, PAGE).await?;
        let Some(last) = open.last() else { break };
        after = Some(last.id);
        let mut mended = Vec::new();
        for notice in open {
            if !holds(store, &notice, None).await? {
                mended.push(mend(notice, parts));
            }
        }
        if !mended.is_empty() {
            store.keep_notices(fence, &[], &mended, None).await?;
        }
    }
    let mut after = None;
    loop {
        let overdue = store.newly_overdue(now, after, OVERDUE).await?;
        let Some(last) = overdue.last() else { break };
        after = Some(*last);
        let raised: Vec<_> = overdue
            .iter()
            .map(|id| About { request: Some(*id), ..About::default() })
            .map(|about| new(parts, NoticeKind::RequestOverdue, about))
            .map(|notice| told(notice, Event::NoticeRaised))
            .collect();
        store.keep_notices(fence, &raised, &[], None).await?;
    }
    let kept = jiff::SignedDuration::try_from(KEPT).unwrap_or_default();
    store.sweep_notices(fence, now.checked_sub(kept).unwrap_or(Instant::MIN)).await
}

/// What an entry may raise or mend.
fn cause(entry: &Entry) -> Option<(NoticeKind, About)> {
    let fact = |name: &str| entry.facts.get(name)?.as_str().map(str::to_owned);
    let base = About { connection: entry.connection, ..About::default() };
    let of_task = || About { request: entry.request, task: entry.task, ..base.clone() };
    Some(match entry.event {
        Event::ConnectionPaused | Event::ConnectionResumed | Event::ConnectionRemoved => {
            (NoticeKind::ConnectionBroken, base)
        }
        Event::PermissionLost | Event::PermissionGranted => {
            (NoticeKind::PermissionLost, About { which: fact("permission"), ..base })
        }
        Event::JobOverdue => (NoticeKind::JobOverdue, About { job: entry.job, ..base }),
        Event::GuardTripped => {
            (NoticeKind::GuardTripped, About { which: fact("guard"), ..of_task() })
        }
        Event::DataReappeared => (NoticeKind::DataReappeared, of_task()),
        Event::EnginePaused | Event::EngineResumed => (NoticeKind::EnginePaused, base),
        Event::EndpointFailing
        | Event::EndpointDisabled
        | Event::EndpointEnabled
        | Event::EndpointRemoved => {
            let endpoint = fact("endpoint").and_then(|id| id.parse().ok());
            (NoticeKind::EndpointFailing, About { endpoint, ..base })
        }
        _ => return None,
    })
}

/// Whether the cause of a notice is there now. The entry that may raise it is at hand where it tells
/// what no row does.
async fn holds(store: &Store, notice: &Notice, by: Option<&Entry>) -> Result<bool, StoreError> {
    let About { request, task, connection, job, endpoint, .. } = &notice.about;
    let connection = match connection {
        Some(id) => {
            store.connection(*id).await?.filter(|connection| connection.removed_at.is_none())
        }
        None => None,
    };
    Ok(match notice.kind {
        NoticeKind::ConnectionBroken => connection
            .and_then(|connection| connection.paused)
            .is_some_and(|pause| !pause.by_person),
        NoticeKind::PermissionLost => {
            connection.is_some() && by.is_none_or(|by| by.event == Event::PermissionLost)
        }
        NoticeKind::JobOverdue => match job {
            Some(id) => store.job(*id).await?.is_some_and(|job| job.state != JobState::Ended),
            None => false,
        },
        NoticeKind::RequestOverdue => match request {
            Some(id) => {
                store.request(*id).await?.is_some_and(|one| one.state != RequestState::Closed)
            }
            None => false,
        },
        NoticeKind::GuardTripped => match task {
            Some(id) => store.task(*id).await?.is_some_and(|task| {
                task.detail.wait.is_some_and(|wait| wait.whom == Whom::Operator)
            }),
            None => false,
        },
        NoticeKind::DataReappeared => match task {
            Some(id) => store.task(*id).await?.is_some_and(|task| task.state != TaskState::Ended),
            None => false,
        },
        NoticeKind::EnginePaused => controls::is_paused(store).await?,
        NoticeKind::EndpointFailing => match endpoint {
            Some(id) => match store.endpoint(*id).await? {
                Some(standing) => {
                    let is_gone =
                        standing.endpoint.disabled.is_some_and(|disabled| !disabled.by_person);
                    is_gone || store.count_deliveries(*id).await?.n_dead > 0
                }
                None => false,
            },
            None => false,
        },
    })
}

fn new(parts: &PumpParts, kind: NoticeKind, about: About) -> Notice {
    let (id, raised_at) = (NoticeId::new(&*parts.ids), parts.clock.now());
    Notice { id, kind, about, raised_at, mended_at: None }
}

fn mend(notice: Notice, parts: &PumpParts) -> (Notice, Entry) {
    told(Notice { mended_at: Some(parts.clock.now()), ..notice }, Event::NoticeMended)
}

/// A notice and the entry that tells of it.
fn told(notice: Notice, event: Event) -> (Notice, Entry) {
    let at = notice.mended_at.unwrap_or(notice.raised_at);
    let about = &notice.about;
    let mut entry = Entry::new(at, Actor::Engine, event)
        .connection(about.connection)
        .fact("notice", notice.id.to_string())
        .fact("kind", notice.kind.word());
    (entry.request, entry.task, entry.job) = (about.request, about.task, about.job);
    if let Some(endpoint) = about.endpoint {
        entry = entry.fact("endpoint", endpoint.to_string());
    }
    if let Some(which) = &about.which {
        entry = entry.fact("which", which.as_str());
    }
    (notice, entry)
}
