//! A store with a long history, made by the program itself: requests that were imported, carried out at
//! the twin, confirmed and answered, wave by wave.
//!
//! It lies below `target/bench/` and stays there. A later run goes on from the last wave that was
//! finished; the twins are started again at the same ports and on the same day. One over a server of
//! PostgreSQL goes with the server.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Options;
use super::api::{Api, token};
use super::deletions::NO_LIMITS;
use super::throughput::stop;
use crate::postgres::Server;
use crate::process::Process;
use crate::world::{Spaces, World};
use crate::{screen, workspace};

/// The file of the facts.
const FACTS: &str = "history.json";
/// How many requests come in at once.
const WAVE: usize = 50_000;
/// People beyond those of the history, for what is measured on it.
const SPARE: usize = 100_000;
/// So many of each wave wait for their answer still.
const UNANSWERED: usize = 10;
/// So many requests are past their deadline in the end.
const LATE: usize = 200;
/// Of so many answered requests one is remembered, to be asked for.
const SAMPLE: usize = 50;
const CLIENTS: usize = 32;
const PAGE: usize = 500;
/// How often it is looked whether a wave is over, where nobody waits for it.
const LOOK: Duration = Duration::from_millis(200);
/// Long enough for what was left late to come as far as it comes without a person.
const A_WHILE: Duration = Duration::from_secs(10);
/// What stands still for so many looks needs time to pass.
const STILL: usize = 3;
const LIMIT: Duration = Duration::from_secs(1800);

/// The store and the twins beside it.
#[derive(Debug)]
pub(super) struct History {
    pub world: World,
    pub facts: Facts,
    habeas: PathBuf,
}

/// What a later run has to know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    /// What lets programs in.
    pub token: String,
    /// Requests that were finished.
    pub n_finished: usize,
    /// Ids of some of them, the oldest first.
    pub sample: Vec<String>,
    /// Seconds that it took so far.
    pub seconds: u64,
    /// Whether the late ones are in.
    is_complete: bool,
    /// People for whom there is a request.
    n_used: usize,
    /// The last request that was answered.
    last: String,
    /// Requests of people whom the twin doesn't know.
    n_strangers: usize,
    port: u16,
    now: String,
}

impl History {
    /// The history of so many finished requests in a file, made if it is not there.
    pub(super) fn of(name: &str, n_people: usize, options: &Options) -> Result<History> {
        History::grown(&folder(name, n_people), None, n_people, options)
    }

    /// A copy of the history of so many, made anew each time.
    pub(super) fn copy_of(name: &str, n_people: usize, options: &Options) -> Result<History> {
        drop(History::of(name, n_people, options)?);
        let copy = copy_of_folder(name, n_people)?;
        History::grown(&copy, None, n_people, options)
    }

    /// The history of so many finished requests in a database of a server, which has none of that name yet.
    pub(super) fn over(
        server: &Server,
        name: &str,
        n_people: usize,
        options: &Options,
    ) -> Result<History> {
        let folder = folder(name, n_people);
        remove(&folder)?;
        server.run(&format!("CREATE DATABASE {name}"))?;
        History::grown(&folder, Some(server.url_of(name)), n_people, options)
    }

    /// A copy of a history of so many that is over a server, which nobody has open.
    pub(super) fn copy_over(
        server: &Server,
        name: &str,
        n_people: usize,
        options: &Options,
    ) -> Result<History> {
        let copy = copy_of_folder(name, n_people)?;
        server.run(&format!("DROP DATABASE IF EXISTS {name}_copy"))?;
        server.run(&format!("CREATE DATABASE {name}_copy TEMPLATE {name}"))?;
        let database = server.url_of(&format!("{name}_copy"));
        History::grown(&copy, Some(database), n_people, options)
    }

    fn grown(
        folder: &Path,
        database: Option<String>,
        n_people: usize,
        options: &Options,
    ) -> Result<History> {
        let habeas = options.habeas()?;
        let kept = fs::read(folder.join(FACTS)).ok();
        let facts = kept.map(|text| serde_json::from_slice(&text).context("read the facts"));
        let mut facts: Facts = facts.transpose()?.unwrap_or_default();
        if facts.port == 0 {
            facts.port = free_port()?;
        }
        if facts.now.is_empty() {
            remove(folder)?;
        }
        let mut world = World::resume(&habeas, folder, &words(&twins(&facts, 1)))?;
        world.database = database;
        if facts.now.is_empty() {
            world.connect(Spaces::First, NO_LIMITS)?;
            facts.token = token(&world)?;
        }
        let mut history = History { world, facts, habeas };
        history.grow(n_people)?;
        history.meet(SPARE)?;
        Ok(history)
    }

    /// Starts the twins anew with the next people, on the same day: those of the past need no memory.
    fn meet(&mut self, n: usize) -> Result<()> {
        self.save()?;
        self.world.twins.kill()?;
        let (folder, database) = (self.world.folder().to_owned(), self.world.database.take());
        self.world = World::resume(&self.habeas, &folder, &words(&twins(&self.facts, n)))?;
        self.world.database = database;
        // Over at the first look after it, long before anybody comes back to look again.
        self.world.switch(&json!({"deletion_takes": "PT1M", "suppression_takes": "PT1M"}))
    }

    /// The next people for whom there is no request yet, as a file of deletions.
    pub(super) fn next_people(&mut self, n: usize) -> Result<PathBuf> {
        let people = self.world.people(self.facts.n_used, n)?;
        self.facts.n_used += n;
        let rows = people.iter().map(|person| ("deletion", person));
        self.world.write_csv("requests.csv", "email", rows)
    }

    /// Numbers for so many requests of strangers.
    pub(super) fn strangers(&mut self, n: usize) -> Result<std::ops::Range<usize>> {
        let from = self.facts.n_strangers;
        self.facts.n_strangers += n;
        self.save()?;
        Ok(from..from + n)
    }

    /// Imports a file and waits until all of it was carried out; says how long both took together.
    pub(super) fn carry_out(&self, csv: &Path, api: &Api) -> Result<Duration> {
        let csv = csv.to_str().context("the folder's name is no text")?;
        let began = Instant::now();
        let mut import = Process::start("habeas import", &mut self.world.habeas(["import", csv])?)?;
        let imported = import.wait(LIMIT)?;
        ensure!(imported.success(), "the import ended with {imported}");
        let (mut calls, mut n_still) = (0, 0_usize);
        loop {
            let now = self.world.n_calls("")?;
            n_still = if now == calls { n_still + 1 } else { 0 };
            calls = now;
            if n_still > 0 && n_open(api)? == 0 {
                return Ok(began.elapsed());
            }
            // Not by a clock that jumps by itself: it would go on to the looks of a week later.
            if n_still > 0 && n_still.is_multiple_of(STILL) {
                self.world.set_clock(&json!({"advance": "PT30M"}))?;
            }
            api.process.run_for(LOOK)?;
            ensure!(began.elapsed() < LIMIT, "it isn't over after {LIMIT:?}");
        }
    }

    /// Remembers where it stands, for a later run.
    pub(super) fn save(&mut self) -> Result<()> {
        self.facts.now = self.world.now()?;
        let text = serde_json::to_string(&self.facts).context("write the facts")?;
        fs::write(self.world.folder().join(FACTS), text).context("keep the facts")
    }

    fn grow(&mut self, n_people: usize) -> Result<()> {
        if self.facts.is_complete {
            return Ok(());
        }
        while self.facts.n_finished < n_people {
            let began = Instant::now();
            let n = WAVE.min(n_people - self.facts.n_finished);
            self.meet(n)?;
            let api = Api::start(&self.world, &self.facts.token)?;
            let csv = self.next_people(n)?;
            let took = self.carry_out(&csv, &api)?;
            self.answer(&api)?;
            stop(api.process)?;
            self.facts.n_finished += n;
            self.facts.seconds += began.elapsed().as_secs();
            self.save()?;
            let n = self.facts.n_finished;
            screen::complain(&format!(
                "{n} finished; the last wave took {took:.0?} and its answers {:.0?}",
                began.elapsed() - took
            ));
        }
        self.meet(LATE)?;
        let api = Api::start(&self.world, &self.facts.token)?;
        self.be_late(&api)?;
        api.process.run_for(A_WHILE)?;
        self.facts.is_complete = true;
        stop(api.process)
    }

    /// Answers what waits for it, but for a few.
    fn answer(&mut self, api: &Api) -> Result<()> {
        let ids = answering(api, &self.facts.last)?;
        let ids = ids.get(UNANSWERED..).unwrap_or_default();
        let told = json!({"note": "told by letter"});
        api.side_by_side(CLIENTS, |n, client| {
            for id in ids.iter().skip(n).step_by(CLIENTS) {
                let (answer, _) = client.post(&format!("/requests/{id}/answer"), &told)?;
                ensure!(answer.status == 200, "answer {id}: {} {}", answer.status, answer.body);
            }
            Ok(())
        })?;
        self.facts.sample.extend(ids.iter().step_by(SAMPLE).cloned());
        self.facts.last = ids.last().context("nothing waits for an answer")?.clone();
        Ok(())
    }

    /// Takes in what should have been answered long ago.
    fn be_late(&mut self, api: &Api) -> Result<()> {
        let people = self.world.people(self.facts.n_used, LATE)?;
        self.facts.n_used += LATE;
        let mut client = api.client()?;
        for person in &people {
            let identifiers = json!([{"type": "email", "value": person.email}]);
            let (n, at) = (person.n, "2020-01-01");
            let late = json!({"right": "access", "external_id": format!("late-{n}"),
                "received_at": at, "identifiers": identifiers});
            let (answer, _) = client.post("/requests", &late)?;
            ensure!(answer.status == 201, "late: {} {}", answer.status, answer.body);
        }
        Ok(())
    }
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// The arguments of twins that know so many of the next people.
fn twins(facts: &Facts, n: usize) -> Vec<String> {
    let mut args = vec!["--regular-only".to_owned()];
    let (gone, people, port) = (facts.n_used, facts.n_used + n, facts.port);
    for (name, value) in [("people", people), ("gone", gone), ("latency-ms", 2)] {
        args.extend([format!("--{name}"), value.to_string()]);
    }
    args.extend(["--limits".to_owned(), "off".to_owned()]);
    args.extend(["--port-base".to_owned(), port.to_string()]);
    if !facts.now.is_empty() {
        args.extend(["--start-at".to_owned(), facts.now.clone()]);
    }
    args
}

/// Requests that are not ready for their answer; one is enough to know.
fn n_open(api: &Api) -> Result<usize> {
    let mut client = api.client()?;
    let mut n = 0;
    for state in ["received", "verifying", "reviewing", "in%20progress"] {
        let (page, _) = client.get(&format!("/requests?state={state}&right=deletion&limit=1"))?;
        n += page["requests"].as_array().map_or(0, Vec::len);
    }
    Ok(n)
}

/// The ids of all deletions that wait for their answer, after one that was answered.
fn answering(api: &Api, last: &str) -> Result<Vec<String>> {
    let mut client = api.client()?;
    let (mut ids, mut after) = (Vec::<String>::new(), last.to_owned());
    loop {
        let from = if after.is_empty() { String::new() } else { format!("&after={after}") };
        let path = format!("/requests?state=answering&right=deletion&limit={PAGE}{from}");
        let (page, _) = client.get(&path)?;
        let rows = page["requests"].as_array().context("a page has no requests")?;
        ids.extend(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(ids),
        }
    }
}

/// The first of some ports that nobody uses; the twins take those that follow it.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("look for a free port")?;
    let port = listener.local_addr().context("look for a free port")?.port();
    // Below those that the system takes for connections: whoever comes back finds it free.
    Ok(10_000 + port % 20_000)
}

/// Where a history lies.
fn folder(name: &str, n_people: usize) -> PathBuf {
    workspace::target().join(format!("bench/{name}-{n_people}"))
}

/// Makes a copy of where a history lies, in place of the copy before.
fn copy_of_folder(name: &str, n_people: usize) -> Result<PathBuf> {
    let to = folder(&format!("{name}-copy"), n_people);
    remove(&to)?;
    copy(&folder(name, n_people), &to).context("copy the history")?;
    Ok(to)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Copies a folder with all below it, sockets apart.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, into) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &into)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), into)?;
        }
    }
    Ok(())
}

impl Facts {
    /// In words.
    pub(super) fn told(&self) -> String {
        let Facts { n_finished, seconds, .. } = self;
        format!(
            "{n_finished} finished requests, made by import, engine and API against the twin in \
             {seconds} s: deletions, confirmed and answered"
        )
    }

    /// One of the requests that are remembered, a different one for each number, near and far.
    pub(super) fn any(&self, n: usize) -> Result<&str> {
        let at = n.wrapping_mul(7_919) % self.sample.len().max(1);
        self.sample.get(at).map(String::as_str).context("no request is remembered")
    }
}
