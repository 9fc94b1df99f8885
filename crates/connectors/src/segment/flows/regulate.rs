//! Deletes, suppresses and un-suppresses: one regulation for many people, then polls for weeks.
//!
//! | the regulation | what follows |
//! | --- | --- |
//! | not yet over, or a word that is none | asked again |
//! | gone back from an end | asked again, and told |
//! | not found, younger than 90 days | asked again, and told |
//! | over | settled at once, as `verdict` says |

use connector_api::combinators::{ask, remember};
use connector_api::{
    Answer, Change, Context, Input, Report, Settled, Step, Subject, Turn, VendorError,
};
use domain::outcome::Share;
use domain::{Digest, Instant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

use super::{Job, VERSION, acted_on, out_of_turn, refused, verdict};
use crate::segment::manifest::MANIFEST;
use crate::segment::{classify, client, mapping, settings, wire};

/// How long Segment shows a regulation.
const READABLE: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a regulation has to remember. No person's value: the set of ids is a keyed digest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) regulation_type: String,
    pub(super) ids: Digest,
    /// Each id by itself, where they are one person's: for finding them among those of others, until
    /// Segment has named the regulation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) each: Vec<Digest>,
    pub(super) asked_at: Instant,
    regulation: Option<String>,
    /// The last word that meant an end.
    ended: Option<String>,
}

/// Sends the regulation.
pub(super) fn begin(
    regulation_type: &str,
    subjects: &[Subject],
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    let ids = user_ids(subjects)?;
    let job = Memory {
        regulation_type: regulation_type.to_owned(),
        ids: fingerprint(&ids, context),
        each: match subjects {
            [_] => ids.iter().map(|id| fingerprint(&[id], context)).collect(),
            _ => Vec::new(),
        },
        asked_at: context.now,
        regulation: None,
        ended: None,
    };
    let call = client::create_regulation(regulation_type, &ids);
    let n_members = u32::try_from(subjects.len()).unwrap_or(u32::MAX);
    let change = Change { call, key: None, n_members };
    Ok(job.turn(Step::Change(Box::new(change))))
}

/// Goes on after the regulation was sent.
pub(super) fn go_on(
    mut job: Memory,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match (input, job.regulation.clone()) {
        (Input::Answers([answer]), None) => {
            let created: wire::Data<wire::Created> = client::read(answer, "create_regulation")
                .map_err(|_| VendorError::AnswerLost {
                    what: "the answer to “create_regulation” names no regulation".to_owned(),
                })?;
            let id = created.data.regulate_id;
            job.regulation = Some(id.clone());
            // It is known now and need not be found any more.
            job.each.clear();
            let mut turn = job.ask_again(context);
            turn.vendor_ref = Some(id);
            Ok(turn)
        }
        (Input::Answers([answer]), Some(_)) => polled(job, answer, context),
        (Input::Woken, Some(id)) => {
            Ok(ask(VERSION, &Job::Regulation(job), vec![client::regulation(&id)]))
        }
        _ => Err(out_of_turn()),
    }
}

/// A keyed digest of a set of ids, the same in whatever order they come.
pub(super) fn fingerprint(ids: &[&str], context: &Context<'_>) -> Digest {
    let set: BTreeSet<&str> = ids.iter().copied().collect();
    (context.fingerprint)(&mut set.into_iter())
}

/// The user ids of a batch, each once, within what one call takes.
fn user_ids(subjects: &[Subject]) -> Result<Vec<&str>, VendorError> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    let mut strangers = Vec::new();
    for (position, subject) in subjects.iter().enumerate() {
        let sent = acted_on(subject);
        if sent.iter().any(|it| it.kind != domain::IdentifierKind::UserId) || sent.is_empty() {
            strangers.push(position);
        }
        ids.extend(sent.into_iter().map(mapping::exact).filter(|id| seen.insert(*id)));
    }
    if !strangers.is_empty() {
        return Err(refused("a regulation takes user ids only", strangers));
    }
    let n_bytes: u32 = ids.iter().map(|id| super::json_size(id) + 1).sum();
    if ids.len() > MANIFEST.batch.items as usize || n_bytes > MANIFEST.batch.bytes {
        return Err(refused("the batch is larger than one regulation takes", Vec::new()));
    }
    Ok(ids)
}

fn polled(mut job: Memory, answer: &Answer, context: &Context<'_>) -> Result<Turn, VendorError> {
    if classify::is_absent(answer) {
        return Ok(job.missing(context));
    }
    let read: wire::Data<wire::RegulationData> = client::read(answer, "regulation")?;
    let regulation = read.data.regulation;
    if job.regulation.as_deref() != Some(&regulation.id) {
        let what = "the answer to “regulation” is about another regulation".to_owned();
        return Err(VendorError::ContractBroken { what });
    }
    let word = verdict::word(&regulation.overall_status);
    match verdict::settle(&job.regulation_type, &regulation, &settings::facts(context)) {
        Some(settled) => {
            job.ended = Some(word.clone());
            let mut turn = job.turn(Step::Done(Report::Settled(settled)));
            turn.vendor_says = Some(word);
            Ok(turn)
        }
        None => {
            let says = match &job.ended {
                Some(ended) => format!("{word}, after it had said {ended}"),
                None => word,
            };
            let mut turn = job.ask_again(context);
            turn.vendor_says = Some(says);
            Ok(turn)
        }
    }
}

impl Memory {
    fn turn(self, step: Step) -> Turn {
        Turn::new(remember(VERSION, &Job::Regulation(self)), step)
    }

    fn ask_again(self, context: &Context<'_>) -> Turn {
        let age = settings::age(self.asked_at, context.now);
        let at = settings::later(context.now, MANIFEST.poll_after(age));
        self.turn(Step::AskAgain { at })
    }

    /// Segment does not know the regulation. Within 90 days that is its inconsistency and no
    /// verdict; later nothing can be learnt any more.
    fn missing(self, context: &Context<'_>) -> Turn {
        let says = "not found, although Segment had accepted it".to_owned();
        let is_readable = settings::age(self.asked_at, context.now) < READABLE;
        let mut turn = if is_readable {
            self.ask_again(context)
        } else {
            let why = "Segment never said how it ended, and shows no regulation after 90 days";
            self.turn(Step::Done(Report::Settled(Settled {
                share: Share::Failed { why: why.to_owned() },
                exceptions: Vec::new(),
                evidence: serde_json::json!({"status": 404}),
                unprovable: None,
            })))
        };
        turn.vendor_says = Some(says);
        turn
    }
}
