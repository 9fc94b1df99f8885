//! No test is switched off or content with any panic, and nothing is left to do later.
//!
//! A test of wrong behaviour asserts what happens and says why it is wrong.

use super::{Finding, Tree};

/// How a line must not begin, and what to do about it.
const BANNED: &[(&str, &str)] = &[
    ("#[ignore", "a test that doesn't run proves nothing: fix it or remove it"),
    ("#[should_panic", "any panic would do: assert the error instead"),
    ("todo!(", "finish it or leave it out"),
    ("unimplemented!(", "finish it or leave it out"),
];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (index, line) in file.text.lines().enumerate() {
            let banned = BANNED.iter().find(|(start, _)| line.trim_start().starts_with(start));
            if let Some((start, advice)) = banned {
                findings
                    .push(Finding::broken(&file.path, format!("`{start}`: {advice}")).at(index));
            }
        }
    }
    findings
}
