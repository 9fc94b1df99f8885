//! Migrations are numbered from 0001 without gaps, and each database has the same ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Tree};

const FOLDER: &str = "crates/store/migrations/";

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut databases: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in tree.below(FOLDER).filter(|file| file.path.ends_with(".sql")) {
        let folder = file.path.trim_end_matches(file.name());
        databases.entry(folder).or_default().insert(file.name());
    }
    for (folder, names) in &databases {
        for (index, name) in names.iter().enumerate() {
            let number = format!("{:04}", index + 1);
            if name.split('_').next() != Some(&number) {
                let what = format!("the next migration must start with {number}_");
                findings.push(Finding::broken(&format!("{folder}{name}"), what));
                break;
            }
        }
    }
    let mut folders = databases.iter();
    if let Some((first, names)) = folders.next() {
        for (folder, _) in folders.filter(|(_, others)| *others != names) {
            let what = format!("has other migrations than {first}");
            findings.push(Finding::broken(folder, what));
        }
    }
    findings
}
