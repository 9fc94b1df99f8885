//! No file names a folder of somebody's machine, nor the host that a package came from.
//!
//! Both hold for one machine only, and the second would bypass the mirror of whoever builds.

use super::{Finding, Tree};

/// Folders, where a path starts with them. In pieces, or this file would break its own rule.
const FOLDERS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/")];

/// Hosts of package registries.
const HOSTS: &[&str] = &[
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("registry.yarnpkg", ".com"),
    concat!("pypi", ".org"),
    concat!("files.pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let folder = FOLDERS.iter().find(|folder| names_folder(line, folder));
            let host = HOSTS.iter().find(|host| line.contains(*host));
            if let Some(place) = folder.or(host) {
                findings.push(Finding::broken(&file.path, format!("names {place}")).at(index));
            }
        }
    }
    findings
}

/// Whether `folder` starts a path here, and isn't the middle of a URL or of a longer path.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|char| char.is_alphanumeric() || "._-}*~".contains(char))
    })
}
