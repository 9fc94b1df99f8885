//! Who this process is to the store's leases: a name no other process ever has, and the machine's
//! monotonic time, which nobody can set.

#[cfg(test)]
mod tests;

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use domain::Instant;
use engine::Holder;
use engine::holder::Offset;
use engine::run::ENGINE_LEASE;
use store::{LeaseAnswer, LeaseRow, LeaseTime, Store, StoreError};

/// This process as a holder of leases.
pub fn holder() -> anyhow::Result<Holder> {
    let boot = boot_id()?;
    let me = Process::current(&boot)?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let info = format!("pid {} on {host}", me.pid);
    let here = me.clone();
    Ok(Holder {
        name: me.to_string(),
        info,
        machine: Arc::new(move || monotonic(&boot)),
        offset: Offset::default(),
        is_gone: Arc::new(move |name| here.knows_to_be_gone(name)),
    })
}

/// Takes the right to run the engine, which the engine then finds to be its own; or says who has it.
pub async fn claim(
    store: &Store,
    me: &Holder,
    now: Instant,
) -> Result<Option<LeaseRow>, StoreError> {
    Ok(match me.take(store, ENGINE_LEASE, &me.time(), now).await? {
        LeaseAnswer::Taken { .. } => None,
        LeaseAnswer::HeldBy(row) => Some(row),
    })
}

/// The machine's monotonic time, sleep included.
fn monotonic(boot: &str) -> LeaseTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    LeaseTime { boot: boot.to_owned(), millis: time.tv_sec * 1000 + time.tv_nsec / 1_000_000 }
}

fn boot_id() -> anyhow::Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(path).with_context(|| format!("could not read {path}"))?;
    Ok(id.trim().to_owned())
}

/// A process: its pid alone is used again some day, its pid with its time of start is not.
#[derive(Clone, PartialEq, Eq)]
struct Process {
    boot: String,
    /// Containers of one machine share the boot but not the pids.
    namespace: String,
    pid: u32,
    started: String,
}

impl Process {
    fn current(boot: &str) -> anyhow::Result<Self> {
        let pid = std::process::id();
        let (started, _) = started(pid).context("could not read this process's time of start")?;
        Ok(Self { boot: boot.to_owned(), namespace: namespace(), pid, started })
    }

    /// Whether the process of this name can be seen to be gone; unknown counts as alive.
    fn knows_to_be_gone(&self, name: &str) -> bool {
        let Some(other) = Self::parse(name) else { return false };
        if other.boot != self.boot || other.namespace != self.namespace {
            return false;
        }
        match started(other.pid) {
            // A zombie runs no more; it only waits for its parent.
            Some((started, state)) => started != other.started || matches!(state, 'Z' | 'X'),
            None => true,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('/').map(str::to_owned);
        let process = Self {
            boot: parts.next()?,
            namespace: parts.next()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?,
        };
        parts.next().is_none().then_some(process)
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/{}", self.boot, self.namespace, self.pid, self.started)
    }
}

fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// When a process was started, in ticks since the boot, and its state; absent if there is none.
fn started(pid: u32) -> Option<(String, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.nth(18)?.to_owned(), state))
}
