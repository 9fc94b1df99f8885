//! Each outside crate is used only where it belongs: no database beside the store, no I/O in the
//! pure crates, no HTTP server beside the two that serve.
//!
//! Tests are free. What nobody may use stands in `deny.toml`.

use super::{Finding, Tree};

/// An outside crate, and the only crates of ours that may use it.
const KEPT: &[(&str, &[&str])] = &[
    // The database, and the bucket.
    ("sqlx", &["store"]),
    ("object_store", &["store"]),
    ("libsqlite3-sys", &["store"]),
    // Serving and calling over HTTP.
    ("axum", &["twins", "server"]),
    ("hyper", &["twins", "server"]),
    ("hyper-util", &["twins", "server"]),
    ("tower", &["twins", "server", "cli", "fuzz", "testkit"]),
    ("tower-http", &["twins", "server"]),
    ("lettre", &["engine"]),
    ("reqwest", &["store", "engine", "cli", "fuzz", "testkit"]),
    ("rustls", &["engine", "server", "cli", "fuzz", "testkit"]),
    (
        "http",
        &["connector-api", "connectors", "engine", "twins", "server", "cli", "fuzz", "testkit"],
    ),
    // Waiting: the pure crates don't.
    ("tokio", &["store", "engine", "packaging", "server", "twins", "cli", "fuzz", "testkit"]),
    ("futures-util", &["store", "engine", "packaging", "server", "twins", "cli", "testkit"]),
    // Keys and chance.
    ("aws-lc-rs", &["store", "server", "cli"]),
    ("rand", &["twins", "testkit", "xtask"]),
    ("rand_chacha", &["twins", "testkit", "xtask"]),
    // The operating system.
    ("rustix", &["store", "cli", "xtask"]),
    // The terminal, and errors without a type.
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("comfy-table", &["cli"]),
    ("dialoguer", &["cli"]),
    ("tracing-subscriber", &["cli", "testkit"]),
    ("anyhow", &["cli", "testkit", "xtask"]),
    // Shapes of what faces show and take.
    ("utoipa", &["domain", "engine", "server"]),
    // HTML.
    ("askama", &["packaging", "server"]),
];

/// Applies the rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for crate_ in &tree.crates {
        for used in crate_.dependencies() {
            let kept = KEPT.iter().find(|(name, _)| *name == used);
            if let Some((_, users)) = kept.filter(|(_, users)| !users.contains(&&*crate_.name)) {
                let what = format!("only {} may use {used}", users.join(", "));
                findings.push(Finding::broken(&crate_.path, what));
            }
        }
    }
    findings
}
