//! The read model, and the right next step in the eight situations that an operator meets.

use domain::connection::Pause;
use domain::deadline::Basis;
use domain::job::Carried;
use domain::outcome::Residue;
use domain::plan::HandWork;
use domain::task::{Command, Found, Whom};
use domain::{
    Connection, IdentifierKind, Job, JobId, Outcome, Proof, RequestState, TaskId, TaskState,
};

use super::*;
use crate::operator::office::{Office, carried, draft, now, office, put};
use crate::operator::{Draft, intake};

async fn view(office: &Office, id: RequestId) -> RequestView {
    request_view(&office.desk(), id, true).await.unwrap()
}

/// A deletion whose only task was changed as wished.
async fn situation(
    office: &Office,
    connection: &Connection,
    with: impl FnOnce(&mut Task),
) -> (RequestId, TaskId) {
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.task(id, connection, with).await;
    (id, task)
}

/// A deletion that waits for a quota to be reset.
async fn parked(office: &Office, reset: Instant) -> RequestId {
    let connection = office.connection().await;
    let quota_is_used_up = |task: &mut Task| {
        put(task, TaskState::Acting);
        task.postpone(reset, Whom::Time, "the monthly quota is used up".into(), now());
    };
    situation(office, &connection, quota_is_used_up).await.0
}

/// The commands, in order.
fn commands(view: &RequestView) -> Vec<&str> {
    view.advice.iter().filter_map(|advice| advice.command.as_deref()).collect()
}

fn said(view: &RequestView) -> String {
    view.advice.iter().map(|advice| format!("{}\n", advice.what)).collect()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

#[tokio::test]
async fn residue_asks_for_the_work_that_is_left() {
    let office = office().await;
    let connection = office.connection().await;
    let residue = Residue {
        place: "Mixpanel".into(),
        what: "it can't delete".into(),
        to_do: "delete it there".into(),
    };
    let (id, _) = situation(&office, &connection, |task| {
        put(task, TaskState::Ended);
        task.detail.outcome = Some(Outcome::DoneWithResidue { residue: vec![residue] });
        task.detail.proof = Some(Proof::Confirmed { n_looks: 3 });
    })
    .await;
    let hand = office
        .task(id, &connection, |task| {
            put(task, TaskState::ByHand);
            let work = HandWork { place: "Mixpanel".into(), what: "delete it there".into() };
            task.detail.hand = Some(work);
        })
        .await;
    let view = view(&office, id).await;
    let first = format!("habeas task settle {hand} done --note \"what was done\"");
    assert_eq!(commands(&view), [first]);
    assert!(said(&view).contains("Left to you in Mixpanel (files): delete it there"));
    assert_eq!(view.systems[0].residue.len(), 1);
    assert_eq!(view.waits[0].whom, Whom::Operator);
}

#[tokio::test]
async fn a_vendor_that_lies_is_asked_again() {
    let office = office().await;
    let connection = office.connection().await;
    let (id, task) = situation(&office, &connection, |task| {
        put(task, TaskState::Confirming);
        let outcome = Outcome::Refuted { still_in: vec!["spa_1".into()] };
        let why = "the vendor says done, but the person is still there".into();
        *task = carried(task, Command::AskPerson { why, outcome: Some(outcome) });
    })
    .await;
    let view = view(&office, id).await;
    assert_eq!(commands(&view)[0], format!("habeas task retry {task}"));
    assert!(commands(&view)[1].starts_with(&format!("habeas task settle {task} done")));
    assert!(said(&view).contains("still there in spa_1"));
}

#[tokio::test]
async fn a_missing_identifier_is_asked_for() {
    let office = office().await;
    let connection = office.connection().await;
    let (id, task) = situation(&office, &connection, |task| {
        let needs = vec![IdentifierKind::UserId];
        *task = carried(task, Command::LackIdentifier { needs, found: Found::default() });
    })
    .await;
    let view = view(&office, id).await;
    assert_eq!(commands(&view)[0], format!("habeas request add-identifier {id} user_id VALUE"));
    assert!(commands(&view)[1].starts_with(&format!("habeas task settle {task} skip")));
}

#[tokio::test]
async fn a_used_up_quota_needs_nobody_and_says_until_when() {
    let office = office().await;
    let reset = at("2026-12-01T00:00:00Z");
    let id = parked(&office, reset).await;
    let view = view(&office, id).await;
    assert_eq!(commands(&view), [format!("habeas request watch {id}")]);
    assert!(said(&view).contains("Nothing has to be done by you"));
    assert!(said(&view).contains("2026-12-01 00:00 UTC"));
    assert_eq!(view.waits[0].until, Some(reset));
    assert_eq!((view.next[0].at, &*view.next[0].what), (reset, "it is sent to the vendor"));
}

#[tokio::test]
async fn a_lost_answer_is_told_as_one_and_not_as_being_sent() {
    let office = office().await;
    let connection = office.connection().await;
    let started_at = at("2026-11-22T11:59:55Z");
    let due = at("2026-11-22T12:05:00Z");
    let job = Job {
        id: JobId::new(&*office.ids),
        connection: connection.id,
        flow: domain::Flow::Delete,
        state: domain::job::JobState::Sending,
        memory: domain::job::FlowState { version: 1, body: serde_json::Value::Null },
        reconciling: None,
        vendor_ref: None,
        vendor_says: None,
        started_at,
        due_at: Some(due),
        expires_at: due,
        is_overdue: false,
        n_polls: 0,
        version: 0,
    };
    let (id, task) = situation(&office, &connection, |task| {
        put(task, TaskState::Acting);
        task.detail.sending = Some(job.id);
        task.wait_for(Whom::Vendor, "it is being sent".into(), None, started_at);
    })
    .await;
    let carried = Carried { job: job.id, task, request: id, round: 1, identifiers: Vec::new() };
    let (new_jobs, carried) = (vec![job.clone()], vec![carried]);
    office.write(Transition { new_jobs, carried, ..Transition::default() }).await;
    let sending = view(&office, id).await;
    assert_eq!(sending.waits[0].why, "it is being sent");
    assert!(!sending.systems[0].jobs[0].is_lost);
    let a_minute_on = Desk { now: at("2026-11-22T12:01:00Z"), ..office.desk() };
    let later = request_view(&a_minute_on, id, true).await.unwrap();
    assert!(later.systems[0].jobs[0].is_lost, "whoever sent it did not live to tell");
    let lost = domain::Entry::new(now(), domain::Actor::Engine, Event::IntentLost);
    let journal = vec![lost.connection(Some(connection.id)).job(job.id)];
    office.write(Transition { journal, ..Transition::default() }).await;
    let lost = view(&office, id).await;
    assert!(lost.waits[0].why.contains(
        "reply to what we sent never arrived; Habeas asks the vendor at 2026-11-22 12:05"
    ));
    assert_eq!(lost.waits[0].until, Some(due));
    assert_eq!(lost.next[0].what, "the vendor is asked whether what we sent arrived");
    assert_eq!(commands(&lost), [format!("habeas request watch {id}")]);
    assert!(said(&lost).contains("Nothing has to be done by you"));
}

#[tokio::test]
async fn a_lost_permission_names_the_remedy_and_then_the_test() {
    let office = office().await;
    let mut connection = office.connection().await;
    let (id, _) = situation(&office, &connection, |task| put(task, TaskState::Acting)).await;
    connection.paused = Some(Pause {
        why: "the permission “privacy” is missing".into(),
        remedy: "grant the permission at the vendor, then run `habeas connections test`".into(),
        since: now(),
        by_person: false,
    });
    connection.check_due_at = at("2026-11-22T13:00:00Z");
    office.write(Transition { connections: vec![connection], ..Transition::default() }).await;
    let view = view(&office, id).await;
    assert_eq!(commands(&view), ["habeas connections test files"]);
    assert!(said(&view).contains("privacy") && said(&view).contains("grant the permission"));
    assert_eq!(view.next[0].at, at("2026-11-22T13:00:00Z"));
    assert_eq!(view.waits[0].whom, Whom::Operator);
}

#[tokio::test]
async fn a_late_request_says_so_first_and_then_what_to_do() {
    let office = office().await;
    let connection = office.connection().await;
    let late = Draft { received_at: Some("2026-09-01".into()), ..draft("deletion", "a@b.org") };
    let taken = intake::submit(&office.desk(), &[late], None).await.unwrap().remove(0).unwrap();
    let id = taken.request;
    office.planned(id, &connection).await;
    let view = view(&office, id).await;
    assert!(view.asked.is_late);
    assert_eq!(view.asked.due_basis, Basis::Default);
    assert!(view.advice[0].what.starts_with("It is late: it was due on 2026-10-01"));
    assert_eq!(commands(&view)[0], format!("habeas request approve {id} --gate approval"));
}

#[tokio::test]
async fn what_reappeared_is_told_with_its_cause_to_be_found() {
    let office = office().await;
    let connection = office.connection().await;
    let (id, task) = situation(&office, &connection, |task| {
        put(task, TaskState::Ended);
        task.detail.outcome = Some(Outcome::Done { counts: String::new() });
        task.detail.proof = Some(Proof::Confirmed { n_looks: 1 });
    })
    .await;
    let ended = office.load(task).await;
    let (back, entry) = ended.apply(Command::Reappear, &domain::Actor::Engine, now()).unwrap();
    let (tasks, journal) = (vec![back], vec![entry]);
    office.write(Transition { tasks, journal, ..Transition::default() }).await;
    let shown = view(&office, id).await;
    assert_eq!(shown.systems[0].reappeared_at, Some(now()));
    assert!(shown.advice[0].what.contains("was found again on 2026-11-22"));
    assert!(shown.advice[0].what.contains("Find out what writes it back"));
    assert_eq!(commands(&shown), [format!("habeas request watch {id}")]);
    let plan = Box::new(office.plan(id, &connection).await);
    let planned =
        carried(&office.load(task).await, Command::MakePlan { plan, found: Found::default() });
    let asking = carried(&planned, Command::AskApproval { why: "gate".into(), outcome: None });
    let asking = Task { version: office.load(task).await.version, ..asking };
    office.write(Transition { tasks: vec![asking], ..Transition::default() }).await;
    let shown = view(&office, id).await;
    assert_eq!(commands(&shown), [format!("habeas request approve {id} --gate approval")]);
}

#[tokio::test]
async fn what_is_unproven_is_told_before_the_person_is_answered() {
    let office = office().await;
    let connection = office.connection().await;
    let (id, _) = situation(&office, &connection, |task| {
        put(task, TaskState::Ended);
        task.detail.outcome = Some(Outcome::Done { counts: "1 id".into() });
        task.detail.proof = Some(Proof::Unproven { why: vec!["no profile token".into()] });
    })
    .await;
    let view = view(&office, id).await;
    assert_eq!(view.asked.state, RequestState::Answering);
    assert!(view.advice[0].what.contains("can't be proven: no profile token"));
    let answer = format!("habeas request answer {id} --note \"how the person was told\"");
    assert_eq!(commands(&view), [answer]);
}

#[tokio::test]
async fn an_observing_connection_names_the_switch() {
    let office = office().await;
    let mut connection = office.connection().await;
    connection.switches.mode = domain::Mode::Observe;
    let connections = vec![connection.clone()];
    office.write(Transition { connections, ..Transition::default() }).await;
    let (id, _) = situation(&office, &connection, |task| {
        put(task, TaskState::Planned);
        task.wait_for(Whom::Operator, "it would have sent 2 identifiers".into(), None, now());
    })
    .await;
    let shown = view(&office, id).await;
    assert_eq!(commands(&shown)[0], "habeas connections set files mode=act");
    let (id, _) = {
        let id = office.request("deletion", "bob@lovelace.org").await;
        (id, office.task(id, &connection, |task| task.state = TaskState::Acting).await)
    };
    let shown = view(&office, id).await;
    assert_eq!(commands(&shown)[0], "habeas connections set files mode=act");
    assert!(shown.next.is_empty() && shown.waits[0].whom == Whom::Operator);
}

#[tokio::test]
async fn an_access_is_packaged_before_it_is_released_and_answered() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("access", "ada@lovelace.org").await;
    let task = office
        .task(id, &connection, |task| {
            put(task, TaskState::Approving);
            task.detail.outcome = Some(Outcome::Done { counts: "3 records".into() });
        })
        .await;
    let package = format!("habeas package {id}");
    let shown = view(&office, id).await;
    assert_eq!(
        commands(&shown),
        [package.clone(), format!("habeas request approve {id} --gate approval")]
    );
    let mut ended = office.load(task).await;
    put(&mut ended, TaskState::Ended);
    office.write(Transition { tasks: vec![ended], ..Transition::default() }).await;
    assert_eq!(commands(&view(&office, id).await)[0], package);
}

#[tokio::test]
async fn a_fresh_request_says_what_happens_next_by_itself() {
    let office = office().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let view = view(&office, id).await;
    assert_eq!(view.asked.state, RequestState::Received);
    assert_eq!(view.next[0].what, "the systems that serve it are chosen");
    assert_eq!(commands(&view), [format!("habeas request watch {id}")]);
}

#[tokio::test]
async fn a_closed_request_offers_to_open_it_again() {
    let office = office().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    crate::operator::decide::deny(&office.desk(), id, "").await.unwrap();
    let view = view(&office, id).await;
    assert_eq!(commands(&view), [format!("habeas request reopen {id} --note \"why\"")]);
    assert!(view.next.is_empty());
}

#[tokio::test]
async fn a_view_shows_no_value_and_a_reveal_is_journalled() {
    let office = office().await;
    let connection = office.connection().await;
    let draft =
        Draft { external_id: Some("ada-ticket".into()), ..draft("access", "ada@lovelace.org") };
    let taken = intake::submit(&office.desk(), &[draft], None).await.unwrap().remove(0).unwrap();
    let id = taken.request;
    office.planned(id, &connection).await;
    let shown = view(&office, id).await;
    let text = serde_json::to_string(&shown).unwrap();
    assert!(!text.contains("lovelace") && !text.contains("ada-ticket"), "{text}");
    assert!(text.contains("a***@***.org"));
    assert!(office.journal(Event::Revealed).await.is_empty());
    let revealed = reveal(&office.desk(), id).await.unwrap();
    let values: Vec<_> = revealed.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(values, ["ada-ticket", "ada@lovelace.org"]);
    let journal = office.journal(Event::Revealed).await;
    assert!(journal.len() == 1 && !journal[0].contains("lovelace"));
}

#[tokio::test]
async fn what_goes_on_by_itself_needs_somebody_who_runs_the_engine() {
    let office = office().await;
    let id = parked(&office, at("2026-12-01T00:00:00Z")).await;
    let unserved = request_view(&office.desk(), id, false).await.unwrap();
    assert_eq!(commands(&unserved), ["habeas serve"]);
    assert!(said(&unserved).contains("Nobody runs it now"), "{}", said(&unserved));
}

#[tokio::test]
async fn the_longest_a_vendor_may_take_is_not_told_as_when_it_goes_on() {
    let office = office().await;
    let connection = office.connection().await;
    let (longest, asked) = (at("2027-01-06T12:00:00Z"), at("2026-11-22T18:00:00Z"));
    let (id, _) = situation(&office, &connection, |task| {
        put(task, TaskState::Waiting);
        task.wait_for(Whom::Vendor, "it is at work".into(), Some(longest), now());
        task.due_at = Some(asked);
    })
    .await;
    let view = view(&office, id).await;
    assert_eq!((view.waits[0].until, view.waits[0].is_longest), (Some(longest), true));
    assert!(said(&view).contains("next, at 2026-11-22 18:00 UTC"), "{}", said(&view));
    assert!(!said(&view).contains("2027"), "{}", said(&view));
}

#[tokio::test]
async fn a_deletion_that_waits_for_an_access_names_the_gate_of_that() {
    let office = office().await;
    let connection = office.connection().await;
    let access = office.request("access", "ada@lovelace.org").await;
    let collecting = office.task(access, &connection, |task| put(task, TaskState::Reviewing)).await;
    let look = at("2026-11-22T18:00:00Z");
    let (id, _) = situation(&office, &connection, |task| {
        put(task, TaskState::Acting);
        task.postpone(look, Whom::OtherRequest, "waits for the access".into(), now());
    })
    .await;
    let shown = view(&office, id).await;
    assert_eq!(commands(&shown), [format!("habeas request approve {access} --gate review")]);
    assert!(shown.next[0].what.starts_with("a look whether what it waits for is over"));
    let mut deciding = office.load(collecting).await;
    put(&mut deciding, TaskState::Deciding);
    office.write(Transition { tasks: vec![deciding], ..Transition::default() }).await;
    assert_eq!(commands(&view(&office, id).await), [format!("habeas request show {access}")]);
    let mut running = office.load(collecting).await;
    put(&mut running, TaskState::Acting);
    office.write(Transition { tasks: vec![running], ..Transition::default() }).await;
    let shown = view(&office, id).await;
    assert_eq!(commands(&shown), [format!("habeas request watch {id}")]);
    assert!(!said(&shown).contains("waits ("), "{}", said(&shown));
}
