//! `cargo xtask simulate --mutants [NAME]`: mistakes made on purpose, each of which the simulation has to
//! find.
//!
//! A mutant is a patch in `crates/testkit/mutants/`, whose first lines say what the mistake is. It is applied
//! to a copy of the working tree and built there; seeds are played until one breaks a promise.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::args::Misuse;
use crate::{screen, workspace};

/// The line that the simulation begins a broken promise with.
const BROKEN: &str = "BROKEN by seed";

/// What it says of a seed that it could not play, which is no promise.
const NOT_PLAYED: &str = "it could not be played";

/// Tries the mutant of this name, or all, and says whether each was killed within so many seeds.
pub(super) fn run(name: Option<&str>, n_seeds: u64) -> Result<bool> {
    let mutants: Vec<PathBuf> =
        all()?.into_iter().filter(|patch| name.is_none_or(|name| name_of(patch) == name)).collect();
    if mutants.is_empty() {
        let names: Vec<String> = all()?.iter().map(|patch| name_of(patch)).collect();
        return Err(Misuse(format!("no such mutant; there are {}", names.join(", "))).into());
    }
    let tree = copy_of_the_tree()?;
    let mut n_alive = 0;
    for patch in &mutants {
        apply(&tree, patch, &[])?;
        let killed_by = play(&tree, n_seeds).with_context(|| name_of(patch))?;
        apply(&tree, patch, &["--reverse"])?;
        n_alive += usize::from(killed_by.is_none());
        let end = killed_by.unwrap_or_else(|| format!("LIVES ON after {n_seeds} seeds"));
        screen::say(&format!("{}: {end}", name_of(patch)));
    }
    screen::say(&format!("{} mutants, {n_alive} live on", mutants.len()));
    Ok(n_alive == 0)
}

/// The patches, by name.
fn all() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join("crates/testkit/mutants");
    let files = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut patches = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    patches.sort();
    Ok(patches)
}

fn name_of(patch: &Path) -> String {
    patch.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A copy of what git knows, as it is now.
fn copy_of_the_tree() -> Result<PathBuf> {
    let tree = workspace::target().join("mutants");
    if tree.exists() {
        fs::remove_dir_all(&tree).context("remove the last copy of the tree")?;
    }
    let listed =
        workspace::command("git").args(["ls-files", "-z"]).output().context("start git")?;
    ensure!(listed.status.success(), "git does not list the files");
    let listed = String::from_utf8(listed.stdout).context("read the names of the files")?;
    for name in listed.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), tree.join(name));
        // It was removed, and git has not been told yet.
        if !from.exists() {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::copy(&from, &to).with_context(|| format!("copy {name}"))?;
    }
    Ok(tree)
}

fn apply(tree: &Path, patch: &Path, more: &[&str]) -> Result<()> {
    let mut git = workspace::command("git");
    // Below `target`, and yet no part of the repository around it.
    git.current_dir(tree).env("GIT_CEILING_DIRECTORIES", workspace::target());
    let status = git.arg("apply").args(more).arg(patch).status().context("start git")?;
    ensure!(status.success(), "{} does not apply; make it anew", name_of(patch));
    Ok(())
}

/// The first promise that the simulation of a tree breaks.
fn play(tree: &Path, n_seeds: u64) -> Result<Option<String>> {
    let mut cargo = workspace::command("cargo");
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", workspace::target());
    cargo.args(["run", "--package", "testkit", "--example", "simulate", "--locked", "--"]);
    let output = cargo
        .args(["1", &n_seeds.to_string(), "until-broken"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("start cargo")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let broken = told
        .lines()
        .find(|line| line.starts_with(BROKEN) && !line.contains(NOT_PLAYED))
        .map(str::to_owned);
    ensure!(broken.is_some() || output.status.success(), "the simulation does not run");
    Ok(broken)
}
