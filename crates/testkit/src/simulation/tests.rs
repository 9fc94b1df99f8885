//! The parts of the simulation; the whole is played by `cargo xtask simulate`.

use std::sync::Arc;

use store::crash::{Call, Crash as _, Moment};
use tokio::time::timeout;

use super::{Fate, Scenario};
use crate::turns::Turns;

const CALL: Call<'_> = Call::Http("look");

#[tokio::test]
async fn a_process_dies_the_first_time_on_each_side_of_a_call_and_stays_dead() {
    let fate = Fate::of(1);
    for moment in [Moment::Before, Moment::After] {
        let life = fate.live(&Turns::default());
        assert!(!life.is_dead(moment, CALL), "what the test itself does is no process");
        life.run(true);
        assert!(life.is_dead(moment, CALL));
        life.run(false);
        assert!(life.is_dead(moment, Call::Read("another")));
        let soon = std::time::Duration::from_secs(10);
        assert!(timeout(soon, life.over()).await.is_ok(), "it is told");
    }
    let life = fate.live(&Turns::default());
    life.run(true);
    assert!(!life.is_dead(Moment::Before, CALL), "it came by here before");
    assert_eq!((fate.coverage().n_deaths(), fate.coverage().is_whole()), (2, true));
}

#[test]
fn a_side_where_nobody_died_is_missed() {
    let fate = Fate::of(1);
    let life = Arc::new(fate.live(&Turns::default()));
    life.run(true);
    let commit = ["WITH v AS (VALUES ($1)) UPDATE job", "UPDATE job"];
    assert!(life.is_dead(Moment::After, Call::Commit(&commit)));
    let mut coverage = fate.coverage();
    assert!(coverage.is_whole());
    let mut seen = super::Coverage::default();
    seen.saw(Moment::Before, &super::Site::Commit(["update job".to_owned()].into()));
    coverage.add(seen);
    assert_eq!(coverage.missed(), ["before commit: update job"]);
    assert_eq!(
        coverage.lines(),
        [
            "store: commit          before   0 of   1 call sites, 0 %",
            "store: commit          after    1 of   1 call sites, 100 %",
        ]
    );
}

#[test]
fn a_seed_always_generates_the_same_scenario_and_another_one_another() {
    let told = |seed| format!("{:?}", Scenario::of(seed));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}
