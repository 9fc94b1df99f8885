//! What can be said to a task.

use super::{Approval, Found};
use crate::{IdentifierKind, Instant, Outcome, Plan, Proof};

/// What can be said to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A person let it begin.
    PassReview,
    /// Found, and this is what would be done.
    MakePlan {
        /// The plan.
        plan: Box<Plan>,
        /// What locating came to.
        found: Found,
    },
    /// Can't go on without one of these.
    LackIdentifier {
        /// The kinds that would help.
        needs: Vec<IdentifierKind>,
        /// What locating came to.
        found: Found,
    },
    /// The person is not known there.
    FindNothing {
        /// What locating came to.
        found: Found,
    },
    /// Waits for a person at the gate.
    AskApproval {
        /// Why, in words.
        why: String,
        /// What was collected, where the gate stands before the answer.
        outcome: Option<Outcome>,
    },
    /// Approved; the digest must be the plan's.
    Approve(Approval),
    /// Collected data may go to the person; only for rights that read.
    Release(Approval),
    /// The plan is no longer the approved one.
    ChangePlan {
        /// The plan as it is now.
        plan: Box<Plan>,
        /// What differs, in words.
        changes: Vec<String>,
    },
    /// The vendor has accepted it.
    Submit {
        /// When the vendor is to be asked.
        until: Option<Instant>,
        /// Whether it counts as complete from here on.
        counts_early: bool,
    },
    /// The vendor says it is over; look again.
    LookAgain {
        /// What it came to, as far as the vendor says.
        outcome: Outcome,
        /// When to look.
        at: Instant,
    },
    /// Over.
    End {
        /// What came of it.
        outcome: Outcome,
        /// What proves that.
        proof: Option<Proof>,
        /// When to look once more for a reappearance.
        recheck_at: Option<Instant>,
    },
    /// A person has to decide.
    AskPerson {
        /// What about, in words.
        why: String,
        /// What it came to so far.
        outcome: Option<Outcome>,
    },
    /// Another round.
    Retry,
    /// What had gone is back: another round.
    Reappear,
    /// There is an identifier that this round did not know.
    AddIdentifier,
    /// A named person ends it.
    Settle {
        /// Who.
        by: String,
        /// Whether they did it.
        done: bool,
        /// Their note.
        note: String,
    },
    /// The request was denied or taken back.
    Cancel,
}

impl Command {
    /// The command's word, as in the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::PassReview => "pass review",
            Self::MakePlan { .. } => "make plan",
            Self::LackIdentifier { .. } => "lack identifier",
            Self::FindNothing { .. } => "find nothing",
            Self::AskApproval { .. } => "ask approval",
            Self::Approve(_) => "approve",
            Self::Release(_) => "release",
            Self::ChangePlan { .. } => "change plan",
            Self::Submit { .. } => "submit",
            Self::LookAgain { .. } => "look again",
            Self::End { .. } => "end",
            Self::AskPerson { .. } => "ask person",
            Self::Retry => "retry",
            Self::Reappear => "reappear",
            Self::AddIdentifier => "add identifier",
            Self::Settle { .. } => "settle",
            Self::Cancel => "cancel",
        }
    }

    /// Every command's word, in the table's order.
    pub const WORDS: &'static [&'static str] = &[
        "pass review",
        "make plan",
        "lack identifier",
        "find nothing",
        "ask approval",
        "approve",
        "release",
        "change plan",
        "submit",
        "look again",
        "end",
        "ask person",
        "retry",
        "reappear",
        "add identifier",
        "settle",
        "cancel",
    ];
}
