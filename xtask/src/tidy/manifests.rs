//! Each crate inherits its lints, edition, licence and the rest from the workspace.

use toml::Table;

use super::{Finding, Tree};

/// The fields of `[package]` that no crate sets for itself.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for crate_ in &tree.crates {
        if !inherits(&crate_.manifest, "lints") {
            let what = "has no `[lints] workspace = true`";
            findings.push(Finding::broken(&crate_.path, what));
        }
        let package = crate_.manifest.get("package").and_then(|package| package.as_table());
        for field in INHERITED {
            if !package.is_some_and(|package| inherits(package, field)) {
                let what = format!("doesn't say `{field}.workspace = true`");
                findings.push(Finding::broken(&crate_.path, what));
            }
        }
    }
    findings
}

fn inherits(table: &Table, field: &str) -> bool {
    let value = table.get(field).and_then(|value| value.get("workspace"));
    value.and_then(toml::Value::as_bool) == Some(true)
}
