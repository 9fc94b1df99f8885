//! What the rules look at: every text file of the repository and the manifests of its crates.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::Table;

/// The files, sorted by path.
#[derive(Debug)]
pub struct Tree {
    /// Every file that is text and that git doesn't ignore.
    pub files: Vec<File>,
    /// The crates, from their manifests.
    pub crates: Vec<Crate>,
}

/// One text file.
#[derive(Debug)]
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// One crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    /// Its package name.
    pub name: String,
    /// Where its manifest lies, from the root.
    pub path: String,
    /// The manifest.
    pub manifest: Table,
}

impl Tree {
    /// Reads what git tracks, and what it would track if it were added.
    pub fn read(root: &Path) -> Result<Tree> {
        let mut files = Vec::new();
        for path in listed(root)? {
            // A file may be listed and deleted, and what isn't text has no rules.
            if let Ok(text) = fs::read_to_string(root.join(&path)) {
                files.push(File { path, text });
            }
        }
        Tree::new(files)
    }

    /// A tree of given files.
    pub fn new(files: Vec<File>) -> Result<Tree> {
        let mut crates = Vec::new();
        for file in files.iter().filter(|file| file.name() == "Cargo.toml") {
            let manifest: Table =
                file.text.parse().with_context(|| format!("read {}", file.path))?;
            let package = manifest.get("package").and_then(|package| package.get("name"));
            if let Some(name) = package.and_then(|name| name.as_str()) {
                let name = name.to_owned();
                crates.push(Crate { name, path: file.path.clone(), manifest });
            }
        }
        Ok(Tree { files, crates })
    }

    /// The files of Rust.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The files anywhere below a folder, which is given with its last `/`.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.starts_with(folder))
    }
}

impl File {
    /// The path's last part.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl Crate {
    /// The packages that end up in the product: all but the dev-dependencies.
    pub fn dependencies(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for table in self.with_targets() {
            names.extend(packages(table, "dependencies"));
            names.extend(packages(table, "build-dependencies"));
        }
        names
    }

    /// The packages that only its tests use.
    pub fn dev_dependencies(&self) -> Vec<&str> {
        let tables = self.with_targets();
        tables.into_iter().flat_map(|table| packages(table, "dev-dependencies")).collect()
    }

    /// The manifest itself and its `[target.….]` parts.
    fn with_targets(&self) -> Vec<&Table> {
        let targets = self.manifest.get("target").and_then(|targets| targets.as_table());
        let targets = targets.into_iter().flat_map(Table::values);
        let mut tables = vec![&self.manifest];
        tables.extend(targets.filter_map(|target| target.as_table()));
        tables
    }
}

/// The names in one table of dependencies, as the registry knows them.
fn packages<'a>(table: &'a Table, kind: &str) -> Vec<&'a str> {
    let listed = table.get(kind).and_then(|table| table.as_table());
    let listed = listed.into_iter().flatten();
    listed
        .map(|(key, value)| value.get("package").and_then(|name| name.as_str()).unwrap_or(key))
        .collect()
}

/// The paths that git lists, sorted, each once.
fn listed(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    // The folder may belong to another user, as it often does in a container.
    git.args(["-c", "safe.directory=*", "ls-files", "-z"]);
    git.args(["--cached", "--others", "--exclude-standard"]);
    let output = git.current_dir(root).output().context("ask git for the files")?;
    ensure!(output.status.success(), "git doesn't list the files: is this a clone?");
    let paths = String::from_utf8(output.stdout).context("read git's list of files")?;
    let mut paths: Vec<String> = paths.split_terminator('\0').map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
