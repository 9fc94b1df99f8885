//! What an engine holds that has nothing to do.

use std::time::Duration;

use anyhow::Result;

use super::binary_size::megabytes;
use super::deletions::Setup;
use super::throughput::stop;
use super::{Bound, Figure, Options};

/// Long enough for its first looks at everything.
const WHILE: Duration = Duration::from_secs(10);

/// Connects a twin, lets the engine run with nothing to do, and looks at the most it ever held.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let stage = Setup::fast("idle", 10).stage(options)?;
    let engine = stage.world.serve_ready()?;
    engine.run_for(WHILE)?;
    let used = engine.usage()?;
    stop(engine)?;
    let setup = format!(
        "`habeas serve` with one connection and no requests: the most memory it ever held \
         (VmHWM), {} s after it was ready; {} ms of processor time by then",
        WHILE.as_secs(),
        used.cpu.as_millis()
    );
    let value = megabytes(used.peak_memory_bytes);
    Ok(vec![Figure::new("idle", value, "MB", Bound::AtMost(50.0), &setup)])
}
