//! What a person can do now, as exact commands: a pure function of what is known.
//!
//! | what is known                        | what comes first                                  |
//! | ------------------------------------ | ------------------------------------------------- |
//! | its values can't be read              | `doctor`: what is wrong with the keys             |
//! | it waits at a gate                   | `request approve … --gate …`                      |
//! | an identifier is lacking             | `request add-identifier …`                        |
//! | a person has to decide               | `task retry …`, or `task settle … done\|skip`     |
//! | a person has to do something         | `task settle … done`                              |
//! | the connection was paused by failure | the remedy, then `connections test …`             |
//! | a person paused it                   | `resume …`                                        |
//! | it observes only                     | `connections set … mode=act`                      |
//! | it waits for another request         | what lets that one go on                          |
//! | nothing more can be sent             | `package …`, then `request answer …`              |
//! | nobody runs the engine               | `serve`                                           |
//! | otherwise                            | nothing: `request watch …` shows how it goes on   |

use std::collections::BTreeSet;

use domain::task::Whom;
use domain::{Outcome, Proof, RequestState, TaskState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::awaited;
use super::view::{RequestView, Standing, SystemView, minute, or};

/// One thing a person can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Advice {
    /// What, and why, in a sentence.
    pub what: String,
    /// The command; absent where something has to happen outside first, or nothing at all.
    pub command: Option<String>,
}

/// What can be done about a request, the most useful first.
pub fn advise(view: &RequestView) -> Vec<Advice> {
    let mut list = List::default();
    let id = view.asked.request;
    if let Some(purged) = view.asked.closing.as_ref().and_then(|closing| closing.purged.as_ref()) {
        list.note(format!(
            "It was purged on {} by {}: its values are gone from here. Whoever has an older backup and the key folder can read them until its month's key is destroyed. What was done stays on record",
            purged.at.strftime("%Y-%m-%d"),
            purged.by
        ));
    } else if let Some(closing) = &view.asked.closing {
        list.say(
            format!("It is closed: {}. If that was wrong, open it again", closing.how),
            format!("habeas request reopen {id} --note \"why\""),
        );
    }
    if view.asked.is_late {
        let due = view.asked.due_at.strftime("%Y-%m-%d");
        list.note(format!(
            "It is late: it was due on {due} ({}). Tell the person that it takes longer, and do first what waits for you",
            view.asked.due_basis
        ));
    }
    if let (None, Some(why)) = (&view.asked.closing, &view.asked.unopened) {
        // Nothing can be decided about a person who can't be seen.
        let what = format!(
            "Its values can't be read, so it waits: {why}. The doctor says what else is wrong"
        );
        list.say(what, "habeas doctor".to_owned());
    } else if view.asked.closing.is_none() {
        everywhere(view, &mut list);
        view.systems.iter().for_each(|system| in_system(view, system, &mut list));
        gates(view, &mut list);
        awaited::advise(&view.awaited, &mut list);
        answer(view, &mut list);
        if list.has_no_command() {
            wait(view, &mut list);
        }
    }
    list.all
}

/// Advice as it is gathered, each command once.
#[derive(Default)]
pub(super) struct List {
    all: Vec<Advice>,
    commands: BTreeSet<String>,
}

impl List {
    pub(super) fn say(&mut self, what: impl Into<String>, command: String) {
        if self.commands.insert(command.clone()) {
            self.all.push(Advice { what: what.into(), command: Some(command) });
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        let advice = Advice { what: what.into(), command: None };
        if !self.all.contains(&advice) {
            self.all.push(advice);
        }
    }

    fn has_no_command(&self) -> bool {
        self.commands.is_empty()
    }
}

fn everywhere(view: &RequestView, list: &mut List) {
    let is_acting = |system: &SystemView| system.state == TaskState::Acting;
    if view.is_paused_everywhere && view.systems.iter().any(is_acting) {
        let what =
            "Every changing call is stopped. Let them go on when whatever was wrong is put right";
        list.say(what, "habeas resume --all".to_owned());
    }
}

fn in_system(view: &RequestView, system: &SystemView, list: &mut List) {
    let (name, task) = (&system.name, system.task);
    if let Some(at) = system.reappeared_at.filter(|_| system.state != TaskState::Ended) {
        list.note(format!(
            "What had been deleted in {name} was found again on {}; {}. Find out what writes it back (a source or an import that still sends the person), or it will come back again",
            at.strftime("%Y-%m-%d"),
            second_go(system.state)
        ));
    }
    if system.hand.is_none() && system.state != TaskState::Ended && held(system, list) {
        return;
    }
    match system.state {
        TaskState::NeedsIdentifier => lacking(view, system, list),
        TaskState::Deciding => deciding(system, list),
        TaskState::ByHand => by_hand(view, system, list),
        TaskState::Planned | TaskState::Acting if system.is_observed_only(view.asked.right) => {
            let why = system.wait.as_ref().map_or("it only observes", |wait| wait.why.as_str());
            let what = format!("{name}: {why}. If it shall act from now on");
            list.say(what, format!("habeas connections set {name} mode=act"));
            let settle = format!("habeas task settle {task} skip --note \"why nothing is done\"");
            list.say(format!("Or leave {name} out of this request"), settle);
        }
        TaskState::Waiting | TaskState::Confirming if system.proof.is_some() => list.note(format!(
            "{name} has accepted it but not finished; it counts as done already, unproven, since the connection is set so"
        )),
        TaskState::Ended => ended(system, list),
        _ => {}
    }
}

/// Where the deletion of what came back stands.
fn second_go(state: TaskState) -> &'static str {
    match state {
        TaskState::Approving => "a second deletion is prepared and waits for your approval",
        TaskState::Acting | TaskState::Waiting | TaskState::Confirming => "it is deleted once more",
        TaskState::Deciding => "you have to decide what is done about it",
        _ => "a second deletion is being prepared",
    }
}

/// A connection that does not work comes before anything in it.
fn held(system: &SystemView, list: &mut List) -> bool {
    let Some(advice) = repair(&system.name, &system.standing) else { return false };
    list.say(advice.what, advice.command.unwrap_or_default());
    true
}

/// What lets a connection that does not work go on.
pub fn repair(name: &str, standing: &Standing) -> Option<Advice> {
    let (what, command) = match standing {
        Standing::PausedByFailure { why, remedy, .. } => {
            let what = format!("{name} is paused: {why}. First {}; then", first_of(remedy));
            (what, format!("habeas connections test {name}"))
        }
        Standing::PausedByPerson { why, .. } => (
            format!("{name} is paused ({why}). When it may go on"),
            format!("habeas resume {name}"),
        ),
        Standing::Working { .. } | Standing::Observing { .. } | Standing::None => return None,
    };
    Some(Advice { what, command: Some(command) })
}

/// A remedy without the command that follows it here anyway.
fn first_of(remedy: &str) -> &str {
    let end = remedy.find(", then").or_else(|| remedy.find("; then")).unwrap_or(remedy.len());
    remedy.get(..end).unwrap_or(remedy)
}

fn lacking(view: &RequestView, system: &SystemView, list: &mut List) {
    let (id, name) = (view.asked.request, &system.name);
    let needs = or(&system.needs);
    let blind = system.is_blind_since();
    if let Some(why) = blind {
        see_again(why, system, list);
    }
    for kind in &system.needs {
        let what = match blind.is_some() {
            true => format!(
                "Or go on without that: look up the {needs} in your own records. What is done by it can't be confirmed afterwards, as long as nobody can be looked up in {name}. Then"
            ),
            false => format!(
                "{name} can't find or delete the person without {needs}. Look it up in your own records, then"
            ),
        };
        list.say(what, format!("habeas request add-identifier {id} {kind} VALUE"));
    }
    let settle = format!(
        "habeas task settle {} skip --note \"no {needs} is known, because …\"",
        system.task
    );
    list.say(format!("If nobody knows it, leave {name} out, with the reason"), settle);
}

/// A connection that can look nobody up is given what it lacks; then the person is looked for again.
fn see_again(why: &str, system: &SystemView, list: &mut List) {
    let (name, task) = (&system.name, system.task);
    let Some(connector) = &system.connector else { return };
    let what = format!(
        "Nobody can be looked up in {name} by e-mail or anything else: {why}. Best enter what is lacking; the connection keeps its name and its work"
    );
    list.say(what, format!("habeas connect {connector} --name {name}"));
    list.say("Then see that it works", format!("habeas connections test {name}"));
    list.say("Then have the person looked for again", format!("habeas task retry {task}"));
}

fn deciding(system: &SystemView, list: &mut List) {
    let (name, task) = (&system.name, system.task);
    let why = system.wait.as_ref().map_or("", |wait| wait.why.as_str());
    let first = match &system.outcome {
        Some(Outcome::Refuted { still_in }) => format!(
            "{name} says it is done, but the person is still there in {}. Begin another round",
            still_in.join(", ")
        ),
        _ => format!("{name} waits for your decision: {why}. To try again"),
    };
    list.say(first, format!("habeas task retry {task}"));
    list.say(
        "Or, after it was done by hand (by the vendor's support, say)",
        format!("habeas task settle {task} done --note \"what was done, and by whom\""),
    );
    list.say(
        "Or leave it undone, with the reason",
        format!("habeas task settle {task} skip --note \"why nothing is done\""),
    );
}

fn by_hand(view: &RequestView, system: &SystemView, list: &mut List) {
    let task = system.task;
    let work = system.hand.as_ref();
    let what = work.map_or_else(
        || format!("Do what is left in {}", system.name),
        |work| format!("Left to you in {} ({}): {}", work.place, system.name, work.what),
    );
    let settle = format!("habeas task settle {task} done --note \"what was done\"");
    let undone = view.systems.iter().find(|other| {
        let is_left = matches!(other.outcome, Some(Outcome::LeftToPeople { .. }));
        other.connection == system.connection && other.state == TaskState::Ended && is_left
    });
    let Some(undone) = undone else {
        return list.say(format!("{what}. When it is done"), settle);
    };
    list.note(what);
    list.say("Either, when it was done by hand (by the vendor's support, say)", settle);
    list.say(
        "Or, when Habeas can do it from now on (since what was lacking was added there), another round",
        format!("habeas task retry {}", undone.task),
    );
}

fn ended(system: &SystemView, list: &mut List) {
    if let Some(Proof::Unproven { why }) = &system.proof {
        list.note(format!(
            "{} says it is done, but that can't be proven: {}. Say so when you answer the person",
            system.name,
            why.join("; ")
        ));
    }
    match &system.outcome {
        Some(outcome @ (Outcome::Failed { .. } | Outcome::Expired)) => {
            let what = format!("{} ended as {outcome}. To try again", system.name);
            list.say(what, format!("habeas task retry {}", system.task));
        }
        Some(Outcome::LeftToPeople { .. }) => list.note(format!(
            "Nothing was done in {}, since nothing can be sent there for this person. What is to be done there is work by hand",
            system.name
        )),
        Some(Outcome::Refuted { .. }) => {
            let what = format!("The person is still there in {}. Begin another round", system.name);
            list.say(what, format!("habeas task retry {}", system.task));
        }
        _ => {}
    }
}

fn gates(view: &RequestView, list: &mut List) {
    let id = view.asked.request;
    let at = |state: TaskState| {
        let waiting = view.systems.iter().filter(move |system| system.state == state);
        let usable = waiting.filter(|system| {
            matches!(system.standing, Standing::Working { .. } | Standing::Observing { .. })
        });
        usable.map(|system| system.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let reviewing = at(TaskState::Reviewing);
    if !reviewing.is_empty() {
        let what =
            format!("Nothing has begun in {reviewing}: look at the request, then let it begin");
        list.say(what, format!("habeas request approve {id} --gate review"));
        list.say("Or refuse it", format!("habeas request deny {id} --note \"why\""));
    }
    let approving = at(TaskState::Approving);
    if !approving.is_empty() {
        let is_release = view.asked.right.only_reads();
        let what = if is_release {
            format!("The data from {approving} is collected. Look at it, then release it")
        } else {
            format!(
                "{approving} waits for approval. The command shows what would be done, then asks"
            )
        };
        if is_release {
            list.say("To look at what was collected", format!("habeas package {id}"));
        }
        list.say(what, format!("habeas request approve {id} --gate approval"));
    }
}

fn answer(view: &RequestView, list: &mut List) {
    if view.asked.state != RequestState::Answering {
        return;
    }
    let id = view.asked.request;
    if view.asked.hands_over {
        list.say("Write the package for the person", format!("habeas package {id}"));
    }
    list.say(
        "Nothing more can be sent by Habeas: tell the person what came of it, then record that",
        format!("habeas request answer {id} --note \"how the person was told\""),
    );
}

/// Nothing has to be decided: say so, and what comes next when.
fn wait(view: &RequestView, list: &mut List) {
    let parked = view.waits.iter().filter(|wait| wait.whom == Whom::Time);
    let parked =
        parked.filter_map(|wait| Some((wait.until?, wait))).min_by_key(|(until, _)| *until);
    let goes_on = match (parked, view.next.first()) {
        (Some((until, wait)), _) => {
            format!("{} waits ({}) and goes on at {} UTC", wait.system, wait.why, minute(until))
        }
        (None, Some(act)) => {
            format!("next, at {} UTC, in {}: {}", minute(act.at), act.system, act.what)
        }
        (None, None) => "it goes on".to_owned(),
    };
    if view.is_served {
        let what = format!("Nothing has to be done by you: {goes_on}, by itself. To see it happen");
        list.say(what, format!("habeas request watch {}", view.asked.request));
    } else {
        let what = format!(
            "Nothing has to be decided by you: {goes_on}, if the engine runs then. Nobody runs it now"
        );
        list.say(what, "habeas serve".to_owned());
    }
}
