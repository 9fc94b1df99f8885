//! A fresh folder, the twins as one process, and any number of engines as others.
//!
//! Nothing here knows what the engine does: it is started, killed, and asked for its journal
//! through the command line, as an operator would. All processes die with the world.

use std::ffi::OsStr;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Chance;
use crate::process::Process;
use crate::workspace;

/// How long the twins may take until all of them listen.
const START: Duration = Duration::from_secs(60);

/// The place where a scenario plays.
#[derive(Debug)]
pub struct World {
    habeas: PathBuf,
    folder: PathBuf,
    /// The twins' process.
    pub twins: Process,
    /// The line that the twins printed: base URLs, credentials and subjects by vendor.
    pub addresses: Value,
}

impl World {
    /// Empties the folder and starts the twins.
    pub fn start(habeas: &Path, folder: &Path) -> Result<World> {
        if folder.exists() {
            fs::remove_dir_all(folder).context("empty the folder of the last run")?;
        }
        fs::create_dir_all(folder).context("make the folder")?;
        let mut command = workspace::command(habeas);
        let twins = Process::start("habeas twins", command.args(["twins", "--json"]))?;
        let addresses = twins.json_line(START)?;
        Ok(World { habeas: habeas.to_owned(), folder: folder.to_owned(), twins, addresses })
    }

    /// The folder of this world, for the scenario's own files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A `habeas` command on the world's data and keys.
    pub fn habeas(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = workspace::command(&self.habeas);
        command.args(args);
        command.env("HABEAS_DATA", self.folder.join("data"));
        command.env("HABEAS_KEYS", self.folder.join("keys"));
        command
    }

    /// Starts an engine that follows the twins' clock; its complaints go to `engine.log`.
    pub fn serve(&self) -> Result<Process> {
        let clock = self.addresses["control"]["base_url"].as_str();
        let clock = clock.context("the twins told no control address")?;
        let path = self.folder.join("engine.log");
        let log = fs::File::options().create(true).append(true).open(path);
        let log = log.context("open the log")?;
        let mut command = self.habeas(["serve", "--clock", clock]);
        Process::start("habeas serve", command.stderr(log))
    }

    /// Lets an engine run until a random moment within the range, and kills it. Says the moment.
    pub fn kill_within(
        &self,
        mut engine: Process,
        range: &Range<Duration>,
        chance: &mut Chance,
    ) -> Result<Duration> {
        let moment = chance.moment(range);
        engine.run_for(moment)?;
        engine.kill()?;
        Ok(moment)
    }

    /// Every entry of the journal, oldest first.
    pub fn journal(&self) -> Result<Vec<Value>> {
        let output = self.habeas(["journal", "--json"]).output().context("read the journal")?;
        ensure!(output.status.success(), "the journal can't be read: {}", output.status);
        entries(&output.stdout)
    }
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
