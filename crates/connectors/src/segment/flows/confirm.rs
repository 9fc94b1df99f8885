//! Looks again whether a change is true.
//!
//! | what was done | the look | it shows |
//! | --- | --- | --- |
//! | deletion | the profile by each identifier, in each space that knew it | 404: gone; 200: still there |
//! | deletion | an identifier that no space knew, or a space that can't be read | can't tell |
//! | `SUPPRESS_ONLY`, `UNSUPPRESS` | the suppression list | whether it names the user id |
//! | consent event | none exists | can't tell |
//!
//! A 404 proves absence only where the identifier was seen before: elsewhere it was a 404 all
//! along.

use std::collections::BTreeSet;

use connector_api::combinators::{Pages, ask, recall, remember};
use connector_api::report::Looked;
use connector_api::{
    Answer, Call, Context, FlowState, Input, Report, Step, Subject, Turn, VendorError,
};
use domain::outcome::Look;
use domain::plan::PlanItem;
use domain::{Identifier, IdentifierId, IdentifierKind, Plan};
use serde::{Deserialize, Serialize};

use super::{NO_USER_ID, VERSION, consent, identifier, out_of_turn};
use crate::segment::mapping::{self, ProfileKey};
use crate::segment::settings::{CONSENT_EVENT, SUPPRESS_ONLY, UNSUPPRESS};
use crate::segment::{classify, client, settings, wire};

/// The most pages of the suppression list that are read, 100 entries each.
const MAX_PAGES: u32 = 100_000;

/// What the flow knows so far. It holds personal values and is not for the disk.
#[derive(Serialize, Deserialize)]
struct Memory {
    people: Vec<Vec<Watch>>,
    are_profiles_read: bool,
    list: Option<List>,
}

/// Reading the suppression list.
#[derive(Default, Serialize, Deserialize)]
struct List {
    wanted: BTreeSet<String>,
    listed: BTreeSet<String>,
    cursor: Option<String>,
    pages: Pages,
    n_pages: u32,
    is_cut_short: bool,
}

/// One look to take.
#[derive(Serialize, Deserialize)]
struct Watch {
    identifier: IdentifierId,
    place: String,
    by: By,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    /// The profile that these lead to; the user id where it is one, since a look-up finds it in
    /// any case; and whether a profile without user id was known to be there.
    Profile { keys: Vec<ProfileKey>, user_id: Option<String>, is_one_unreachable: bool },
    /// The suppression list, where it should be or should not be.
    List { user_id: String, should_be_listed: bool },
    /// Already settled.
    Shown(Look),
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match input {
        Input::Start(subjects) => Ok(begin(subjects, context).go_on()),
        Input::Answers(answers) => {
            let mut memory: Memory = recall(VERSION, memory)?;
            memory.take(answers)?;
            Ok(memory.go_on())
        }
        Input::Lost(_) | Input::Sought { .. } | Input::Woken => Err(out_of_turn()),
    }
}

fn begin(subjects: &[Subject], context: &Context<'_>) -> Memory {
    let people: Vec<Vec<Watch>> =
        subjects.iter().map(|subject| watches(subject, context)).collect();
    let wanted: BTreeSet<String> = people
        .iter()
        .flatten()
        .filter_map(|watch| match &watch.by {
            By::List { user_id, .. } => Some(user_id.clone()),
            By::Profile { .. } | By::Shown(_) => None,
        })
        .collect();
    let list = (!wanted.is_empty()).then(|| List { wanted, ..List::default() });
    Memory { people, are_profiles_read: false, list }
}

/// The looks that a person's plan asks for.
fn watches(subject: &Subject, context: &Context<'_>) -> Vec<Watch> {
    let Some(plan) = &subject.plan else { return Vec::new() };
    let mut watches = Vec::new();
    for item in &plan.confirms_by {
        let Some(identifier) = identifier(subject, item.identifier) else { continue };
        match plan.variant.as_str() {
            CONSENT_EVENT => {
                let shown = cant_tell(&consent::unprovable());
                watches.push(Watch {
                    identifier: item.identifier,
                    place: String::new(),
                    by: shown,
                });
            }
            variant @ (SUPPRESS_ONLY | UNSUPPRESS) => {
                let should_be_listed = variant == SUPPRESS_ONLY;
                let user_id = mapping::exact(identifier).to_owned();
                let by = By::List { user_id, should_be_listed };
                let place = "suppression list".to_owned();
                watches.push(Watch { identifier: item.identifier, place, by });
            }
            _ => watches.extend(in_spaces(item, identifier, plan, context)),
        }
    }
    watches
}

fn in_spaces(
    item: &PlanItem,
    identifier: &Identifier,
    plan: &Plan,
    context: &Context<'_>,
) -> Vec<Watch> {
    let readable = settings::readable_spaces(context);
    if item.places.is_empty() {
        let why = if readable.is_empty() {
            "no space can be read: there is no working profile token"
        } else {
            "an identifier was known in no space before, so its absence proves nothing"
        };
        let (identifier, place) = (item.identifier, String::new());
        return vec![Watch { identifier, place, by: cant_tell(why) }];
    }
    let keys = mapping::keys(identifier);
    let is_user_id = identifier.kind == IdentifierKind::UserId;
    let user_id = is_user_id.then(|| mapping::exact(identifier).to_owned());
    let watch = |place: &String| {
        let by = if readable.contains(&place.as_str()) {
            let is_one_unreachable =
                plan.by_hand.iter().any(|work| work.place == *place && work.what == NO_USER_ID);
            By::Profile { keys: keys.clone(), user_id: user_id.clone(), is_one_unreachable }
        } else {
            cant_tell(&format!("space {place} can't be read any more: its profile token is gone"))
        };
        Watch { identifier: item.identifier, place: place.clone(), by }
    };
    item.places.iter().map(watch).collect()
}

fn cant_tell(why: &str) -> By {
    By::Shown(Look::CantTell { why: why.to_owned() })
}

impl Memory {
    fn go_on(self) -> Turn {
        let mut calls = Vec::new();
        if !self.are_profiles_read {
            calls.extend(self.people.iter().flatten().flat_map(Watch::calls));
        }
        if let Some(list) = self.list.as_ref().filter(|list| !list.is_over()) {
            calls.push(client::suppressions(list.cursor.as_deref()));
        }
        if !calls.is_empty() {
            return ask(VERSION, &self, calls);
        }
        Turn::new(remember(VERSION, &()), Step::Done(Report::Looked(self.report())))
    }

    /// Takes the answers: first the profiles', then a page of the suppression list.
    fn take(&mut self, answers: &[Answer]) -> Result<(), VendorError> {
        let mut answers = answers.iter();
        if !self.are_profiles_read {
            for watch in self.people.iter_mut().flatten() {
                watch.take(&mut answers)?;
            }
            self.are_profiles_read = true;
        }
        if let Some(list) = self.list.as_mut().filter(|list| !list.is_over()) {
            list.take(answers.next().ok_or_else(out_of_turn)?)?;
        }
        answers.next().map_or(Ok(()), |_| Err(out_of_turn()))
    }

    fn report(self) -> Vec<Vec<Looked>> {
        let list = self.list.unwrap_or_default();
        let looked = |watch: Watch| {
            let Watch { identifier, place, by } = watch;
            let look = match by {
                By::Shown(look) => look,
                By::List { user_id, should_be_listed } => list.look(&user_id, should_be_listed),
                By::Profile { .. } => Look::CantTell { why: "it was not looked up".to_owned() },
            };
            Looked { identifier, place, look }
        };
        self.people.into_iter().map(|looks| looks.into_iter().map(looked).collect()).collect()
    }
}

impl Watch {
    fn calls(&self) -> Vec<Call> {
        match &self.by {
            By::Profile { keys, .. } => {
                keys.iter().map(|key| client::user_ids(&self.place, key)).collect()
            }
            By::List { .. } | By::Shown(_) => Vec::new(),
        }
    }

    /// Takes the answers to this look, one per key.
    fn take<'a>(
        &mut self,
        answers: &mut impl Iterator<Item = &'a Answer>,
    ) -> Result<(), VendorError> {
        let By::Profile { keys, user_id, is_one_unreachable } = &self.by else { return Ok(()) };
        let mut look = Look::Absent;
        for key in keys {
            let answer = answers.next().ok_or_else(out_of_turn)?;
            if classify::is_absent(answer) || matches!(look, Look::Present { .. }) {
                continue;
            }
            let page: wire::ExternalIds = client::read(answer, "external_ids")?;
            let listed = page.data.into_iter().filter(|it| it.id_type == "user_id");
            let user_ids: Vec<String> = listed.map(|it| it.id).collect();
            let is_in_another_case = user_id.as_ref().is_some_and(|it| {
                let leads_here = |id: &String| ProfileKey::new("user_id", id) == *key;
                !user_ids.contains(it) && user_ids.iter().any(leads_here)
            });
            let space = &self.place;
            look = if is_in_another_case {
                Look::CantTell {
                    why: format!(
                        "space {space} lists a user id that differs in upper and lower case only, which Segment's look-up can't tell apart"
                    ),
                }
            } else if user_ids.is_empty() && *is_one_unreachable {
                Look::CantTell {
                    why: format!("a profile without user id is left in space {space}"),
                }
            } else {
                Look::Present { place: space.clone() }
            };
        }
        self.by = By::Shown(look);
        Ok(())
    }
}

impl List {
    fn is_over(&self) -> bool {
        self.n_pages > 0 && self.cursor.is_none()
    }

    fn take(&mut self, answer: &Answer) -> Result<(), VendorError> {
        let page: wire::Data<wire::Suppressions> = client::read(answer, "suppressions")?;
        let entries = page.data.suppressed.into_iter().filter(|it| it.subject_type == "USER_ID");
        let wanted = &self.wanted;
        self.listed.extend(entries.flat_map(|it| it.subject_ids).filter(|id| wanted.contains(id)));
        self.n_pages += 1;
        self.cursor = self.pages.next(page.data.pagination.next.as_deref())?;
        if self.listed.len() == self.wanted.len() {
            self.cursor = None;
        } else if self.n_pages == MAX_PAGES && self.cursor.take().is_some() {
            self.is_cut_short = true;
        }
        Ok(())
    }

    fn look(&self, user_id: &str, should_be_listed: bool) -> Look {
        match (self.listed.contains(user_id), should_be_listed) {
            (true, true) => Look::Absent,
            (true, false) => Look::Present { place: "the suppression list".to_owned() },
            (false, _) if self.is_cut_short => {
                Look::CantTell { why: "the suppression list is too long to be read".to_owned() }
            }
            (false, true) => Look::Present {
                place: "the flow of new data (the suppression list does not name it)".to_owned(),
            },
            (false, false) => Look::Absent,
        }
    }
}
