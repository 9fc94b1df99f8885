//! The summary of the book lists every page once: what it leaves out is not built.

use std::collections::BTreeMap;

use super::links::{BOOK, links, resolve};
use super::{Finding, Tree};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut n_listed: BTreeMap<String, usize> = BTreeMap::new();
    let summary = tree.files.iter().find(|file| file.path == SUMMARY);
    for link in summary.iter().flat_map(|summary| links(&summary.text)) {
        *n_listed.entry(resolve(SUMMARY, link.target)).or_default() += 1;
    }
    let mut findings = Vec::new();
    for page in tree.below(BOOK).filter(|file| file.path.ends_with(".md") && file.path != SUMMARY) {
        if page.name() == "README.md" {
            let what = "is built as index.html, but links to it are not: call it otherwise";
            findings.push(Finding::broken(&page.path, what));
        }
        match n_listed.get(&page.path) {
            Some(1) => {}
            Some(_) => findings.push(Finding::broken(&page.path, "stands twice in the summary")),
            None => {
                let what = format!("is not in {SUMMARY} (`cargo xtask docs` adds error codes)");
                findings.push(Finding::broken(&page.path, what));
            }
        }
    }
    findings
}
