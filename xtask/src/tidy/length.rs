//! No source file grows too long: at 400 lines ask what the second subject is, at 800 split.

use super::{Finding, Tree, Weight};

const NOTED_OVER: usize = 400;
const BROKEN_OVER: usize = 800;

/// The files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let n_lines = file.text.lines().count();
        let listed = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        let finding = Finding::broken(&file.path, format!("{n_lines} lines"));
        if n_lines > BROKEN_OVER && !listed {
            findings.push(finding);
        } else if n_lines > NOTED_OVER {
            findings.push(Finding { weight: Weight::Noted, ..finding });
        } else if listed {
            let what = "is short again and needn't be listed in tidy/length.rs";
            findings.push(Finding::broken(&file.path, what));
        }
    }
    findings
}
