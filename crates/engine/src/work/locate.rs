//! Locating: find the person in this connection, then plan.

use connector_api::flow::Planned;
use connector_api::report::FoundIdentifier;
use connector_api::subject::Subject;
use connector_api::{Input, Located, Report, Step};
use domain::guard::FAN_OUT;
use domain::identifier::{Sighting, normalise};
use domain::journal::Event;
use domain::task::{Command, Found, Whom};
use domain::{ConnectionId, Flow, Identifier, IdentifierId, Instant, Origin, Outcome, Task};
use store::Transition;

use super::{Shift, WorkError};
use crate::flow::{Log, NoSink};
use crate::wake;

/// How many rounds identifiers may travel between systems.
const MAX_ROUNDS: u32 = 8;

/// Locates one person and writes down what came of it.
pub(crate) async fn locate(shift: &Shift, task: Task, subject: Subject) -> Result<(), WorkError> {
    let mut log = Log::default();
    let subjects = [subject];
    let driven = shift
        .link
        .drive(Flow::Locate, None, Input::Start(&subjects), &[], &mut log, &mut NoSink)
        .await;
    let [subject] = subjects;
    let turn = match driven {
        Ok(turn) => turn,
        Err(error) => return shift.put_off(task, error).await,
    };
    let located = match turn.step {
        Step::Done(Report::Located(mut all)) if all.len() == 1 => all.swap_remove(0),
        Step::AskAgain { at } => {
            let mut task = task;
            task.postpone(at, Whom::Vendor, "the vendor shows it later".to_owned(), shift.now());
            shift.commit_one(Transition { tasks: vec![task], ..Transition::default() }).await?;
            return Ok(());
        }
        _ => return shift.put_off(task, misuse()).await,
    };
    let mut transition = Transition::default();
    if log.len() > 0 {
        transition.evidence.push(shift.task_evidence(&task, "looked up", log));
    }
    let task = located_task(shift, task, subject, located, &mut transition).await?;
    transition.tasks.push(task);
    shift.commit_one(transition).await?;
    Ok(())
}

/// A connector that answers one flow with another's report.
pub(crate) fn misuse() -> connector_api::VendorError {
    connector_api::VendorError::ContractBroken {
        what: "the connector answered with a step that does not belong to the flow".to_owned(),
    }
}

async fn located_task(
    shift: &Shift,
    task: Task,
    mut subject: Subject,
    located: Located,
    into: &mut Transition,
) -> Result<Task, WorkError> {
    let connection = shift.link.connection.id;
    into.journal.push(
        shift
            .task_entry(Event::Looked, &task)
            .fact("n_profiles", located.n_profiles)
            .fact("n_places", located.searched.len()),
    );
    if located.n_profiles > FAN_OUT.max(task.detail.fan_out_accepted) {
        return Ok(stop_at_fan_out(shift, task, &located, into));
    }
    let news = learn(shift, &task, &mut subject, &located.found, into);
    let found = summary(&located, &subject.identifiers, connection, shift.now());
    if news > 0 && shift.has_neighbours && task.round <= MAX_ROUNDS {
        tell_neighbours(shift, &task, into).await?;
    }
    let planned = plan(shift, &task, &subject, &found);
    let works = match &planned {
        Planned::Plan(plan) => plan.by_hand.clone(),
        Planned::Nothing | Planned::Needs(_) => found.by_hand.clone(),
    };
    shift.hand_tasks(&task, &works, into).await?;
    let command = match planned {
        Planned::Plan(plan) => Command::MakePlan { plan, found },
        Planned::Nothing => Command::FindNothing { found },
        Planned::Needs(needs) => Command::LackIdentifier { needs, found },
    };
    let is_plan = matches!(command, Command::MakePlan { .. });
    let task = shift.carry_out(task, command, into);
    if task.right.only_reads() && task.is_over() {
        wake::after_collecting(&shift.store, task.request, shift.now(), into).await?;
    }
    if is_plan { Ok(shift.pass_gate(task, into).await?) } else { Ok(task) }
}

/// Too many profiles for one person: nothing found is taken over, and a person looks.
fn stop_at_fan_out(shift: &Shift, task: Task, located: &Located, into: &mut Transition) -> Task {
    let n_profiles = located.n_profiles;
    let why = format!(
        "the identifiers lead to {n_profiles} profiles, more than {FAN_OUT}; make sure that they are all one person's, then retry the task"
    );
    into.journal.push(shift.task_entry(Event::GuardTripped, &task).fact("guard", "fan-out"));
    let mut task = shift.carry_out(task, Command::AskPerson { why, outcome: None }, into);
    task.findings.set_found(Found {
        n_profiles,
        searched: located.searched.clone(),
        not_searchable: located.not_searchable.clone(),
        ..Found::default()
    });
    task
}

/// What would be done for a person, from what the store knows: at planning and again right
/// before acting the same function of the same rows.
pub(crate) fn plan(shift: &Shift, task: &Task, subject: &Subject, found: &Found) -> Planned {
    let connection = shift.link.connection.id;
    let located = Located {
        n_profiles: found.n_profiles,
        searched: found.searched.clone(),
        not_searchable: found.not_searchable.clone(),
        found: sightings(&subject.identifiers, connection),
        by_hand: found.by_hand.clone(),
        not_taken: Vec::new(),
    };
    shift.link.with_context(&[], |context| {
        shift.link.connector.plan(task.right, &subject.scope, subject, &located, context)
    })
}

/// Every identifier with every place of this connection that knows it.
fn sightings(identifiers: &[Identifier], connection: ConnectionId) -> Vec<FoundIdentifier> {
    let mut out = Vec::new();
    for identifier in identifiers {
        for seen in identifier.seen_in.iter().filter(|seen| seen.connection == connection) {
            out.push(FoundIdentifier {
                kind: identifier.kind.clone(),
                value: identifier.given.clone(),
                place: seen.place.clone(),
            });
        }
    }
    out
}

/// Takes in what was found: known identifiers are sighted, new ones join the request. Returns
/// how many are new.
fn learn(
    shift: &Shift,
    task: &Task,
    subject: &mut Subject,
    found: &[FoundIdentifier],
    into: &mut Transition,
) -> usize {
    let connection = shift.link.connection.id;
    let mut n_new = 0;
    for one in found {
        let sighting = Sighting { connection, place: one.place.clone() };
        // What a system holds need not be well-formed: then it is kept exactly as it is.
        let normalised =
            normalise(&one.kind, &one.value, None).unwrap_or_else(|_| one.value.clone());
        if shift.link.placeholders.matches(&one.kind, &normalised) {
            into.journal
                .push(shift.task_entry(Event::GuardTripped, task).fact("guard", "placeholder"));
            continue;
        }
        let known = subject
            .identifiers
            .iter_mut()
            .find(|known| known.kind == one.kind && known.normalised == normalised);
        match known {
            Some(known) if known.seen_in.contains(&sighting) => {}
            Some(known) => {
                known.seen_in.push(sighting.clone());
                into.sightings.push((known.id, vec![sighting]));
            }
            None => {
                n_new += 1;
                let identifier = Identifier {
                    id: IdentifierId::new(&*shift.ids),
                    kind: one.kind.clone(),
                    given: one.value.clone(),
                    normalised,
                    origin: Origin::Found { connection, task: task.id, round: task.round },
                    seen_in: vec![sighting],
                };
                subject.identifiers.push(identifier.clone());
                into.new_identifiers.push((task.request, identifier));
            }
        }
    }
    n_new
}

fn summary(
    located: &Located,
    identifiers: &[Identifier],
    connection: ConnectionId,
    now: Instant,
) -> Found {
    let mut known_in: Vec<_> = located.found.iter().map(|one| one.place.clone()).collect();
    known_in.sort();
    known_in.dedup();
    Found {
        n_profiles: located.n_profiles,
        searched: located.searched.clone(),
        known_in,
        not_searchable: located.not_searchable.clone(),
        identifiers: identifiers
            .iter()
            .filter(|identifier| {
                identifier.seen_in.iter().any(|seen| seen.connection == connection)
            })
            .map(|identifier| identifier.id)
            .collect(),
        by_hand: located.by_hand.clone(),
        looked_at: Some(now),
    }
}

/// Identifiers travel: the request's other tasks get another round.
async fn tell_neighbours(
    shift: &Shift,
    task: &Task,
    into: &mut Transition,
) -> Result<(), WorkError> {
    let travels =
        into.new_identifiers.iter().any(|(_, identifier)| !identifier.kind.is_shared_by_people());
    if !travels {
        return Ok(());
    }
    for other in shift.store.tasks_of(&[task.request]).await? {
        let is_neighbour = other.id != task.id
            && other.connection.is_some()
            && other.connection != task.connection;
        let was_taken_out =
            matches!(other.detail.outcome, Some(Outcome::Cancelled | Outcome::Settled { .. }));
        let may_go_on = other.detail.hand.is_none() && !was_taken_out && other.round <= MAX_ROUNDS;
        if is_neighbour && may_go_on {
            let moved = shift.carry_out(other, Command::AddIdentifier, into);
            into.tasks.push(moved);
        }
    }
    Ok(())
}
