//! Programs send requests to the API, each again and again until it is answered, while the server is
//! killed, or asked to end, and started anew: every request is in once, under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Chance, Plan, Report, Scenario};
use crate::http;
use crate::process::Process;
use crate::world::{Person, Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "api-load",
    twins: &["--regular-only", "--limits", "off", "--people", "20000"],
    needs_postgres: false,
    play,
};

/// Programs that send at once.
const N_SENDERS: usize = 4;
/// Between two attempts where nobody answers.
const AGAIN: Duration = Duration::from_millis(20);
/// How long the server runs before its end comes.
const ALIVE: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_millis(1_500);
/// How long it may take to end when it is asked to.
const STOP: Duration = Duration::from_secs(20);
/// Until it listens.
const START: Duration = Duration::from_secs(30);

/// What the senders share.
struct Load {
    url: Mutex<String>,
    token: String,
    people: Vec<Person>,
    next: AtomicUsize,
    n_repeated: AtomicU64,
    is_over: AtomicBool,
    /// By the number of the person, every id that was ever answered.
    answers: Mutex<BTreeMap<usize, BTreeSet<String>>>,
}

fn play(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    world.connect(Spaces::First, &["mode=observe"])?;
    world.run(&["principals", "add", "sender", "--role", "request_manager"])?;
    let token = world.run(&["tokens", "add", "sender", "--label", "torture"])?;
    let (mut server, url) = world.serve_listening()?;
    let load = Arc::new(Load {
        url: Mutex::new(url),
        token: token.trim().to_owned(),
        people: world.people(0, 20_000)?,
        next: AtomicUsize::new(0),
        n_repeated: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        answers: Mutex::default(),
    });
    let start = |_| {
        let load = Arc::clone(&load);
        thread::spawn(move || load.send_all())
    };
    let senders: Vec<_> = (0..N_SENDERS).map(start).collect();
    let (mut n_killed, mut n_ended) = (0, 0);
    for round in 0..plan.rounds.min(30) {
        server.run_for(chance.moment(&ALIVE))?;
        if round % 2 == 0 {
            server.kill()?;
            n_killed += 1;
        } else {
            server.terminate()?;
            let status = server.wait(STOP)?;
            ensure!(status.success(), "a server that was asked to end ended with {status}");
            n_ended += 1;
        }
        let (again, url) = world.serve_listening()?;
        server = again;
        *load.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
    load.is_over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
    }
    let mut report = compare(world, &load)?;
    report.lines.push(format!("{n_killed} times killed, {n_ended} times asked to end"));
    drop(server);
    Ok(report)
}

impl Load {
    /// Sends one request after the other until told to end, or until nobody is left.
    fn send_all(&self) -> Result<()> {
        while !self.is_over.load(Ordering::SeqCst) {
            let Some(person) = self.people.get(self.next.fetch_add(1, Ordering::SeqCst)) else {
                break;
            };
            let id = self.send(person)?;
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.entry(person.n).or_default().insert(id);
        }
        Ok(())
    }

    /// Sends one request until it is answered.
    fn send(&self, person: &Person) -> Result<String> {
        let body = json!({
            "right": "deletion",
            "external_id": format!("load-{}", person.n),
            "identifiers": [{"type": "user_id", "value": person.user_id}],
        });
        let authorization = format!("authorization: Bearer {}", self.token);
        let headers = ["content-type: application/json", authorization.as_str()];
        loop {
            let url = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let url = format!("{url}/api/v1/requests");
            match http::call("POST", &url, &headers, &body.to_string()) {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    let told: Value = serde_json::from_str(&answer.body)?;
                    return Ok(told["request"].as_str().context("no request")?.to_owned());
                }
                // The server says that it can't now, or nobody is there.
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {}
                Ok(answer) => anyhow::bail!("refused with {}: {}", answer.status, answer.body),
                Err(_) => {}
            }
            self.n_repeated.fetch_add(1, Ordering::SeqCst);
            thread::park_timeout(AGAIN);
        }
    }
}

impl World {
    /// Starts a server that is reached at a URL, and says which.
    fn serve_listening(&self) -> Result<(Process, String)> {
        let mut command = self.habeas(["serve", "--listen", "127.0.0.1:0", "--json"])?;
        let server = Process::start("habeas serve", &mut command)?;
        let told: Value = server.json_line(START)?;
        let mut urls = told["listening"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let url = urls.find(|url| url.starts_with("http:")).context("it listens at no URL")?;
        Ok((server, url.to_owned()))
    }
}

/// What was answered against what is there.
fn compare(world: &World, load: &Load) -> Result<Report> {
    let answers = load.answers.lock().unwrap_or_else(PoisonError::into_inner);
    let there: BTreeSet<String> = world
        .requests(&["--limit", "1000000"])?
        .iter()
        .filter_map(|request| request["id"].as_str().map(str::to_owned))
        .collect();
    let answered: BTreeSet<String> = answers.values().flatten().cloned().collect();
    let n_several = answers.values().filter(|ids| ids.len() != 1).count();
    let n_lost = answered.difference(&there).count();
    let n_unknown = there.difference(&answered).count();
    let mut broken = Vec::new();
    let mut expect_none = |n: usize, what: &str| {
        if n > 0 {
            broken.push(format!("{n} {what}"));
        }
    };
    expect_none(n_several, "requests were answered with more than one id");
    expect_none(n_lost, "requests that were answered are not there");
    expect_none(n_unknown, "requests are there that nobody was answered");
    let n_repeated = load.n_repeated.load(Ordering::SeqCst);
    let line = format!("{} requests sent and there, {n_repeated} attempts repeated", answers.len());
    Ok(Report { lines: vec![line], broken })
}
