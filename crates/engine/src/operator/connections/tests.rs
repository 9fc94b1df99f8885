//! Connections: what is saved when, what a switch does, what removing ends.

use domain::connection::{Gate, Mode, PermissionResult, Verdict};
use domain::job::{Carried, FlowState, JobState};
use domain::task::Whom;
use domain::{Flow, Job, JobId, Outcome};

use super::*;
use crate::operator::office::{Office, now, office, put, report};

fn new(name: &str) -> NewConnection {
    NewConnection {
        name: name.into(),
        connector: "paper".into(),
        settings: BTreeMap::from([("room".into(), "B 12".into())]),
        secrets: BTreeMap::from([("key".into(), Secret::new("s3cret".into()))]),
        base_urls: BTreeMap::new(),
        allow_loopback: false,
        switches: vec![("approval".into(), "auto".into())],
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.into(), value.into())
}

async fn saved(
    office: &Office,
    name: &str,
    report: CheckReport,
) -> Result<Connection, OperatorError> {
    let desk = office.desk();
    let draft = draft(&desk, new(name)).await?;
    add(&desk, draft, report).await
}

fn lacking() -> CheckReport {
    let permission = PermissionResult {
        permission: "shelves".into(),
        verdict: Verdict::Missing,
        required: true,
        lost: "everything".into(),
        grant: "Office, Shelves".into(),
    };
    CheckReport { permissions: vec![permission], ..report("acc_1") }
}

#[tokio::test]
async fn a_new_connection_observes_and_keeps_its_secret_sealed() {
    let office = office().await;
    let connection = saved(&office, "files", report("acc_1")).await.unwrap();
    assert_eq!(connection.switches.mode, Mode::Observe);
    assert_eq!(connection.switches.approval, Gate::Auto);
    assert!(connection.paused.is_none());
    let secrets = office.store.secrets(connection.id).await.unwrap();
    assert_eq!(secrets["key"].expose(), "s3cret");
    assert!(!office.journal(Event::ConnectionAdded).await.concat().contains("s3cret"));
}

#[tokio::test]
async fn a_required_permission_that_is_missing_saves_nothing() {
    let office = office().await;
    let Err(OperatorError::Fault(fault)) = saved(&office, "files", lacking()).await else {
        panic!("refused")
    };
    assert_eq!(fault.code, "E-SET-004");
    assert!(fault.message.contains("shelves"));
    assert!(office.store.connections().await.unwrap().is_empty());
}

#[tokio::test]
async fn connecting_again_renews_secrets_but_never_changes_the_account() {
    let office = office().await;
    let first = saved(&office, "files", report("acc_1")).await.unwrap();
    set(&office.desk(), "files", &[pair("mode", "act")]).await.unwrap();
    let old = [("old".to_owned(), Secret::new("stale".into()))].into();
    office.write(Transition { secrets: vec![(first.id, old)], ..Transition::default() }).await;
    let again = saved(&office, "files", report("acc_1")).await.unwrap();
    let names: Vec<_> = office.store.secrets(first.id).await.unwrap().into_keys().collect();
    assert_eq!(names, ["key"]);
    assert_eq!((again.id, again.switches.mode), (first.id, Mode::Act));
    let other = saved(&office, "files", report("acc_2")).await;
    assert!(matches!(other, Err(OperatorError::Fault(fault)) if fault.code == "E-SET-005"));
    for bad in ["", "Files", "a b", "../x"] {
        assert!(saved(&office, bad, report("acc_1")).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn switches_are_set_all_or_none_and_journalled() {
    let office = office().await;
    office.connection().await;
    let desk = office.desk();
    let bad = [pair("mode", "observe"), pair("approval", "perhaps")];
    assert!(matches!(
        set(&desk, "files", &bad).await,
        Err(OperatorError::Fault(fault)) if (fault.field.as_str(), &*fault.code) == ("approval", "E-SET-002")
    ));
    let good = [
        pair("review", "auto"),
        pair("approval", "auto"),
        pair("guard", "5000"),
        pair("until", "2026-12-31"),
        pair("completion", "on_submission"),
        pair("batch", "100"),
        pair("limits.reads", "50"),
        pair("serves.rights", "deletion, access"),
        pair("serves.brands", "Acme"),
    ];
    let switches = set(&desk, "files", &good).await.unwrap().switches;
    assert_eq!(
        (switches.mode, switches.review, switches.guard),
        (Mode::Act, Gate::Auto, Some(5000))
    );
    assert_eq!(switches.guard_until, Some("2026-12-31T23:59:59.999Z".parse().unwrap()));
    assert_eq!((switches.batch, switches.limits["reads"]), (Some(100), 50));
    assert_eq!(switches.serves.rights.len(), 2);
    assert_eq!(office.journal(Event::ConnectionSet).await.len(), good.len());
    let unknown = set(&desk, "files", &[pair("colour", "red")]).await;
    assert!(matches!(unknown, Err(OperatorError::Fault(fault)) if fault.code == "E-SET-001"));
    let unknown = set(&desk, "files", &[pair("limits.writes", "5")]).await;
    assert!(matches!(unknown, Err(OperatorError::Fault(fault)) if fault.code == "E-SET-001"));
    let none = set(&desk, "files", &[pair("guard", "none"), pair("batch", "none")]).await.unwrap();
    assert_eq!((none.switches.guard, none.switches.guard_until), (None, None));
}

#[tokio::test]
async fn a_guard_that_would_have_ended_already_is_refused() {
    let office = office().await;
    office.connection().await;
    let desk = office.desk();
    for past in ["2026-11-21", "2026-11-22T12:00:00Z"] {
        let set = set(&desk, "files", &[pair("until", past), pair("guard", "5000")]).await;
        let Err(OperatorError::Fault(fault)) = set else { panic!("refused: {past}") };
        assert_eq!((fault.field.as_str(), &*fault.code), ("until", "E-SET-002"));
        assert!(fault.message.contains("has passed already"));
    }
    let kept = office.store.connection_by_name("files").await.unwrap().unwrap();
    assert_eq!((kept.switches.guard, kept.switches.guard_until), (None, None));
    assert!(
        set(&desk, "files", &[pair("guard", "5000"), pair("until", "2026-11-22")]).await.is_ok()
    );
}

#[tokio::test]
async fn what_only_an_observing_connection_held_back_goes_on_when_it_may_act() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let held = office
        .task(id, &connection, |task| {
            put(task, TaskState::Planned);
            task.wait_for(Whom::Operator, "it observes".into(), None, now());
        })
        .await;
    set(&office.desk(), "files", &[pair("mode", "act")]).await.unwrap();
    assert_eq!(office.load(held).await.due_at, Some(now()));
}

#[tokio::test]
async fn a_person_resumes_what_a_person_paused_and_nothing_else() {
    let office = office().await;
    office.connection().await;
    let desk = office.desk();
    assert!(pause(&desk, "files").await.unwrap().paused.unwrap().by_person);
    assert!(resume(&desk, "files").await.unwrap().paused.is_none());
    checked(&desk, "files", lacking()).await.unwrap();
    assert!(matches!(resume(&desk, "files").await, Err(OperatorError::NeedsCheck { .. })));
    assert!(checked(&desk, "files", report("acc_1")).await.unwrap().paused.is_none());
    let elsewhere = checked(&desk, "files", report("acc_2")).await.unwrap();
    assert!(elsewhere.paused.unwrap().why.contains("another account"));
    assert_eq!(elsewhere.check.unwrap().account.unwrap().id, "acc_1");
}

#[tokio::test]
async fn removing_settles_open_tasks_ends_jobs_and_destroys_secrets() {
    let office = office().await;
    let connection = saved(&office, "files", report("acc_1")).await.unwrap();
    let id = office.request("deletion", "ada@lovelace.org").await;
    let planned = office.planned(id, &connection).await;
    let sent = office
        .task(id, &connection, |task| {
            put(task, TaskState::Waiting);
            task.detail.again = true;
        })
        .await;
    let job = Job {
        id: JobId::new(&*office.ids),
        connection: connection.id,
        flow: Flow::Delete,
        state: JobState::Running,
        memory: FlowState { version: 1, body: Value::Null },
        vendor_ref: None,
        vendor_says: None,
        started_at: now(),
        due_at: Some(now()),
        expires_at: now(),
        is_overdue: false,
        n_polls: 0,
        reconciling: None,
        version: 0,
    };
    let carried =
        Carried { job: job.id, task: sent, request: id, round: 1, identifiers: Vec::new() };
    let (new_jobs, carried) = (vec![job.clone()], vec![carried]);
    office.write(Transition { new_jobs, carried, ..Transition::default() }).await;
    let listed = what_removal_ends(&office.desk(), "files").await.unwrap();
    assert_eq!((listed.n_tasks, listed.n_at_vendor, &listed.jobs[..]), (2, 1, &[job.id][..]));
    assert_eq!(remove(&office.desk(), "files").await.unwrap(), listed);
    for task in [planned, sent] {
        let task = office.load(task).await;
        let Some(Outcome::Settled { done: false, note, .. }) = &task.detail.outcome else {
            panic!("settled")
        };
        assert!(task.is_over() && note == "connection removed");
    }
    assert_eq!(office.store.job(job.id).await.unwrap().unwrap().state, JobState::Ended);
    assert!(office.store.connection_by_name("files").await.unwrap().is_none());
    assert!(office.store.secrets(connection.id).await.unwrap().is_empty());
    assert!(matches!(
        remove(&office.desk(), "files").await,
        Err(OperatorError::NotFound { what: "connection" })
    ));
}

#[tokio::test]
async fn what_removal_ends_names_no_request_that_its_reader_may_not_see() {
    use domain::{Reach, Role};
    let office = office().await;
    let connection = office.connection().await;
    let mut named = Vec::new();
    for brand in ["shoes", "hats"] {
        let email = format!("{brand}@example.com");
        let draft = crate::operator::Draft {
            brand: Some(brand.to_owned()),
            ..crate::operator::office::draft("deletion", &email)
        };
        let taken = crate::operator::intake::submit(&office.desk(), &[draft], None).await.unwrap();
        let id = taken[0].as_ref().unwrap().request;
        named.push(office.planned(id, &connection).await);
    }
    let manager = [Role::ConnectionsManager];
    let both = [Role::ConnectionsManager, Role::Auditor];
    let shoes = Reach::Brands(["shoes".to_owned()].into());
    for (roles, reach, tells) in [
        (&manager[..], Reach::All, &[][..]),
        (&manager[..], shoes.clone(), &[][..]),
        (&both[..], shoes, &named[..1]),
        (&both[..], Reach::All, &named[..]),
    ] {
        let desk = Desk { roles: roles.iter().copied().collect(), reach, ..office.desk() };
        let ends = what_removal_ends(&desk, "files").await.unwrap();
        let told: Vec<_> = ends.tasks.iter().map(|ending| ending.task).collect();
        assert_eq!((ends.n_tasks, &told[..]), (2, tells), "{roles:?}");
    }
}
