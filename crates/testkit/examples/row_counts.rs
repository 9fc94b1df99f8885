//! Prints how many rows each table of a store holds, and its size: `row_counts DATA KEYS`.
//!
//! Benchmarks show it beside their figures.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use store::{Options, Store};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut folders = std::env::args().skip(1).map(PathBuf::from);
    let data = folders.next().context("the data folder comes first")?;
    let keys = folders.next().context("the key folder comes second")?;
    let bytes = ["habeas.db", "habeas.db-wal"].map(|name| size(&data.join(name)));
    let store =
        Store::open_read_only(&Options { data, keys, database: None, bodies: None }).await?;
    let rows = store.row_counts().await?;
    show(&json!({ "rows": rows, "bytes": bytes.iter().sum::<u64>() }).to_string());
    Ok(())
}

/// A file that is not there holds nothing.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[expect(clippy::print_stdout, reason = "this is the one place that prints")]
fn show(text: &str) {
    println!("{text}");
}
