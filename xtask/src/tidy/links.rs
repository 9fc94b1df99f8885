//! Each link of a document leads to a file and a heading that exist.
//!
//! Addresses of other places are not looked at: the same change must not pass on one day and fail
//! on the next. A page of the book links to pages of the book only, since nothing else is built.

use super::{File, Finding, Tree};

/// Where the book lies.
pub const BOOK: &str = "docs/";

/// A link of a document.
#[derive(Debug)]
pub struct Link<'a> {
    /// Its line, counted from zero.
    pub index: usize,
    /// Where it leads, as written.
    pub target: &'a str,
}

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links(&page.text) {
            if let Some(what) = fault(tree, page, link.target) {
                findings.push(Finding::broken(&page.path, what).at(link.index));
            }
        }
        for include in includes(&page.text) {
            if let Some(what) = missing_part(tree, page, include.target) {
                findings.push(Finding::broken(&page.path, what).at(include.index));
            }
        }
    }
    findings
}

/// What is written as `[text](target)`, outside of code.
pub fn links(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (index, line) in prose(text) {
        // Every second part stands between backticks.
        for part in line.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            links.extend(targets.map(|(target, _)| Link { index, target }));
        }
    }
    links
}

/// What the book takes over from another file: `{{#include file:part}}`.
fn includes(text: &str) -> Vec<Link<'_>> {
    let lines = prose(text);
    lines.filter_map(|(index, line)| Some(Link { index, target: included(line)? })).collect()
}

fn included(line: &str) -> Option<&str> {
    line.strip_prefix("{{#include ")?.strip_suffix("}}")
}

/// The lines that are no code, each with its number from zero.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What is wrong with a link, if anything.
fn fault(tree: &Tree, page: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
    let is_of_the_book = page.path.starts_with(BOOK);
    if is_of_the_book && !path.starts_with(BOOK) {
        return Some(format!("{path} is not part of the book"));
    }
    let Some(file) = tree.files.iter().find(|file| file.path == path) else {
        let is_folder = tree.below(&format!("{path}/")).next().is_some();
        return (!is_folder || is_of_the_book).then(|| format!("{path} is no file"));
    };
    let is_there = anchor.is_empty() || headings(&file.text).any(|it| it == anchor);
    (!is_there).then(|| format!("{path} has no heading #{anchor}"))
}

/// What is wrong with an include, if anything.
fn missing_part(tree: &Tree, page: &File, target: &str) -> Option<String> {
    let (path, part) = target.split_once(':').unwrap_or((target, ""));
    let path = resolve(&page.path, path);
    let Some(file) = tree.files.iter().find(|file| file.path == path) else {
        return Some(format!("{path} is no file"));
    };
    let has = |mark: &str| file.text.contains(&format!("<!-- {mark}: {part} -->"));
    let is_there = part.is_empty() || has("ANCHOR") && has("ANCHOR_END");
    (!is_there).then(|| format!("{path} has no part {part}"))
}

/// A path from the root, of one that is written relative to a file.
pub fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors of a document's headings: small letters, with `-` for a space and no other mark.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let heading = |line: &str| Some(line.trim_start_matches('#').strip_prefix(' ')?.to_owned());
    let lines = prose(text).map(|(_, line)| line).filter(|line| line.starts_with('#'));
    lines.filter_map(heading).map(|title| {
        let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
        let title: String = title.trim().chars().filter(kept).collect();
        title.to_lowercase().replace(' ', "-")
    })
}
