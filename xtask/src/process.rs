//! A program that we started: wait for its lines, stop it, kill it, see what it uses.
//!
//! Benchmarks, torture and the command line's own tests share it. Nothing here sleeps: a line or
//! an end is waited for, with a limit. A process that is dropped is killed, so that a failing test
//! leaves nothing behind. Memory and processor time come from `/proc`, so they need Linux.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde::de::DeserializeOwned;

#[cfg(test)]
mod tests;

/// A running program and the lines that it has printed and nobody has taken.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

/// What a program has used since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The most memory that it ever held (`VmHWM`), in bytes.
    pub peak_memory_bytes: u64,
    /// The processor time of all its threads, in user and system mode.
    pub cpu: Duration,
}

impl Process {
    /// Starts a program; its standard output is ours, its standard error is left as it is set.
    ///
    /// Unless the caller asks for a pipe, it has nothing to read.
    pub fn start(name: &str, command: &mut Command) -> Result<Process> {
        let started = command.stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("start {name}"))?;
        let stdout = child.stdout.take().with_context(|| format!("read from {name}"))?;
        let (sender, lines) = mpsc::channel();
        // The thread ends with the program's output, or when nobody listens any more.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process { name: name.to_owned(), child, lines })
    }

    /// The number that the system gave to the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line for which `wanted` holds; lines before it are dropped.
    pub fn line(&self, within: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if wanted(&line) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} printed no such line within {within:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended before it printed the line", self.name)
                }
            }
        }
    }

    /// The next line, read as JSON.
    pub fn json_line<T: DeserializeOwned>(&self, within: Duration) -> Result<T> {
        let line = self.line(within, |_| true)?;
        serde_json::from_str(&line).with_context(|| format!("{} printed no JSON", self.name))
    }

    /// Lets the program run for a while and returns the lines that it prints meanwhile.
    ///
    /// It is an error if the program closes its output in that time.
    pub fn run_for(&self, time: Duration) -> Result<Vec<String>> {
        let deadline = Instant::now() + time;
        let mut printed = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => printed.push(line),
                Err(RecvTimeoutError::Timeout) => return Ok(printed),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended by itself within {time:?}", self.name)
                }
            }
        }
    }

    /// `kill -9`, and waits until the program is gone.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill().with_context(|| format!("kill {}", self.name))?;
        self.child.wait().with_context(|| format!("wait for {}", self.name))
    }

    /// What Ctrl-C sends; the program may take its time.
    pub fn interrupt(&self) -> Result<()> {
        self.send(Signal::INT)
    }

    /// Asks the program to end; it may take its time.
    pub fn terminate(&self) -> Result<()> {
        self.send(Signal::TERM)
    }

    /// Asks the program to end as badly as it can by itself.
    pub fn quit(&self) -> Result<()> {
        self.send(Signal::QUIT)
    }

    /// Makes the program stand still, as a machine that hangs would; returns when it stands.
    pub fn suspend(&self) -> Result<()> {
        self.send(Signal::STOP)?;
        let stood = waitpid(Some(self.pid()), WaitOptions::UNTRACED);
        match stood.with_context(|| format!("wait for {} to stand", self.name))? {
            Some((_, status)) if status.stopped() => Ok(()),
            _ => bail!("{} ended instead of standing still", self.name),
        }
    }

    /// Lets a suspended program go on.
    pub fn resume(&self) -> Result<()> {
        self.send(Signal::CONT)
    }

    /// Waits for the end of the program's output and then of the program; drops its lines.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} hasn't ended within {within:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.child.wait().with_context(|| format!("wait for {}", self.name))
    }

    /// What the program has used so far; it must still be running.
    pub fn usage(&self) -> Result<Usage> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.id());
            fs::read_to_string(path).with_context(|| format!("see what {} uses", self.name))
        };
        let peak = peak_memory_bytes(&read("status")?);
        let ticks = cpu_ticks(&read("stat")?);
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Usage {
            peak_memory_bytes: peak.with_context(|| format!("{} shows no memory", self.name))?,
            cpu: duration(
                ticks.with_context(|| format!("{} shows no processor time", self.name))?,
                per_second,
            ),
        })
    }

    fn send(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal).with_context(|| format!("signal {}", self.name))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to do.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Reads the line `VmHWM:   12345 kB` of `/proc/PID/status`.
fn peak_memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// User and system time, fields 14 and 15 of `/proc/PID/stat`.
///
/// The second field is the program's name in brackets and may hold anything, brackets included.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn duration(ticks: u64, per_second: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / per_second.max(1))
}
