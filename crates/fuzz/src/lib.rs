//! What fuzzing plays: a target for each family of parsers that read bytes from outside.
//!
//! A target hands the bytes to the product's own entry, as they would come in, and then holds what came
//! of it to a promise: that what was read can be written and read again, that a bound holds, that no
//! message repeats a value. It begins with small inputs of its own, and its tests play those.
//!
//! To add one, add a file, a line to [`TARGETS`], and its name to the list of `cargo xtask fuzz`.
//! Everything here but `main` is built and tested without libFuzzer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a target finds is told by a panic")]

mod api;
mod backup;
mod callers;
mod config;
mod csv;
mod deliveries;
mod identifiers;
mod keys;
mod package;
mod segment;
#[cfg(test)]
mod tests;

use std::sync::{LazyLock, OnceLock};
use std::{env, fs, process};

use tokio::runtime::{Builder, Runtime};

/// A family of parsers.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Plays an input; panics where a promise is broken.
    pub play: fn(&[u8]),
    /// What it begins with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What is worth trying within an input.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    api::TARGET,
    backup::TARGET,
    callers::TARGET,
    config::TARGET,
    csv::TARGET,
    deliveries::TARGET,
    identifiers::TARGET,
    keys::TARGET,
    package::TARGET,
    segment::TARGET,
];

/// A value about a person, which no message may repeat.
pub const PERSONAL: &str = "ada.lovelace@example.com";

/// The target that this process plays.
static CHOSEN: OnceLock<&Target> = OnceLock::new();

/// Takes the target that `FUZZ_TARGET` names; where `FUZZ_CORPUS` names a folder, puts the inputs that it
/// begins with there, and its words beside it, before libFuzzer reads both.
#[expect(clippy::disallowed_methods, reason = "the arguments are libFuzzer's")]
pub fn begin() {
    let name = env::var("FUZZ_TARGET").unwrap();
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    if let Ok(corpus) = env::var("FUZZ_CORPUS") {
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(format!("{corpus}/seed-{index}"), seed).unwrap();
        }
        // Whole or not at all: others may play the same target, and read it now.
        let draft = format!("{corpus}.words-{}", process::id());
        fs::write(&draft, dictionary(target.words)).unwrap();
        fs::rename(draft, format!("{corpus}.words")).unwrap();
    }
    CHOSEN.set(target).unwrap();
}

/// Plays an input of the chosen target.
pub fn play(input: &[u8]) {
    (CHOSEN.get().unwrap().play)(input);
}

/// Words in the form of libFuzzer's dictionaries.
fn dictionary(words: &[&str]) -> String {
    let escaped =
        |word: &str| -> String { word.bytes().map(|byte| format!("\\x{byte:02x}")).collect() };
    let lines = words.iter().chain(&[PERSONAL]).map(|word| format!("\"{}\"\n", escaped(word)));
    lines.collect()
}

/// What waits for the store.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    });
    &RUNTIME
}

/// Holds that a message does not repeat a value about a person.
#[track_caller]
pub(crate) fn hides(message: &str) {
    assert!(!message.contains(PERSONAL), "a message repeats a value: {message}");
}
