//! Finds people: which profiles they have in which space, and under which external ids.
//!
//! In each space one identifier is looked up, a user id if there is one; those that its answer lists need no look-up
//! of their own; the rest follow in one go. Then what one space listed is looked up in the others
//! that don't know it yet, at most twice over. An e-mail alone in one space costs one call.

mod profiles;

use std::collections::BTreeSet;

use connector_api::combinators::{Pages, ask, recall, remember};
use connector_api::{
    Answer, Call, Context, FlowState, Input, Located, Report, Step, Subject, Turn, VendorError,
};
use domain::plan::HandWork;
use domain::{IdentifierKind, Place};
use serde::{Deserialize, Serialize};

use super::{VERSION, out_of_turn};
use crate::segment::mapping::{self, ProfileKey};
use crate::segment::{classify, client, settings, wire};
use profiles::{Listed, Profiles};

/// The work that a profile without user id means.
pub(in crate::segment) const NO_USER_ID: &str = "a profile without user id can't be addressed by a regulation: give it one by an Identify call and open another round, or ask Segment support to delete it";

/// The work that a user id in another case means.
const OTHER_CASE: &str = "a profile is listed under an identifier that differs from the given one in upper and lower case only, which Segment's look-up can't tell apart: if it is the same person, add the identifier exactly as Segment lists it";

/// The work that a profile means which lists other addresses than that its user id is made from.
const OTHER_ADDRESS: &str = "a profile has the user id that is made from the given address, but lists other addresses and not this one: if it is the same person, add its user id";

/// What can never be searched.
const NOT_SEARCHABLE: &str =
    "Segment's archives, connected warehouses and S3 copies can't be searched";

/// How often what one space listed is carried to the others.
const MAX_TRAVELS: u8 = 2;

/// The most look-ups of one person in one space.
const MAX_LOOK_UPS: usize = 50;

/// What the flow knows so far. It holds personal values and is not for the disk.
#[derive(Serialize, Deserialize)]
struct Memory {
    n_people: usize,
    not_taken: Vec<Vec<IdentifierKind>>,
    searches: Vec<Search>,
    n_travels: u8,
}

/// The search for one person in one space.
#[derive(Serialize, Deserialize)]
struct Search {
    person: usize,
    place: Place,
    waiting: Vec<Wanted>,
    asked: Vec<Asked>,
    tried: BTreeSet<ProfileKey>,
    known: Profiles,
    /// Identifiers beyond the most that are looked up.
    n_left_out: usize,
}

/// A value to look up.
#[derive(Clone, Serialize, Deserialize)]
struct Wanted {
    kind: IdentifierKind,
    id_type: String,
    value: String,
    /// The address that a user id was made from, where nobody gave it.
    made_from: Option<String>,
}

/// A look-up on its way, page by page.
#[derive(Serialize, Deserialize)]
struct Asked {
    wanted: Wanted,
    cursor: Option<String>,
    pages: Pages,
    listed: Vec<Listed>,
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match input {
        Input::Start(subjects) => Ok(begin(subjects, context)),
        Input::Answers(answers) => {
            let mut memory: Memory = recall(VERSION, memory)?;
            memory.take(answers)?;
            Ok(memory.go_on(context))
        }
        Input::Lost(_) | Input::Sought { .. } | Input::Woken => Err(out_of_turn()),
    }
}

fn begin(subjects: &[Subject], context: &Context<'_>) -> Turn {
    let mut memory = Memory {
        n_people: subjects.len(),
        not_taken: Vec::new(),
        searches: Vec::new(),
        n_travels: 0,
    };
    for (person, subject) in subjects.iter().enumerate() {
        let (waiting, not_taken) = wanted_of(subject, context);
        memory.not_taken.push(not_taken);
        if waiting.is_empty() {
            continue;
        }
        for place in settings::readable_spaces(context) {
            let mut search = Search {
                person,
                place: place.to_owned(),
                waiting: waiting.clone(),
                asked: Vec::new(),
                tried: BTreeSet::new(),
                known: Profiles::default(),
                n_left_out: 0,
            };
            let first = search.waiting.remove(0);
            search.look_up(first);
            memory.searches.push(search);
        }
    }
    memory.go_on(context)
}

/// What to look a person up by, and the kinds that Segment does not have. What people may share
/// leads on only where somebody vouches for it, and a placeholder never does.
fn wanted_of(subject: &Subject, context: &Context<'_>) -> (Vec<Wanted>, Vec<IdentifierKind>) {
    let mut wanted = Vec::new();
    let mut not_taken = Vec::new();
    for identifier in &subject.identifiers {
        let is_shared = mapping::is_shared_by_people(&identifier.kind);
        if is_shared && !identifier.origin.is_vouched_for()
            || context.placeholders.matches(&identifier.kind, &identifier.normalised)
        {
            continue;
        }
        let id_types = mapping::asked_types(&identifier.kind);
        if id_types.is_empty() && !not_taken.contains(&identifier.kind) {
            not_taken.push(identifier.kind.clone());
        }
        wanted.extend(id_types.into_iter().map(|id_type| Wanted {
            kind: identifier.kind.clone(),
            id_type: id_type.to_owned(),
            value: mapping::exact(identifier).to_owned(),
            made_from: None,
        }));
        if identifier.kind == IdentifierKind::Email {
            let kind = IdentifierKind::UserId;
            let user_id = settings::user_id_from(context, &identifier.normalised)
                .filter(|value| !context.placeholders.matches(&kind, value));
            wanted.extend(user_id.map(|value| Wanted {
                kind,
                id_type: "user_id".to_owned(),
                value,
                made_from: Some(identifier.normalised.clone()),
            }));
        }
    }
    wanted.sort_by_key(|wanted: &Wanted| mapping::reluctance(&wanted.kind));
    (wanted, not_taken)
}

impl Memory {
    /// Takes the answers to the look-ups that are on their way, in their order.
    fn take(&mut self, answers: &[Answer]) -> Result<(), VendorError> {
        let mut answers = answers.iter();
        for search in &mut self.searches {
            for mut asked in std::mem::take(&mut search.asked) {
                let answer = answers.next().ok_or_else(out_of_turn)?;
                if classify::is_absent(answer) {
                    continue;
                }
                if asked.read(answer)? {
                    search.asked.push(asked);
                } else {
                    search.known.add(asked.wanted, asked.listed);
                }
            }
        }
        answers.next().map_or(Ok(()), |_| Err(out_of_turn()))
    }

    /// Asks for what is to be looked up next, or reports.
    fn go_on(mut self, context: &Context<'_>) -> Turn {
        loop {
            if self.searches.iter().all(|search| search.asked.is_empty()) {
                self.searches.iter_mut().for_each(Search::look_up_the_rest);
            }
            let calls: Vec<Call> = self.searches.iter().flat_map(Search::calls).collect();
            if !calls.is_empty() {
                return ask(VERSION, &self, calls);
            }
            if self.n_travels == MAX_TRAVELS || !self.travel(context) {
                let report = Report::Located(self.report(context));
                return Turn::new(remember(VERSION, &()), Step::Done(report));
            }
            self.n_travels += 1;
        }
    }

    /// Carries what one space listed to the others of the same person. What people may share does
    /// not lead on.
    fn travel(&mut self, context: &Context<'_>) -> bool {
        let mut listed: Vec<(usize, Wanted)> = self
            .searches
            .iter()
            .flat_map(|search| search.known.listed().map(|listed| (search.person, listed)))
            .filter(|(_, listed)| !mapping::is_shared_by_people(&listed.kind))
            .map(|(person, listed)| (person, listed.wanted()))
            .filter(|(_, wanted)| !context.placeholders.matches(&wanted.kind, &wanted.value))
            .collect();
        listed.sort_by_key(|(_, wanted)| mapping::reluctance(&wanted.kind));
        let mut is_new = false;
        for search in &mut self.searches {
            for (_, wanted) in listed.iter().filter(|(person, _)| *person == search.person) {
                let key = wanted.key();
                if !search.tried.contains(&key) && !search.known.covers(&key) {
                    search.waiting.push(wanted.clone());
                    is_new = true;
                }
            }
        }
        is_new
    }

    fn report(self, context: &Context<'_>) -> Vec<Located> {
        let not_searchable = not_searchable(context);
        let mut people: Vec<Located> = self
            .not_taken
            .into_iter()
            .map(|not_taken| Located {
                not_taken,
                not_searchable: not_searchable.clone(),
                ..Located::default()
            })
            .collect();
        people.resize_with(self.n_people, Located::default);
        for search in self.searches {
            let person = &mut people[search.person];
            person.n_profiles += search.known.count();
            person.found.extend(search.known.found(&search.place));
            let mut work = |what: &str| {
                person
                    .by_hand
                    .push(HandWork { place: search.place.clone(), what: what.to_owned() });
            };
            (0..search.known.n_without_user_id()).for_each(|_| work(NO_USER_ID));
            if search.known.is_there_another_case() {
                work(OTHER_CASE);
            }
            if search.known.is_there_another_address() {
                work(OTHER_ADDRESS);
            }
            if search.n_left_out > 0 {
                person.not_searchable.push(format!(
                    "{} further identifiers were not looked up in {}: {MAX_LOOK_UPS} is the most for one person",
                    search.n_left_out, search.place
                ));
            }
            person.searched.push(search.place);
        }
        people
    }
}

fn not_searchable(context: &Context<'_>) -> Vec<String> {
    let mut words = vec![NOT_SEARCHABLE.to_owned()];
    let spaces = settings::spaces(context);
    let readable = settings::readable_spaces(context);
    if readable.is_empty() {
        words.push(
            "no space can be searched: the connection has no working profile token, so nobody can be looked up by e-mail, and a deletion can't be confirmed"
                .to_owned(),
        );
    }
    for space in spaces.into_iter().filter(|space| !readable.contains(space)) {
        words.push(format!("space {space} can't be searched: it has no working profile token"));
    }
    words
}

impl Search {
    fn look_up(&mut self, wanted: Wanted) {
        self.tried.insert(wanted.key());
        self.asked.push(Asked {
            wanted,
            cursor: None,
            pages: Pages::default(),
            listed: Vec::new(),
        });
    }

    /// Looks up whatever no answer has covered yet.
    fn look_up_the_rest(&mut self) {
        for wanted in std::mem::take(&mut self.waiting) {
            let key = wanted.key();
            let is_known = self.known.covers(&key) || self.known.covers(&wanted.usual_key());
            let is_due = !self.tried.contains(&key) && !is_known;
            if is_due && self.tried.len() < MAX_LOOK_UPS {
                self.look_up(wanted);
            } else if is_due {
                self.n_left_out += 1;
            }
        }
    }

    fn calls(&self) -> impl Iterator<Item = Call> + '_ {
        self.asked.iter().map(|asked| {
            client::external_ids(&self.place, &asked.wanted.key(), asked.cursor.as_deref())
        })
    }
}

impl Wanted {
    fn key(&self) -> ProfileKey {
        ProfileKey::new(&self.id_type, &self.value)
    }

    /// The key of the same value under the usual name of its type.
    fn usual_key(&self) -> ProfileKey {
        let id_type =
            if self.id_type == mapping::PHONE_NUMBER { mapping::PHONE } else { &self.id_type };
        ProfileKey::new(id_type, &self.value)
    }
}

impl Asked {
    /// Reads a page; whether there is another.
    fn read(&mut self, answer: &Answer) -> Result<bool, VendorError> {
        let page: wire::ExternalIds = client::read(answer, "external_ids")?;
        self.cursor = self.pages.next(page.cursor.next()?)?;
        let ids = page.data.into_iter();
        self.listed.extend(ids.filter_map(|it| Listed::new(it.id_type, it.id)));
        Ok(self.cursor.is_some())
    }
}
