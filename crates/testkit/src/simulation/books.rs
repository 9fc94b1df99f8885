//! What must be true at the end of a run, whatever happened: the twin's books against ours.

use std::collections::{BTreeMap, BTreeSet};

use domain::journal::{Actor, Entry, Event};
use domain::{Instant, Proof, Right, Task, TaskState};
use serde_json::Value;

use super::presence;
use super::world::World;

/// The operation that makes a change at the twin.
const CHANGE: &str = "create_regulation";

/// Looks at everything, and says what is broken.
pub async fn check(world: &World) -> anyhow::Result<Vec<String>> {
    let entries: Vec<Entry> = world.entries().await?.into_iter().map(|(_, entry)| entry).collect();
    let changes = world.stage.changes().await?;
    let mut broken = world.broken.clone();
    every_request_ended_or_waits(world, &mut broken).await?;
    every_call_has_a_record(&entries, &changes, &mut broken);
    every_repeat_is_marked(&entries, &mut broken);
    everything_sent_was_approved(world, &entries, &mut broken);
    no_job_ends_before_the_twins(&entries, &changes, &mut broken);
    nothing_is_sent_twice(&entries, &changes, &mut broken);
    only_who_asked_is_named(world, &changes, &mut broken);
    Ok(broken)
}

async fn every_request_ended_or_waits(
    world: &World,
    broken: &mut Vec<String>,
) -> anyhow::Result<()> {
    for request in world.asked.keys() {
        let tasks = world.stage.tasks(*request).await?;
        if tasks.is_empty() {
            broken.push(format!("{request} was forgotten: it has no task"));
        }
        let stuck = |task: &&Task| task.state != TaskState::Ended && !task.needs_a_person();
        for task in tasks.iter().filter(stuck) {
            let wait = task.detail.wait.as_ref().map_or("nothing", |wait| &wait.why);
            let (id, state) = (task.id, task.state);
            broken.push(format!("task {id} of {request} is {state}, and waits for: {wait}"));
        }
        for task in tasks.iter().filter(|task| task.state == TaskState::Ended) {
            if task.detail.outcome.is_none() {
                broken.push(format!("task {} of {request} ended with no outcome", task.id));
            }
        }
    }
    Ok(())
}

/// Each job of the twin is one that the journal says was begun, and each intent has one outcome.
fn every_call_has_a_record(entries: &[Entry], changes: &[Value], broken: &mut Vec<String>) {
    let mut records: BTreeMap<&str, u32> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.event == Event::JobStarted) {
        let vendor_ref = entry.facts.get("vendor_ref").and_then(Value::as_str).unwrap_or("");
        *records.entry(vendor_ref).or_default() += 1;
    }
    let n_repeated = n_repeated(entries);
    let mut n_unknown = 0;
    for change in changes {
        match records.remove(change["id"].as_str().unwrap_or("")) {
            Some(1) => {}
            None => n_unknown += 1,
            Some(n) => broken.push(format!("the journal has {} begun {n} times", change["id"])),
        }
    }
    if n_unknown > n_repeated {
        broken.push(format!(
            "the journal knows nothing of {n_unknown} changes at the twin, and {n_repeated} repeats"
        ));
    }
    for vendor_ref in records.keys().filter(|vendor_ref| !vendor_ref.is_empty()) {
        broken.push(format!("the journal has {vendor_ref} begun, which the twin doesn't know"));
    }
    let mut n_outcomes = BTreeMap::new();
    for entry in entries {
        let n = n_outcomes.entry(entry.intent).or_insert((0, 0));
        match entry.event {
            Event::IntentWritten => n.0 += 1,
            Event::IntentAnswered | Event::IntentReconciled => n.1 += 1,
            _ => {}
        }
    }
    for (intent, (n_written, n_ended)) in n_outcomes {
        if let Some(intent) = intent
            && (n_written, n_ended) != (1, 1)
        {
            broken
                .push(format!("{intent} was written {n_written} times and ended {n_ended} times"));
        }
    }
}

/// What is sent again because the vendor gives no way to tell is a repeat, and on record as one.
fn every_repeat_is_marked(entries: &[Entry], broken: &mut Vec<String>) {
    let intents = |event| entries.iter().filter(move |entry| entry.event == event);
    let marked: BTreeSet<_> =
        intents(Event::IntentRepeated).filter_map(|entry| entry.intent).collect();
    for entry in intents(Event::IntentReconciled) {
        // Without a reason to send again, a person decides.
        let goes_again = entry.facts.get("answer").is_some_and(|word| word == "can't tell")
            && entry.facts.contains_key("why");
        if let Some(intent) = entry.intent
            && goes_again
            && !marked.contains(&intent)
        {
            broken.push(format!(
                "{intent} was given back to be sent again, with no repeat on record"
            ));
        }
    }
}

/// Where a person decides, nothing reached the vendor that nobody has approved in that round.
fn everything_sent_was_approved(world: &World, entries: &[Entry], broken: &mut Vec<String>) {
    if world.scenario.approval != "ask" {
        return;
    }
    let mut approved = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.event == Event::TaskMoved) {
        let round = entry.facts.get("round").and_then(Value::as_u64);
        let task = (entry.task, round);
        match entry.facts.get("by").and_then(Value::as_str) {
            Some("approve") if entry.actor != Actor::Engine => drop(approved.insert(task)),
            Some("submit") if !approved.contains(&task) => {
                let id = entry.task.map(|task| task.to_string()).unwrap_or_default();
                broken.push(format!("{id} was sent, and nobody had approved it"));
            }
            _ => {}
        }
    }
}

/// A job of ours is over no sooner than the twin's.
fn no_job_ends_before_the_twins(entries: &[Entry], changes: &[Value], broken: &mut Vec<String>) {
    let mut jobs = BTreeMap::new();
    for entry in entries {
        match entry.event {
            Event::JobStarted => drop(jobs.insert(entry.job, entry.facts.get("vendor_ref"))),
            Event::JobEnded => {
                let vendor_ref = jobs.get(&entry.job).copied().flatten();
                let theirs = changes.iter().find(|change| Some(&change["id"]) == vendor_ref);
                let is_early = |theirs: &Value| {
                    let finished_at = theirs["finished_at"].as_str().unwrap_or("");
                    finished_at.parse().is_ok_and(|at: Instant| at > entry.at)
                };
                if theirs.is_some_and(is_early) {
                    let id = entry.job.map(|job| job.to_string()).unwrap_or_default();
                    broken.push(format!("{id} was over while the twin was at work on it"));
                }
            }
            _ => {}
        }
    }
}

/// Nobody is named in two changes of a kind that are under way at once, but for repeats on record.
fn nothing_is_sent_twice(entries: &[Entry], changes: &[Value], broken: &mut Vec<String>) {
    let mut open: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
    for change in changes {
        for id in change["subject_ids"].as_array().into_iter().flatten() {
            open.entry((change["type"].to_string(), id.to_string())).or_default().push(change);
        }
    }
    let mut n_twice = 0;
    for changes in open.values_mut() {
        changes.sort_by_key(|change| change["created_at"].to_string());
        n_twice += changes.windows(2).filter(|pair| overlap(pair[0], pair[1])).count();
    }
    let n_repeated = n_repeated(entries);
    if n_twice > n_repeated {
        broken
            .push(format!("{n_twice} people were sent twice, {n_repeated} repeats are on record"));
    }
}

/// Whether one was begun before the other was over.
fn overlap(one: &Value, other: &Value) -> bool {
    match (one["finished_at"].as_str(), other["created_at"].as_str()) {
        (Some(finished_at), Some(created_at)) => {
            let at = |text: &str| text.parse::<Instant>().ok();
            at(created_at) < at(finished_at)
        }
        _ => true,
    }
}

/// Every identifier that the twin was told to act on is one of a person who asked for just that.
fn only_who_asked_is_named(world: &World, changes: &[Value], broken: &mut Vec<String>) {
    let mut theirs: BTreeMap<Right, BTreeSet<String>> = BTreeMap::new();
    for asked in world.asked.values() {
        strings(&asked.person, theirs.entry(asked.right).or_default());
    }
    for change in changes {
        let right = match change["type"].as_str().unwrap_or("") {
            "UNSUPPRESS" => Right::OptIn,
            "SUPPRESS_ONLY" => Right::OptOut,
            _ => Right::Deletion,
        };
        let theirs = theirs.entry(right).or_default();
        for id in change["subject_ids"].as_array().into_iter().flatten() {
            if id.as_str().is_none_or(|id| !theirs.contains(id)) {
                let (job, kind) = (&change["id"], &change["type"]);
                broken.push(format!("{job} ({kind}) names {id}, who never asked for that"));
            }
        }
    }
}

fn strings(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(into.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

/// Whoever is called deleted, and proven so, has no profile at the twin at the moment at which that is
/// first seen, nor in the end.
pub async fn nobody_confirmed_is_there(world: &mut World) -> anyhow::Result<()> {
    for (request, asked) in &world.asked {
        for task in world.stage.tasks(*request).await? {
            let is_confirmed = task.right == Right::Deletion
                && task.state == TaskState::Ended
                && matches!(task.detail.proof, Some(Proof::Confirmed { .. }));
            if !is_confirmed || !world.confirmed.insert((task.id, task.round)) {
                continue;
            }
            if presence::is_known(&world.stage, &asked.person).await? {
                let (id, round) = (task.id, task.round);
                world.broken.push(format!(
                    "task {id} of {request} is called confirmed in round {round}, and the twin has the person"
                ));
            }
        }
    }
    Ok(())
}

/// How many changes at the twin may be repeats. Consent events are none of them.
fn n_repeated(entries: &[Entry]) -> usize {
    let is_change = |entry: &&Entry| entry.facts.get("endpoint").is_some_and(|it| it == CHANGE);
    let of = |event| entries.iter().filter(move |entry| entry.event == event);
    let changes: BTreeSet<_> =
        of(Event::IntentWritten).filter(is_change).map(|entry| entry.intent).collect();
    of(Event::IntentRepeated).filter(|entry| changes.contains(&entry.intent)).count()
}
