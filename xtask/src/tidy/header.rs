//! Each source file opens with `//!` and a sentence on what it is.

use super::{Finding, Tree};

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust().filter(|file| !says_something(&file.text));
    silent.map(|file| Finding::broken(&file.path, "doesn't open with `//!`")).collect()
}

fn says_something(text: &str) -> bool {
    let first = text.lines().next().and_then(|line| line.strip_prefix("//!"));
    first.is_some_and(|sentence| !sentence.trim().is_empty())
}
