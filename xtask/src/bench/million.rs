//! How long a page of the list and a request take to be shown beside a million finished requests, by the
//! API, with several programs asking at once.

use anyhow::{Result, ensure};
use serde_json::json;

use super::api::{Api, Client, Times};
use super::binary_size::megabytes;
use super::deletions::StoreSize;
use super::history::{Facts, History};
use super::intake::MOST_MEMORY;
use super::throughput::stop;
use super::{Bound, Figure, Options};
use crate::world::CONNECTION;

/// The length of the history, unless it is asked for another.
pub(super) const N_FINISHED: usize = 1_000_000;
const N_CLIENTS: usize = 4;
const N_CALLS: usize = 2_000;
const SOON_ENOUGH: Bound = Bound::AtMost(20.0);

/// The history that figures about a long one are measured on.
pub(super) fn history(options: &Options) -> Result<History> {
    History::of("history", options.n_people.unwrap_or(N_FINISHED), options)
}

/// A request that was carried out leaves so many entries in the journal.
const LEAST_ENTRIES: u64 = 12;

/// Pages through lists by every filter, and shows and finds requests here and there.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let history = history(options)?;
    let facts = &history.facts;
    let size = StoreSize::of(&history.world)?;
    let (n_entries, n_requests) = (size.n_rows("journal"), size.n_rows("request"));
    ensure!(
        n_entries >= LEAST_ENTRIES * n_requests,
        "{n_entries} entries of the journal are no true history of {n_requests} requests"
    );
    let api = Api::start(&history.world, &facts.token)?;
    let (mut worst, mut told) = (0.0_f64, Vec::new());
    for (name, path) in lists() {
        let times = ask(&api, |n, client| {
            let path = path.replace("{after}", facts.any(n)?);
            let (page, took) = client.get(&path)?;
            ensure!(page["requests"].is_array(), "{path} has no requests");
            Ok(took)
        })?;
        worst = worst.max(times.percentile(99)?);
        told.push(format!("{name}: {}", times.told()?));
    }
    let show = ask(&api, |n, client| Ok(client.get(&format!("/requests/{}", facts.any(n)?))?.1))?;
    let find = ask(&api, |n, client| find(facts, n, client))?;
    let held = megabytes(api.process.usage()?.peak_memory_bytes);
    stop(api.process)?;
    let calls = format!("{N_CALLS} calls each by {N_CLIENTS} clients at once, pages of 50");
    let setup = format!("{}; {}; {calls}", facts.told(), size.told());
    let list = format!("the slowest p99 of {}; {setup}", told.join(", "));
    let figure = |name, times: &Times| {
        let told = format!("{}; {calls}", times.told()?);
        Ok::<_, anyhow::Error>(Figure::new(name, times.percentile(99)?, "ms", SOON_ENOUGH, &told))
    };
    Ok(vec![
        Figure::new("list", worst, "ms", SOON_ENOUGH, &list),
        figure("show", &show)?,
        figure("find", &find)?,
        Figure::new(
            "reading memory",
            held,
            "MB",
            MOST_MEMORY,
            "VmHWM of the server that showed it",
        ),
    ])
}

/// Every filter alone, what fits few and what fits most, and several together; `{after}` is a request
/// anywhere in the history.
fn lists() -> Vec<(&'static str, String)> {
    let list = |query: &str| format!("/requests?{query}");
    let miss = |query: &str, page: &str| list(&format!("{query}&connection={CONNECTION}&{page}"));
    vec![
        ("the first page", list("limit=50")),
        ("pages anywhere", list("after={after}")),
        ("needs_me", list("needs_me=true")),
        ("overdue", list("overdue=true")),
        ("state=answering", list("state=answering")),
        ("state=reviewing", list("state=reviewing")),
        ("state=closed anywhere", list("state=closed&after={after}")),
        ("right=access", list("right=access")),
        ("right=deletion anywhere", list("right=deletion&after={after}")),
        ("a connection anywhere", list(&format!("connection={CONNECTION}&after={{after}}"))),
        (
            "state, right and connection anywhere",
            list(&format!("state=closed&right=deletion&connection={CONNECTION}&after={{after}}")),
        ),
        ("a right and a connection that nothing fits", miss("right=correction", "limit=50")),
        (
            "state, right and connection that nothing fits anywhere",
            miss("state=closed&right=correction", "after={after}"),
        ),
        ("a state and a right that nothing fits", list("state=closed&right=correction")),
        ("needs_me that nothing fits", list("needs_me=true&right=correction")),
    ]
}

fn ask(
    api: &Api,
    call: impl Fn(usize, &mut Client) -> Result<std::time::Duration> + Sync,
) -> Result<Times> {
    let each = N_CALLS / N_CLIENTS;
    let times = api.side_by_side(N_CLIENTS, |client, it| {
        (client * each..(client + 1) * each).map(|n| call(n, it)).collect::<Result<Vec<_>>>()
    })?;
    Ok(Times::of(times.into_iter().flatten()))
}

/// Finds a request by the name that another system has for it.
fn find(facts: &Facts, n: usize, client: &mut Client) -> Result<std::time::Duration> {
    let n = n.wrapping_mul(7_919) % facts.n_finished.max(1);
    let (answer, took) =
        client.post("/requests/find", &json!({"text": format!("deletion-{n}")}))?;
    ensure!(answer.status == 200, "find {n}: {} {}", answer.status, answer.body);
    Ok(took)
}
