//! `/metrics`: what whoever watches the program reads every few seconds, in the format of Prometheus.
//!
//! What is a state is asked of the store when it is asked for; what happens is counted as it happens,
//! from each start of the program. It holds words, names of connections and numbers: nothing of a
//! person, and nothing that grows without a bound.

mod families;
mod process;
mod spans;
#[cfg(test)]
mod tests;
mod text;
mod traffic;

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::access::Permission;
use domain::{Connection, ConnectionId, Endpoint, Instant};
use engine::Meters;
use engine::operator::controls;
use http::header;
use store::{AGES, Standing, StoreError, Untold};

use crate::app::App;
use crate::caller::{FromHere, refusal};
use crate::problem::Problem;
use families as f;
pub use spans::Spans;
use text::Page;
pub use traffic::Traffic;
pub(crate) use traffic::{Refusal, count, known};

/// The media type of the format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is measured besides the store, and by whom it may be read.
#[derive(Clone, Default)]
pub struct Measured {
    /// What the listeners do.
    pub traffic: Traffic,
    /// What the engine of this process does.
    pub meters: Meters,
    /// What became of the spans of traces, where they are sent.
    pub spans: Option<Spans>,
    /// Whether whoever is on this machine may read it without a token.
    pub is_open_here: bool,
}

/// The page, for whoever may read it.
pub(crate) async fn page(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let extensions = request.extensions();
    let is_here = extensions.get::<FromHere>().is_some();
    if !(app.measured().is_open_here && is_here)
        && let Some(problem) = refusal(extensions.get(), Permission::MetricsRead)
    {
        return Err(problem);
    }
    let text = measure(&app).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

async fn measure(app: &App) -> Result<String, Problem> {
    let (now, mut page) = (app.now(), Page::default());
    let connections = app.store().connections().await?;
    let names = connections.iter().map(|one| (one.id, one.name.clone())).collect();
    page.add(&f::BUILD, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.add(&f::UPTIME, &[], app.measured().traffic.uptime().as_secs_f64());
    process::add(&mut page);
    work(app, &mut page, &names, now).await?;
    due(app, &mut page, &connections, now).await?;
    vendors(app, &mut page, &connections, &names, now).await?;
    leases(app, &mut page, &names).await?;
    journal(app, &mut page, now).await?;
    endpoints(app, &mut page, now).await?;
    app.measured().traffic.add(&mut page);
    if let Some(spans) = &app.measured().spans {
        spans.add(&mut page);
    }
    Ok(page.into_text())
}

/// The names of the connections that exist.
type Names = BTreeMap<ConnectionId, String>;

/// What is called by a connection; work by hand belongs to none, and a connection may be removed.
fn name(names: &Names, id: Option<ConnectionId>) -> &str {
    match id {
        None => "by hand",
        Some(id) => names.get(&id).map_or("removed", String::as_str),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is none that we reach")]
fn number(n: u64) -> f64 {
    n as f64
}

async fn work(app: &App, page: &mut Page, names: &Names, now: Instant) -> Result<(), StoreError> {
    let open = app.store().open_work(now).await?;
    for (state, n, _) in &open.requests {
        page.add(&f::REQUESTS, &[("state", state.word())], number(*n));
    }
    for (state, _, n_overdue) in &open.requests {
        page.add(&f::OVERDUE, &[("state", state.word())], number(*n_overdue));
    }
    let mut tasks = BTreeMap::<_, u64>::new();
    for (connection, state, needs_person, n) in &open.tasks {
        let labels = (name(names, *connection), state.word(), *needs_person);
        *tasks.entry(labels).or_default() += n;
    }
    for ((connection, state, needs_person), n) in tasks {
        let waits = if needs_person { "yes" } else { "no" };
        let labels = [("connection", connection), ("state", state), ("needs_person", waits)];
        page.add(&f::TASKS, &labels, number(n));
    }
    let mut ended = BTreeMap::<_, u64>::new();
    let all = app.store().ended();
    for ((connection, outcome, proof), n) in &all {
        *ended.entry((name(names, *connection), outcome, proof)).or_default() += n;
    }
    for ((connection, outcome, proof), n) in ended {
        let labels = [("connection", connection), ("outcome", outcome), ("proof", proof)];
        page.add(&f::ENDED, &labels, number(n));
    }
    Ok(())
}

async fn due(
    app: &App,
    page: &mut Page,
    connections: &[Connection],
    now: Instant,
) -> Result<(), StoreError> {
    let mut all = Vec::with_capacity(connections.len());
    for connection in connections {
        let due = app.store().due_work(connection.id, now).await?;
        let kinds = [("task", due.tasks), ("batch", due.batches), ("job", due.jobs)];
        all.push((&*connection.name, kinds, due.open_intents));
    }
    let kinds = || all.iter().flat_map(|(name, kinds, _)| kinds.iter().map(|one| (*name, one)));
    for (connection, (kind, due)) in kinds() {
        for (age, n) in AGES.iter().zip(due.by_age) {
            let age = age.to_string();
            let labels = [("connection", connection), ("kind", *kind), ("for_seconds", &*age)];
            page.add(&f::DUE, &labels, number(n));
        }
    }
    for (connection, (kind, due)) in kinds() {
        let age = due.oldest.map_or(0.0, |oldest| seconds(oldest, now));
        page.add(&f::OLDEST_DUE, &[("connection", connection), ("kind", *kind)], age);
    }
    for (connection, _, n) in &all {
        page.add(&f::OPEN_INTENTS, &[("connection", connection)], number(*n));
    }
    Ok(())
}

async fn vendors(
    app: &App,
    page: &mut Page,
    connections: &[Connection],
    names: &Names,
    now: Instant,
) -> Result<(), StoreError> {
    for connection in connections {
        let is_paused = connection.paused.is_some();
        page.add(&f::PAUSED, &[("connection", &connection.name)], u8::from(is_paused).into());
    }
    let is_paused = controls::is_paused(app.store()).await?;
    page.add(&f::ENGINE_PAUSED, &[], u8::from(is_paused).into());
    let meters = &app.measured().meters;
    let limits = meters.limits(now);
    let limits = || {
        let known = limits.iter().filter_map(|(id, all)| Some((names.get(id)?, all)));
        known.flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
    };
    for (connection, standing) in limits() {
        let labels = [("connection", &**connection), ("limit", standing.limit)];
        if let Some(left) = standing.left {
            page.add(&f::LIMIT_LEFT, &labels, left.into());
        }
    }
    for (connection, standing) in limits() {
        let labels = [("connection", &**connection), ("limit", standing.limit)];
        page.add(&f::LIMIT_WAIT, &labels, standing.wait.as_secs_f64());
    }
    for ([connector, method, class], histogram) in &meters.calls().read() {
        let labels = [("connector", &**connector), ("method", method), ("answer", class)];
        page.add_histogram(&f::CALLS, &labels, histogram);
    }
    for ([connector, step], histogram) in &meters.steps().read() {
        page.add_histogram(&f::STEPS, &[("connector", connector), ("step", step)], histogram);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a lease lasts seconds")]
async fn leases(app: &App, page: &mut Page, names: &Names) -> Result<(), StoreError> {
    let me = app.holder();
    let time = me.time();
    for row in app.store().leases().await? {
        let (lease, connection) = match row.name.split_once(':') {
            None => (row.name.as_str(), ""),
            Some((lease, id)) => match id.parse().ok().and_then(|id| names.get(&id)) {
                // Of a connection that was removed.
                None => continue,
                Some(name) => (lease, name.as_str()),
            },
        };
        let is_held = row.is_held(&time) && !(me.is_gone)(&row.holder);
        let left = if is_held { row.until.millis - time.millis } else { 0 };
        let by = match is_held {
            false => "nobody",
            true if row.holder == me.name => "this",
            true => "another",
        };
        let labels = [("lease", lease), ("connection", connection), ("held_by", by)];
        page.add(&f::LEASE_LEFT, &labels, left as f64 / 1000.0);
    }
    Ok(())
}

async fn journal(app: &App, page: &mut Page, now: Instant) -> Result<(), StoreError> {
    if let Some((seq, at)) = app.store().newest_entry().await? {
        page.add(&f::JOURNAL, &[], number(seq.try_into().unwrap_or_default()));
        page.add(&f::JOURNAL_AGE, &[], seconds(at, now));
    }
    Ok(())
}

async fn endpoints(app: &App, page: &mut Page, now: Instant) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for Standing { endpoint, .. } in app.store().endpoints().await? {
        all.push((app.store().untold(endpoint.id).await?, endpoint));
    }
    let mut add = |family, value: &dyn Fn(&Untold, &Endpoint) -> f64| {
        for (untold, endpoint) in &all {
            let labels = [("endpoint", &*endpoint.name), ("kind", endpoint.target.kind())];
            page.add(family, &labels, value(untold, endpoint));
        }
    };
    add(&f::UNTOLD, &|untold, _| number(untold.waiting));
    add(&f::UNTOLD_AGE, &|untold, _| untold.oldest.map_or(0.0, |oldest| seconds(oldest, now)));
    add(&f::DEAD, &|untold, _| number(untold.dead));
    add(&f::DISABLED, &|_, endpoint| u8::from(endpoint.disabled.is_some()).into());
    Ok(())
}

/// Seconds from one instant to another, and none where the clock went back.
fn seconds(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
