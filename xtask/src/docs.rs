//! `cargo xtask docs`: writes what in the documentation is made: the page of each vendor, from its
//! manifest, the document of the API, from its routes, the page of every command, from the command line,
//! and the list of error codes in the summary of the book.
//!
//! Tests of `connectors`, `server` and `cli` fail while one is stale, and `tidy` while the list lacks a code.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::args::Args;
use crate::{screen, workspace};

#[cfg(test)]
mod tests;

/// Runs the task.
pub fn run(args: Args) -> Result<bool> {
    args.end()?;
    let docs = workspace::root().join("docs");
    write("connectors", "pages", &docs.join("connectors"))?;
    write("server", "openapi", &docs.join("api/openapi.json"))?;
    write_commands(&docs.join("cli/reference.md"))?;
    let titles = titles(&docs.join("errors"))?;
    let path = docs.join("SUMMARY.md");
    let summary = fs::read_to_string(&path).context("read the summary")?;
    fs::write(&path, with_codes(&summary, &titles)).context("write the summary")?;
    screen::say("docs: written; look at what changed and commit it");
    Ok(true)
}

/// Manifests and routes are the product's, so an example of the product writes what is made of them.
fn write(package: &str, example: &str, to: &Path) -> Result<()> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["run", "--quiet", "--locked", "--package", package, "--example", example, "--"]);
    let status = cargo.arg(to).status().context("start cargo")?;
    ensure!(status.success(), "the {example} of {package} could not be written");
    Ok(())
}

/// The program is a binary alone, so it tells its own commands.
fn write_commands(to: &Path) -> Result<()> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["run", "--quiet", "--locked", "--package", "cli", "--", "reference"]);
    let output = cargo.stderr(std::process::Stdio::inherit()).output().context("start cargo")?;
    ensure!(output.status.success(), "the program could not tell its commands");
    fs::write(to, output.stdout).context("write the page of every command")
}

/// The title of each code's page, sorted: `E-CSV-001: The file is not UTF-8`.
fn titles(folder: &Path) -> Result<Vec<String>> {
    let mut titles = Vec::new();
    for file in fs::read_dir(folder).context("read the pages of error codes")? {
        let path = file.context("read the pages of error codes")?.path();
        let page = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let title = page.lines().next().and_then(|line| line.strip_prefix("# "));
        titles.extend(title.filter(|title| title.starts_with("E-")).map(str::to_owned));
    }
    titles.sort();
    Ok(titles)
}

/// The summary with exactly these codes below the line on error codes.
fn with_codes(summary: &str, titles: &[String]) -> String {
    let mut lines = Vec::new();
    for line in summary.lines().filter(|line| !line.contains("](errors/E-")) {
        lines.push(line.to_owned());
        if line.contains("](errors.md)") {
            lines.extend(titles.iter().map(|title| {
                let code = title.split(':').next().unwrap_or(title);
                format!("  * [{title}](errors/{code}.md)")
            }));
        }
    }
    lines.join("\n") + "\n"
}
