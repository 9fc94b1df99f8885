//! A fresh folder, the twins as one process, and any number of engines as others.
//!
//! Benchmarks and torture play in it. Nothing here knows what the engine does: it is set up, fed,
//! started and asked through the command line, as an operator would. All processes die with it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http;
use crate::process::Process;
use crate::workspace;

mod people;

#[cfg(test)]
mod tests;

pub use people::Person;

/// How long the twins may take until all of them listen; they invent their people first.
pub const START: Duration = Duration::from_secs(120);
/// The last line that an engine prints before it works.
pub const READY: &str = "Ctrl-C stops.";
/// How long an engine may take to say so; the promise is far shorter.
pub const SOON: Duration = Duration::from_secs(30);
/// The connection's name.
pub const CONNECTION: &str = "segment-twin";

/// The place where a figure is measured or a scenario plays.
#[derive(Debug)]
pub struct World {
    habeas: PathBuf,
    folder: PathBuf,
    /// The PostgreSQL database that takes the place of the file, if one does.
    pub database: Option<String>,
    /// The twins' process.
    pub twins: Process,
    /// The line that the twins printed: base URLs, credentials and subjects by vendor.
    pub addresses: Value,
}

/// How many of the twin's spaces a connection is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spaces {
    /// None: nobody can be looked up.
    None,
    /// The first, in which every regular person lives.
    First,
    /// All of them.
    All,
}

impl World {
    /// Empties the folder and starts the twins.
    pub fn start(habeas: &Path, folder: &Path, twins: &[&str]) -> Result<World> {
        if folder.exists() {
            fs::remove_dir_all(folder).context("empty the folder of the last run")?;
        }
        World::resume(habeas, folder, twins)
    }

    /// Starts twins for a folder whose data stays.
    pub fn resume(habeas: &Path, folder: &Path, twins: &[&str]) -> Result<World> {
        fs::create_dir_all(folder).context("make the folder")?;
        let mut command = workspace::command(habeas);
        let twins = Process::start("habeas twins", command.args(["twins", "--json"]).args(twins))?;
        let addresses = twins.json_line(START)?;
        Ok(World {
            habeas: habeas.to_owned(),
            folder: folder.to_owned(),
            database: None,
            twins,
            addresses,
        })
    }

    /// The folder of this world, for the scenario's own files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A `habeas` command on the world's data and keys; its complaints go to `habeas.log`.
    pub fn habeas(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Command> {
        let log = fs::File::options().create(true).append(true).open(self.log());
        let mut command = workspace::command(&self.habeas);
        command.args(args).stderr(log.context("open the log")?);
        command.env("HABEAS_DATA", self.folder.join("data"));
        command.env("HABEAS_KEYS", self.folder.join("keys"));
        command.envs(self.database.iter().map(|url| ("HABEAS_DATABASE_URL", url)));
        Ok(command)
    }

    /// Where the complaints of all commands go.
    pub fn log(&self) -> PathBuf {
        self.folder.join("habeas.log")
    }

    /// Runs a command to its end and gives what it printed; something may be left for a person.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.habeas(args)?.stdout(Stdio::piped()).output();
        let output = output.with_context(|| format!("start habeas {}", args.join(" ")))?;
        let is_well = matches!(output.status.code(), Some(0 | 3));
        ensure!(
            is_well,
            "habeas {} ended with {}; see {}",
            args.join(" "),
            output.status,
            self.log().display()
        );
        String::from_utf8(output.stdout).context("read what habeas printed")
    }

    /// Connects the Segment twin, which then acts by itself, with these switches on top.
    pub fn connect(&self, spaces: Spaces, switches: &[&str]) -> Result<()> {
        self.connect_as(CONNECTION, spaces, switches)
    }

    /// The same under a name of its own.
    pub fn connect_as(&self, name: &str, spaces: Spaces, switches: &[&str]) -> Result<()> {
        let mut twins = self.addresses.clone();
        let listed = &mut twins["segment"]["credentials"]["full"]["spaces"];
        let listed = listed.as_array_mut().context("the twins told no spaces")?;
        match spaces {
            Spaces::None => listed.clear(),
            Spaces::First => listed.truncate(1),
            Spaces::All => {}
        }
        let file = self.folder.join("twins.json");
        fs::write(&file, twins.to_string()).context("write the twins' description")?;
        let file = file.to_str().context("the folder's name is no text")?;
        self.run(&["connect", "segment", "--name", name, "--twin", file, "--yes"])?;
        let mut set = vec!["connections", "set", name];
        set.extend(["mode=act", "review=auto", "approval=auto"]);
        set.extend(["guard=1000000", "until=2999-12-31"]);
        set.extend(switches);
        self.run(&set)?;
        Ok(())
    }

    /// Starts an engine that follows the twins' clock.
    pub fn serve(&self) -> Result<Process> {
        let mut command = self.habeas(["serve", "--clock", self.control_url()?])?;
        Process::start("habeas serve", &mut command)
    }

    /// Starts an engine and waits until it says that it is ready.
    pub fn serve_ready(&self) -> Result<Process> {
        let engine = self.serve()?;
        engine.line(SOON, |line| line == READY)?;
        Ok(engine)
    }

    /// Makes the data follow the twins' clock, and all workers with it.
    pub fn follow_clock(&self) -> Result<()> {
        let mut engine = self.serve_ready()?;
        engine.terminate()?;
        engine.wait(SOON).map(drop)
    }

    /// Starts a worker and waits until it says that it works.
    pub fn worker(&self) -> Result<Process> {
        self.start_worker(&mut self.habeas(["worker"])?)
    }

    /// The same by a way of its own to the database.
    pub fn worker_over(&self, url: &str) -> Result<Process> {
        self.start_worker(self.habeas(["worker"])?.env("HABEAS_DATABASE_URL", url))
    }

    fn start_worker(&self, command: &mut Command) -> Result<Process> {
        let worker = Process::start("habeas worker", command)?;
        worker.line(SOON, |line| line.ends_with(READY))?;
        Ok(worker)
    }

    /// Every entry of the journal, oldest first.
    pub fn journal(&self) -> Result<Vec<Value>> {
        entries(self.run(&["journal", "--json"])?.as_bytes())
    }

    /// The entries of one kind, oldest first.
    pub fn journal_of(&self, event: &str) -> Result<Vec<Value>> {
        entries(self.run(&["journal", "--json", "--event", event])?.as_bytes())
    }

    /// Requests with their tasks, as the command lists them.
    pub fn requests(&self, filter: &[&str]) -> Result<Vec<Value>> {
        let mut args = vec!["request", "list", "--json"];
        args.extend(filter);
        let listed: Value =
            serde_json::from_str(&self.run(&args)?).context("read the list of requests")?;
        let requests = listed["requests"].as_array().context("the list holds no requests")?;
        Ok(requests.clone())
    }

    /// Talks to the twins' control interface.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.control_url()?);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = http::call(method, &url, &["content-type: application/json"], &body)?;
        if answer.status != 200 {
            bail!("{method} {path}: {} {}", answer.status, answer.body);
        }
        serde_json::from_str(&answer.body).with_context(|| format!("read {path}"))
    }

    /// Reads from the twins' control interface.
    pub fn ask(&self, path: &str) -> Result<Value> {
        self.control("GET", path, &Value::Null)
    }

    /// Sets switches of the Segment twin.
    pub fn switch(&self, switches: &Value) -> Result<()> {
        self.control("PUT", "/switches/segment", switches).map(drop)
    }

    /// Plans faults of the Segment twin.
    pub fn plan_faults(&self, faults: &Value) -> Result<()> {
        self.control("PUT", "/faults/segment", faults).map(drop)
    }

    /// Sets the twins' clock, or its pace.
    pub fn set_clock(&self, change: &Value) -> Result<()> {
        self.control("POST", "/clock", change).map(drop)
    }

    /// Time stands still while anybody works and jumps when nobody does.
    pub fn let_time_jump(&self) -> Result<()> {
        self.set_clock(&json!({"mode": "idle"}))
    }

    /// The twins' time.
    pub fn now(&self) -> Result<String> {
        let clock = self.ask("/clock")?;
        Ok(clock["now"].as_str().context("the clock shows no time")?.to_owned())
    }

    /// How many calls the twin has answered on the endpoints whose name has this in it.
    pub fn n_calls(&self, endpoint: &str) -> Result<u64> {
        let calls = self.ask("/calls")?;
        let endpoints = calls["segment"].as_object().into_iter().flatten();
        let wanted = endpoints.filter(|(name, _)| name.contains(endpoint));
        let counts = wanted.flat_map(|(_, by_status)| by_status.as_object().into_iter().flatten());
        Ok(counts.filter_map(|(_, n)| n.as_u64()).sum())
    }

    /// How many calls the twin has answered with this status.
    pub fn n_answered(&self, status: &str) -> Result<u64> {
        let calls = self.ask("/calls")?;
        let endpoints = calls["segment"].as_object().into_iter().flatten();
        Ok(endpoints.filter_map(|(_, by_status)| by_status[status].as_u64()).sum())
    }

    /// Where the twins' control interface is.
    pub fn control_url(&self) -> Result<&str> {
        let url = self.addresses["control"]["base_url"].as_str();
        url.context("the twins told no control address")
    }
}

/// An instant, as the journal and the twin write it.
pub fn at(value: &Value) -> Result<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok()).with_context(|| format!("{value} is no time"))
}

/// The entries of a journal that is printed as one array, or as one value after the other.
fn entries(printed: &[u8]) -> Result<Vec<Value>> {
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_slice(printed).into_iter() {
        match value.context("read an entry of the journal")? {
            Value::Array(several) => entries.extend(several),
            one => entries.push(one),
        }
    }
    Ok(entries)
}
