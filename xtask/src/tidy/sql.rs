//! SQL lives in the store: no other crate writes a statement.

use super::{Finding, Tree};

/// How statements look; each part must stand on the line, in capitals as our SQL has them.
const STATEMENTS: &[&[&str]] = &[
    &["SELECT "],
    &["INSERT INTO "],
    &["DELETE FROM "],
    &["UPDATE ", " SET "],
    &["CREATE TABLE "],
    &["PRAGMA "],
];

/// Where they may stand: in the store, in what it is measured against, in what spoils it for tests, and
/// in the tests that look at both ends of a copy, or break the connections to a server.
const PLACES: &[&str] = &[
    "crates/store/",
    "crates/testkit/examples/bare_loop.rs",
    "crates/testkit/tests/it/spoil.rs",
    "crates/cli/tests/postgres/",
];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_outside = |path: &str| !PLACES.iter().any(|place| path.starts_with(place));
    let outside = tree.below("crates/").filter(|file| is_outside(&file.path));
    for file in outside.filter(|file| file.path.ends_with(".rs")) {
        for (index, line) in file.text.lines().enumerate() {
            if STATEMENTS.iter().any(|parts| parts.iter().all(|part| line.contains(part))) {
                findings.push(Finding::broken(&file.path, "SQL outside the store").at(index));
            }
        }
    }
    findings
}
