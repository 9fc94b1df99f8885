//! How many create calls 10,000 deletions need that arrive at once: Segment takes 5,000 ids a call.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::deletions::{CREATE_CALLS, PROFILE_CALLS, Setup};
use super::throughput::stop;
use super::{Bound, Figure, Options};

const N_PEOPLE: usize = 10_000;
const CALLS_PER_PERSON: usize = 6;
const LIMIT: Duration = Duration::from_secs(300);

/// Imports them in one file and counts.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let stage = Setup::fast("burst", N_PEOPLE).stage(options)?;
    let mut run = stage.begin()?;
    stage.wait(&mut run, (PROFILE_CALLS, CALLS_PER_PERSON * N_PEOPLE), LIMIT)?;
    let n_creates = stage.world.n_calls(CREATE_CALLS)?;
    stop(run.engine)?;
    let n_confirmed = stage.n_proven("confirmed")?;
    ensure!(n_confirmed == N_PEOPLE, "only {n_confirmed} deletions are confirmed");
    let setup = format!(
        "{N_PEOPLE} deletions in one file, imported while `habeas serve` runs; as the twin counts \
         them; all {n_confirmed} confirmed"
    );
    let value = f64::from(u32::try_from(n_creates)?);
    Ok(vec![Figure::new("burst", value, "create calls", Bound::AtMost(3.0), &setup)])
}
