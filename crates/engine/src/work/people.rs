//! The people behind tasks: whom a piece of work is about.
//!
//! Where a person's values don't open, because a key is missing or a row was altered, nothing may be done
//! for them: looked up by nothing, everybody is absent. Their tasks wait for whoever can put the key
//! back, and go on by themselves then; those of others go on now.

use std::collections::HashMap;
use std::time::Duration;

use connector_api::Subject;
use domain::Task;
use domain::journal::Event;
use domain::task::Whom;
use store::Transition;

use super::{Requests, Shift, WorkError};
use crate::limits::add;

/// When it is looked again whether values open.
const AGAIN: Duration = Duration::from_secs(3600);
/// The same for a later look at what is over.
const LATER: Duration = Duration::from_secs(24 * 3600);

/// Tasks with their people, in the same order.
pub(super) type Part = (Vec<Task>, Vec<Subject>);

impl Shift {
    /// Those tasks whose people can be read, and these people in the same order. The others are put
    /// off.
    pub async fn people(&self, tasks: Vec<Task>, requests: &Requests) -> Result<Part, WorkError> {
        let mut ids: Vec<_> = tasks.iter().map(|task| task.request).collect();
        ids.sort_unstable();
        ids.dedup();
        let (known, unopened) = self.store.identifiers_or_why(&ids).await?;
        let (tasks, shut): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| !unopened.contains_key(&task.request));
        let shut = shut.into_iter().map(|task| {
            let why = unopened.get(&task.request).map_or("", String::as_str);
            self.shut(task, why)
        });
        self.commit(shut.collect()).await?;
        let mut identifiers = HashMap::<_, Vec<_>>::with_capacity(ids.len());
        for (request, identifier) in known {
            identifiers.entry(request).or_default().push(identifier);
        }
        let scope = |task: &Task| requests.get(&task.request).map(|one| one.scope.clone());
        let subject = |task: &Task| Subject {
            request: task.request,
            task: task.id,
            round: task.round,
            scope: scope(task).unwrap_or_default(),
            identifiers: identifiers.get(&task.request).cloned().unwrap_or_default(),
            plan: task.findings.shared_plan(),
        };
        let subjects = tasks.iter().map(subject).collect();
        Ok((tasks, subjects))
    }

    /// Puts off a task whose person can't be read.
    fn shut(&self, mut task: Task, why: &str) -> Transition {
        let now = self.now();
        let mut transition = Transition::default();
        if task.is_over() {
            task.due_at = Some(add(now, LATER));
            // The first time says it for all days until it opens.
            if task.detail.n_attempts == 0 {
                let entry = self.task_entry(Event::Looked, &task).fact("failed", why);
                transition.journal.push(entry);
                task.detail.n_attempts = 1;
            }
        } else {
            if task.detail.wait.as_ref().is_none_or(|wait| wait.why != why) {
                let entry = self.task_entry(Event::TaskParked, &task).fact("why", why);
                transition.journal.push(entry);
            }
            task.postpone(add(now, AGAIN), Whom::Operator, why.to_owned(), now);
        }
        transition.tasks.push(task);
        transition
    }
}
