//! `habeas serve` with its API, and programs that ask it: each over a connection that it keeps, several
//! side by side.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http::{Answer, Kept};
use crate::process::Process;
use crate::world::{SOON, World};

/// The principal whose token the programs send.
const PROGRAM: &str = "bench";
const BASE: &str = "/api/v1";

/// A server that is ready.
#[derive(Debug)]
pub(super) struct Api {
    /// Its process.
    pub process: Process,
    /// From the start of the process to the line that says it is ready.
    pub ready_in: Duration,
    door: Door,
}

/// Where it is, and what lets a program in.
#[derive(Clone, Debug)]
struct Door {
    host: String,
    token: String,
}

/// Makes a principal with every role, and a token for it.
pub(super) fn token(world: &World) -> Result<String> {
    world.run(&["principals", "add", PROGRAM, "--role", "super_admin"])?;
    let token = world.run(&["tokens", "add", PROGRAM, "--label", "bench", "--days", "365"])?;
    Ok(token.trim().to_owned())
}

impl Api {
    /// Starts the server of a world, on the twins' clock.
    pub(super) fn start(world: &World, token: &str) -> Result<Api> {
        let clock = world.control_url()?;
        let mut command = world.habeas(["serve", "--json", "--listen", "127.0.0.1:0"])?;
        command.args(["--clock", clock, "--rate", "1000000"]);
        let began = Instant::now();
        let process = Process::start("habeas serve", &mut command)?;
        let told: Value = process.json_line(SOON)?;
        let ready_in = began.elapsed();
        let mut urls = told["listening"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let host = urls.find_map(|url| url.strip_prefix("http://"));
        let host = host.context("serve listens at no address")?.to_owned();
        Ok(Api { process, ready_in, door: Door { host, token: token.to_owned() } })
    }

    /// A program's connection.
    pub(super) fn client(&self) -> Result<Client> {
        self.door.client()
    }

    /// Lets so many programs ask side by side, each with its number, and gathers what each brings.
    pub(super) fn side_by_side<T: Send>(
        &self,
        n_clients: usize,
        work: impl Fn(usize, &mut Client) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (door, work) = (&self.door, &work);
        thread::scope(|scope| {
            let at_work = (0..n_clients).map(|n| scope.spawn(move || work(n, &mut door.client()?)));
            let at_work: Vec<_> = at_work.collect();
            let done = at_work.into_iter().map(thread::ScopedJoinHandle::join);
            done.map(|one| one.map_err(|_| anyhow::anyhow!("a client panicked"))?).collect()
        })
    }
}

impl Door {
    fn client(&self) -> Result<Client> {
        let bearer = format!("authorization: Bearer {}", self.token);
        let headers = [bearer, "content-type: application/json".to_owned()];
        Ok(Client { kept: Kept::open(&self.host, &headers)? })
    }
}

/// A program that asks the API.
#[derive(Debug)]
pub(super) struct Client {
    kept: Kept,
}

impl Client {
    /// Reads, and says how long that took.
    pub(super) fn get(&mut self, path: &str) -> Result<(Value, Duration)> {
        let (answer, took) = self.kept.call("GET", &format!("{BASE}{path}"), "")?;
        ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, answer.body);
        Ok((serde_json::from_str(&answer.body).context("read the answer")?, took))
    }

    /// Sends a body, and gives whatever comes back.
    pub(super) fn post(&mut self, path: &str, body: &Value) -> Result<(Answer, Duration)> {
        self.kept.call("POST", &format!("{BASE}{path}"), &body.to_string())
    }
}

/// How long calls took.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    /// All of these together.
    pub(super) fn of(times: impl IntoIterator<Item = Duration>) -> Times {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort();
        Times(times)
    }

    /// What so many of a hundred calls did not exceed, in milliseconds.
    pub(super) fn percentile(&self, percent: usize) -> Result<f64> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        let time = self.0.get(rank - 1).context("nothing was measured")?;
        Ok(time.as_secs_f64() * 1000.0)
    }

    /// The middle one and the 99th of a hundred, in words.
    pub(super) fn told(&self) -> Result<String> {
        Ok(format!("p50 {:.1} ms, p99 {:.1} ms", self.percentile(50)?, self.percentile(99)?))
    }
}
