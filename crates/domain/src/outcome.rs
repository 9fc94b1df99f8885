//! What came of a task, what proves it, and how the shares of many jobs fold into one.
//!
//! | shares                              | outcome           |
//! | ----------------------------------- | ----------------- |
//! | any still open                      | none yet          |
//! | any refuted                         | refuted           |
//! | all failed                          | failed            |
//! | some failed, some not               | done with residue |
//! | any residue                         | done with residue |
//! | all already gone                    | already gone      |
//! | done, or done and already gone      | done              |
//!
//! | looks                               | proof     |
//! | ----------------------------------- | --------- |
//! | at least one, and all show absence  | confirmed |
//! | anything else                       | unproven  |
//!
//! "Done" alone is never shown: an outcome that claims an effect has a proof beside it.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::plan::HandWork;
use crate::{IdentifierId, JobId};

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Done {
        /// How many of what, in words ("2 user ids regulated", "214 records").
        counts: String,
    },
    /// Carried out, but something is left.
    DoneWithResidue {
        /// What is left, and where.
        residue: Vec<Residue>,
    },
    /// Nothing could be sent, so nothing was done there: all of it is work for people, who have
    /// their tasks.
    LeftToPeople {
        /// The work.
        works: Vec<HandWork>,
    },
    /// The person is not known there.
    NothingFound {
        /// The places searched.
        searched: Vec<String>,
        /// What can't be searched, in words.
        not_searchable: Vec<String>,
    },
    /// The data had gone before we acted.
    AlreadyGone,
    /// The vendor says done; the data is still there.
    Refuted {
        /// The places where it still is.
        still_in: Vec<String>,
    },
    /// It can't be done.
    Failed {
        /// Why.
        why: String,
    },
    /// The vendor did not finish within the longest time it grants itself.
    Expired,
    /// The request was cancelled or denied before anything was sent.
    Cancelled,
    /// A named person took it out, or carried it out by hand.
    Settled {
        /// Who.
        by: String,
        /// Whether they did it, as opposed to leaving it.
        done: bool,
        /// What they noted.
        note: String,
    },
}

/// What is left after a deletion, and the work by hand that it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Residue {
    /// Where: a destination, a source, a place.
    pub place: String,
    /// What is left and why, in words.
    pub what: String,
    /// What a person has to do.
    pub to_do: String,
}

/// What proves an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "proof", rename_all = "snake_case")]
pub enum Proof {
    /// Every look-up showed it.
    Confirmed {
        /// How many look-ups.
        n_looks: u32,
    },
    /// It can't be shown.
    Unproven {
        /// Why not.
        why: Vec<String>,
    },
}

/// What one job came to for one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "share", rename_all = "snake_case")]
pub enum Share {
    /// Not over.
    Open,
    /// The vendor says done.
    Done,
    /// Done, with something left.
    Residue {
        /// What is left.
        residue: Vec<Residue>,
    },
    /// Nothing was there any more.
    AlreadyGone,
    /// The vendor says done and the data is still there.
    Refuted {
        /// Where it still is.
        still_in: Vec<String>,
    },
    /// The vendor could not, or would not.
    Failed {
        /// Why.
        why: String,
    },
}

/// What the jobs that carried a task came to. A job answers for the identifiers that it carried,
/// until a later one carries them again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shares(Vec<JobShare>);

/// What one job came to for a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct JobShare {
    job: JobId,
    identifiers: Vec<IdentifierId>,
    share: Share,
}

impl Shares {
    /// Takes in what a job came to for the identifiers of the task that it carried.
    pub fn add(&mut self, job: JobId, identifiers: &[IdentifierId], share: Share) {
        for earlier in &mut self.0 {
            earlier.identifiers.retain(|id| !identifiers.contains(id));
        }
        self.0.retain(|earlier| earlier.job != job && !earlier.identifiers.is_empty());
        self.0.push(JobShare { job, identifiers: identifiers.to_vec(), share });
    }

    /// How many identifiers the jobs answer for.
    pub fn n_identifiers(&self) -> usize {
        self.0.iter().map(|one| one.identifiers.len()).sum()
    }

    /// Folds all of them into one outcome; none while one is open.
    pub fn fold(&self, counts: &str) -> Option<Outcome> {
        let shares: Vec<_> = self.0.iter().map(|one| one.share.clone()).collect();
        fold_shares(&shares, counts)
    }
}

/// What one look for one identifier in one place showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "look", rename_all = "snake_case")]
pub enum Look {
    /// It is as it should be: gone, or suppressed.
    Absent,
    /// It is not.
    Present {
        /// Where.
        place: String,
    },
    /// The look can't tell.
    CantTell {
        /// Why.
        why: String,
    },
}

/// Folds the shares of a task's jobs into one outcome; none while a share is open.
pub fn fold_shares(shares: &[Share], counts: &str) -> Option<Outcome> {
    if shares.is_empty() || shares.contains(&Share::Open) {
        return None;
    }
    let mut still_in = Vec::new();
    let mut residue = Vec::new();
    let mut failures = Vec::new();
    let mut n_gone = 0;
    for share in shares {
        match share {
            Share::Refuted { still_in: places } => still_in.extend(places.iter().cloned()),
            Share::Residue { residue: left } => residue.extend(left.iter().cloned()),
            Share::Failed { why } => failures.push(why.clone()),
            Share::AlreadyGone => n_gone += 1,
            Share::Done | Share::Open => {}
        }
    }
    if !still_in.is_empty() {
        still_in.sort();
        still_in.dedup();
        return Some(Outcome::Refuted { still_in });
    }
    if failures.len() == shares.len() {
        failures.dedup();
        return Some(Outcome::Failed { why: failures.join("; ") });
    }
    residue.extend(failures.into_iter().map(|why| Residue {
        place: "part of the job".to_owned(),
        to_do: "find out at the vendor why it failed, then open another round".to_owned(),
        what: why,
    }));
    if !residue.is_empty() {
        residue.sort();
        residue.dedup();
        return Some(Outcome::DoneWithResidue { residue });
    }
    if n_gone == shares.len() {
        return Some(Outcome::AlreadyGone);
    }
    Some(Outcome::Done { counts: counts.to_owned() })
}

/// Folds looks into a proof. Confirmed and unproven are never mixed: one look that can't tell
/// makes the whole unproven.
pub fn fold_looks(looks: &[Look]) -> Proof {
    let mut why: Vec<String> = looks
        .iter()
        .filter_map(|look| match look {
            Look::Absent => None,
            Look::Present { place } => Some(format!("still there in {place}")),
            Look::CantTell { why } => Some(why.clone()),
        })
        .collect();
    why.sort();
    why.dedup();
    if looks.is_empty() {
        why.push("there was nothing to look up".to_owned());
    }
    if why.is_empty() {
        Proof::Confirmed { n_looks: u32::try_from(looks.len()).unwrap_or(u32::MAX) }
    } else {
        Proof::Unproven { why }
    }
}

impl Outcome {
    /// Whether it claims that something was changed or handed over.
    pub fn claims_an_effect(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::DoneWithResidue { .. })
    }

    /// Whether the demand was met in this system.
    pub fn fulfils(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::AlreadyGone | Self::Settled { done: true, .. })
    }

    /// One short word for lists and counts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::DoneWithResidue { .. } => "done with residue",
            Self::LeftToPeople { .. } => "left to a person",
            Self::NothingFound { .. } => "nothing found",
            Self::AlreadyGone => "already gone",
            Self::Refuted { .. } => "refuted",
            Self::Failed { .. } => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Settled { done: true, .. } => "done by hand",
            Self::Settled { done: false, .. } => "skipped",
        }
    }
}

impl Proof {
    /// One word for lists and counts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Confirmed { .. } => "confirmed",
            Self::Unproven { .. } => "unproven",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Done { counts } if !counts.is_empty() => write!(f, " ({counts})"),
            Self::DoneWithResidue { residue } => {
                let places: Vec<_> = residue.iter().map(|left| left.place.as_str()).collect();
                write!(f, " (left in: {})", places.join(", "))
            }
            Self::LeftToPeople { works } => {
                let places: Vec<_> = works.iter().map(|work| work.place.as_str()).collect();
                write!(f, " (nothing was done there: {})", places.join(", "))
            }
            Self::NothingFound { searched, .. } => {
                write!(f, " (searched: {})", searched.join(", "))
            }
            Self::Refuted { still_in } => write!(f, " (still there in {})", still_in.join(", ")),
            Self::Failed { why } => write!(f, " ({why})"),
            Self::Settled { by, note, .. } => write!(f, " (by {by}: {note})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed { n_looks: 1 } => f.write_str("confirmed by 1 look-up"),
            Self::Confirmed { n_looks } => write!(f, "confirmed by {n_looks} look-ups"),
            Self::Unproven { why } => write!(f, "unproven: {}", why.join("; ")),
        }
    }
}
