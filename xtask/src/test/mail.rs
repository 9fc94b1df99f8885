//! Notices by mail to a real mail server on this machine, aiosmtpd from the registry of Python, with
//! STARTTLS, TLS and passwords. Its script and its certificates lie in `mail/`; everybody knows the
//! keys.
//!
//! What no real server does (babbling, breaking off in the middle) is told by stories of testkit.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{End, sdk};
use crate::process::Process;
use crate::workspace::{self, Profile};
use crate::world::{START, Spaces, World};

const PACKAGES: &[&str] = &["aiosmtpd==1.4.6"];
const USER: &str = "habeas";
const PASSWORD: &str = "correct-horse-battery";
/// How long a letter may take; waiting to be sent again is the twins' time, and jumps.
const WITHIN: Duration = Duration::from_secs(60);

/// The step.
pub(super) fn run() -> Result<End> {
    let python = match sdk::python_with("mail", PACKAGES)? {
        Ok(python) => python,
        Err(why) => return Ok(End::Skipped(why)),
    };
    let mut server = workspace::command(python);
    server.args([file("server.py"), file("server.pem"), file("server.key")]).args([USER, PASSWORD]);
    let server = Process::start("the mail server", server.stderr(Stdio::null()))?;
    let ports: Value = server.json_line(START)?;
    let habeas = workspace::build_habeas(Profile::Dev)?;
    let world = World::start(&habeas, &workspace::target().join("mail"), &["--regular-only"])?;
    world.connect(Spaces::First, &[])?;
    let stage = Stage { world, server, ports, kept: RefCell::default() };
    stage.each_way_in_is_tried()?;
    stage.each_refusal_says_what_to_do()?;
    stage.notices_are_mailed_and_put_off_ones_come_later()?;
    stage.what_a_killed_program_was_sending_is_sent()?;
    stage.the_password_stands_nowhere()?;
    Ok(End::Passed(String::new()))
}

fn file(name: &str) -> PathBuf {
    workspace::root().join("xtask/src/test/mail").join(name)
}

struct Stage {
    world: World,
    server: Process,
    ports: Value,
    /// Letters that nobody asked for yet.
    kept: RefCell<Vec<Value>>,
}

impl Stage {
    /// Names the mail server as it listens for this, with more arguments.
    fn set(&self, listens_for: &str, security: &str, more: &[&str]) -> Result<()> {
        self.set_at("localhost", &self.ports[listens_for].to_string(), security, more)
    }

    fn set_at(&self, host: &str, port: &str, security: &str, more: &[&str]) -> Result<()> {
        let at = ["mail", "set", "--host", host, "--port", port, "--security", security];
        let args = [&at[..], &["--from", "habeas@example.org"], more].concat();
        let status = self.with_password(&args, PASSWORD)?.stdout(Stdio::null()).status();
        ensure!(status.context("start habeas")?.success(), "{} failed", args.join(" "));
        Ok(())
    }

    fn with_password(&self, args: &[&str], password: &str) -> Result<Command> {
        let mut command = self.world.habeas(args)?;
        command.env("SMTP_PASSWORD", password);
        Ok(command)
    }

    /// Tries whoever is told, and says what came of the one of this name.
    fn tested(&self, name: &str) -> Result<Value> {
        let output =
            self.world.habeas(["notices", "test", "--json"])?.stderr(Stdio::null()).output();
        let output = output.context("start habeas")?;
        let test: Value = serde_json::from_slice(&output.stdout).context("read the test")?;
        let channels = test["channels"].as_array().context("the test names nobody")?;
        let all_taken = channels.iter().all(|one| one["is_taken"] == true);
        ensure!(output.status.success() == all_taken, "the exit code says something else: {test}");
        let one = channels.iter().find(|one| one["name"] == name);
        one.cloned().with_context(|| format!("nobody tried {name}: {test}"))
    }

    /// The next letter to somebody. Those to others are kept until they are asked for.
    fn letter(&self, to: &str) -> Result<Value> {
        let is_theirs = |letter: &Value| letter["to"] == json!([to]);
        let mut kept = self.kept.borrow_mut();
        if let Some(at) = kept.iter().position(is_theirs) {
            return Ok(kept.remove(at));
        }
        loop {
            let letter: Value = self.server.json_line(WITHIN)?;
            if is_theirs(&letter) {
                return Ok(letter);
            }
            kept.push(letter);
        }
    }

    fn each_way_in_is_tried(&self) -> Result<()> {
        self.world.run(&["mail", "add", "ann", "--to", "ann@example.org"])?;
        let signed_in = ["--user", USER, "--password", "env:SMTP_PASSWORD"];
        let ca = file("ca.pem").display().to_string();
        let trusted = [&signed_in[..], &["--server-ca", &ca]].concat();
        for (way, security, more) in [
            ("starttls", "starttls", &trusted[..]),
            ("tls", "tls", &trusted[..]),
            ("plain", "unencrypted", &[]),
        ] {
            self.set(way, security, more)?;
            let came_to = self.tested("ann")?;
            ensure!(came_to["is_taken"] == true, "{way}: {came_to}");
            let letter = self.letter("ann@example.org")?;
            let is_guarded = way != "plain";
            ensure!(letter["port"] == way && letter["is_encrypted"] == is_guarded, "{letter}");
            ensure!(letter["is_known"] == is_guarded, "{letter}");
            ensure!(letter["headers"]["subject"] == "[Habeas] a test", "{letter}");
        }
        Ok(())
    }

    fn each_refusal_says_what_to_do(&self) -> Result<()> {
        let ca = file("ca.pem").display().to_string();
        let wrong = ["--user", USER, "--password", "env:HABEAS_DATA", "--server-ca", &ca];
        let unknown = ["--server-ca", &ca[..]];
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").context("find a free port")?;
        let nobody = nobody.local_addr().context("find a free port")?.port().to_string();
        let port = |way: &str| self.ports[way].to_string();
        for (host, port, security, more, code) in [
            ("localhost", port("starttls"), "starttls", &wrong[..], "E-MAIL-006"),
            ("localhost", port("starttls"), "starttls", &unknown[..], "E-MAIL-006"),
            ("localhost", port("starttls"), "starttls", &[], "E-MAIL-005"),
            ("localhost", port("plain"), "starttls", &[], "E-MAIL-005"),
            ("localhost", port("plain"), "tls", &[], "E-MAIL-005"),
            ("localhost", nobody, "starttls", &[], "E-MAIL-004"),
            ("nowhere.invalid", port("plain"), "starttls", &[], "E-MAIL-004"),
        ] {
            self.set_at(host, &port, security, more)?;
            let came_to = self.tested("ann")?;
            ensure!(came_to["code"] == code, "{host}:{port} {security}: {came_to}");
            ensure!(came_to["advice"].is_string(), "{came_to}");
        }
        self.set("plain", "unencrypted", &[])?;
        for (name, code) in [("never", "E-MAIL-007"), ("later", "E-MAIL-008")] {
            self.world.run(&["mail", "add", name, "--to", &format!("{name}@example.org")])?;
            let came_to = self.tested(name)?;
            ensure!(came_to["code"] == code, "{came_to}");
            ensure!(!came_to.to_string().contains("secret.example"), "{came_to}");
            // Ann was tried too.
            self.letter("ann@example.org")?;
            self.world.run(&["mail", "remove", name])?;
        }
        Ok(())
    }

    fn notices_are_mailed_and_put_off_ones_come_later(&self) -> Result<()> {
        let ca = file("ca.pem").display().to_string();
        let signed_in = ["--user", USER, "--password", "env:SMTP_PASSWORD", "--server-ca", &ca];
        self.set("starttls", "starttls", &signed_in)?;
        for name in ["later", "never"] {
            let to = format!("{name}@example.org");
            self.world.run(&["mail", "add", name, "--to", &to, "--kind", "engine_paused"])?;
        }
        self.world.run(&[
            "mail",
            "add",
            "other",
            "--to",
            "other@example.org",
            "--kind",
            "job_overdue",
        ])?;
        let serve = self.world.serve_ready()?;
        self.world.let_time_jump()?;
        self.world.run(&["pause", "--all"])?;
        let letters = [self.letter("ann@example.org")?, self.letter("later@example.org")?];
        for letter in &letters {
            ensure!(letter["headers"]["subject"] == "[Habeas] everything is paused", "{letter}");
            ensure!(letter["headers"]["auto-submitted"] == "auto-generated", "{letter}");
            let named = |name: &str| letters[0]["headers"][name] == letter["headers"][name];
            ensure!(named("message-id") && named("references"), "{letters:?}");
        }
        let failing = self.letter("ann@example.org")?;
        ensure!(failing["headers"]["subject"] == "[Habeas] somebody can't be told", "{failing}");
        let show: Value = serde_json::from_str(&self.world.run(&["mail", "show", "--json"])?)?;
        let counts = |name: &str| {
            let all = show["recipients"].as_array().into_iter().flatten();
            let one = all.clone().find(|one| one["name"] == name);
            one.map(|one| (one["n_waiting"].clone(), one["n_dead"].clone()))
        };
        ensure!(counts("never") == Some((json!(0), json!(1))), "{show}");
        ensure!(counts("other") == Some((json!(0), json!(0))), "{show}");
        drop(serve);
        Ok(())
    }

    fn what_a_killed_program_was_sending_is_sent(&self) -> Result<()> {
        let mut serve = self.world.serve_ready()?;
        self.server.suspend()?;
        self.world.run(&["resume", "--all"])?;
        serve.kill()?;
        self.server.resume()?;
        let serve = self.world.serve_ready()?;
        for to in ["ann@example.org", "later@example.org"] {
            let letter = self.letter(to)?;
            let subject = &letter["headers"]["subject"];
            ensure!(subject == "[Habeas] mended: everything is paused", "{letter}");
        }
        let doctor: Value = serde_json::from_str(&self.doctor()?)?;
        let found = doctor["findings"].to_string();
        ensure!(found.contains("takes letters from us"), "{found}");
        drop(serve);
        Ok(())
    }

    /// What the doctor says, however bad it is.
    fn doctor(&self) -> Result<String> {
        let output = self.world.habeas(["doctor", "--json"])?.output().context("start habeas")?;
        String::from_utf8(output.stdout).context("read what the doctor said")
    }

    fn the_password_stands_nowhere(&self) -> Result<()> {
        let show = self.world.run(&["mail", "show", "--json"])?;
        let journal = self.world.run(&["journal", "--json"])?;
        let mut held = vec![show.into_bytes(), journal.into_bytes()];
        for file in ["data/habeas.db", "data/habeas.db-wal", "habeas.log"] {
            held.extend(std::fs::read(self.world.folder().join(file)));
        }
        let stands =
            |bytes: &Vec<u8>| bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        ensure!(!held.iter().any(stands), "the password stands in plain");
        Ok(())
    }
}
