//! Deletions by the thousand, which several figures are about: twins in a process of their own, a
//! file of requests, an engine that is running when the file comes in, and a look at what came out.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Options;
use crate::process::Process;
use crate::workspace::{self, Profile};
use crate::world::{Spaces, World};

/// How often progress is asked for: at the twin, where it costs the engine nothing.
const LOOK: Duration = Duration::from_millis(100);
/// The part of a path that every call of the Profile API has in it, and no other.
pub(super) const PROFILE_CALLS: &str = "/collections/users/profiles/";
/// Where calls for regulations go.
pub(super) const CREATE_CALLS: &str = "POST /regulations";
/// Limits that no run reaches: the connection's own.
pub(super) const NO_LIMITS: &[&str] = &[
    "limits.profile_api=1000000000",
    "limits.public_api=1000000000",
    "limits.regulations=1000000000",
    "limits.tracking_api=1000000000",
];

/// What a run is set up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// The folder's name.
    pub name: &'static str,
    /// How many people there are, each with one deletion.
    pub n_people: usize,
    /// Whether the twin keeps its documented limits.
    pub limits: bool,
    /// How long each of the twin's calls takes at least.
    pub latency_ms: u32,
    /// The spaces that are connected.
    pub spaces: Spaces,
    /// Further switches of the connection.
    pub switches: &'static [&'static str],
    /// How long the vendor takes for a job.
    pub job_takes: &'static str,
    /// The column of the file: by what the people are asked for.
    pub column: &'static str,
}

impl Setup {
    /// The set-up of the throughput figure, under another name.
    pub(super) const fn fast(name: &'static str, n_people: usize) -> Setup {
        Setup {
            name,
            n_people,
            limits: false,
            latency_ms: 2,
            spaces: Spaces::First,
            switches: NO_LIMITS,
            job_takes: "P2D",
            column: "email",
        }
    }

    /// Starts the twins and connects them, and writes the file of requests.
    pub(super) fn stage(&self, options: &Options) -> Result<Stage> {
        self.stage_over(options, None)
    }

    /// The same over a database of PostgreSQL, if one is given.
    pub(super) fn stage_over(&self, options: &Options, database: Option<String>) -> Result<Stage> {
        let habeas = options.habeas()?;
        let folder = workspace::target().join("bench").join(self.name);
        let n_people = self.n_people.to_string();
        let latency = self.latency_ms.to_string();
        let limits = if self.limits { "on" } else { "off" };
        let mut twins = vec!["--regular-only", "--people", &n_people];
        twins.extend(["--limits", limits, "--latency-ms", &latency]);
        let mut world = World::start(&habeas, &folder, &twins)?;
        world.database = database;
        world.connect(self.spaces, self.switches)?;
        // As long for all, so that none comes back to be looked at again before the last is done.
        world.switch(&json!({"deletion_takes": self.job_takes, "suppression_takes": "PT1M"}))?;
        let people = world.people(0, self.n_people)?;
        let rows = people.iter().map(|person| ("deletion", person));
        let csv = world.write_csv("requests.csv", self.column, rows)?;
        Ok(Stage { world, csv })
    }
}

/// A world that is ready for a run.
#[derive(Debug)]
pub(super) struct Stage {
    pub world: World,
    csv: PathBuf,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Run {
    /// The engine.
    pub engine: Process,
    import: Process,
    began: Instant,
}

impl Stage {
    /// Starts the engine, and then the import; the run is counted from here.
    pub(super) fn begin(&self) -> Result<Run> {
        let engine = self.world.serve_ready()?;
        let began = Instant::now();
        Ok(Run { engine, import: self.import()?, began })
    }

    /// Starts the import.
    pub(super) fn import(&self) -> Result<Process> {
        let csv = self.csv.to_str().context("the folder's name is no text")?;
        let mut command = self.world.habeas(["import", csv])?;
        Process::start("habeas import", command.stdout(Stdio::piped()))
    }

    /// Waits until every deletion has ended, and says after what time that was seen.
    ///
    /// So many calls of an endpoint have to be made before it can be over; until then only the
    /// twin is asked.
    pub(super) fn wait(
        &self,
        run: &mut Run,
        (endpoint, n_calls): (&str, usize),
        within: Duration,
    ) -> Result<Duration> {
        let imported = run.import.wait(within)?;
        ensure!(imported.success(), "the import ended with {imported}");
        // Not sooner: a clock that jumps when the engine has nothing to do would not wait for the
        // import, which is no part of the engine.
        self.world.let_time_jump()?;
        while self.world.n_calls(endpoint)? < n_calls as u64 {
            self.pass(run, within)?;
        }
        loop {
            if self.n_open()? == 0 {
                return Ok(run.began.elapsed());
            }
            self.pass(run, within)?;
        }
    }

    fn pass(&self, run: &Run, within: Duration) -> Result<()> {
        run.engine.run_for(LOOK)?;
        ensure!(run.began.elapsed() < within, "it isn't over after {within:?}");
        Ok(())
    }

    /// Requests that are not yet ready for their answer; one row is enough to know.
    pub(super) fn n_open(&self) -> Result<usize> {
        let states = ["received", "verifying", "reviewing", "in progress"];
        let mut args = vec!["--limit", "1"];
        args.extend(states.iter().flat_map(|state| ["--state", state]));
        Ok(self.world.requests(&args)?.len())
    }

    /// How many calls of the Profile API the twin has answered.
    pub(super) fn n_profile_calls(&self) -> Result<u64> {
        self.world.n_calls(PROFILE_CALLS)
    }

    /// Requests whose one task is done with this word as its proof.
    pub(super) fn n_proven(&self, proof: &str) -> Result<usize> {
        let all = self.world.requests(&["--limit", "1000000"])?;
        let is_proven = |task: &Value| task["proof"]["proof"] == proof;
        let proven = all.iter().filter(|one| {
            one["tasks"]
                .as_array()
                .is_some_and(|tasks| tasks.len() == 1 && tasks.iter().all(is_proven))
        });
        Ok(proven.count())
    }

    /// What lies in the store; the engine need not be running.
    pub(super) fn store(&self) -> Result<StoreSize> {
        StoreSize::of(&self.world)
    }
}

/// What lies in a store.
#[derive(Debug, Deserialize)]
pub(super) struct StoreSize {
    /// Rows by table.
    pub rows: Vec<(String, u64)>,
    /// The size of the database, its log included.
    pub bytes: u64,
}

impl StoreSize {
    /// Looks into a world's store; the engine need not be running.
    pub(super) fn of(world: &World) -> Result<StoreSize> {
        // Whose speed is nobody's figure.
        let program = workspace::build_example("row_counts", Profile::Dev)?;
        let mut command = workspace::command(program);
        command.arg(world.folder().join("data")).arg(world.folder().join("keys"));
        let output = command.output().context("start row_counts")?;
        ensure!(output.status.success(), "row_counts ended with {}", output.status);
        serde_json::from_slice(&output.stdout).context("read the row counts")
    }

    /// How many rows a table has.
    pub(super) fn n_rows(&self, table: &str) -> u64 {
        self.rows.iter().find(|(name, _)| name == table).map_or(0, |(_, n)| *n)
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|(name, n)| format!("{name} {n}")).collect();
        format!("rows: {}; {} bytes", rows.join(", "), self.bytes)
    }
}
