//! Whether deletions take longer beside a long history than beside a short one.

use anyhow::{Context, Result};

use super::api::Api;
use super::binary_size::megabytes;
use super::history::History;
use super::intake::MOST_MEMORY;
use super::million::{N_FINISHED, history};
use super::throughput::{per_second, stop};
use super::{Bound, Figure, Options};
use crate::postgres::{DURABLE, Server};
use crate::screen;

const N_PEOPLE: usize = 20_000;
/// A history that is short.
const SHORT: usize = 10_000;
/// The machine is shared: one pair of runs says little.
const PAIRS: usize = 3;

/// Beside histories that lie in files.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    compare(history(options)?, || History::copy_of("history", SHORT, options))
}

/// Beside histories that lie in databases of a server of PostgreSQL on the same machine, with its own
/// defaults. They are made for it, which takes the better part of an hour.
pub(super) fn over_postgres(options: &Options) -> Result<Vec<Figure>> {
    let server = Server::start(DURABLE)?;
    let n_people = options.n_people.unwrap_or(N_FINISHED);
    let long = History::over(&server, "long_history", n_people, options)?;
    drop(History::over(&server, "short_history", SHORT, options)?);
    let figures = compare(long, || History::copy_over(&server, "short_history", SHORT, options))?;
    server.end()?;
    Ok(figures)
}

/// Carries out deletions beside either, in turns; the middle pair counts.
fn compare(mut long: History, short: impl Fn() -> Result<History>) -> Result<Vec<Figure>> {
    let (mut pairs, mut held) = (Vec::new(), 0);
    for _ in 0..PAIRS {
        // As short each time: what is carried out beside it stays in it.
        let (before, _) = rate(&mut short()?)?;
        let (after, memory) = rate(&mut long)?;
        held = held.max(memory);
        screen::complain(&format!(
            "{before:.0} a second beside {SHORT}, {after:.0} beside the long one"
        ));
        pairs.push((before / after, before, after));
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let told: Vec<_> =
        pairs.iter().map(|(_, short, long)| format!("{short:.0} to {long:.0}")).collect();
    let (value, ..) = *pairs.get(pairs.len() / 2).context("there were no runs")?;
    let setup = format!(
        "the time of {N_PEOPLE} deletions beside {}, to the time beside {SHORT}, in turns; deletions a \
         second, pair by pair: {}",
        long.facts.told(),
        told.join(", ")
    );
    Ok(vec![
        Figure::new("aged", value, "", Bound::AtMost(1.2), &setup),
        Figure::new(
            "aged memory",
            megabytes(held),
            "MB",
            MOST_MEMORY,
            "VmHWM of the server under those deletions beside the long history, the most of the runs",
        ),
    ])
}

/// Deletions a second, and how many bytes the server held at most.
fn rate(history: &mut History) -> Result<(f64, u64)> {
    let csv = history.next_people(N_PEOPLE)?;
    let api = Api::start(&history.world, &history.facts.token)?;
    let took = history.carry_out(&csv, &api)?;
    let used = api.process.usage()?;
    stop(api.process)?;
    history.save()?;
    screen::complain(&format!(
        "the server held {} MB at most and used {:.1} s of processor time",
        used.peak_memory_bytes / 1_000_000,
        used.cpu.as_secs_f64()
    ));
    Ok((per_second(N_PEOPLE, took), used.peak_memory_bytes))
}
