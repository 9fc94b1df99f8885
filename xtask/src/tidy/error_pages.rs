//! Each error code in the sources has a page in `docs/errors/`, and each page a code.
//!
//! A code looks like `E-QUAL-003` and stands in the sources as a string of its own.

use std::collections::BTreeMap;

use super::{Finding, Tree};

const FOLDER: &str = "docs/errors/";

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let codes = codes(tree);
    let pages = pages(tree);
    let mut findings = Vec::new();
    for (code, (path, index)) in &codes {
        if !pages.contains_key(code) {
            let what = format!("{code} has no page {FOLDER}{code}.md");
            findings.push(Finding::broken(path, what).at(*index));
        }
    }
    for (code, path) in &pages {
        if !codes.contains_key(code) {
            findings.push(Finding::broken(path, format!("no source gives the code {code}")));
        }
    }
    findings
}

/// Each code with the file and the line, counted from zero, where it is first given.
fn codes(tree: &Tree) -> BTreeMap<&str, (&str, usize)> {
    let mut codes = BTreeMap::new();
    let sources = tree.below("crates/").filter(|file| file.path.ends_with(".rs"));
    for file in sources.filter(|file| file.name() != "tests.rs" && !file.path.contains("/tests/")) {
        for (index, line) in file.text.lines().enumerate() {
            for code in line.split('"').filter(|part| is_code(part)) {
                codes.entry(code).or_insert((file.path.as_str(), index));
            }
        }
    }
    codes
}

/// Each page's code with its path.
fn pages(tree: &Tree) -> BTreeMap<&str, &str> {
    let pages = tree.below(FOLDER).filter(|file| file.name() != "README.md");
    pages.map(|page| (page.name().trim_end_matches(".md"), page.path.as_str())).collect()
}

fn is_code(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some("E"), Some(area), Some(number), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    area.len() >= 2
        && area.bytes().all(|byte| byte.is_ascii_uppercase())
        && number.len() == 3
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
