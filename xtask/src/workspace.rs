//! Where things lie in this repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The root of the repository.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Where everything that is built or fetched goes; git ignores it.
pub fn target() -> PathBuf {
    root().join("target")
}

/// A command that runs in the root, with nothing to read on its standard input.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(std::process::Stdio::null());
    command
}

/// Whether a program can be started at all: `program --version` ends well.
pub fn is_installed(program: impl AsRef<std::ffi::OsStr>) -> bool {
    let version = command(program).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// How the binary is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As the tests build it.
    Dev,
    /// As the README builds it.
    Release,
    /// As it is handed out: slower to build, faster to run.
    Dist,
}

/// Builds `habeas` and says where it lies.
pub fn build_habeas(profile: Profile) -> Result<PathBuf> {
    let mut cargo = command("cargo");
    cargo.args(["build", "--bin", "habeas", "--locked"]);
    match profile {
        // With the features that the tests have just been built with.
        Profile::Dev => cargo.arg("--workspace"),
        Profile::Release => cargo.args(["--package", "cli", "--release"]),
        Profile::Dist => cargo.args(["--package", "cli", "--profile", "dist"]),
    };
    built(cargo).context("habeas doesn't build")
}

/// Builds an example of the testkit, as the binary beside it is built, and says where it lies.
pub fn build_example(name: &str, profile: Profile) -> Result<PathBuf> {
    let mut cargo = command("cargo");
    cargo.args(["build", "--example", name, "--locked"]);
    match profile {
        Profile::Dev => cargo.arg("--workspace"),
        Profile::Release => cargo.args(["--package", "testkit", "--release"]),
        Profile::Dist => cargo.args(["--package", "testkit", "--profile", "dist"]),
    };
    built(cargo).with_context(|| format!("the example {name} doesn't build"))
}

/// Runs a `cargo build` and says where the program lies that it has built.
pub fn built(mut cargo: Command) -> Result<PathBuf> {
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.stderr(std::process::Stdio::inherit()).output().context("start cargo")?;
    ensure!(output.status.success(), "cargo ended with {}", output.status);
    let messages = String::from_utf8(output.stdout).context("read what cargo has built")?;
    executable(&messages).context("cargo named no program")
}

/// The last executable that cargo's messages name; the target folder may lie anywhere.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().rev();
    let mut values = messages.filter_map(|line| serde_json::from_str(line).ok());
    values.find_map(|message: serde_json::Value| Some(message["executable"].as_str()?.into()))
}

#[cfg(test)]
mod tests;
