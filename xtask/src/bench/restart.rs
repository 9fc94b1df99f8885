//! How soon a server is ready again that was killed while requests came in, beside a long history.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::api::Api;
use super::binary_size::megabytes;
use super::history::History;
use super::intake::{MOST_MEMORY, request};
use super::million::history;
use super::start::median;
use super::throughput::stop;
use super::{Bound, Figure, Options};

const N_KILLS: usize = 5;
const N_CLIENTS: usize = 8;
/// How long requests come in before each kill.
const WHILE: Duration = Duration::from_secs(3);
/// More than a client can send in that time.
const MOST_SENT: usize = 10_000;

/// Kills it again and again.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut history = history(options)?;
    let mut api = Api::start(&history.world, &history.facts.token)?;
    let (mut times, mut told, mut held) = (Vec::new(), Vec::new(), 0);
    for _ in 0..N_KILLS {
        let (n_wal, under_load) = kill_under_load(&mut history, &mut api)?;
        held = held.max(under_load);
        api = Api::start(&history.world, &history.facts.token)?;
        let by_then = api.process.usage()?.cpu;
        let (_, first_page) = api.client()?.get("/requests")?;
        held = held.max(api.process.usage()?.peak_memory_bytes);
        times.push(api.ready_in);
        told.push(format!(
            "{:.3} s, {:.3} s of processor time, with a log of {:.0} MB, its first page {:.0} ms later",
            api.ready_in.as_secs_f64(),
            by_then.as_secs_f64(),
            megabytes(n_wal),
            first_page.as_secs_f64() * 1000.0
        ));
    }
    stop(api.process)?;
    let setup = format!(
        "median of {N_KILLS} starts, each after kill -9 under {N_CLIENTS} clients that send requests, from \
         the start of the process to the line that says it is ready: {}; beside {}",
        told.join(", "),
        history.facts.told()
    );
    let value = median(times)?.as_secs_f64();
    let held = megabytes(held);
    Ok(vec![
        Figure::new("restart", value, "s", Bound::AtMost(0.3), &setup),
        Figure::new(
            "restart memory",
            held,
            "MB",
            MOST_MEMORY,
            "VmHWM of these servers, under load and when they took over, the most of all",
        ),
    ])
}

/// Kills the server while clients send; how many bytes its log holds then, and it held in memory.
fn kill_under_load(history: &mut History, api: &mut Api) -> Result<(u64, u64)> {
    let numbers = history.strangers(N_CLIENTS * MOST_SENT)?;
    let clients = (0..N_CLIENTS).map(|_| api.client()).collect::<Result<Vec<_>>>()?;
    let held = thread::scope(|scope| {
        for (mut client, from) in clients.into_iter().zip(numbers.step_by(MOST_SENT)) {
            // Ends when the server does.
            scope.spawn(move || {
                (from..from + MOST_SENT).all(|n| client.post("/requests", &request(n)).is_ok())
            });
        }
        api.process.run_for(WHILE)?;
        let held = api.process.usage()?.peak_memory_bytes;
        api.process.kill().map(|_| held)
    })?;
    let log = history.world.folder().join("data/habeas.db-wal");
    Ok((fs::metadata(log).context("look at the log")?.len(), held))
}
