//! Each note in `changelog.d/` is called `<slug>.<kind>.md` and says something.

use super::{Finding, Tree};

/// The kinds, which are the headings of the changelog.
const KINDS: &[&str] = &["added", "changed", "fixed", "removed", "security"];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.below("changelog.d/").filter(|file| file.name() != "README.md") {
        let mut parts = file.name().split('.');
        let (slug, kind, end) = (parts.next(), parts.next(), parts.next());
        let kind_known = kind.is_some_and(|kind| KINDS.contains(&kind));
        if slug.is_none_or(str::is_empty) || !kind_known || end != Some("md") {
            let what =
                format!("isn't called <slug>.<kind>.md, with a kind of {}", KINDS.join(", "));
            findings.push(Finding::broken(&file.path, what));
        } else if file.text.trim().is_empty() {
            findings.push(Finding::broken(&file.path, "says nothing"));
        }
    }
    findings
}
