//! No line ends in spaces, and each file ends with a line break.
//!
//! Snapshots and fixtures are left as their sources wrote them.

use super::{File, Finding, Tree};

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_foreign(file)) {
        for (index, line) in file.text.lines().enumerate() {
            if line.ends_with([' ', '\t']) {
                findings.push(Finding::broken(&file.path, "ends in spaces").at(index));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::broken(&file.path, "doesn't end with a line break"));
        }
    }
    findings
}

fn is_foreign(file: &File) -> bool {
    file.path.ends_with(".snap") || file.path.contains("/fixtures/")
}
