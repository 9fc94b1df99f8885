//! A world for one test: twins in a process of their own, a folder, and the program's commands.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A world.
pub struct World {
    folder: TempDir,
    /// What `habeas twins --json` printed.
    pub twins: Value,
    /// The PostgreSQL database that takes the place of the file, if one does.
    pub database: Option<String>,
    /// The bucket that takes the place of the folder of large bodies, if one does.
    pub bodies: Option<store::Bodies>,
    _twins: Running,
}

/// A program that runs until it is dropped.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

/// What a command came to.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// Twins with few people, and their description in `twins.json`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_habeas"));
        let mut twins = Running::start(command.args(["twins", "--json", "--people", "40"]));
        let line = twins.line();
        fs::write(folder.path().join("twins.json"), &line).unwrap();
        let twins_told = serde_json::from_str(&line).unwrap();
        Self { folder, twins: twins_told, database: None, bodies: None, _twins: twins }
    }

    /// A world whose twin is connected, acting, without review.
    pub fn connected() -> Self {
        Self::new().connect()
    }

    /// A world whose connection has no profile token, so that nobody can be looked up.
    pub fn connected_blind() -> Self {
        let world = Self::new();
        let mut told = world.twins.clone();
        let full = told["segment"]["credentials"]["full"].as_object_mut().unwrap();
        full.remove("spaces");
        full.retain(|name, _| !name.starts_with("profile_token"));
        world.file("twins.json", &told.to_string());
        world.connect()
    }

    fn connect(self) -> Self {
        let world = self;
        let twin = world.path("twins.json");
        let connected = world.run(&[
            "connect",
            "segment",
            "--twin",
            &twin,
            "--set",
            "mode=act",
            "--set",
            "review=auto",
        ]);
        assert_eq!(connected.code, 0, "{}", connected.err);
        world
    }

    /// A path in the world's folder, as text.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes a file, and gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }

    /// The program in this world, to be started in another way.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_of(Path::new(env!("CARGO_BIN_EXE_habeas")));
        command.args(args);
        command
    }

    /// A program in this world's folder and with its variables.
    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("HABEAS_DATA", self.path("data"))
            .env("HABEAS_KEYS", self.path("keys"))
            .env("USER", "tester")
            .env_remove("HABEAS_DATABASE_URL")
            .envs(self.database.iter().map(|url| ("HABEAS_DATABASE_URL", url)))
            .env_remove("HABEAS_BODIES")
            .env_remove("HABEAS_LOG")
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env_remove("OTEL_EXPORTER_OTLP_HEADERS");
        if let Some(bodies) = &self.bodies {
            let access = bodies.access.iter().map(|(name, value)| (name, value.expose()));
            command.env("HABEAS_BODIES", &bodies.url).envs(access);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().unwrap().into()
    }

    /// Runs a command to its end, with a variable.
    pub fn run_with(&self, args: &[&str], variable: (&str, &str)) -> Ended {
        self.command(args).env(variable.0, variable.1).output().unwrap().into()
    }

    /// Runs a command that must end well, and gives its JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let ended = self.run(&all);
        assert!(matches!(ended.code, 0 | 3), "{args:?}: {} {}", ended.code, ended.err);
        let last = ended.out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|_| panic!("{args:?} printed no JSON"))
    }

    /// Runs a command that ends with this code, and gives its JSON.
    pub fn json_of(&self, args: &[&str], code: i32) -> Value {
        let ended = self.run(&[args, &["--json"]].concat());
        assert_eq!(ended.code, code, "{args:?}: {}", ended.err);
        serde_json::from_str(ended.out.lines().last().unwrap_or_default()).unwrap()
    }

    /// Starts a command that runs until it is dropped.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }

    /// The same with variables.
    pub fn start_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Running {
        Running::start(self.command(args).envs(variables.iter().copied()))
    }

    /// Starts a command that can make no file longer than this: a disk that is full, as far as it
    /// can tell.
    pub fn start_on_full_disk(&self, longest_file: u64, args: &[&str]) -> Running {
        // Ignored, the signal becomes an error of the write.
        self.start_bounded("trap '' XFSZ", longest_file, args)
    }

    /// Starts a command that dies of a signal where it would make a file longer than this.
    pub fn start_to_die(&self, longest_file: u64, args: &[&str]) -> Running {
        self.start_bounded("ulimit -c 0", longest_file, args)
    }

    fn start_bounded(&self, first: &str, longest_file: u64, args: &[&str]) -> Running {
        // The shell counts in blocks of 512 bytes.
        let n_blocks = longest_file / 512;
        let script = format!("{first}; ulimit -f {n_blocks}; exec \"$0\" \"$@\"");
        let mut command = self.command_of(Path::new("sh"));
        Running::start(command.args(["-c", &script, env!("CARGO_BIN_EXE_habeas")]).args(args))
    }

    /// The control URL of the twins.
    pub fn control(&self) -> String {
        self.twins["control"]["base_url"].as_str().unwrap().to_owned()
    }

    /// Makes the folder follow the twins' clock.
    pub fn follow_clock(&self) {
        let mut serve = self.start(&["serve", "--clock", &self.control()]);
        serve.line();
        assert_eq!(serve.end().code, 0);
    }

    /// Sets the twins' clock.
    pub fn set_clock(&self, change: &str) {
        self.control_call("POST", "/clock", change);
    }

    /// Reads from the twins' control interface.
    pub fn ask(&self, path: &str) -> Value {
        serde_json::from_str(&self.control_call("GET", path, "")).unwrap()
    }

    /// Calls the twins' control interface, and gives what it answers.
    pub fn control_call(&self, method: &str, path: &str, body: &str) -> String {
        let stream = TcpStream::connect(self.control().trim_start_matches("http://")).unwrap();
        let (status, body) = http(stream, method, path, &[], body);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The people that the twin told of.
    pub fn people(&self, kind: &str) -> Vec<Value> {
        let all = self.twins["segment"]["subjects"].as_array().unwrap();
        all.iter().filter(|one| one["kind"] == kind).cloned().collect()
    }

    /// Every file below the world's data, with its bytes.
    pub fn data(&self) -> Vec<(PathBuf, Vec<u8>)> {
        contents(&self.folder.path().join("data"))
    }
}

/// Makes one call over a stream, and gives status and body of the answer.
pub fn http(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut call = format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n");
    for (name, value) in headers {
        call.push_str(&format!("{name}: {value}\r\n"));
    }
    call.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(call.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Every file below a folder, with its bytes, in order.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next line of its complaints.
    pub fn complaint(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, waits, and gives what it said.
    pub fn end(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end, and gives what it said.
    pub fn wait(mut self) -> Ended {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Ended { code, out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended can't be killed, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
