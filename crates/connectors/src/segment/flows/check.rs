//! Tries the credentials: each permission by itself, and what the token leads to. Never writes.
//!
//! `GET /` comes first, since it works with any good token: refused there, the token is bad or of
//! the other region, and nothing else is worth asking. Then every permission is tried side by
//! side, then the rest of the destinations' pages are read.

mod report;

use connector_api::combinators::{Pages, ask, recall, remember};
use connector_api::{Answer, Call, Context, FlowState, Input, Report, Step, Turn, VendorError};
use domain::connection::{Account, Verdict};
use serde::{Deserialize, Serialize};

use super::{VERSION, out_of_turn};
use crate::segment::classify::{self, Tried};
use crate::segment::mapping::ProfileKey;
use crate::segment::settings::DestinationFact;
use crate::segment::{client, destinations, settings, wire};

/// The most pages of destinations that are read, 100 entries each.
const MAX_PAGES: u32 = 50;

/// What the check has found so far.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    account: Option<Account>,
    tried: Vec<Trial>,
    /// Spaces of the workspace that were not entered, by id and name.
    other_spaces: Vec<(String, String)>,
    destinations: Vec<DestinationFact>,
    cursor: Option<String>,
    pages: Pages,
    n_pages: u32,
    stage: Stage,
}

/// One permission that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Trial {
    permission: String,
    /// The space, for a profile token.
    space: Option<String>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Workspace,
    Permissions,
    Destinations,
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    let answers = match input {
        Input::Start(_) => {
            return Ok(ask(VERSION, &Memory::default(), vec![client::workspace().raw()]));
        }
        Input::Answers(answers) => *answers,
        Input::Lost(_) | Input::Sought { .. } | Input::Woken => return Err(out_of_turn()),
    };
    let memory: Memory = recall(VERSION, memory)?;
    match (memory.stage, answers) {
        (Stage::Workspace, [answer]) => memory.workspace(answer, context),
        (Stage::Permissions, answers) => memory.permissions(answers, context),
        (Stage::Destinations, [answer]) => {
            let mut memory = memory;
            classify::classify(&client::DESTINATIONS, answer, context.now)?;
            memory.page_of_destinations(answer)?;
            Ok(memory.more_destinations(context))
        }
        (Stage::Workspace | Stage::Destinations, _) => Err(out_of_turn()),
    }
}

/// What is tried side by side: the permission, the space where it is one's, and the call.
fn trials(context: &Context<'_>) -> Vec<(&'static str, Option<String>, Call)> {
    let mut trials = vec![
        ("privacy", None, client::first_of(&client::REGULATIONS)),
        ("privacy", None, client::first_of(&client::SUPPRESSIONS)),
        ("sources", None, client::first_of(&client::SOURCES)),
        ("spaces", None, client::spaces()),
        ("destinations", None, client::destinations(None)),
    ];
    for space in settings::spaces(context) {
        if settings::has_token(context, space) {
            let call = client::metadata(space, &ProfileKey::probe());
            trials.push(("profile", Some(space.to_owned()), call));
        }
    }
    trials
}

impl Memory {
    fn workspace(mut self, answer: &Answer, context: &Context<'_>) -> Result<Turn, VendorError> {
        if classify::tried(&client::WORKSPACE, answer, context.now)? != Tried::Works {
            self.note("token", Verdict::Missing);
            return Ok(self.done(context));
        }
        let read: wire::Data<wire::WorkspaceData> = client::read(answer, "workspace")?;
        let wire::Workspace { id, name } = read.data.workspace;
        self.note("token", Verdict::Granted);
        let is_the_one = settings::text(context, "workspace_id") == Some(&id);
        self.note("workspace", if is_the_one { Verdict::Granted } else { Verdict::Missing });
        self.account = Some(Account { id, name });
        if !is_the_one {
            return Ok(self.done(context));
        }
        self.stage = Stage::Permissions;
        let calls = trials(context).into_iter().map(|(_, _, call)| call.raw()).collect();
        Ok(ask(VERSION, &self, calls))
    }

    fn permissions(
        mut self,
        answers: &[Answer],
        context: &Context<'_>,
    ) -> Result<Turn, VendorError> {
        let trials = trials(context);
        if trials.len() != answers.len() {
            return Err(out_of_turn());
        }
        for ((permission, space, call), answer) in trials.into_iter().zip(answers) {
            let tried = classify::tried(call.endpoint, answer, context.now)?;
            // A profile that nobody has is absent for a good token. A feature that the plan lacks
            // is absent as well.
            let is_granted =
                tried == Tried::Works || (permission == "profile" && tried == Tried::Absent);
            let verdict = if is_granted { Verdict::Granted } else { Verdict::Missing };
            match permission {
                "destinations" if is_granted => self.page_of_destinations(answer)?,
                "spaces" if is_granted => self.note_spaces(answer, context)?,
                _ => {}
            }
            self.tried.push(Trial { permission: permission.to_owned(), space, verdict });
        }
        let has_write_key = context.secrets.contains("write_key");
        self.note("write_key", if has_write_key { Verdict::Untestable } else { Verdict::Missing });
        Ok(self.more_destinations(context))
    }

    fn note_spaces(&mut self, answer: &Answer, context: &Context<'_>) -> Result<(), VendorError> {
        let page: wire::Data<wire::Spaces> = client::read(answer, "spaces")?;
        let entered = settings::spaces(context);
        let others = page.data.spaces.into_iter().filter(|it| !entered.contains(&it.id.as_str()));
        self.other_spaces = others.map(|it| (it.id, it.name)).collect();
        Ok(())
    }

    fn page_of_destinations(&mut self, answer: &Answer) -> Result<(), VendorError> {
        let page: wire::Data<wire::Destinations> = client::read(answer, "destinations")?;
        let entries = page.data.destinations.into_iter().filter(|it| it.enabled);
        self.destinations.extend(entries.map(|it| DestinationFact {
            can_delete: destinations::takes_deletions(&it.metadata.id),
            name: it.name.filter(|name| !name.is_empty()).unwrap_or(it.metadata.name),
            id: it.id,
            source: it.source_id,
        }));
        self.n_pages += 1;
        self.cursor = self.pages.next(page.data.pagination.next.as_deref())?;
        Ok(())
    }

    fn more_destinations(mut self, context: &Context<'_>) -> Turn {
        match self.cursor.clone() {
            Some(cursor) if self.n_pages < MAX_PAGES => {
                self.stage = Stage::Destinations;
                ask(VERSION, &self, vec![client::destinations(Some(&cursor)).raw()])
            }
            _ => self.done(context),
        }
    }

    fn note(&mut self, permission: &str, verdict: Verdict) {
        self.tried.push(Trial { permission: permission.to_owned(), space: None, verdict });
    }

    fn done(self, context: &Context<'_>) -> Turn {
        let report = Report::Checked(Box::new(report::report(self, context)));
        Turn::new(remember(VERSION, &()), Step::Done(report))
    }
}
