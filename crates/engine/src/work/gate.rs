//! The approval gate: passes by itself, waits for a person, or stops at a guard.

use domain::connection::{Gate, Mode};
use domain::guard::DAILY_FLOOR;
use domain::journal::{Actor, Entry, Event};
use domain::task::{Approval, Command, Whom};
use domain::{Outcome, Right, Task};
use store::{StoreError, Transition};

use super::guard::Answer;
use super::{Shift, poll};
use crate::wake;

impl Shift {
    /// Moves a planned task on, as far as its gate lets it.
    pub async fn pass_gate(&self, task: Task, into: &mut Transition) -> Result<Task, StoreError> {
        let switches = &self.link.connection.switches;
        if let Some(plan) = task.findings.plan().filter(|plan| plan.acts_on.is_empty()) {
            let works = plan.by_hand.clone();
            let outcome = Outcome::LeftToPeople { works };
            let command = Command::End { outcome, proof: None, recheck_at: None };
            let task = self.carry_out(task, command, into);
            if task.right.only_reads() {
                wake::after_collecting(&self.store, task.request, self.now(), into).await?;
            }
            return Ok(task);
        }
        if task.right.only_reads() {
            return Ok(self.approve(task, "reads only", into));
        }
        if switches.mode == Mode::Observe {
            return Ok(self.observe(task, into));
        }
        if task.detail.always_asks {
            let why = "what had been deleted was found again: look before it is deleted once more";
            return Ok(self.ask(task, why.to_owned(), into));
        }
        match switches.approval {
            Gate::Ask => Ok(self.ask(task, "waits at the approval gate".to_owned(), into)),
            Gate::Auto if task.right != Right::Deletion => Ok(self.approve(task, "auto", into)),
            Gate::Auto => self.pass_guard(task, into).await,
        }
    }

    /// A deletion passes by itself as far as the daily guard lets it.
    async fn pass_guard(&self, task: Task, into: &mut Transition) -> Result<Task, StoreError> {
        let connection = &self.link.connection;
        Ok(match self.guard.ask(&self.store, connection, self.now()).await? {
            Answer::Passes { date } => {
                into.approved_today.push((connection.id, date, 1));
                self.approve(task, "auto", into)
            }
            Answer::Stops { bound } => self.stop_at_guard(task, bound, into),
        })
    }

    fn approve(&self, task: Task, by: &str, into: &mut Transition) -> Task {
        let Some(plan) = task.findings.plan() else { return task };
        let approval = Approval { by: by.to_owned(), at: self.now(), digest: plan.digest() };
        self.carry_out(task, Command::Approve(approval), into)
    }

    fn ask(&self, task: Task, why: String, into: &mut Transition) -> Task {
        self.carry_out(task, Command::AskApproval { why, outcome: None }, into)
    }

    fn stop_at_guard(&self, task: Task, bound: u32, into: &mut Transition) -> Task {
        let why = format!(
            "more deletions today than the daily guard of {bound} lets pass by itself (the larger of {DAILY_FLOOR} and three times the median day, or the number set)"
        );
        into.journal.push(self.task_entry(Event::GuardTripped, &task).fact("guard", "daily"));
        self.ask(task, why, into)
    }

    /// In observe mode nothing is sent: the task says what it would have been.
    fn observe(&self, mut task: Task, into: &mut Transition) -> Task {
        let now = self.now();
        let n_sent = task.findings.plan().map_or(0, |plan| plan.acts_on.len());
        let variant = task.findings.plan().map_or("", |plan| &plan.variant).to_owned();
        let why = format!(
            "the connection is in observe mode; it would have sent {} as {variant}",
            poll::counted(n_sent)
        );
        let is_news = task.detail.wait.as_ref().is_none_or(|wait| wait.why != why);
        task.due_at = None;
        task.wait_for(Whom::Operator, why, None, now);
        if is_news {
            into.journal.push(
                self.task_entry(Event::WouldHaveSent, &task)
                    .fact("n_identifiers", n_sent)
                    .fact("variant", variant),
            );
        }
        task
    }

    /// Carries out a command that is known to fit, and journals it.
    pub fn carry_out(&self, task: Task, command: Command, into: &mut Transition) -> Task {
        match task.apply(command, &Actor::Engine, self.now()) {
            Ok((moved, entry)) => {
                into.journal.push(entry);
                moved
            }
            // The task was moved by someone else since it was loaded; the compare-and-set on its
            // version then drops this transition as a whole.
            Err(refused) => {
                into.journal.push(self.refusal(&task, &refused.to_string()));
                task
            }
        }
    }

    fn refusal(&self, task: &Task, why: &str) -> Entry {
        self.task_entry(Event::TaskParked, task).fact("why", why)
    }
}
