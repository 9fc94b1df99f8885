//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! Each rule is one function in a file of its own, from the [`Tree`] to its [`Finding`]s. To add
//! one, add the file, a line in [`RULES`], and a test on a made-up tree.

use std::fmt;

use anyhow::Result;

use crate::args::Args;
use crate::{screen, workspace};

mod change_notes;
mod error_pages;
mod header;
mod length;
mod links;
mod manifests;
mod migrations;
mod outsiders;
mod places;
mod spaces;
mod sql;
mod summary;
mod test_marks;
mod tree;
mod walls;

#[cfg(test)]
mod tests;

pub use tree::{Crate, File, Tree};

/// A name to show and the function that looks.
pub type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// All rules, in the order in which they speak.
pub const RULES: &[Rule] = &[
    ("each crate uses only the layers below it", walls::check),
    ("each outside crate is used only where it belongs", outsiders::check),
    ("each crate inherits what the workspace says", manifests::check),
    ("no file grows too long", length::check),
    ("each source file says what it is", header::check),
    ("no test is switched off", test_marks::check),
    ("no line ends in spaces", spaces::check),
    ("SQL lives in the store", sql::check),
    ("no file names a place outside the repository", places::check),
    ("each error code has a page", error_pages::check),
    ("each link leads somewhere", links::check),
    ("the book lists every page", summary::check),
    ("migrations are numbered without gaps", migrations::check),
    ("each change note says what kind it is", change_notes::check),
];

/// What a finding means for the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The rule is broken.
    Broken,
    /// Worth a look; nothing fails.
    Noted,
}

/// One thing that a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it fails the check.
    pub weight: Weight,
    /// The file, from the root.
    pub path: String,
    /// The line, counted from one, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// A broken rule, somewhere in a file.
    pub fn broken(path: &str, what: impl Into<String>) -> Finding {
        Finding { weight: Weight::Broken, path: path.to_owned(), line: None, what: what.into() }
    }

    /// The same, at a line counted from zero.
    pub fn at(self, index: usize) -> Finding {
        Finding { line: Some(index + 1), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.path, self.what),
            None => write!(out, "{}: {}", self.path, self.what),
        }
    }
}

/// Runs the task and says whether no rule is broken.
pub fn run(args: Args) -> Result<bool> {
    args.end()?;
    check(&Tree::read(&workspace::root())?)
}

/// Applies every rule, prints what they find, and says whether none is broken.
pub fn check(tree: &Tree) -> Result<bool> {
    let mut n_broken = 0;
    for (name, check) in RULES {
        let findings = check(tree);
        let broken = findings.iter().filter(|finding| finding.weight == Weight::Broken).count();
        if broken > 0 {
            screen::complain(&format!("broken: {name}"));
        }
        for finding in &findings {
            let mark = if finding.weight == Weight::Broken { " " } else { " note: " };
            screen::complain(&format!(" {mark}{finding}"));
        }
        n_broken += broken;
    }
    screen::say(&format!("tidy: {} rules, {n_broken} findings", RULES.len()));
    Ok(n_broken == 0)
}
