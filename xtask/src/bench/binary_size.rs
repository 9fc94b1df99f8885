//! How large the binary is.

use std::fs;

use anyhow::{Context, Result};

use super::{Bound, Figure, Options};
use crate::workspace::{self, Profile};

/// Builds it as it is handed out, and weighs it.
pub(super) fn measure(_: &Options) -> Result<Vec<Figure>> {
    let habeas = workspace::build_habeas(Profile::Dist)?;
    let bytes = fs::metadata(habeas).context("weigh the binary")?.len();
    let setup = "the `habeas` binary of `cargo build --profile dist`, as it is handed out, stripped; 1 MB = 1,000,000 bytes";
    Ok(vec![Figure::new("binary size", megabytes(bytes), "MB", Bound::AtMost(40.0), setup)])
}

/// Exact for any file that is smaller than nine petabytes.
#[expect(clippy::cast_precision_loss, reason = "a binary has far fewer than 2^53 bytes")]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}
