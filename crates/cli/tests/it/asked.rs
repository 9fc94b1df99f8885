//! `habeas connect` as somebody at a terminal uses it, on a terminal of the test's own.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::world::World;

/// A program at a terminal.
struct Session {
    terminal: File,
    child: Child,
    screen: String,
    /// How much of it was answered.
    seen: usize,
}

impl Session {
    fn of(world: &World, args: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(name.to_str().unwrap());
        let end = || Stdio::from(open().unwrap());
        let mut command = world.command(args);
        let command = command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        Self { terminal: File::from(terminal), child, screen: String::new(), seen: 0 }
    }

    /// Waits until the program has written this since the last answer, then types.
    fn answer(&mut self, prompt: &str, keys: &str) {
        // From what was answered last on: the next question may have come along with its echo.
        let found = loop {
            match self.screen.get(self.seen..).unwrap_or_default().find(prompt) {
                Some(at) => break self.seen + at,
                None => assert!(self.read(), "no “{prompt}”: {}", self.screen),
            }
        };
        self.seen = found + prompt.len();
        // What is typed before the program listens is lost.
        while tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO) {
            std::thread::yield_now();
        }
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Takes in what was written; whether the program is still there.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.terminal.read(&mut bytes) {
            Ok(0) => false,
            Ok(n) => {
                self.screen.push_str(&String::from_utf8_lossy(&bytes[..n]));
                true
            }
            // The last one at the other end has left.
            Err(error) if error.kind() != ErrorKind::Interrupted => false,
            Err(_) => true,
        }
    }

    /// The exit code and everything that was on the screen.
    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().unwrap().code(), self.screen)
    }
}

/// A world with twins, and how somebody begins to connect them.
fn begin() -> (World, Session) {
    let world = World::new();
    let urls = world.twins["segment"]["base_urls"].as_object().unwrap();
    let mut args = vec!["connect".to_owned(), "segment".to_owned()];
    args.extend(["--set".to_owned(), "allow_loopback=true".to_owned()]);
    for (name, url) in urls {
        args.extend(["--set".to_owned(), format!("base_urls.{name}={}", url.as_str().unwrap())]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let session = Session::of(&world, &args);
    (world, session)
}

fn secret(world: &World, pointer: &str) -> String {
    world.twins["segment"]["credentials"]["full"].pointer(pointer).unwrap().as_str().unwrap().into()
}

#[test]
fn somebody_who_answers_is_connected_and_no_secret_is_shown() {
    let (world, mut session) = begin();
    let full = |pointer: &str| secret(&world, pointer);
    session.answer("A name for this connection", "\r");
    session.answer("eu", "\r");
    session.answer("Workspace ID: ", "\r");
    session.answer("this one is needed", &format!("  {} \r", full("/workspace_id")));
    session.answer("Public API token (not shown)", &format!("{}\r", full("/token")));
    session.answer("parted by commas", &format!("{}\r", full("/spaces/0/space_id")));
    session.answer("(not shown)", &format!("{}\r", full("/spaces/0/profile_token")));
    session.answer("sha256", "\r");
    session.answer("DELETE_INTERNAL", "\r");
    session.answer("suppress_only", "\r");
    session.answer("Write key (not shown)", "\r");
    for scope in ["sale", "sharing", "targeted_advertising", "sensitive_use"] {
        session.answer(&format!("{scope}: "), "\r");
    }
    session.answer("Save the connection", "y\r");
    let (code, screen) = session.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("segment is connected, in observe mode"), "{screen}");
    assert!(screen.contains("asking Twilio Segment what the credentials may do"), "{screen}");
    assert!(screen.contains("arrow keys choose"), "{screen}");
    assert!(screen.contains("Public API token: entered, not shown"), "{screen}");
    assert!(screen.contains("Write key: left out") && !screen.contains("hidden"), "{screen}");
    for pointer in ["/token", "/spaces/0/profile_token"] {
        assert!(!screen.contains(&full(pointer)), "{screen}");
    }
    let connection = &world.json(&["connections", "list"])["connections"][0];
    assert_eq!(connection["settings"].get("deletion_type"), None, "Enter leaves it out");
}

#[test]
fn a_wrong_token_saves_nothing_and_says_where_to_find_the_right_one() {
    let (world, mut session) = begin();
    session.answer("A name for this connection", "\r");
    session.answer("eu", "\r");
    session.answer("Workspace ID: ", &format!("{}\r", secret(&world, "/workspace_id")));
    session.answer("Public API token (not shown)", "not-the-token\r");
    session.answer("parted by commas", "\r");
    session.answer("sha256", "\r");
    session.answer("DELETE_INTERNAL", "\r");
    session.answer("suppress_only", "\r");
    session.answer("Write key (not shown)", "\r");
    for scope in ["sale", "sharing", "targeted_advertising", "sensitive_use"] {
        session.answer(&format!("{scope}: "), "\r");
    }
    let (code, screen) = session.end();
    assert_eq!(code, Some(4), "{screen}");
    assert!(!screen.contains("not-the-token"), "{screen}");
    assert!(screen.contains("nothing was saved"), "{screen}");
    assert!(screen.contains("Create token"), "{screen}");
}

#[test]
fn ctrl_c_saves_nothing_and_gives_the_cursor_back() {
    let (_world, mut session) = begin();
    session.answer("A name for this connection", "\r");
    session.answer("eu", "\x03");
    let (code, screen) = session.end();
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("stopped; nothing was saved"), "{screen}");
    assert!(screen.rfind("\x1b[?25h") > screen.rfind("\x1b[?25l"), "the cursor is there again");
}
