//! tmp
use domain::id::{IdSource, TimedIds};
use domain::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Clock};
use store::*;

fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[tokio::main]
async fn main() {
    let n: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(5000);
    let counter = AtomicU64::new(1);
    let random = move || {
        counter.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E3779B97F4A7C15).to_be_bytes()
    };
    let ids: Arc<dyn IdSource> = Arc::new(TimedIds::new(now, random));
    let root = tempfile::tempdir_in(std::env::args().nth(2).unwrap_or("/tmp".into())).unwrap();
    let s = Store::open(
        &Options { data: root.path().join("data"), keys: root.path().join("keys") },
        ids.clone(),
        now(),
    )
    .await
    .unwrap();
    let con: Connection = serde_json::from_value(serde_json::json!({
        "id": ConnectionId::new(&*ids), "name": "segment-eu", "connector":"segment","settings":{},"secrets":[],"base_urls":{},"allow_loopback":true,
        "switches": connection::Switches::default(), "paused": null, "check": null, "check_due_at": now(), "removed_at": null, "version": 0})).unwrap();
    s.apply(None, &[Transition { new_connections: vec![con.clone()], ..Default::default() }])
        .await
        .unwrap();
    let group = 500;
    let total = Clock::now();
    let mut t = [Duration::ZERO; 5];
    let idn = |kind, v: String| Identifier {
        id: IdentifierId::new(&*ids),
        kind,
        given: v.clone(),
        normalised: v,
        origin: identifier::Origin::Given,
        seen_in: vec![],
    };
    for g in 0..n / group {
        let c = Clock::now();
        let mut new = Vec::new();
        for i in 0..group {
            let id = RequestId::new(&*ids);
            let right = Right::Deletion;
            let request = Request {
                id,
                right,
                scope: Scope::parse(right, "").unwrap(),
                received_at: now(),
                deadline: deadline::deadline(now(), None, 30),
                jurisdiction: None,
                brand: None,
                subject_kind: None,
                external_id: Some(format!("T-{g}-{i}")),
                verified: Some(request::Verified { by: "operator ops".into(), at: now() }),
                routed: None,
                closing: None,
                state: RequestState::Received,
                version: 0,
            };
            let e = |ev| Entry::new(now(), Actor::Operator("ops".into()), ev).request(id);
            new.push(NewRequest {
                request,
                identifiers: vec![idn(IdentifierKind::Email, format!("user{g}-{i}@example.org"))],
                idempotency: id.to_string(),
                journal: vec![e(Event::RequestReceived), e(Event::RequestVerified)],
            });
        }
        s.add_requests(new, now()).await.unwrap();
        t[0] += c.elapsed();
        // route
        let c = Clock::now();
        let rs = s.unrouted(group as u32).await.unwrap();
        let mut trs = Vec::new();
        for mut r in rs {
            let id = r.id;
            r.routed = Some(vec![routing::Routed {
                connection: con.id,
                name: "segment-eu".into(),
                left_out: None,
            }]);
            let task =
                Task::for_connection(TaskId::new(&*ids), id, r.right, con.id, Gate::Auto, now());
            let e = |ev| Entry::new(now(), Actor::Engine, ev).request(id).task(task.id);
            trs.push(Transition {
                journal: vec![e(Event::RequestRouted), e(Event::TaskCreated)],
                requests: vec![r],
                new_tasks: vec![task],
                ..Default::default()
            });
        }
        let a = s.apply(None, &trs).await.unwrap(); assert!(a.iter().all(|a| *a == Applied::Done), "{a:?}");
        t[1] += c.elapsed();
        // located: 4 ids, 2 evidence, plan
        for step in 0..6 {
            let c = Clock::now();
            let tasks = s
                .due_tasks(
                    con.id,
                    &[
                        TaskState::Locating,
                        TaskState::Planned,
                        TaskState::Acting,
                        TaskState::Confirming,
                    ],
                    now(),
                    group as u32,
                )
                .await
                .unwrap();
assert_eq!(tasks.len(), group);
            let rids: Vec<_> = tasks.iter().map(|t| t.request).collect();
            if step == 0 || step == 5 {
                s.identifiers_of(&rids).await.unwrap();
            }
            let mut trs = Vec::new();
            for mut task in tasks {
                let e = |ev| {
                    Entry::new(now(), Actor::Engine, ev)
                        .request(task.request)
                        .task(task.id)
                        .fact("from", "locating")
                        .fact("to", "planned")
                        .fact("by", "make plan")
                };
                let mut tr = Transition {
                    journal: vec![e(Event::TaskMoved), e(Event::Looked)],
                    ..Default::default()
                };
                let ev = |b: usize| {
                    let body = vec![b'x'; b];
                    (
                        Evidence {
                            id: EvidenceId::new(&*ids),
                            task: Some((task.request, task.id)),
                            job: None,
                            title: "looked up in space spa_1".into(),
                            at: now(),
                            digest: Digest::of(&body),
                            size_bytes: b as u64,
                        },
                        body,
                    )
                };
                match step {
                    0 => {
                        for k in 0..4 {
                            tr.new_identifiers.push((
                                task.request,
                                idn(
                                    if k == 0 {
                                        IdentifierKind::UserId
                                    } else if k == 3 {
                                        IdentifierKind::Phone
                                    } else {
                                        IdentifierKind::AnonymousId
                                    },
                                    format!("{}-{k}", task.request),
                                ),
                            ));
                        }
                        tr.evidence = vec![ev(600)];
                        let items: Vec<_> = tr
                            .new_identifiers
                            .iter()
                            .map(|(_, i)| plan::PlanItem {
                                identifier: i.id,
                                kind: i.kind.clone(),
                                places: vec!["spa_1".into()],
                            })
                            .collect();
                        task.detail.plan = Some(Plan {
                            connection: con.id,
                            account: "ws".into(),
                            right: task.right,
                            scope: Scope::default(),
                            variant: "SUPPRESS_WITH_DELETE".into(),
                            acts_on: items[..1].to_vec(),
                            confirms_by: items,
                            n_profiles: 1,
                            side_effects: vec!["permanent suppression of the user id".into()],
                            by_hand: vec![],
                            weight: plan::Weight { items: 1, bytes: 40 },
                            can_be_stopped: false,
                            settings: Digest::of(b"s"),
                        });
                        task.state = TaskState::Planned;
                        for _ in 0..2 {
                            tr.journal.push(e(Event::IdentifierFound));
                        }
                    }
                    1 => {
                        task.state = TaskState::Acting; task.detail.sending = Some(JobId::new(&*ids));
                    }
                    2 => {
                        task.state = TaskState::Acting; task.detail.sending = Some(JobId::new(&*ids));
                    }
                    3 => {
                        task.state = TaskState::Confirming;
                    }
                    4 => {
                        tr.evidence = vec![ev(300)];
                        task.state = TaskState::Confirming;
                    }
                    _ => {
                        tr.evidence = vec![ev(300), ev(300)];
                        task.state = TaskState::Ended;
                        task.due_at = None;
                        task.detail.outcome = Some(Outcome::Done { counts: "1 user id".into() });
                    }
                }
                tr.tasks = vec![task];
                trs.push(tr);
            }
            let d = c.elapsed();
            t[2] += d;
            let c = Clock::now();
            let a = s.apply(None, &trs).await.unwrap(); assert!(a.iter().all(|a| *a == Applied::Done), "{a:?}");
            assert!(a.iter().all(|a| *a == Applied::Done));
            t[3] += c.elapsed();
        }
    }
    let el = total.elapsed();
    let rows = s.row_counts().await.unwrap();
    println!(
        "{n} requests in {el:?}: {:.0}/s  add {:?} route {:?} load+make {:?} apply {:?}",
        n as f64 / el.as_secs_f64(),
        t[0],
        t[1],
        t[2],
        t[3]
    );
    println!("{rows:?}");
    for t in std::fs::read_dir("/proc/self/task").unwrap() {
        let p = t.unwrap().path();
        let st = std::fs::read_to_string(p.join("stat")).unwrap();
        let f: Vec<_> = st.rsplit(')').next().unwrap().split_whitespace().collect();
        println!(
            "{} utime {} stime {}",
            std::fs::read_to_string(p.join("comm")).unwrap().trim(),
            f[11],
            f[12]
        );
    }
    let size = std::fs::metadata(root.path().join("data/habeas.db")).unwrap().len();
    println!("db {} MB", size / 1_000_000);
}
