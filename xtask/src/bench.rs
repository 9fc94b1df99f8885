//! `cargo xtask bench [NAME] [--json]`: the promised figures, measured on the release build.
//!
//! For a look while working: `--release` measures a build that is faster made, `--binary FILE` one that is
//! there, and `--people N` plays with fewer people where a figure is about many. The promises are about
//! none of these.
//!
//! Each figure has a file in `bench/` with a function that measures it and a line in [`BENCHES`].
//! The exit code is 1 if a bound doesn't hold.

use std::path::PathBuf;

use anyhow::Result;

use crate::args::{Args, Misuse};
use crate::screen;
use crate::workspace::{self, Profile};

mod aged;
mod api;
mod binary_size;
mod burst;
mod campaign;
mod deletions;
mod figure;
mod history;
mod idle;
mod intake;
mod limits;
mod million;
mod postgres;
mod restart;
mod start;
mod throughput;
mod unbatched;
mod workers;

#[cfg(test)]
mod tests;

pub use figure::{Bound, Figure};

/// A name, and the function that measures its figures.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// What is asked for on the command line.
    pub name: &'static str,
    /// Measures.
    pub measure: fn(&Options) -> Result<Vec<Figure>>,
}

/// What may be asked for beside a name.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the program is built.
    pub profile: Profile,
    /// The program, if it is built already.
    pub binary: Option<PathBuf>,
    /// How many people, where that can be chosen.
    pub n_people: Option<usize>,
}

impl Options {
    /// The program to be measured.
    fn habeas(&self) -> Result<PathBuf> {
        self.binary.clone().map_or_else(|| workspace::build_habeas(self.profile), Ok)
    }
}

/// All of them, in the order in which they run.
pub const BENCHES: &[Bench] = &[
    Bench { name: "binary-size", measure: binary_size::measure },
    Bench { name: "start", measure: start::measure },
    Bench { name: "idle", measure: idle::measure },
    Bench { name: "burst", measure: burst::measure },
    Bench { name: "unbatched", measure: unbatched::measure },
    Bench { name: "limits", measure: limits::measure },
    Bench { name: "campaign", measure: campaign::measure },
    Bench { name: "throughput", measure: throughput::measure },
    Bench { name: "postgres", measure: postgres::measure },
    Bench { name: "workers", measure: workers::measure },
    Bench { name: "intake", measure: intake::measure },
    Bench { name: "million", measure: million::measure },
    Bench { name: "restart", measure: restart::measure },
    Bench { name: "aged", measure: aged::measure },
    Bench { name: "aged-postgres", measure: aged::over_postgres },
];

/// Runs the task and says whether every bound holds.
pub fn run(mut args: Args) -> Result<bool> {
    let as_json = args.flag("--json");
    let profile = if args.flag("--release") { Profile::Release } else { Profile::Dist };
    let (binary, n_people) = (args.value("--binary")?, args.value("--people")?);
    let options = Options { profile, binary, n_people };
    let name = args.word();
    args.end()?;
    let mut all_hold = true;
    for bench in chosen(name.as_deref())? {
        for figure in (bench.measure)(&options)? {
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
