//! Of a process that a simulation lets die, what it committed stays, and nothing else comes.

use std::sync::Arc;

use domain::TaskState;

use super::setup::on_sqlite;
use crate::Transition;
use crate::crash::{Call, Crash, Moment};

/// Dies at the next commit, on this side of it, and stays dead.
struct AtCommit(Moment);

impl Crash for AtCommit {
    fn is_dead(&self, moment: Moment, call: Call<'_>) -> bool {
        moment == self.0 && matches!(call, Call::Commit(ran) if !ran.is_empty())
    }
}

#[tokio::test]
async fn what_was_committed_before_the_death_is_there_afterwards_and_nothing_else() {
    for (moment, is_there) in [(Moment::Before, false), (Moment::After, true)] {
        let setup = on_sqlite().await;
        let connection = setup.connection("segment-eu").await;
        let mut task = setup.task(&connection, "a@example.org").await;
        task.state = TaskState::Ended;
        setup.store.crash_points().set(Arc::new(AtCommit(moment)));
        let ended = Transition { tasks: vec![task.clone()], ..Transition::default() };
        assert!(setup.apply(ended).await.is_err(), "nobody hears of it");
        let after = setup.again().await.task(task.id).await.unwrap().unwrap();
        assert_eq!(after.state == TaskState::Ended, is_there, "{moment:?}");
    }
}
