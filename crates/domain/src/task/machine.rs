//! The task's state machine.

use super::{Command, Task, TaskState, Wait, Whom};
use crate::journal::{Actor, Entry, Event};
use crate::{Instant, Outcome, Plan, Proof};

/// A command that does not fit a task's state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such transition.
    #[error("a task that is {state} can't {command}")]
    NoSuchTransition {
        /// The state.
        state: TaskState,
        /// The command's word.
        command: &'static str,
    },
    /// The approval is for another plan.
    #[error("the approval is for another plan; look at it again")]
    OtherPlan,
    /// Its call is on its way, or its answer was lost.
    #[error("it is being sent to the vendor right now and can't be stopped")]
    BeingSent,
    /// Released without having been collected, or approved without being a plan to act on.
    #[error("what waits there is of another kind")]
    OtherGate,
}

/// The transition table: the state a command leads to, if it fits.
pub fn next(state: TaskState, command: &str) -> Option<TaskState> {
    use TaskState as S;
    let to = match (state, command) {
        (S::Reviewing, "pass review") => S::Locating,

        (S::Locating | S::Planned | S::Approving, "make plan") => S::Planned,
        (S::Locating, "lack identifier") => S::NeedsIdentifier,
        (S::Locating, "find nothing") => S::Ended,

        (S::Planned | S::Acting, "ask approval") => S::Approving,
        (S::Planned | S::Approving, "approve") => S::Acting,
        (S::Approving, "release") => S::Ended,
        (S::Planned | S::Acting, "change plan") => S::Approving,

        (S::Acting, "submit") => S::Waiting,
        (S::Acting | S::Waiting | S::Confirming, "look again") => S::Confirming,
        (S::Planned | S::Acting | S::Waiting | S::Confirming | S::Ended, "end") => S::Ended,
        (
            S::Locating | S::Planned | S::Acting | S::Waiting | S::Confirming | S::Ended,
            "ask person",
        ) => S::Deciding,

        (S::NeedsIdentifier | S::Deciding | S::Ended, "retry") => S::Locating,
        (S::Ended, "reappear") => S::Locating,

        // What is under way is finished first; then another round begins.
        (S::Reviewing, "add identifier") => S::Reviewing,
        (S::Waiting, "add identifier") => S::Waiting,
        (S::Confirming, "add identifier") => S::Confirming,
        (S::ByHand, "add identifier") => S::ByHand,
        (S::Acting, "add identifier") => S::Acting,
        (
            S::Locating | S::NeedsIdentifier | S::Planned | S::Approving | S::Deciding | S::Ended,
            "add identifier",
        ) => S::Locating,

        (
            S::Reviewing
            | S::Locating
            | S::NeedsIdentifier
            | S::Planned
            | S::Approving
            | S::Waiting
            | S::Confirming
            | S::Deciding
            | S::ByHand,
            "settle",
        ) => S::Ended,
        (
            S::Reviewing
            | S::Locating
            | S::NeedsIdentifier
            | S::Planned
            | S::Approving
            | S::Acting
            | S::Deciding
            | S::ByHand,
            "cancel",
        ) => S::Ended,
        _ => return None,
    };
    Some(to)
}

impl Task {
    /// Carries out a command: the changed task and the journal entry that tells of it.
    pub fn apply(
        &self,
        command: Command,
        actor: &Actor,
        now: Instant,
    ) -> Result<(Self, Entry), Refused> {
        let word = command.word();
        let refused = Refused::NoSuchTransition { state: self.state, command: word };
        let to = next(self.state, word).ok_or(refused)?;
        let mut task = self.clone();
        let stays = matches!(command, Command::AddIdentifier)
            && to == self.state
            && to != TaskState::Locating;
        if !stays {
            task.enter(to, now);
        }
        task.absorb(command, now)?;
        if task.state == TaskState::Ended
            && task.detail.again
            && !matches!(task.detail.outcome, Some(Outcome::Cancelled))
        {
            task.begin_round(now);
        }
        let entry = Entry::new(now, actor.clone(), Event::TaskMoved)
            .request(self.request)
            .task(self.id)
            .connection(self.connection)
            .fact("from", self.state.word())
            .fact("to", task.state.word())
            .fact("by", word)
            .fact("round", task.round);
        let entry = match task.detail.wait.as_ref().filter(|wait| wait.whom == Whom::Operator) {
            Some(wait) => entry.fact("why", wait.why.as_str()),
            None => entry,
        };
        let entry = match &task.detail.outcome {
            Some(outcome) if task.is_over() => entry
                .fact("outcome", outcome.word())
                .fact("proof", task.detail.proof.as_ref().map_or("none", Proof::word)),
            _ => entry,
        };
        Ok((task, entry))
    }

    /// Takes what the command brings.
    fn absorb(&mut self, command: Command, now: Instant) -> Result<(), Refused> {
        match command {
            Command::PassReview => {}
            Command::MakePlan { plan, found } => {
                self.findings.set_plan(*plan);
                self.findings.set_found(found);
                self.detail.needs.clear();
            }
            Command::LackIdentifier { needs, found } => {
                let kinds: Vec<_> = needs.iter().map(ToString::to_string).collect();
                self.wait_for(
                    Whom::Operator,
                    format!("needs a {}", kinds.join(" or a ")),
                    None,
                    now,
                );
                self.detail.needs = needs;
                self.findings.set_found(found);
            }
            Command::FindNothing { found } => {
                self.detail.outcome = Some(Outcome::NothingFound {
                    searched: found.searched.clone(),
                    not_searchable: found.not_searchable.clone(),
                });
                self.detail.proof = None;
                self.findings.set_found(found);
            }
            Command::AskApproval { why, outcome } => {
                self.wait_for(Whom::Operator, why, None, now);
                self.detail.outcome = outcome;
            }
            Command::Approve(approval) => {
                if self.detail.outcome.is_some() {
                    return Err(Refused::OtherGate);
                }
                if self.findings.plan().map(Plan::digest) != Some(approval.digest) {
                    return Err(Refused::OtherPlan);
                }
                self.detail.approved = Some(approval);
                self.detail.always_asks = false;
                self.detail.changes.clear();
            }
            Command::Release(approval) => {
                if !self.right.only_reads() || self.detail.outcome.is_none() {
                    return Err(Refused::OtherGate);
                }
                self.detail.approved = Some(approval);
            }
            Command::ChangePlan { plan, changes } => {
                let why = format!("the plan changed since it was approved: {}", changes.join("; "));
                self.wait_for(Whom::Operator, why, None, now);
                self.findings.set_plan(*plan);
                self.detail.changes = changes;
                self.detail.approved = None;
            }
            Command::Submit { until, counts_early } => {
                self.wait_for(Whom::Vendor, "the vendor is at work".to_owned(), until, now);
                self.detail.counts_early = counts_early;
                if counts_early {
                    self.detail.proof = Some(Proof::Unproven {
                        why: vec!["the vendor has accepted it but not finished".to_owned()],
                    });
                }
            }
            Command::LookAgain { outcome, at } => {
                self.detail.outcome = Some(outcome);
                self.due_at = Some(at);
                if at > now {
                    self.wait_for(
                        Whom::Time,
                        "the next look is due then".to_owned(),
                        Some(at),
                        now,
                    );
                }
            }
            Command::End { outcome, proof, recheck_at } => {
                self.detail.outcome = Some(outcome);
                self.detail.proof = proof;
                self.detail.counts_early = false;
                self.due_at = recheck_at;
            }
            Command::AskPerson { why, outcome } => {
                self.wait_for(Whom::Operator, why, None, now);
                self.detail.counts_early = false;
                self.detail.proof = None;
                if outcome.is_some() {
                    self.detail.outcome = outcome;
                }
            }
            Command::Retry => self.begin_round(now),
            Command::Reappear => {
                self.begin_round(now);
                self.detail.always_asks = true;
            }
            Command::AddIdentifier => {
                if self.state == TaskState::Locating {
                    self.begin_round(now);
                } else {
                    self.detail.again = true;
                }
            }
            Command::Settle { by, done, note } => {
                self.detail.outcome = Some(Outcome::Settled { by, done, note });
                self.detail.proof = None;
            }
            Command::Cancel => {
                if self.detail.sending.is_some() {
                    return Err(Refused::BeingSent);
                }
                self.detail.outcome = Some(Outcome::Cancelled);
                self.detail.proof = None;
                self.detail.again = false;
            }
        }
        Ok(())
    }

    /// Begins another round; what the last one did stays in the journal.
    fn begin_round(&mut self, now: Instant) {
        self.findings.drop_plan();
        self.round += 1;
        self.detail.again = false;
        self.detail.approved = None;
        self.detail.outcome = None;
        self.detail.proof = None;
        self.detail.n_looks_done = 0;
        self.detail.needs.clear();
        self.detail.changes.clear();
        self.enter(TaskState::Locating, now);
    }

    /// Enters a state: since now, waiting for whom that state waits for, due if it is the engine's.
    pub(super) fn enter(&mut self, state: TaskState, now: Instant) {
        self.state = state;
        self.since = now;
        self.due_at = None;
        self.detail.wait = None;
        self.detail.n_attempts = 0;
        self.detail.n_lost = 0;
        if state != TaskState::Acting && state != TaskState::Ended {
            self.detail.sending = None;
        }
        match state {
            TaskState::Locating
            | TaskState::Planned
            | TaskState::Acting
            | TaskState::Confirming => {
                self.due_at = Some(now);
            }
            TaskState::Reviewing => {
                self.wait_for(Whom::Operator, "waits at the review gate".to_owned(), None, now);
            }
            TaskState::ByHand => {
                self.wait_for(Whom::Operator, "a person has to do this".to_owned(), None, now);
            }
            TaskState::NeedsIdentifier
            | TaskState::Approving
            | TaskState::Waiting
            | TaskState::Deciding
            | TaskState::Ended => {}
        }
    }

    /// Notes what it waits for. Waiting is data: nothing runs until then.
    pub fn wait_for(&mut self, whom: Whom, why: String, until: Option<Instant>, now: Instant) {
        let since = match &self.detail.wait {
            Some(wait) if wait.whom == whom && wait.why == why => wait.since,
            _ => now,
        };
        self.detail.wait = Some(Wait { why, whom, since, until });
    }

    /// Postpones its next step without changing its state.
    pub fn postpone(&mut self, until: Instant, whom: Whom, why: String, now: Instant) {
        self.due_at = Some(until);
        self.wait_for(whom, why, Some(until), now);
    }
}
