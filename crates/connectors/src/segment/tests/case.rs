//! A connection to try flows on, and a driver that hands them answers as the engine would.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connector_api::flow::{Planned, Record};
use connector_api::{
    Answer, Auth, Body, Call, Connector, Context, Flow, FlowState, Input, Located, Step, Subject,
    Turn, VendorError,
};
use domain::connection::{Account, CheckReport};
use domain::guard::Placeholders;
use domain::id::TimedIds;
use domain::identifier::{Origin, Sighting};
use domain::{
    ConnectionId, Digest, Identifier, IdentifierId, IdentifierKind, Instant, Plan, RequestId,
    Right, Scope, TaskId,
};
use serde_json::{Value, json};

use crate::segment::Segment;

/// The space of most cases.
pub(super) const SPACE: &str = "spa_kT5yU8iO2pA4sD6fG9hJ1L";

/// An instant of the contract's examples.
pub(super) fn now() -> Instant {
    "2026-09-01T08:15:30Z".parse().unwrap()
}

/// A connection with one space and everything it can have.
pub(super) struct Case {
    pub(super) now: Instant,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) check: Option<CheckReport>,
    pub(super) owned: Vec<String>,
    pub(super) sent: RefCell<Vec<String>>,
    pub(super) records: RefCell<Vec<Record>>,
    connection: ConnectionId,
    ids: Ids,
}

type Ids = TimedIds<fn() -> Instant, fn() -> [u8; 8]>;

fn ids() -> Ids {
    TimedIds::new(now as fn() -> Instant, (|| [7; 8]) as fn() -> [u8; 8])
}

impl Case {
    pub(super) fn new() -> Self {
        let ids = ids();
        Self {
            now: now(),
            settings: BTreeMap::from([
                ("region".to_owned(), json!("us")),
                ("workspace_id".to_owned(), json!("kQ7mVxT3RbN9sYw2LdJp5H")),
                ("spaces".to_owned(), json!([SPACE])),
                ("consent_categories".to_owned(), json!({"sale": "C0002", "sharing": "C0004"})),
            ]),
            secrets: ["token", &format!("profile_token.{SPACE}"), "write_key"]
                .map(str::to_owned)
                .into(),
            check: None,
            owned: Vec::new(),
            sent: RefCell::default(),
            records: RefCell::default(),
            connection: ConnectionId::new(&ids),
            ids,
        }
    }

    /// With another setting.
    pub(super) fn set(mut self, key: &str, value: Value) -> Self {
        self.settings.insert(key.to_owned(), value);
        self
    }

    /// Without a secret.
    pub(super) fn without(mut self, secret: &str) -> Self {
        self.secrets.remove(secret);
        self
    }

    /// Without any profile token.
    pub(super) fn blind(self) -> Self {
        self.without(&format!("profile_token.{SPACE}"))
    }

    /// With a second space.
    pub(super) fn with_space(self, space: &str) -> Self {
        let mut case = self.set("spaces", json!([SPACE, space]));
        case.secrets.insert(format!("profile_token.{space}"));
        case
    }

    /// With what a check found.
    pub(super) fn checked(mut self, facts: Value) -> Self {
        self.check = Some(CheckReport {
            at: now(),
            account: Some(Account { id: "kQ7mVxT3RbN9sYw2LdJp5H".into(), name: "Example".into() }),
            permissions: Vec::new(),
            capabilities: Vec::new(),
            notes: Vec::new(),
            facts,
        });
        self
    }

    pub(super) fn with_context<T>(&self, f: impl FnOnce(&Context<'_>) -> T) -> T {
        f(&Context {
            now: self.now,
            connection: self.connection,
            settings: &self.settings,
            secrets: &self.secrets,
            check: self.check.as_ref(),
            settings_digest: Digest::of(b"settings"),
            fingerprint: &|members| Digest::of_set(members),
            placeholders: &Placeholders::default(),
            owned: &self.owned,
        })
    }

    pub(super) fn step(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
    ) -> Result<Turn, VendorError> {
        let mut turn = self.with_context(|context| Segment.step(flow, memory, input, context))?;
        self.records.borrow_mut().append(&mut turn.records);
        Ok(turn)
    }

    /// Makes the reads that a turn asks for until it wants something else.
    pub(super) fn answer(
        &self,
        flow: Flow,
        mut turn: Turn,
        vendor: impl Fn(&Call) -> Answer,
    ) -> Result<Turn, VendorError> {
        while let Step::Calls(calls) = &turn.step {
            let mut answers = Vec::new();
            for call in calls {
                self.sent.borrow_mut().push(print(call));
                let answer = vendor(call);
                if !call.raw {
                    Segment.classify(call.endpoint, &answer, self.now)?;
                }
                answers.push(answer);
            }
            turn = self.step(flow, Some(&turn.memory), Input::Answers(&answers))?;
        }
        Ok(turn)
    }

    /// Begins a flow and makes its reads.
    pub(super) fn run(
        &self,
        flow: Flow,
        subjects: &[Subject],
        vendor: impl Fn(&Call) -> Answer,
    ) -> Result<Turn, VendorError> {
        let turn = self.step(flow, None, Input::Start(subjects))?;
        self.answer(flow, turn, vendor)
    }

    pub(super) fn plan(&self, right: Right, subject: &Subject, found: &Located) -> Planned {
        let scope = Scope::parse(right, "").unwrap();
        self.plan_in(right, &scope, subject, found)
    }

    pub(super) fn plan_in(
        &self,
        right: Right,
        scope: &Scope,
        subject: &Subject,
        found: &Located,
    ) -> Planned {
        self.with_context(|context| Segment.plan(right, scope, subject, found, context))
    }

    /// An identifier that the requester gave.
    pub(super) fn given(&self, kind: IdentifierKind, value: &str) -> Identifier {
        self.identifier(kind, value, Origin::Given, &[])
    }

    /// An identifier that these spaces listed.
    pub(super) fn found(&self, kind: IdentifierKind, value: &str, places: &[&str]) -> Identifier {
        let origin =
            Origin::Found { connection: self.connection, task: TaskId::new(&self.ids), round: 1 };
        self.identifier(kind, value, origin, places)
    }

    fn identifier(
        &self,
        kind: IdentifierKind,
        value: &str,
        origin: Origin,
        places: &[&str],
    ) -> Identifier {
        let connection = self.connection;
        let seen_in = places.iter().map(|it| Sighting { connection, place: (*it).to_owned() });
        Identifier {
            id: IdentifierId::new(&self.ids),
            kind,
            given: value.to_owned(),
            normalised: value.to_owned(),
            origin,
            seen_in: seen_in.collect(),
        }
    }

    pub(super) fn subject(&self, identifiers: Vec<Identifier>) -> Subject {
        Subject {
            request: RequestId::new(&self.ids),
            task: TaskId::new(&self.ids),
            round: 1,
            scope: Scope::default(),
            identifiers,
            plan: None,
        }
    }

    /// A person with a plan for this right, from identifiers that were located already.
    pub(super) fn planned(&self, right: Right, identifiers: Vec<Identifier>) -> Subject {
        let mut subject = self.subject(identifiers);
        let found = Located { n_profiles: 1, searched: vec![SPACE.into()], ..Located::default() };
        subject.plan = Some(Arc::new(self.plan(right, &subject, &found).unwrap_plan()));
        subject
    }
}

/// Shortens tests.
pub(super) trait UnwrapPlan {
    fn unwrap_plan(self) -> Plan;
}

impl UnwrapPlan for Planned {
    fn unwrap_plan(self) -> Plan {
        match self {
            Planned::Plan(plan) => *plan,
            other => panic!("no plan but {other:?}"),
        }
    }
}

/// A call as one would read it on the wire.
pub(super) fn print(call: &Call) -> String {
    let query: Vec<_> = call.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let auth = match &call.auth {
        Auth::Bearer(secret) => format!("bearer {secret}"),
        Auth::BasicUser(secret) => format!("basic {secret}"),
    };
    let headers: Vec<_> =
        call.headers.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let body = match &call.body {
        Body::Empty => String::new(),
        Body::Json(body) => format!(" {body}"),
    };
    format!(
        "{} {{{}}}{}{query} [{auth}; {}]{body}",
        call.endpoint.method.as_str(),
        call.endpoint.base,
        call.path,
        headers.join("; "),
    )
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string().into_bytes().into() }
}

pub(super) fn ok(body: &Value) -> Answer {
    answer(200, body)
}

/// The Profile API's 404.
pub(super) fn nobody() -> Answer {
    answer(404, &json!({"error": {"code": "not_found", "message": "Profile was not found."}}))
}

/// A page of external ids.
pub(super) fn ids_page(ids: &[(&str, &str)], next: Option<&str>) -> Answer {
    let data: Vec<_> = ids
        .iter()
        .map(|(kind, id)| json!({"id": id, "type": kind, "collection": "users"}))
        .collect();
    ok(
        &json!({"data": data, "cursor": {"url": "…", "has_more": next.is_some(), "next": next.unwrap_or("")}}),
    )
}

/// A fixture without its header line, which names its source.
pub(super) fn without_header(text: &str) -> Value {
    let (header, body) = text.split_once('\n').unwrap();
    assert!(header.starts_with("# Source: "), "a fixture names its source");
    serde_json::from_str(body).unwrap()
}

/// A fixture as an answer.
macro_rules! fixture {
    ($name:literal) => {
        $crate::segment::tests::case::without_header(include_str!(concat!("../fixtures/", $name)))
    };
}
pub(super) use fixture;
