//! A real server of PostgreSQL in a folder of its own, and a pooler before it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::workspace;

mod link;
mod standby;

pub use link::Link;
use link::as_host;

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
const SETTINGS: [&str; 3] = ["listen_addresses=", "max_connections=300", "log_min_messages=fatal"];
/// Settings of a server whose data need not outlive the machine.
pub const FLEETING: &[&str] = &["fsync=off"];
/// Settings of one that keeps what it was given.
pub const DURABLE: &[&str] = &[];

/// What is missing of the packages that are needed; nothing if all is there.
pub fn missing() -> Option<String> {
    if programs().is_none() {
        return Some(format!(
            "no server of PostgreSQL {OLDEST} or later below {VERSIONS}; install the postgresql package"
        ));
    }
    let has_pooler = Path::new(POOLER).exists();
    (!has_pooler).then(|| format!("{POOLER} is missing; install the pgbouncer package"))
}

/// The folder with the programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let numbers = versions.filter_map(|one| one.file_name().to_str()?.parse::<u32>().ok());
    let newest = numbers.filter(|number| *number >= OLDEST).max()?;
    let programs = Path::new(VERSIONS).join(newest.to_string()).join("bin");
    programs.join("initdb").exists().then_some(programs)
}

/// A server, its folder, and whom it runs as.
#[derive(Debug)]
pub struct Server {
    process: Process,
    folder: PathBuf,
    programs: PathBuf,
    settings: &'static [&'static str],
    user: Option<(u32, u32)>,
}

impl Server {
    /// Makes one and starts it.
    pub fn start(settings: &'static [&'static str]) -> Result<Server> {
        let programs = programs().context("PostgreSQL is not installed")?;
        let user = user()?;
        let folder = folder("postgres", user)?;
        let mut initdb = command(&programs.join("initdb"), &folder, user);
        initdb.args(["--username=habeas", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.arg("--pgdata").arg(folder.join("data")).stdout(Stdio::null());
        ensure!(initdb.status().context("start initdb")?.success(), "initdb failed");
        let process = serve(&programs, &folder, settings, user)?;
        Ok(Server { process, folder, programs, settings, user })
    }

    /// Ends it at once, as a power cut would, and starts it again.
    pub fn crash(&mut self) -> Result<()> {
        self.process.quit()?;
        self.process.wait(START)?;
        self.process = serve(&self.programs, &self.folder, self.settings, self.user)?;
        Ok(())
    }

    /// Runs a statement on it.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.ask(sql).map(drop)
    }

    /// Runs a statement on it, and gives what it prints.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args(["--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--host"]);
        psql.arg(&self.folder).args(["--username=habeas", "--dbname=postgres", "--command", sql]);
        let output = psql.stderr(Stdio::inherit()).output().context("start psql")?;
        ensure!(output.status.success(), "psql failed");
        Ok(String::from_utf8(output.stdout).context("read what psql printed")?.trim().to_owned())
    }

    fn command(&self, name: &str) -> Command {
        command(&self.programs.join(name), &self.folder, self.user)
    }

    /// Where its first database is.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where a database of it is.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://habeas@{}/{database}", self.host())
    }

    fn host(&self) -> String {
        as_host(&self.folder)
    }

    /// Ends it and removes its folder.
    pub fn end(mut self) -> Result<()> {
        self.process.interrupt()?;
        self.process.wait(START)?;
        fs::remove_dir_all(&self.folder).context("remove the server's folder")
    }
}

/// A folder for a server, which is handed over to whom it runs as. Not below `target`: a socket's path has to
/// be short, and another user gets there.
fn folder(name: &str, user: Option<(u32, u32)>) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("habeas-{name}-{}", std::process::id()));
    fs::create_dir(&folder).context("make a folder for the server")?;
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).context("hand the folder over")?;
    }
    Ok(folder)
}

fn command(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = workspace::command(program);
    command.current_dir(folder);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Starts the server and waits until it takes connections.
fn serve(
    programs: &Path,
    folder: &Path,
    settings: &[&str],
    user: Option<(u32, u32)>,
) -> Result<Process> {
    let mut postgres = command(&programs.join("postgres"), folder, user);
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    postgres.args(SETTINGS.iter().chain(settings).flat_map(|setting| ["-c", setting]));
    let log = fs::File::options().create(true).append(true).open(folder.join("log"));
    postgres.stderr(log.context("open the server's log")?);
    let process = Process::start("postgres", &mut postgres)?;
    let began = Instant::now();
    let mut is_ready = command(&programs.join("pg_isready"), folder, user);
    is_ready.args(["--quiet", "--username=habeas", "--host"]).arg(folder);
    while !is_ready.status().context("start pg_isready")?.success() {
        ensure!(began.elapsed() < START, "the server is not ready after {START:?}");
        process.run_for(LOOK)?;
    }
    Ok(process)
}

/// A pooler before the server, in whose mode a connection is handed out per transaction.
#[derive(Debug)]
pub struct Pooler {
    process: Process,
}

impl Pooler {
    /// Starts one.
    pub fn start(server: &Server) -> Result<Self> {
        let folder = server.folder.display();
        // The pooler keeps every connection that it makes; a database of a test is soon not used any more.
        let settings = format!(
            "[databases]\n* = host={folder} user=habeas\n[pgbouncer]\nunix_socket_dir = {folder}\n\
             listen_addr =\nlisten_port = {POOLER_PORT}\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 8\nmax_client_conn = 1000\nserver_idle_timeout = 5\n"
        );
        let file = server.folder.join("pgbouncer.ini");
        fs::write(&file, settings).context("write the pooler's settings")?;
        let mut command = command(Path::new(POOLER), &server.folder, server.user);
        let process = Process::start("pgbouncer", command.arg("--quiet").arg(&file))?;
        let socket = server.folder.join(format!(".s.PGSQL.{POOLER_PORT}"));
        let began = Instant::now();
        while !socket.exists() {
            ensure!(began.elapsed() < START, "the pooler is not ready after {START:?}");
            process.run_for(LOOK)?;
        }
        Ok(Self { process })
    }

    /// Ends it.
    pub fn end(mut self) -> Result<()> {
        self.process.interrupt()?;
        self.process.wait(START).map(drop)
    }

    /// The server's first database through it.
    pub fn url(&self, server: &Server) -> String {
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
