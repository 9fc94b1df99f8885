//! Each crate of ours uses only the layers below it.
//!
//! [`WALLS`] is the table of the design. Tests may reach further, except those of the twins: they
//! and the connectors meet on HTTP alone, so that one misreading can't hide in both.

use super::{Crate, Finding, Tree};

/// A crate, and the crates of ours that it may use.
pub const WALLS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("connector-api", &["domain"]),
    ("store", &["domain"]),
    ("connectors", &["connector-api", "domain"]),
    ("packaging", &["store", "domain"]),
    ("engine", &["connector-api", "store", "packaging", "domain"]),
    ("server", &["engine", "packaging", "store", "domain"]),
    ("twins", &[]),
    (
        "cli",
        &[
            "domain",
            "connector-api",
            "connectors",
            "store",
            "packaging",
            "engine",
            "server",
            "twins",
        ],
    ),
    (
        "testkit",
        &[
            "domain",
            "connector-api",
            "connectors",
            "store",
            "packaging",
            "engine",
            "server",
            "twins",
            "cli",
            "xtask",
        ],
    ),
    (
        "fuzz",
        &["domain", "connector-api", "connectors", "store", "packaging", "engine", "server", "cli"],
    ),
    ("xtask", &[]),
];

/// The one crate of ours that the tests of the twins may use.
const FOR_TESTS: &str = "testkit";

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.crates.iter().flat_map(check_crate).collect()
}

fn check_crate(crate_: &Crate) -> Vec<Finding> {
    let Some((_, allowed)) = WALLS.iter().find(|(name, _)| *name == crate_.name) else {
        let what = "this crate has no row in the table of layers (tidy/walls.rs)";
        return vec![Finding::broken(&crate_.path, what)];
    };
    let mut findings = Vec::new();
    for used in crate_.dependencies() {
        if is_ours(used) && !allowed.contains(&used) {
            let what = format!("{} must not use {used}", crate_.name);
            findings.push(Finding::broken(&crate_.path, what));
        }
    }
    for used in crate_.dev_dependencies() {
        if crate_.name == "twins" && is_ours(used) && used != FOR_TESTS {
            let what = format!("even the tests of twins must not use {used}");
            findings.push(Finding::broken(&crate_.path, what));
        }
    }
    findings
}

fn is_ours(name: &str) -> bool {
    WALLS.iter().any(|(ours, _)| *ours == name)
}
