//! What waits, and what happens next by itself: pure functions of what is known.

use domain::task::Whom;
use domain::{Instant, RequestState, Right, TaskState};

use super::view::{Asked, NextAct, Standing, SystemView, WaitView, at_place, minute, or};

/// More than this many next acts tell a reader nothing.
const MOST_ACTS: usize = 5;

/// What waits; for operators first, then by time.
pub(super) fn waits(asked: &Asked, systems: &[SystemView], is_paused: bool) -> Vec<WaitView> {
    let mut waits = Vec::new();
    if asked.state == RequestState::Answering {
        let since = systems.iter().map(|system| system.since).max().unwrap_or(asked.received_at);
        waits.push(WaitView {
            task: None,
            system: "the answer".to_owned(),
            why: "nothing more can be sent by Habeas; the person has to be told".to_owned(),
            whom: Whom::Operator,
            since,
            until: Some(asked.due_at),
            is_longest: false,
        });
    }
    if asked.closing.is_none() && !asked.is_routed {
        waits.push(WaitView {
            task: None,
            system: "all systems".to_owned(),
            why: "the engine has not chosen the systems yet".to_owned(),
            whom: Whom::Engine,
            since: asked.received_at,
            until: None,
            is_longest: false,
        });
    }
    for system in systems.iter().filter(|system| system.state != TaskState::Ended) {
        waits.push(held_by_connection(system).unwrap_or_else(|| wait_of(asked, system, is_paused)));
    }
    waits.sort_by_key(|wait| (wait.whom != Whom::Operator, wait.since));
    waits
}

/// A connection that does not work holds everything but work by hand.
fn held_by_connection(system: &SystemView) -> Option<WaitView> {
    if system.hand.is_some() {
        return None;
    }
    let (why, since) = match &system.standing {
        Standing::PausedByPerson { why, since } => {
            (format!("the connection is paused: {why}"), *since)
        }
        Standing::PausedByFailure { why, remedy, since, .. } => {
            (format!("the connection is paused: {why}; {remedy}"), *since)
        }
        _ => return None,
    };
    let system_name = system.name.clone();
    Some(WaitView {
        task: Some(system.task),
        system: system_name,
        why,
        whom: Whom::Operator,
        since,
        until: None,
        is_longest: false,
    })
}

fn wait_of(asked: &Asked, system: &SystemView, is_paused: bool) -> WaitView {
    let is_stopped = is_paused && system.state == TaskState::Acting && !asked.right.only_reads();
    let is_observed = system.state == TaskState::Acting && system.is_observed_only(asked.right);
    let (why, whom, since, until) = match &system.wait {
        _ if is_observed => {
            let why = "the connection is in observe mode, so nothing is sent".to_owned();
            (why, Whom::Operator, system.since, None)
        }
        _ if is_stopped => {
            let why = "every changing call is stopped".to_owned();
            (why, Whom::Operator, system.since, None)
        }
        Some(wait) if system.is_blind_since().is_some() => {
            let why = format!("nobody can be looked up there, and it {}", wait.why);
            (why, wait.whom, wait.since, wait.until)
        }
        Some(wait) if system.jobs.iter().any(|job| job.is_lost) => {
            (lost(system), wait.whom, wait.since, wait.until)
        }
        Some(wait) => {
            let work = system.hand.as_ref();
            let why =
                work.map_or_else(|| wait.why.clone(), |work| at_place(&work.place, &work.what));
            (why, wait.whom, wait.since, wait.until)
        }
        None => match system.state {
            TaskState::NeedsIdentifier => {
                let why = format!("needs {}", or(&system.needs));
                (why, Whom::Operator, system.since, None)
            }
            state if system.due_at.is_none() => {
                (state.to_string(), Whom::Operator, system.since, None)
            }
            _ => ("its turn".to_owned(), Whom::Engine, system.since, system.due_at),
        },
    };
    // What is found out by asking the vendor's job has its time there.
    let asked_next = system.jobs.iter().filter_map(|job| job.due_at).min();
    // A vendor's own end is when it is given up, and another request's when it is looked at again.
    let is_longest = until.is_some() && matches!(whom, Whom::Vendor | Whom::OtherRequest);
    let until = until.or(asked_next.filter(|_| whom == Whom::Vendor));
    let (task, system) = (Some(system.task), system.name.clone());
    WaitView { task, system, why, whom, since, until, is_longest }
}

/// What it means that no reply came to what was sent.
fn lost(system: &SystemView) -> String {
    let due = system.jobs.iter().filter(|job| job.is_lost).filter_map(|job| job.due_at).min();
    let at = due.map_or(String::new(), |at| format!(" at {}", minute(at)));
    format!(
        "the vendor's reply to what we sent never arrived; Habeas asks the vendor{at} whether it arrived, before anything is sent again"
    )
}

/// What happens by itself, the soonest first.
pub(super) fn acts(
    asked: &Asked,
    systems: &[SystemView],
    is_paused: bool,
    now: Instant,
) -> Vec<NextAct> {
    let mut acts = Vec::new();
    if asked.closing.is_none() && asked.verified.is_some() && !asked.is_routed {
        let what = "the systems that serve it are chosen".to_owned();
        acts.push(NextAct { at: now, what, system: "all systems".to_owned() });
    }
    for system in systems {
        acts_in(asked.right, system, is_paused, &mut |at, what| {
            acts.push(NextAct { at: at.max(now), what, system: system.name.clone() });
        });
    }
    acts.sort_by_key(|act| act.at);
    acts.dedup();
    acts.truncate(MOST_ACTS);
    acts
}

fn acts_in(
    right: Right,
    system: &SystemView,
    is_paused: bool,
    act: &mut dyn FnMut(Instant, String),
) {
    match system.standing {
        Standing::PausedByFailure { check_due_at, .. } => {
            if system.state != TaskState::Ended && system.hand.is_none() {
                act(check_due_at, "the connection is checked again".to_owned());
            }
            return;
        }
        Standing::PausedByPerson { .. } | Standing::None => return,
        Standing::Working { .. } | Standing::Observing { .. } => {}
    }
    if let Some(at) = system.due_at
        && let Some(what) = due(right, system, is_paused)
    {
        act(at, what);
    }
    for job in system.jobs.iter().filter(|job| !job.is_over) {
        let of_job = job.vendor_ref.as_deref().map_or(String::new(), |name| format!(" ({name})"));
        if let Some(at) = job.due_at {
            let what = match job.is_lost {
                true => "the vendor is asked whether what we sent arrived".to_owned(),
                false => format!("the vendor is asked about its job{of_job}"),
            };
            act(at, what);
        }
    }
}

/// What the engine does when a task is due.
fn due(right: Right, system: &SystemView, is_paused: bool) -> Option<String> {
    let what = match system.state {
        TaskState::Locating => "the person is looked for",
        TaskState::Planned => "the plan goes to its gate",
        TaskState::Acting if right.only_reads() => "the data is collected",
        TaskState::Acting if waits_for_another(system) => {
            "a look whether what it waits for is over, unless it went on before"
        }
        TaskState::Acting if is_paused || system.is_observed_only(right) => return None,
        TaskState::Acting => "it is sent to the vendor",
        TaskState::Waiting => "the vendor is asked",
        TaskState::Confirming => "the person is looked for again, to confirm",
        TaskState::Ended => "a look whether what had gone is back",
        TaskState::Reviewing
        | TaskState::NeedsIdentifier
        | TaskState::Approving
        | TaskState::Deciding
        | TaskState::ByHand => return None,
    };
    Some(what.to_owned())
}

fn waits_for_another(system: &SystemView) -> bool {
    system.wait.as_ref().is_some_and(|wait| wait.whom == Whom::OtherRequest)
}
