//! Answers of Segment: statuses, headers, bodies and pages, each flow to its end.
//!
//! The first line names the flow; then come the answers, parted by `--`, each a line of status and
//! headers, and a body. They are given in turn to whatever is asked. No call leads elsewhere than its
//! endpoint, nobody is kept waiting for an instant that has passed, and nothing that is logged, shown or
//! stored in plain holds a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connector_api::flow::Planned;
use connector_api::{
    Answer, Body, Call, Connector as _, Context, Flow, FlowState, Input, Located, Report, Step,
    Subject, Turn, VendorError,
};
use connectors::segment::Segment;
use domain::guard::Placeholders;
use domain::id::TimedIds;
use domain::identifier::{Origin, Sighting};
use domain::{
    ConnectionId, Digest, Identifier, IdentifierId, IdentifierKind, Instant, RequestId, Right,
    Scope, TaskId,
};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "segment",
    play,
    seeds,
    words: &[
        "\n--\n",
        "\"data\":",
        "\"cursor\":",
        "\"has_more\":true",
        "\"next\":",
        "\"pagination\":",
        "retry-after: ",
        "x-ratelimit-reset: ",
        "x-ratelimit-remaining: 0",
        "\"regulateId\":",
        "\"overallStatus\":",
        "FINISHED",
        "PARTIAL_SUCCESS",
        "\"type\":\"user_id\"",
        "..",
        "%2e",
    ],
};

/// More turns than any input has answers for.
const MOST_TURNS: usize = 200;

const FLOWS: &[(&str, Flow)] = &[
    ("check", Flow::Check),
    ("identify", Flow::Identify),
    ("locate", Flow::Locate),
    ("collect", Flow::Collect),
    ("confirm", Flow::Confirm),
    ("reconcile", Flow::Reconcile),
    ("delete", Flow::Delete),
    ("opt_out", Flow::OptOut),
    ("opt_in", Flow::OptIn),
];

const SPACE: &str = "spa_one";

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (name, answers) = text.split_once('\n').unwrap_or((&text, ""));
    let Some((_, flow)) = FLOWS.iter().find(|(known, _)| *known == name) else { return };
    let case = Case::new();
    let mut answers = answers.split("\n--\n").map(answer);
    let begun = case.begin(*flow).inspect(|turn| {
        // What is stored from here on are digests of ours, and then names of the vendor's.
        if matches!(flow, Flow::Delete | Flow::OptOut | Flow::OptIn | Flow::Reconcile) {
            hides(&serde_json::to_string(&turn.memory).unwrap());
        }
    });
    if let Err(error) = begun.and_then(|turn| case.go_on(*flow, turn, &mut answers)) {
        hides(&error.to_string());
        hides(&format!("{error:?}"));
    }
}

/// `200 retry-after: 5; x-ratelimit-reset: 7`, and a body.
fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let (status, headers) = head.split_once(' ').unwrap_or((head, ""));
    let headers = headers.split("; ").filter_map(|header| header.split_once(": "));
    Answer {
        status: status.parse().unwrap_or(200),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_owned().into(),
    }
}

/// A connection with a space, and a person in it.
struct Case {
    now: Instant,
    settings: BTreeMap<String, Value>,
    secrets: BTreeSet<String>,
    connection: ConnectionId,
    subject: Subject,
}

impl Case {
    fn new() -> Self {
        let now: Instant = "2026-09-01T08:15:30Z".parse().unwrap();
        let ids = TimedIds::new(move || now, || [7; 8]);
        let connection = ConnectionId::new(&ids);
        let identifier = |kind, value: &str| Identifier {
            id: IdentifierId::new(&ids),
            kind,
            given: value.to_owned(),
            normalised: value.to_owned(),
            origin: Origin::Given,
            seen_in: vec![Sighting { connection, place: SPACE.to_owned() }],
        };
        let settings = json!({
            "region": "us",
            "workspace_id": "workspace",
            "spaces": [SPACE],
            "consent_categories": {"sale": "C1"},
        });
        let Value::Object(settings) = settings else { panic!("it is an object") };
        Self {
            now,
            settings: settings.into_iter().collect(),
            secrets: ["token", "profile_token.spa_one", "write_key"].map(str::to_owned).into(),
            connection,
            subject: Subject {
                request: RequestId::new(&ids),
                task: TaskId::new(&ids),
                round: 1,
                scope: Scope::default(),
                identifiers: vec![
                    identifier(IdentifierKind::UserId, PERSONAL),
                    identifier(IdentifierKind::Email, PERSONAL),
                ],
                plan: None,
            },
        }
    }

    fn with_context<T>(&self, f: impl FnOnce(&Context<'_>) -> T) -> T {
        f(&Context {
            now: self.now,
            connection: self.connection,
            settings: &self.settings,
            secrets: &self.secrets,
            check: None,
            settings_digest: Digest::of(b"settings"),
            fingerprint: &|members| Digest::of_set(members),
            placeholders: &Placeholders::default(),
            owned: &[],
        })
    }

    fn step(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
    ) -> Result<Turn, VendorError> {
        self.with_context(|context| Segment.step(flow, memory, input, context))
    }

    fn begin(&self, flow: Flow) -> Result<Turn, VendorError> {
        let right = match flow {
            Flow::Collect => Right::Access,
            Flow::OptOut => Right::OptOut,
            Flow::OptIn => Right::OptIn,
            _ => Right::Deletion,
        };
        let mut subject = self.subject.clone();
        let found =
            Located { n_profiles: 1, searched: vec![SPACE.to_owned()], ..Located::default() };
        if flow != Flow::Locate {
            subject.plan = self.plan(right, &found);
        }
        if flow == Flow::Reconcile {
            let sent = self.step(Flow::Delete, None, Input::Start(&[subject]))?;
            return self.step(flow, None, Input::Lost(&[sent.memory]));
        }
        self.step(flow, None, Input::Start(&[subject]))
    }

    fn plan(&self, right: Right, found: &Located) -> Option<Arc<domain::Plan>> {
        let scope = Scope::parse(right, if right == Right::OptOut { "sale" } else { "" });
        let scope = scope.unwrap_or_default();
        match self
            .with_context(|context| Segment.plan(right, &scope, &self.subject, found, context))
        {
            Planned::Plan(plan) => {
                hides(&serde_json::to_string(&plan).unwrap());
                Some(Arc::new(*plan))
            }
            Planned::Nothing | Planned::Needs(_) => None,
        }
    }

    /// Gives a flow one answer after the other until none is left.
    fn go_on(
        &self,
        flow: Flow,
        mut turn: Turn,
        answers: &mut dyn Iterator<Item = Answer>,
    ) -> Result<(), VendorError> {
        for _ in 0..MOST_TURNS {
            self.holds(flow, &turn);
            let calls = match turn.step {
                Step::Calls(calls) => calls,
                Step::Change(change) => vec![change.call],
                Step::AskAgain { at } => {
                    assert!(at > self.now, "it asks to be asked again at once");
                    Vec::new()
                }
                Step::Done(report) => {
                    self.is_reported(&report);
                    return Ok(());
                }
            };
            let mut given = Vec::new();
            for call in &calls {
                stays_at_its_endpoint(call);
                let Some(answer) = answers.next() else { return Ok(()) };
                if let Some(at) = Segment.rest_until(call.endpoint, &answer, self.now) {
                    assert!(at > self.now, "it rests until the past");
                }
                if !call.raw {
                    Segment.classify(call.endpoint, &answer, self.now)?;
                }
                given.push(answer);
            }
            let input = if calls.is_empty() { Input::Woken } else { Input::Answers(&given) };
            // As the store would hand it back.
            let text = serde_json::to_string(&turn.memory).unwrap();
            let memory: FlowState = serde_json::from_str(&text).unwrap();
            turn = self.step(flow, Some(&memory), input)?;
            if calls.is_empty() && matches!(turn.step, Step::AskAgain { .. }) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What is shown in plain holds no value.
    fn holds(&self, flow: Flow, turn: &Turn) {
        hides(turn.vendor_says.as_deref().unwrap_or_default());
        assert!(turn.vendor_says.as_ref().is_none_or(|says| says.len() < 200), "it says a lot");
        for record in &turn.records {
            hides(&record.file);
        }
        assert!(turn.records.is_empty() || flow == Flow::Collect, "only collecting keeps records");
    }

    fn is_reported(&self, report: &Report) {
        match report {
            Report::Located(located) => {
                for found in located {
                    hides(&format!("{:?} {:?}", found.not_searchable, found.by_hand));
                    for right in Right::ALL {
                        self.plan(*right, found);
                    }
                }
            }
            Report::Collected(collected) => {
                hides(&format!("{} {:?}", collected.counts, collected.notes));
            }
            Report::Settled(settled) => {
                // The only text in it that is free.
                let text = settled.evidence.to_string();
                let errors = text.split("\"errString\":\"").skip(1);
                errors.filter_map(|rest| rest.split('"').next()).for_each(hides);
            }
            Report::Checked(_)
            | Report::Identified(_)
            | Report::Looked(_)
            | Report::Reconciled(_) => {}
        }
    }
}

/// A call's URL has as many parts as its endpoint's path, whatever a vendor named; and its headers and
/// body can be sent.
fn stays_at_its_endpoint(call: &Call) {
    let url = Url::parse(&format!("https://api.example.com{}", call.path)).unwrap();
    let n_parts = call.endpoint.path.split('/').count();
    assert_eq!(
        url.path().split('/').count(),
        n_parts,
        "it leads elsewhere than {}",
        call.endpoint.name
    );
    assert_eq!((url.query(), url.fragment()), (None, None));
    assert_eq!(url.host_str(), Some("api.example.com"));
    let endpoint = call.endpoint.path.split('/');
    let parts = url.path().split('/').zip(endpoint);
    for (part, of_endpoint) in parts {
        let is_named = of_endpoint.starts_with('{');
        assert!(is_named && !part.is_empty() || part == of_endpoint, "a part of the path is lost");
    }
    for (_, value) in &call.headers {
        assert!(http::HeaderValue::from_str(value).is_ok(), "a header can't be sent");
    }
    if let Body::Json(body) = &call.body {
        assert!(body.is_object());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let ids = json!({"data": [
        {"id": PERSONAL, "type": "email", "collection": "users"},
        {"id": "u-1", "type": "user_id", "collection": "users"},
        {"id": "a-1", "type": "anonymous_id", "collection": "users"},
    ], "cursor": {"has_more": true, "next": "c1"}});
    let last = json!({"data": [], "cursor": {"has_more": false, "next": ""}});
    let traits = json!({"traits": {"plan": {"value": "gold"}}, "cursor": {"has_more": false}});
    let nobody = json!({"error": {"code": "not_found", "message": "no profile"}});
    let page = json!({"data": {"suppressed": [], "regulations": [], "sources": [], "spaces": [],
        "destinations": [{"id": "d1", "name": "D", "enabled": true, "sourceId": "s",
            "metadata": {"id": "m", "name": "M"}}],
        "pagination": {"next": "c1"}}});
    let listed = json!({"data": {"regulations": [{"id": "r1", "subjectType": "USER_ID",
        "subjects": [PERSONAL], "createdAt": "2026-09-01T08:15:31Z",
        "regulationType": "SUPPRESS_WITH_DELETE"}], "pagination": {}}});
    let regulation = |status: &str| {
        json!({"data": {"regulation": {"id": "r1", "workspaceId": "w", "overallStatus": status,
            "createdAt": "2026-09-01T08:15:31Z", "streamStatus": [{"id": "s1", "destinationStatus": [
                {"name": "D", "id": "d1", "status": status, "errString": PERSONAL}]}]}}})
    };
    let created = json!({"data": {"regulateId": "r1"}});
    let workspace = json!({"data": {"workspace": {"id": "workspace", "name": "W"}}});
    let all = |name: &str, bodies: &[&Value]| {
        let answers: Vec<_> = bodies.iter().map(|body| format!("200\n{body}")).collect();
        format!("{name}\n{}", answers.join("\n--\n"))
    };
    let inputs = [
        all("check", &[&workspace, &page, &page, &page, &page, &page, &page, &ids]),
        all("identify", &[&workspace]),
        all("locate", &[&ids, &last, &ids, &last, &last, &last]),
        all("collect", &[&last, &traits, &last, &last, &last, &last, &traits]),
        all("confirm", &[&ids, &last, &page, &last, &page]),
        format!("confirm\n404\n{nobody}\n--\n404\n{nobody}\n--\n200\n{page}"),
        all("reconcile", &[&listed, &regulation("FINISHED")]),
        all("delete", &[&created, &regulation("RUNNING"), &regulation("FINISHED")]),
        all("delete", &[&created, &regulation("PARTIAL_SUCCESS")]),
        all("delete", &[&json!({"data": {"regulateId": ".."}}), &regulation("FINISHED")]),
        all("opt_out", &[&json!({"success": true})]),
        format!("locate\n429 retry-after: 30; x-ratelimit-reset: 1893456000\n{nobody}"),
        "delete\n429 x-ratelimit-remaining: 0; x-ratelimit-reset: Tue, 1 Sep 2026 09:00:00 +0000\n{}".to_owned(),
        format!("opt_in\n400\n{{\"errors\":[{{\"message\":\"{PERSONAL}\"}}]}}"),
    ];
    inputs.map(String::into_bytes).into()
}
