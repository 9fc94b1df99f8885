//! The twin's books against ours: nothing lost, nothing done twice without a record, nothing called
//! done that isn't, and everything ended or visibly waiting for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Report;
use crate::process::Process;
use crate::world::{Person, World};

/// How often the engine is asked whether anything is left to do.
const LOOK: Duration = Duration::from_millis(500);
/// More than any command lists.
const ALL: &str = "1000000";

/// What was asked of the engine: files of requests, each row a right and a person.
#[derive(Debug, Default)]
pub struct Asked {
    files: Vec<(PathBuf, Vec<(&'static str, Person)>)>,
}

impl Asked {
    /// Writes another file of requests and says where it lies.
    pub fn write(&mut self, world: &World, rows: Vec<(&'static str, Person)>) -> Result<PathBuf> {
        let name = format!("requests-{}.csv", self.files.len());
        let path =
            world.write_csv(&name, "email", rows.iter().map(|(right, who)| (*right, who)))?;
        self.files.push((path.clone(), rows));
        Ok(path)
    }

    /// Imports every file again, as one does after a crash, and maps each request to its row.
    fn import_again(&self, world: &World) -> Result<BTreeMap<String, (&'static str, Person)>> {
        let mut rows = BTreeMap::new();
        let result = world.folder().join("result.csv");
        for (path, asked) in &self.files {
            let text =
                |path: &PathBuf| path.to_str().map(str::to_owned).context("a name is no text");
            world.run(&["import", &text(path)?, "--result", &text(&result)?])?;
            let lines = fs::read_to_string(&result).context("read the result of an import")?;
            let ids: Vec<&str> =
                lines.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
            ensure!(ids.len() == asked.len(), "an import told {} rows", ids.len());
            rows.extend(ids.iter().map(|id| (*id).to_owned()).zip(asked.iter().cloned()));
        }
        Ok(rows)
    }
}

/// Imports all files again and runs the engine until nothing moves any more but by a person.
pub fn finish(world: &World, asked: &Asked, engine: &Process, within: Duration) -> Result<()> {
    asked.import_again(world)?;
    world.let_time_jump()?;
    let began = Instant::now();
    loop {
        let moving = n_moving(world)?;
        if moving == 0 {
            return Ok(());
        }
        ensure!(began.elapsed() < within, "{moving} requests still move after {within:?}");
        engine.run_for(LOOK)?;
    }
}

/// How many requests go on by themselves.
pub fn n_moving(world: &World) -> Result<usize> {
    Ok(moving(world)?.len())
}

/// What is under way for them, in words.
pub fn told_of_moving(world: &World) -> Result<String> {
    let mut told = BTreeMap::<String, usize>::new();
    for request in moving(world)? {
        let tasks = request["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        let states: Vec<&str> = tasks.iter().filter_map(|task| task["state"].as_str()).collect();
        let of = request["right"].as_str().unwrap_or("");
        *told.entry(format!("{of} {}", states.join(" and "))).or_default() += 1;
    }
    Ok(told.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", "))
}

fn moving(world: &World) -> Result<Vec<Value>> {
    let open = ["--state", "received", "--state", "in progress", "--limit", ALL];
    Ok(world.requests(&open)?.into_iter().filter(|request| !waits(request)).collect())
}

/// Whether nothing of a request goes on before a person has done something.
fn waits(request: &Value) -> bool {
    let tasks = request["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    let is_open = |task: &&Value| task["state"] != "ended";
    !tasks.is_empty() && tasks.iter().filter(is_open).all(|task| task["needs_a_person"] == true)
}

/// Compares; the engine should have nothing left to do.
pub fn compare(world: &World, asked: &Asked) -> Result<Report> {
    let mut report = Report { lines: Vec::new(), broken: Vec::new() };
    let rows = asked.import_again(world)?;
    let requests = world.requests(&["--limit", ALL])?;
    nothing_is_lost(&rows, &requests, &mut report);
    every_call_has_a_record(world, &mut report)?;
    no_false_done(world, &rows, &requests, &mut report)?;
    Ok(report)
}

fn nothing_is_lost(
    rows: &BTreeMap<String, (&'static str, Person)>,
    requests: &[Value],
    report: &mut Report,
) {
    let known: BTreeSet<&str> = requests.iter().filter_map(|one| one["id"].as_str()).collect();
    let n_lost = rows.keys().filter(|id| !known.contains(id.as_str())).count();
    if n_lost > 0 || rows.len() != requests.len() {
        let (asked, there) = (rows.len(), requests.len());
        report.broken.push(format!("{asked} requests came in, {there} are there, {n_lost} lost"));
    }
    let stuck = requests.iter().filter(|one| one["state"] == "in progress" && !waits(one)).count();
    if stuck > 0 {
        report.broken.push(format!("{stuck} requests neither ended nor wait for a person"));
    }
    let for_person = requests.iter().filter(|one| one["state"] == "in progress").count();
    let n = requests.len();
    report.lines.push(format!("{n} requests, each there; {for_person} wait for a person"));
}

/// Each regulation of the twin belongs to exactly one intent that was answered or reconciled.
fn every_call_has_a_record(world: &World, report: &mut Report) -> Result<()> {
    let audit = world.ask("/audit/segment")?;
    let regulations = audit["regulations"].as_array().context("the twin shows no regulations")?;
    let started = world.journal_of("job.started")?;
    let n_repeated = world.journal_of("intent.repeated")?.len();
    let (written, ended) = intents(world)?;
    let mut records: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &started {
        *records.entry(entry["facts"]["vendor_ref"].as_str().unwrap_or("")).or_default() += 1;
    }
    let mut n_named: BTreeMap<&str, usize> = BTreeMap::new();
    for regulation in regulations {
        let id = regulation["id"].as_str().unwrap_or("");
        let n = records.remove(id).unwrap_or(0);
        if n != 1 && n_repeated == 0 {
            report.broken.push(format!("the regulation {id} has {n} records"));
        }
        for subject in regulation["subject_ids"].as_array().into_iter().flatten() {
            *n_named.entry(subject.as_str().unwrap_or("")).or_default() += 1;
        }
    }
    for id in records.keys() {
        report.broken.push(format!("the journal names {id}, which the twin doesn't know"));
    }
    let n_twice = n_named.values().filter(|n| **n > 1).count();
    if n_twice > n_repeated {
        let what = format!("{n_twice} people were sent twice, {n_repeated} repeats are on record");
        report.broken.push(what);
    }
    for (intent, n) in &ended {
        if *n != 1 || !written.contains(intent) {
            report.broken.push(format!("the intent {intent} has {n} outcomes"));
        }
    }
    let n_open = written.iter().filter(|intent| !ended.contains_key(*intent)).count();
    if n_open > 0 {
        report.broken.push(format!("{n_open} intents were never accounted for"));
    }
    let n_reconciled = world.journal_of("intent.reconciled")?.len();
    report.lines.push(format!(
        "{} regulations at the twin, {} intents ({n_reconciled} reconciled, {n_repeated} repeated), \
         {n_twice} people named twice",
        regulations.len(),
        written.len()
    ));
    Ok(())
}

/// The intents that were written, and how many outcomes each has.
pub fn intents(world: &World) -> Result<(BTreeSet<String>, BTreeMap<String, usize>)> {
    let id = |entry: &Value| entry["intent"].as_str().unwrap_or("").to_owned();
    // Outcomes first: what is written in between then counts as open, which it is.
    let mut ended = BTreeMap::new();
    for event in ["intent.answered", "intent.reconciled"] {
        for entry in world.journal_of(event)? {
            *ended.entry(id(&entry)).or_default() += 1;
        }
    }
    let written = world.journal_of("intent.written")?.iter().map(id).collect();
    Ok((written, ended))
}

/// The intents that have no outcome yet.
pub fn open_intents(world: &World) -> Result<BTreeSet<String>> {
    let (written, ended) = intents(world)?;
    Ok(written.into_iter().filter(|intent| !ended.contains_key(intent)).collect())
}

/// Whoever is confirmed as deleted is not there any more.
fn no_false_done(
    world: &World,
    rows: &BTreeMap<String, (&'static str, Person)>,
    requests: &[Value],
    report: &mut Report,
) -> Result<()> {
    let mut n_confirmed = 0;
    for request in requests.iter().filter(|one| one["right"] == "deletion") {
        let tasks = request["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        if !tasks.iter().any(|task| task["proof"]["proof"] == "confirmed") {
            continue;
        }
        n_confirmed += 1;
        let id = request["id"].as_str().unwrap_or("");
        let (_, person) = rows.get(id).with_context(|| format!("nobody asked for {id}"))?;
        if world.is_present(person)? {
            report.broken.push(format!("{id} is called confirmed, and the person is still there"));
        }
    }
    report.lines.push(format!("{n_confirmed} deletions confirmed, each absent at the twin"));
    Ok(())
}
