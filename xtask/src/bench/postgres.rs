//! How many deletions a second one process carries out over PostgreSQL, and over a file at the same time of day.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::deletions::{PROFILE_CALLS, Setup};
use super::throughput::{CALLS_PER_PERSON, N_PEOPLE, middle, per_second, stop};
use super::{Bound, Figure, Options};
use crate::postgres::{DURABLE, Server};
use crate::screen;

const LIMIT: Duration = Duration::from_secs(600);
const PAIRS: usize = 3;

/// Runs over one and then over the other, several times; the middle ones count.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let server = Server::start(DURABLE)?;
    let (mut rates, mut files, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..PAIRS {
        let name = format!("bench_{n}");
        server.run(&format!("CREATE DATABASE {name}"))?;
        let over = run(options, Some(server.url_of(&name)))?;
        let file = run(options, None)?;
        let told = format!("{:.0} to {:.0} a second", over.value, file.value);
        screen::complain(&told);
        let share = over.value / file.value;
        shares.push(Figure::new("postgres to file", share, "", Bound::None, &told));
        rates.push(over);
        files.push(file);
    }
    server.end()?;
    Ok(vec![middle(rates)?, middle(files)?, middle(shares)?])
}

fn run(options: &Options, database: Option<String>) -> Result<Figure> {
    let n_people = options.n_people.unwrap_or(N_PEOPLE);
    let (name, bound) = match &database {
        Some(_) => ("postgres", Bound::AtLeast(700.0)),
        None => ("file", Bound::None),
    };
    let stage = Setup::fast("postgres", n_people).stage_over(options, database)?;
    let mut run = stage.begin()?;
    let time = stage.wait(&mut run, (PROFILE_CALLS, CALLS_PER_PERSON * n_people), LIMIT)?;
    let used = run.engine.usage()?;
    stop(run.engine)?;
    let n_confirmed = stage.n_proven("confirmed")?;
    ensure!(n_confirmed == n_people, "only {n_confirmed} deletions are confirmed");
    let setup = format!(
        "{n_people} deletions as for `throughput`, by one `habeas serve`; the server of PostgreSQL on the same \
         machine, over a socket, with its own defaults; all confirmed; the engine used {:.1} s of processor \
         time and {} MB at most",
        used.cpu.as_secs_f64(),
        used.peak_memory_bytes / 1_000_000,
    );
    let name = format!("throughput over {name}");
    Ok(Figure::new(&name, per_second(n_people, time), "deletions/s", bound, &setup))
}
