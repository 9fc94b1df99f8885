//! A measured value, what was promised for it, and how it was measured.

use std::fmt;
use std::fs;
use std::thread;

use serde::{Serialize, Serializer};

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// More would be too much.
    AtMost(f64),
    /// Less would be too little.
    AtLeast(f64),
    /// Nothing; the value is there for comparison.
    None,
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtMost(bound) => value <= bound,
            Bound::AtLeast(bound) => value >= bound,
            Bound::None => true,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtMost(bound) => write!(out, "at most {bound}"),
            Bound::AtLeast(bound) => write!(out, "at least {bound}"),
            Bound::None => write!(out, "none"),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// One figure; as JSON it is one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its name.
    pub figure: String,
    /// What was measured.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// What was promised.
    pub bound: Bound,
    /// Whether the promise is kept.
    pub holds: bool,
    /// How it was measured, on what.
    pub setup: String,
}

impl Figure {
    /// A figure; the machine is added to the set-up.
    pub fn new(figure: &str, value: f64, unit: &'static str, bound: Bound, setup: &str) -> Figure {
        Figure {
            figure: figure.to_owned(),
            value,
            unit,
            bound,
            holds: bound.holds(value),
            setup: format!("{setup}; {}", machine()),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds { "holds" } else { "BROKEN" };
        let Figure { figure, value, unit, bound, setup, .. } = self;
        write!(out, "{figure}: {value:.3} {unit} (bound: {bound}, {verdict})\n  {setup}")
    }
}

/// What the figure was measured on, and what else ran on it.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{os} {arch}, load average {load}, {cores} cores")
}
