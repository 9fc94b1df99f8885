//! The store's promises and the program's workers on a real server of PostgreSQL, started for them in a folder
//! of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{End, suite};
use crate::process::Process;
use crate::{screen, workspace};

/// Where Debian keeps each version.
const VERSIONS: &str = "/usr/lib/postgresql";
const OLDEST: u32 = 15;
/// Whom Debian's package makes. The server does not run as root.
const USER: &str = "postgres";
const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// Nothing here has to outlive the machine.
const SETTINGS: [&str; 4] =
    ["fsync=off", "listen_addresses=", "max_connections=300", "log_min_messages=fatal"];

/// The step.
pub(super) fn run() -> Result<End> {
    let Some(programs) = programs() else {
        let why = format!("PostgreSQL {OLDEST} or later is not installed (Debian: postgresql)");
        return Ok(End::Skipped(why));
    };
    let server = Server::start(&programs)?;
    let ended = suites(&server.url());
    server.end()?;
    ended
}

/// What runs on it: the promises of the store, and the program with its workers.
const SUITES: [&[&str]; 2] =
    [&["--package", "store", "--lib", "promises::"], &["--package", "cli", "--test", "postgres"]];

fn suites(url: &str) -> Result<End> {
    let [mut n_passed, mut n_failed] = [0, 0];
    for suite in SUITES {
        let [passed, failed] = counts_of(suite, url)?;
        n_passed += passed;
        n_failed += failed;
    }
    let told = format!("{n_passed} tests passed, {n_failed} failed");
    Ok(if n_failed == 0 { End::Passed(told) } else { End::Failed(told) })
}

fn counts_of(suite: &[&str], url: &str) -> Result<[usize; 2]> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["test", "--locked"]).args(suite);
    cargo.env("HABEAS_TEST_POSTGRES", url).stdout(Stdio::piped());
    let mut child = cargo.spawn().context("start cargo test")?;
    let stdout = child.stdout.take().context("read from cargo test")?;
    let mut counts = None;
    for line in BufReader::new(stdout).lines() {
        let line = line.context("read from cargo test")?;
        counts = suite::cargo_summary(&line).or(counts);
        screen::say(&line);
    }
    let is_good = child.wait().context("wait for cargo test")?.success();
    let [passed, failed] = counts.context("cargo test told no counts")?;
    ensure!(passed + failed > 0, "cargo test ran no test");
    ensure!(is_good || failed > 0, "cargo test failed, and no test of it");
    Ok([passed, failed])
}

/// The folder with the programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let numbers = versions.filter_map(|one| one.file_name().to_str()?.parse::<u32>().ok());
    let newest = numbers.filter(|number| *number >= OLDEST).max()?;
    let programs = Path::new(VERSIONS).join(newest.to_string()).join("bin");
    programs.join("initdb").exists().then_some(programs)
}

struct Server {
    process: Process,
    folder: PathBuf,
}

impl Server {
    fn start(programs: &Path) -> Result<Server> {
        // Not below `target`: a socket's path has to be short, and another user gets there.
        let folder = std::env::temp_dir().join(format!("habeas-postgres-{}", std::process::id()));
        fs::create_dir(&folder).context("make a folder for the server")?;
        let user = user()?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).context("hand the folder over")?;
        }
        let command = |name: &str| {
            let mut command = workspace::command(programs.join(name));
            command.current_dir(&folder);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let data = folder.join("data");
        let mut initdb = command("initdb");
        initdb.args(["--username=habeas", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.arg("--pgdata").arg(&data).stdout(Stdio::null());
        ensure!(initdb.status().context("start initdb")?.success(), "initdb failed");
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(&data).arg("-k").arg(&folder);
        postgres.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let process = Process::start("postgres", &mut postgres)?;
        let began = Instant::now();
        let mut is_ready = command("pg_isready");
        is_ready.args(["--quiet", "--host"]).arg(&folder);
        while !is_ready.status().context("start pg_isready")?.success() {
            ensure!(began.elapsed() < START, "the server is not ready after {START:?}");
            process.run_for(LOOK)?;
        }
        Ok(Server { process, folder })
    }

    fn url(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://habeas@{folder}/postgres")
    }

    fn end(mut self) -> Result<()> {
        self.process.interrupt()?;
        self.process.wait(START)?;
        fs::remove_dir_all(&self.folder).context("remove the server's folder")
    }
}

/// Who the server runs as, where that can't be who runs this.
fn user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    Ok(Some((number("-u")?, number("-g")?)))
}

fn number(of: &str) -> Result<u32> {
    let output = Command::new("id").args([of, USER]).output().context("start id")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("there is no user {USER}"))
}
