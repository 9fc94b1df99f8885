//! Deletions one by one: a create call and a read of its status a person, as engines do that know
//! no batches.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::deletions::{CREATE_CALLS, Setup};
use super::throughput::{per_second, stop};
use super::{Bound, Figure, Options};
use crate::world::Spaces;

/// Fewer than elsewhere: each of them is a job of its own.
const N_PEOPLE: usize = 2_000;
const READS: &str = "GET /regulations/{id}";
const LIMIT: Duration = Duration::from_secs(300);

/// By user id, with no space to look into; the job is over before its first poll.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let setup = Setup {
        spaces: Spaces::None,
        column: "user_id",
        job_takes: "PT1M",
        switches: &["batch=1", "limits.public_api=1000000000", "limits.regulations=1000000000"],
        ..Setup::fast("unbatched", N_PEOPLE)
    };
    let stage = setup.stage(options)?;
    let mut run = stage.begin()?;
    let time = stage.wait(&mut run, (READS, N_PEOPLE), LIMIT)?;
    let n_creates = stage.world.n_calls(CREATE_CALLS)?;
    let n_reads = stage.world.n_calls(READS)?;
    stop(run.engine)?;
    let n_unproven = stage.n_proven("unproven")?;
    ensure!(n_unproven == N_PEOPLE, "only {n_unproven} deletions are done");
    let setup = format!(
        "{N_PEOPLE} deletions by user id, no space connected, batch=1, 2 ms a call, no limits: \
         {n_creates} create calls, {n_reads} reads of their status; {n_unproven} done, unproven \
         (nothing to look into); {}",
        stage.store()?.told()
    );
    let rate = per_second(N_PEOPLE, time);
    Ok(vec![Figure::new("unbatched", rate, "deletions/s", Bound::None, &setup)])
}
