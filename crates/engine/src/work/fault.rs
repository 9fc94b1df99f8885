//! What a failed call means for the work it was made for. The kind of error decides.

use std::time::Duration;

use connector_api::{Limit, VendorError};
use domain::connection::Pause;
use domain::journal::{Actor, Event};
use domain::task::{Command, Whom};
use domain::{Connection, Instant, Task};
use store::Transition;

use super::{Shift, WorkError};
use crate::limits::add;

/// How often a step is tried, over hours, before a person is asked about a contract broken.
const BROKEN_TRIES: u32 = 4;

impl Shift {
    /// Puts a task's step off, or asks a person, by the kind of error.
    pub async fn put_off(&self, mut task: Task, error: VendorError) -> Result<(), WorkError> {
        let now = self.now();
        if let Some(pause) = pause_for(&error, now) {
            return self.pause(pause).await;
        }
        if task.is_over() {
            // A later look that could not be made proves nothing either way; it is made again.
            task.due_at = Some(add(now, Duration::from_secs(24 * 3600)));
            let entry = self.task_entry(Event::Looked, &task).fact("failed", error.to_string());
            let transition =
                Transition { tasks: vec![task], journal: vec![entry], ..Transition::default() };
            return self.commit_one(transition).await.map(|_| ());
        }
        let attempts = task.detail.n_attempts + 1;
        let asks_a_person = matches!(error, VendorError::Invalid { .. })
            || matches!(error, VendorError::ContractBroken { .. }) && attempts >= BROKEN_TRIES;
        let mut transition = Transition::default();
        if asks_a_person {
            let command = Command::AskPerson { why: error.to_string(), outcome: None };
            let Ok((moved, entry)) = task.apply(command, &Actor::Engine, now) else {
                return Ok(());
            };
            transition.journal.push(entry);
            transition.tasks.push(moved);
        } else {
            let (until, whom) = when_again(&error, attempts, now);
            task.postpone(until, whom, error.to_string(), now);
            task.detail.n_attempts = attempts;
            transition.journal.push(
                self.task_entry(Event::TaskParked, &task)
                    .fact("why", error.to_string())
                    .fact("until", until.to_string()),
            );
            transition.tasks.push(task);
        }
        self.commit_one(transition).await?;
        Ok(())
    }

    /// Pauses the connection: it needs a person.
    pub async fn pause(&self, pause: Pause) -> Result<(), WorkError> {
        let Some(fresh) = self.store.connection(self.link.connection.id).await? else {
            return Ok(());
        };
        if fresh.paused.is_some() {
            return Ok(self.look_whether_over().await?);
        }
        let entry = self.entry(Event::ConnectionPaused).fact("why", pause.why.as_str());
        let connection = Connection {
            paused: Some(pause),
            // The next check finds out whether it works again.
            check_due_at: add(self.now(), Duration::from_secs(3600)),
            ..fresh
        };
        let transition = Transition {
            connections: vec![connection],
            journal: vec![entry],
            ..Transition::default()
        };
        self.commit_one(transition).await?;
        self.look_whether_over().await?;
        Ok(())
    }
}

/// The pause an error calls for, if it does.
pub(crate) fn pause_for(error: &VendorError, now: Instant) -> Option<Pause> {
    let remedy = match error {
        VendorError::CredentialsRejected { .. } => {
            "make sure that the credentials are valid and belong to this account, set them again with `habeas connect`, then `habeas connections test`"
        }
        VendorError::PermissionMissing { .. } => {
            "grant the permission at the vendor or enter a new token with `habeas connect`, then run `habeas connections test`"
        }
        _ => return None,
    };
    Some(Pause { why: error.to_string(), remedy: remedy.to_owned(), since: now, by_person: false })
}

/// When a step is tried again, and for whom it waits until then.
pub(crate) fn when_again(error: &VendorError, attempts: u32, now: Instant) -> (Instant, Whom) {
    // 1 min, 4 min, 16 min, then about hourly.
    let seconds = 60u64 << (2 * attempts.saturating_sub(1).min(3));
    let back_off = add(now, Duration::from_secs(seconds.min(3600)));
    match error {
        // A vendor whose clock is behind ours must not be asked again at once.
        VendorError::Throttled { limit, until: Some(until) } if *until > now => match limit {
            Limit::Rate => (*until, Whom::Time),
            // A period is told by its last second.
            Limit::Quota(_) => (add(*until, Duration::from_secs(1)), Whom::Time),
        },
        VendorError::Throttled { limit: Limit::Quota(_), until: None } => {
            (add(now, Duration::from_secs(24 * 3600)), Whom::Time)
        }
        _ => (back_off, Whom::Vendor),
    }
}
