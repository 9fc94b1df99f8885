//! Views of what the office holds, in the situations that fill most of their fields.

use domain::connection::{Pause, PermissionResult, Verdict};
use domain::job::{Carried, FlowState, JobState};
use domain::plan::HandWork;
use domain::task::{Found, Whom};
use domain::{Connection, Flow, IdentifierKind, Instant, Job, JobId, RequestId, TaskState};
use store::{From, Transition};
use utoipa::ToSchema;

use super::strict::{check, components};
use crate::operator::approve::{self, Approval, Selection, Shown};
use crate::operator::connections::{ConnectionView, what_removal_ends};
use crate::operator::decide::{self, Answered};
use crate::operator::engine::{EngineView, Runner, Worker};
use crate::operator::office::{Office, now, office, put};
use crate::operator::show::{request_view, reveal};
use crate::operator::tasks::{self, Settle, TaskView};
use crate::operator::{Desk, Given, connections, controls, import, intake, journal, list};

fn later() -> Instant {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

/// A deletion whose job runs, with evidence, and work by hand beside it.
async fn under_way(office: &Office, connection: &Connection) -> RequestId {
    let id = office.request("deletion", "ada@example.com").await;
    let sent = office
        .task(id, connection, |task| {
            put(task, TaskState::Waiting);
            task.findings.set_found(Found { n_profiles: 1, ..Found::default() });
            task.wait_for(Whom::Vendor, "it is at work".into(), Some(later()), now());
            task.due_at = Some(now());
        })
        .await;
    office
        .task(id, connection, |task| {
            put(task, TaskState::ByHand);
            task.detail.hand = Some(HandWork { place: "Paper".into(), what: "burn it".into() });
        })
        .await;
    let job = Job {
        id: JobId::new(&*office.ids),
        connection: connection.id,
        flow: Flow::Delete,
        state: JobState::Running,
        memory: FlowState { version: 1, body: serde_json::Value::Null },
        reconciling: None,
        vendor_ref: Some("reg_1".into()),
        vendor_says: Some("RUNNING".into()),
        started_at: now(),
        due_at: Some(later()),
        expires_at: later(),
        is_overdue: false,
        n_polls: 1,
        version: 0,
    };
    let carried =
        Carried { job: job.id, task: sent, request: id, round: 1, identifiers: Vec::new() };
    let (new_jobs, carried) = (vec![job], vec![carried]);
    office.write(Transition { new_jobs, carried, ..Transition::default() }).await;
    id
}

/// A connection that a refused call paused.
async fn broken(office: &Office) -> Connection {
    let mut connection = office.connection().await;
    connection.paused = Some(Pause {
        why: "its token was refused".into(),
        remedy: "enter another".into(),
        since: now(),
        by_person: false,
    });
    let report = connection.check.as_mut().unwrap();
    report.permissions.push(PermissionResult {
        permission: "read".into(),
        verdict: Verdict::Missing,
        required: true,
        lost: "everything".into(),
        grant: "Settings".into(),
    });
    connection.settings.insert("tray".into(), serde_json::json!({"n": 1}));
    let connections = vec![connection];
    office.write(Transition { connections, ..Transition::default() }).await;
    office.store.connections().await.unwrap().remove(0)
}

#[tokio::test]
async fn what_is_told_of_requests_fits() {
    let office = office().await;
    let connection = office.connection().await;
    let desk = office.desk();
    let running = under_way(&office, &connection).await;
    let planned = office.request("deletion", "bob@example.com").await;
    office.planned(planned, &connection).await;
    for id in [running, planned] {
        check(&request_view(&Desk { now: later(), ..office.desk() }, id, false).await.unwrap());
    }
    check(&list::page(&desk, &list::Filter::default(), None, 1).await.unwrap());
    check(&list::page(&desk, &list::Filter::default(), None, 9).await.unwrap());
    for one in approve::preview(&desk, &Selection::default()).await.unwrap() {
        check(&one);
        check(&Shown::from(&one));
    }
    check(&reveal(&desk, running).await.unwrap().remove(0));
    check(&decide::cancel(&desk, running, "taken back").await.unwrap());
    check(&request_view(&desk, running, true).await.unwrap());
    let page = journal::page(&desk, &journal::Filter::default(), From::After(0), 50).await.unwrap();
    assert!(page.entries.len() > 5);
    check(&page);
}

#[tokio::test]
async fn what_is_told_of_decisions_fits() {
    let office = office().await;
    let connection = office.connection().await;
    let desk = office.desk();
    let lacking = office.request("opt_out", "ada@example.com").await;
    office.task(lacking, &connection, |task| put(task, TaskState::Deciding)).await;
    let given = [Given::new(IdentifierKind::UserId, "U-77")];
    check(&decide::add_identifiers(&desk, lacking, &given, None).await.unwrap());
    let id = office.request("deletion", "ada@example.com").await;
    let task = office.task(id, &connection, |task| put(task, TaskState::Deciding)).await;
    check(&tasks::settle(&desk, task, Settle::Skip, "closed long ago").await.unwrap());
    check(&decide::answer(&desk, id, "by letter").await.unwrap());
    let draft = crate::operator::office::draft("access", "ada@example.com");
    let taken = intake::submit(&desk, std::slice::from_ref(&draft), None).await.unwrap();
    check(taken[0].as_ref().unwrap());
    let twice = intake::submit(&desk, &[draft], None).await.unwrap().remove(0);
    twice.unwrap_err().iter().for_each(check);
    let planned = office.request("deletion", "bob@example.com").await;
    office.planned(planned, &connection).await;
    let shown = approve::preview(&desk, &Selection::default()).await.unwrap();
    check(&Approval::from(approve::approve(&desk, &shown).await.unwrap()));
    check(&Approval::from(approve::approve(&desk, &shown).await.unwrap()));
    let file = std::io::Cursor::new("right,email\nerase,x\n");
    let options = import::Options::default();
    let mut tell = |rows: Vec<import::RowDone>| rows.iter().for_each(check);
    check(&import::import(&desk, file, &options, &mut tell).await.unwrap());
}

#[tokio::test]
async fn what_is_told_of_connections_and_the_engine_fits() {
    let office = office().await;
    let desk = office.desk();
    let connection = broken(&office).await;
    under_way(&office, &connection).await;
    check(&ConnectionView::from(connection));
    check(&list::page(&desk, &list::Filter::default(), None, 9).await.unwrap());
    check(&what_removal_ends(&desk, "files").await.unwrap());
    check(&controls::pause_all(&desk).await.unwrap());
    check(&connections::list(&desk).await.unwrap());
    check(&controls::list(&office.store).await.unwrap());
    check(&controls::resume_all(&desk).await.unwrap());
    controls::pause_all(&desk).await.unwrap();
    let paused_all = controls::paused(&office.store).await.unwrap();
    let runs = Some(Runner { who: "pid 1 on box".into(), since: now() });
    let who = "pid 1 on box".into();
    let workers = vec![Worker { who, since: now(), n_connections: 2, leads: true }];
    check(&EngineView { runs, workers, paused_all });
    check(&EngineView { runs: None, workers: Vec::new(), paused_all: None });
}

/// Everything that a face shows or takes, in one type, so that no two shapes share a name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Everything {
    request: crate::operator::show::RequestView,
    list: list::RequestList,
    filter: list::Filter,
    draft: crate::operator::Draft,
    taken: intake::TakenIn,
    stopped: decide::Stopped,
    added: decide::Added,
    answered: Answered,
    task: TaskView,
    settle: Settle,
    selection: Selection,
    pending: approve::PendingPage,
    shown: Shown,
    approval: Approval,
    journal: journal::JournalPage,
    entries: journal::Filter,
    connections: connections::ConnectionList,
    removal: connections::Removal,
    new: connections::NewConnection,
    setting: controls::SettingList,
    resumed: controls::Resumed,
    named: crate::operator::find::Named,
    found: crate::operator::find::Found,
    engine: EngineView,
    revealed: crate::operator::show::Revealed,
    import: import::Summary,
    row: import::RowDone,
}

#[test]
fn every_shape_has_a_name_of_its_own_and_says_what_it_is() {
    let components = components::<Everything>();
    assert!(components.len() > 60, "{:?}", components.keys());
    for (name, schema) in components.iter().filter(|(name, _)| *name != "Everything") {
        assert!(schema["description"].is_string(), "{name} does not say what it is");
        let text = schema.to_string();
        assert!(!text.contains("[`"), "{name} speaks of code: {text}");
    }
}

#[tokio::test]
async fn an_approval_that_went_through_json_holds_for_what_was_shown() {
    let office = office().await;
    let connection = office.connection().await;
    let desk = office.desk();
    let id = office.request("deletion", "ada@example.com").await;
    let task = office.planned(id, &connection).await;
    let shown = approve::preview(&desk, &Selection::default()).await.unwrap();
    let json = serde_json::to_value(Shown::from(&shown[0])).unwrap();
    let mut changed = office.load(task).await;
    let plan = changed.findings.plan().unwrap().clone();
    changed.findings.set_plan(domain::Plan { variant: "BURN".into(), ..plan });
    office.write(Transition { tasks: vec![changed], ..Transition::default() }).await;
    let shown: Shown = serde_json::from_value(json).unwrap();
    let stayed = approve::approve_shown(&desk, &[shown]).await.unwrap().remove(0).not.unwrap();
    assert_eq!(stayed.to_string(), "its plan has changed since it was shown: it is another plan");
    let now = approve::preview(&desk, &Selection::default()).await.unwrap();
    let json = serde_json::to_value(Shown::from(&now[0])).unwrap();
    let shown: Shown = serde_json::from_value(json).unwrap();
    assert_eq!(approve::approve_shown(&desk, &[shown]).await.unwrap()[0].not, None);
}
