//! `cargo xtask bench [NAME] [--json]`: the promised figures, measured on the release build.
//!
//! Each figure has a file in `bench/` with a function that measures it and a line in [`BENCHES`].
//! The exit code is 1 if a bound doesn't hold.

use anyhow::Result;

use crate::args::{Args, Misuse};
use crate::screen;

mod binary_size;
mod burst;
mod deletions;
mod figure;
mod idle;
mod limits;
mod start;
mod throughput;
mod unbatched;

#[cfg(test)]
mod tests;

pub use figure::{Bound, Figure};

/// A name, and the function that measures its figures.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// What is asked for on the command line.
    pub name: &'static str,
    /// Measures.
    pub measure: fn() -> Result<Vec<Figure>>,
}

/// All of them, in the order in which they run.
pub const BENCHES: &[Bench] = &[
    Bench { name: "binary-size", measure: binary_size::measure },
    Bench { name: "start", measure: start::measure },
    Bench { name: "idle", measure: idle::measure },
    Bench { name: "burst", measure: burst::measure },
    Bench { name: "unbatched", measure: unbatched::measure },
    Bench { name: "limits", measure: limits::measure },
    Bench { name: "throughput", measure: throughput::measure },
];

/// Runs the task and says whether every bound holds.
pub fn run(mut args: Args) -> Result<bool> {
    let as_json = args.flag("--json");
    let name = args.word();
    args.end()?;
    let mut all_hold = true;
    for bench in chosen(name.as_deref())? {
        for figure in (bench.measure)()? {
            screen::say(&if as_json {
                serde_json::to_string(&figure)?
            } else {
                figure.to_string()
            });
            all_hold &= figure.holds;
        }
    }
    Ok(all_hold)
}

/// The benchmark of that name, or all.
fn chosen(name: Option<&str>) -> Result<Vec<Bench>> {
    let wanted = |bench: &&Bench| name.is_none_or(|name| name == bench.name);
    let chosen: Vec<Bench> = BENCHES.iter().filter(wanted).copied().collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        return Err(Misuse(format!("no such benchmark; there are {}", names.join(", "))).into());
    }
    Ok(chosen)
}
