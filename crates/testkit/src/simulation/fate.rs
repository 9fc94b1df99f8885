//! Where the process dies: the first time that it comes by each side of each call site, so that none is
//! left out, and now and then later.
//!
//! Whether it dies at a later visit is a throw of the seed for that visit alone, so that it does not
//! matter in which order others come by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::crash::{self, Call, Crash, Moment};
use tokio::sync::Notify;

use super::coverage::Coverage;
use super::steps;
use crate::turns::Turns;

/// One later visit in so many is the last.
const ONE_IN: u64 = 1500;

/// A place in the program from which a call is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// A read of the database, by its statement.
    Read(&'static str),
    /// A transaction, by what it did to which tables.
    Commit(BTreeSet<String>),
    /// A call to the vendor: the step of the work, and the operation.
    Http(String, &'static str),
}

/// What the seed has in store for the process, over all its lives.
pub struct Fate {
    seed: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    n_visits: BTreeMap<(Site, Moment), u64>,
    coverage: Coverage,
}

/// One life of the process, from the opening of its store to its death.
pub struct Life {
    fate: Arc<Fate>,
    turns: Turns,
    is_running: AtomicBool,
    is_dead: AtomicBool,
    death: Notify,
}

impl Fate {
    /// The fate of a seed.
    pub fn of(seed: u64) -> Arc<Self> {
        Arc::new(Self { seed, inner: Mutex::default() })
    }

    /// What was seen, and where the process died.
    pub fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    /// Begins another life, whose calls take these turns.
    pub fn live(self: &Arc<Self>, turns: &Turns) -> Arc<Life> {
        Arc::new(Life {
            fate: Arc::clone(self),
            turns: turns.clone(),
            is_running: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            death: Notify::new(),
        })
    }

    fn strikes(&self, moment: Moment, site: &Site) -> bool {
        let Inner { n_visits, coverage } = &mut *self.lock();
        let n = n_visits.entry((site.clone(), moment)).or_default();
        *n += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, moment as u8, site, *n).hash(&mut hasher);
        let strikes = *n == 1 || hasher.finish().is_multiple_of(ONE_IN);
        coverage.saw(moment, site);
        if strikes {
            coverage.dies(moment, site);
        }
        strikes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    /// Lets the process die from now on, or not: what a test itself does to the store is no process.
    pub fn run(&self, is_running: bool) {
        self.is_running.store(is_running, Ordering::SeqCst);
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// Resolves when it is over.
    pub async fn over(&self) {
        self.death.notified().await;
    }
}

impl Crash for Life {
    fn is_dead(&self, moment: Moment, call: Call<'_>) -> bool {
        if self.is_over() {
            return true;
        }
        if !self.is_running.load(Ordering::SeqCst) || !self.fate.strikes(moment, &Site::of(call)) {
            return false;
        }
        self.is_dead.store(true, Ordering::SeqCst);
        self.death.notify_one();
        true
    }

    fn turn(&self) -> crash::Waiting<'_, Option<Box<dyn crash::Turn>>> {
        Box::pin(async { Some(Box::new(self.turns.next().await) as _) })
    }
}

impl Site {
    fn of(call: Call<'_>) -> Self {
        match call {
            Call::Read(sql) => Self::Read(sql),
            Call::Commit(ran) => Self::Commit(ran.iter().filter_map(|sql| change(sql)).collect()),
            Call::Http(operation) => Self::Http(steps::current(), operation),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(sql) => {
                let words: Vec<&str> = sql.split_whitespace().collect();
                write!(f, "read: {}", words.join(" "))
            }
            Self::Commit(changes) => {
                let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
                write!(f, "commit: {}", changes.join(", "))
            }
            Self::Http(step, operation) => write!(f, "{step}: {operation}"),
        }
    }
}

/// What a statement changes: the verb and the table. Values may come before the verb.
fn change(sql: &str) -> Option<String> {
    let mut words =
        sql.split_whitespace().skip_while(|word| !["INSERT", "UPDATE", "DELETE"].contains(word));
    let verb = words.next()?;
    let table = if verb == "UPDATE" { words.next()? } else { words.nth(1)? };
    Some(format!("{} {table}", verb.to_lowercase()))
}
