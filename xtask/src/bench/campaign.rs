//! A campaign of deletions that takes the vendor's quota of many months: 1,000,000 people from one file,
//! with the documented limits on, in virtual time.

use std::collections::HashMap;
use std::io::BufReader;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::binary_size::megabytes;
use super::deletions::{PROFILE_CALLS, Setup};
use super::intake::MOST_MEMORY;
use super::throughput::stop;
use super::{Bound, Figure, Options};
use crate::world::{Spaces, World, at};

const N_PEOPLE: usize = 1_000_000;
/// So many people in a calendar month, at most.
const QUOTA: usize = 110_000;
const CALLS_PER_PERSON: usize = 6;
/// What the Profile API takes in a second.
const LOOKUPS_A_SECOND: f64 = 100.0;
/// Looked up by one identifier before, and by five after.
const LOOKUPS_TO_SEND: usize = 1;
const LOOKUPS_TO_CONFIRM: usize = 5;
/// What the engine may add to the time that the limits alone would take.
const AT_MOST: Bound = Bound::AtMost(1.1);
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// Carries the campaign out, and reads off the twin and the journal what each month saw.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let n_people = options.n_people.unwrap_or(N_PEOPLE);
    let setup =
        Setup { limits: true, latency_ms: 0, switches: &[], ..Setup::fast("campaign", n_people) };
    ensure!(setup.spaces == Spaces::First, "each person is looked up in one space");
    let stage = setup.stage(options)?;
    let mut run = stage.begin()?;
    let took = stage.wait(&mut run, (PROFILE_CALLS, CALLS_PER_PERSON * n_people), LIMIT)?;
    let held = run.engine.usage()?.peak_memory_bytes;
    stop(run.engine)?;
    let months = months(&stage.world)?;
    let n_sent: usize = months.iter().map(|month| month.n_people).sum();
    ensure!(n_sent == n_people, "the twin was told of {n_sent} people");
    let stretches = stretches(&stage.world)?;
    let n_confirmed: usize = stretches.iter().map(|stretch| stretch.n_confirmed).sum();
    ensure!(n_confirmed == n_people, "only {n_confirmed} deletions are confirmed");
    let told: Vec<String> = months.iter().map(Month::told).collect();
    let told_ends: Vec<String> = stretches.iter().map(Stretch::told).collect();
    let setup = format!(
        "{n_people} deletions by e-mail from one file, with the documented limits on, in virtual time, \
         in {:.0} s of real time; {n_confirmed} confirmed; month by month: {}",
        took.as_secs_f64(),
        told.join("; ")
    );
    let confirming_told = format!(
        "from the first poll that sees an end to the last confirmation, to the time that five look-ups for \
         each of the people take; jobs whose ends are seen while others are looked up go together; the \
         worst of {}",
        told_ends.join("; ")
    );
    let most = months.iter().map(|month| month.n_people).max().unwrap_or_default();
    let sending = months.iter().map(Month::ratio).fold(0.0, f64::max);
    let confirming = stretches.iter().map(Stretch::ratio).fold(0.0, f64::max);
    let n_months = n_people.div_ceil(QUOTA);
    Ok(vec![
        // No fewer than the quota allows.
        Figure::new(
            "campaign, months",
            count(months.len()),
            "",
            Bound::AtMost(count(n_months)),
            &setup,
        ),
        Figure::new(
            "campaign, people in a month",
            count(most),
            "",
            Bound::AtMost(count(QUOTA)),
            "the most, as the twin counts them",
        ),
        Figure::new(
            "campaign, sending",
            sending,
            "",
            AT_MOST,
            "from the import, or from the beginning of the month, to the month's last create call, to the \
             time that one look-up for each of its people takes at 100 a second; the worst month",
        ),
        Figure::new("campaign, confirming", confirming, "", AT_MOST, &confirming_told),
        Figure::new(
            "campaign, memory",
            megabytes(held),
            "MB",
            MOST_MEMORY,
            "VmHWM of the server that carried it out",
        ),
    ])
}

/// A calendar month in which something was sent.
struct Month {
    first_day: Date,
    /// Whom the twin was told to delete.
    n_people: usize,
    /// From when on they could be sent.
    begins: Timestamp,
    last_sent: Timestamp,
}

impl Month {
    fn ratio(&self) -> f64 {
        self.last_sent.duration_since(self.begins).as_secs_f64()
            / lookups(self.n_people * LOOKUPS_TO_SEND).as_secs_f64()
    }

    fn told(&self) -> String {
        let (month, n) = (self.first_day.strftime("%Y-%m"), self.n_people);
        format!("{month}: {n} people in {:.3}", self.ratio())
    }
}

/// What was sent in each month, as the twin saw it.
fn months(world: &World) -> Result<Vec<Month>> {
    let mut imported = None;
    each(world, "request.received", |entry| {
        imported.get_or_insert(entry.at);
    })?;
    let imported = imported.context("nothing was received")?;
    let regulations = world.ask("/audit/segment")?["regulations"].take();
    let mut sent = Vec::new();
    for regulation in regulations.as_array().context("the twin shows no regulations")? {
        let n = regulation["subject_ids"].as_array().map_or(0, Vec::len);
        sent.push((at(&regulation["created_at"])?, n));
    }
    sent.sort_unstable();
    let mut months: Vec<Month> = Vec::new();
    for (last_sent, n_people) in sent {
        let first_day = last_sent.to_zoned(TimeZone::UTC).date().first_of_month();
        match months.last_mut() {
            Some(month) if month.first_day == first_day => {
                month.n_people += n_people;
                month.last_sent = last_sent;
            }
            _ => {
                let begins = first_day.to_zoned(TimeZone::UTC)?.timestamp().max(imported);
                months.push(Month { first_day, n_people, begins, last_sent });
            }
        }
    }
    Ok(months)
}

/// A time in which somebody had to be looked up all along.
struct Stretch {
    begins: Timestamp,
    n_people: usize,
    last_confirmed: Option<Timestamp>,
    n_confirmed: usize,
}

impl Stretch {
    /// How long the limits alone would let it take.
    fn least(&self) -> Duration {
        lookups(self.n_people * LOOKUPS_TO_CONFIRM)
    }

    fn ratio(&self) -> f64 {
        let took = |to: Timestamp| to.duration_since(self.begins).as_secs_f64();
        self.last_confirmed.map_or(f64::INFINITY, took) / self.least().as_secs_f64()
    }

    fn told(&self) -> String {
        let (day, n) = (self.begins.strftime("%Y-%m-%d"), self.n_people);
        format!("{day}: {n} people in {:.3}", self.ratio())
    }
}

/// When ends of jobs were seen, and what came of it.
fn stretches(world: &World) -> Result<Vec<Stretch>> {
    let mut n_members = HashMap::new();
    each(world, "intent.written", |entry| {
        n_members.extend(entry.job.zip(entry.facts.n_members));
    })?;
    let mut stretches: Vec<Stretch> = Vec::new();
    each(world, "job.ended", |entry| {
        let n_people = entry.job.and_then(|job| n_members.remove(&job)).unwrap_or_default();
        match stretches.last_mut() {
            Some(stretch) if entry.at <= stretch.begins + stretch.least() => {
                stretch.n_people += n_people;
            }
            _ => {
                let (begins, last_confirmed, n_confirmed) = (entry.at, None, 0);
                stretches.push(Stretch { begins, n_people, last_confirmed, n_confirmed });
            }
        }
    })?;
    each(world, "task.moved", |entry| {
        let is_end = entry.facts.to.as_deref() == Some("ended");
        let stretch = stretches.iter_mut().rfind(|stretch| stretch.begins <= entry.at);
        if is_end && let Some(stretch) = stretch {
            stretch.last_confirmed = Some(entry.at);
            stretch.n_confirmed += usize::from(entry.facts.proof.as_deref() == Some("confirmed"));
        }
    })?;
    Ok(stretches)
}

/// How long so many look-ups take at least.
fn lookups(n: usize) -> Duration {
    Duration::from_secs_f64(count(n) / LOOKUPS_A_SECOND)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

/// An entry of the journal, as far as it is needed here.
#[derive(Deserialize)]
struct Entry {
    at: Timestamp,
    job: Option<String>,
    #[serde(default)]
    facts: Facts,
}

#[derive(Default, Deserialize)]
struct Facts {
    n_members: Option<usize>,
    to: Option<String>,
    proof: Option<String>,
}

/// Reads the entries of one kind, of which there may be too many to hold.
fn each(world: &World, event: &str, mut read: impl FnMut(Entry)) -> Result<()> {
    let mut journal = world.habeas(["journal", "--json", "--event", event])?;
    let mut journal = journal.stdout(Stdio::piped()).spawn().context("start habeas journal")?;
    let printed = BufReader::new(journal.stdout.take().context("read the journal")?);
    for entry in serde_json::Deserializer::from_reader(printed).into_iter() {
        read(entry.context("read an entry of the journal")?);
    }
    ensure!(journal.wait()?.success(), "habeas journal failed");
    Ok(())
}
