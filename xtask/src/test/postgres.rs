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
/// A pooler of connections.
const POOLER: &str = "/usr/sbin/pgbouncer";
/// Its socket's number.
const POOLER_PORT: u16 = 6432;
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
    if !Path::new(POOLER).exists() {
        let why = format!("{POOLER} is missing; install the pgbouncer package");
        return Ok(End::Skipped(why));
    }
    let server = Server::start(&programs)?;
    let pooler = Pooler::start(&server)?;
    let ended = suites(&server, &pooler);
    pooler.process.interrupt()?;
    server.end()?;
    ended
}

/// The promises of the store.
const PROMISES: [&str; 4] = ["--package", "store", "--lib", "promises::"];
/// The program with its workers.
const WORKERS: [&str; 4] = ["--package", "cli", "--test", "postgres"];

fn suites(server: &Server, pooler: &Pooler) -> Result<End> {
    let [mut n_passed, mut n_failed] = [0, 0];
    let (direct, pooled) = (server.url(), pooler.url(server));
    for (suite, url) in [(&PROMISES, &direct), (&WORKERS, &direct), (&PROMISES, &pooled)] {
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
        format!("postgres://habeas@{}/postgres", self.host())
    }

    /// Its folder as the host of a URL.
    fn host(&self) -> String {
        self.folder.display().to_string().replace('/', "%2F")
    }

    fn end(mut self) -> Result<()> {
        self.process.interrupt()?;
        self.process.wait(START)?;
        fs::remove_dir_all(&self.folder).context("remove the server's folder")
    }
}

/// A pooler before the server, in whose mode a connection is handed out per transaction.
struct Pooler {
    process: Process,
}

impl Pooler {
    fn start(server: &Server) -> Result<Self> {
        let folder = server.folder.display();
        // The pooler keeps every connection that it makes; a database of a test is soon not used any more.
        let settings = format!(
            "[databases]\n* = host={folder} user=habeas\n[pgbouncer]\nunix_socket_dir = {folder}\n\
             listen_addr =\nlisten_port = {POOLER_PORT}\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 8\nmax_client_conn = 1000\nserver_idle_timeout = 5\n"
        );
        let file = server.folder.join("pgbouncer.ini");
        fs::write(&file, settings).context("write the pooler's settings")?;
        let mut command = workspace::command(POOLER);
        if let Some((uid, gid)) = user()? {
            command.uid(uid).gid(gid);
        }
        let process = Process::start("pgbouncer", command.arg("--quiet").arg(&file))?;
        let socket = server.folder.join(format!(".s.PGSQL.{POOLER_PORT}"));
        let began = Instant::now();
        while !socket.exists() {
            ensure!(began.elapsed() < START, "the pooler is not ready after {START:?}");
            process.run_for(LOOK)?;
        }
        Ok(Self { process })
    }

    fn url(&self, server: &Server) -> String {
        format!("postgres://habeas@{}:{POOLER_PORT}/postgres", server.host())
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
