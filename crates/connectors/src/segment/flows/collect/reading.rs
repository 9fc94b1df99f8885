//! Reading one profile: its routes, each page by page, side by side.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use connector_api::combinators::Pages;
use connector_api::flow::Record;
use connector_api::{Answer, Call, VendorError};
use domain::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::segment::flows::out_of_turn;
use crate::segment::mapping::ProfileKey;
use crate::segment::{classify, client, settings, wire};

/// The window that Segment keeps events for.
const EVENTS_KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// One profile on its way.
#[derive(Serialize, Deserialize)]
pub(super) struct Reading {
    space: String,
    /// The folder of its files: the space, and from the second profile on its number.
    folder: String,
    key: ProfileKey,
    known_by: BTreeSet<ProfileKey>,
    events_from: Instant,
    open: Vec<Open>,
    is_there: bool,
}

/// A route that has pages left.
#[derive(Serialize, Deserialize)]
struct Open {
    route: Route,
    cursor: Option<String>,
    pages: Pages,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Route {
    ExternalIds,
    Traits,
    Events,
    Links,
    Metadata,
}

const ROUTES: [Route; 5] =
    [Route::ExternalIds, Route::Traits, Route::Events, Route::Links, Route::Metadata];

/// How many records of what were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    traits: u64,
    external_ids: u64,
    events: u64,
    links: u64,
}

impl Reading {
    /// Begins with the profile that a key leads to, the `n_before`th of its space.
    pub(super) fn new(space: &str, n_before: u32, key: ProfileKey, now: Instant) -> Self {
        let folder = match n_before {
            0 => space.to_owned(),
            n => format!("{space}/profile-{}", n + 1),
        };
        let open = ROUTES.map(|route| Open { route, cursor: None, pages: Pages::default() });
        Self {
            space: space.to_owned(),
            folder,
            known_by: BTreeSet::from([key.clone()]),
            key,
            events_from: settings::earlier(now, EVENTS_KEPT),
            open: open.into(),
            is_there: false,
        }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        let call = |open: &Open| {
            let cursor = open.cursor.as_deref();
            match open.route {
                Route::ExternalIds => client::external_ids(&self.space, &self.key, cursor),
                Route::Traits => client::traits(&self.space, &self.key, cursor),
                Route::Events => client::events(&self.space, &self.key, self.events_from, cursor),
                Route::Links => client::links(&self.space, &self.key, cursor),
                Route::Metadata => client::metadata(&self.space, &self.key),
            }
        };
        self.open.iter().map(call).collect()
    }

    /// Takes a page of each open route.
    pub(super) fn take(
        &mut self,
        answers: &[Answer],
        counts: &mut Counts,
    ) -> Result<Vec<Record>, VendorError> {
        let open = std::mem::take(&mut self.open);
        if open.len() != answers.len() {
            return Err(out_of_turn());
        }
        let mut records = Vec::new();
        for (mut open, answer) in open.into_iter().zip(answers) {
            if classify::is_absent(answer) {
                continue;
            }
            self.is_there = true;
            let (bodies, cursor) = read(open.route, answer)?;
            self.note_ids(open.route, &bodies);
            counts.add(open.route, bodies.len());
            let file = format!("{}/{}", self.folder, open.route.file());
            records.extend(bodies.into_iter().map(|body| Record { file: file.clone(), body }));
            open.cursor = open.pages.next(cursor.next()?)?;
            if open.cursor.is_some() {
                self.open.push(open);
            }
        }
        Ok(records)
    }

    pub(super) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether no route knew the profile.
    pub(super) fn is_gone(&self) -> bool {
        !self.is_there
    }

    /// Whether a key leads to this profile.
    pub(super) fn is_known_by(&self, key: &ProfileKey) -> bool {
        self.known_by.contains(key)
    }

    fn note_ids(&mut self, route: Route, bodies: &[Value]) {
        if route != Route::ExternalIds {
            return;
        }
        let key =
            |body: &Value| Some(ProfileKey::new(body["type"].as_str()?, body["id"].as_str()?));
        self.known_by.extend(bodies.iter().filter_map(key));
    }
}

/// The records of a page, and where the next begins.
fn read(route: Route, answer: &Answer) -> Result<(Vec<Value>, wire::Cursor), VendorError> {
    match route {
        Route::Traits => {
            let page: wire::Traits = client::read(answer, route.file())?;
            let record = |(name, it): (String, Value)| json!({"name": name, "trait": it});
            Ok((page.traits.into_iter().map(record).collect(), page.cursor))
        }
        Route::Metadata => {
            let body: Value = client::read(answer, route.file())?;
            Ok((vec![body], wire::Cursor::default()))
        }
        Route::ExternalIds | Route::Events | Route::Links => {
            let page: wire::Items = client::read(answer, route.file())?;
            Ok((page.data, page.cursor))
        }
    }
}

impl Route {
    fn file(self) -> &'static str {
        match self {
            Self::ExternalIds => "external_ids",
            Self::Traits => "traits",
            Self::Events => "events",
            Self::Links => "links",
            Self::Metadata => "metadata",
        }
    }
}

impl Counts {
    fn add(&mut self, route: Route, n: usize) {
        let count = match route {
            Route::ExternalIds => &mut self.external_ids,
            Route::Traits => &mut self.traits,
            Route::Events => &mut self.events,
            Route::Links => &mut self.links,
            Route::Metadata => return,
        };
        *count += n as u64;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { traits, external_ids, events, links } = self;
        let parts = [
            count(*traits, "trait"),
            count(*external_ids, "external id"),
            count(*events, "event"),
            count(*links, "link"),
        ];
        f.write_str(&parts.join(", "))
    }
}

/// `1 trait`, `2 traits`.
pub(super) fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
