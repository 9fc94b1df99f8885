//! Everything the Segment twin knows, and what happens to it as virtual time passes.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;

use super::audit::{AcceptedEvent, Effects};
use super::callbacks::Callback;
use super::catalog::{self, Destination, Source};
use super::events::{Agenda, Due, Step};
use super::ids::{Purpose, base62, stream};
use super::limits::Window;
use super::people::{self, Person};
use super::planting::Planter;
use super::quota::Quota;
use super::regulations::{Regulation, RegulationType, Scope, Status, SubjectType};
use super::spaces::{Profile, Space};
use super::suppressions::{Reach, Suppressions};
use super::switches::Switches;
use super::tokens::Tokens;
use crate::options::Options;

/// The workspace and all that belongs to it.
pub(super) struct Segment {
    pub(super) now: Timestamp,
    pub(super) workspace_id: String,
    /// Shown by `GET /` when the switch says that the token leads elsewhere.
    pub(super) other_workspace_id: String,
    pub(super) tokens: Tokens,
    pub(super) sources: Vec<Source>,
    pub(super) destinations: Vec<Destination>,
    pub(super) warehouse_id: String,
    pub(super) spaces: Vec<Space>,
    /// User ids with archived events, and the sources (a bit each) that these are in.
    pub(super) archive: HashMap<String, u16>,
    /// Objects of the cloud source: collection and id.
    pub(super) objects: HashSet<(String, String)>,
    pub(super) regulations: Vec<Regulation>,
    pub(super) regulation_places: HashMap<String, usize>,
    pub(super) suppressions: Suppressions,
    pub(super) agenda: Agenda,
    pub(super) switches: Switches,
    pub(super) calls_by_token: HashMap<usize, Window>,
    pub(super) creations: Window,
    pub(super) quota: Quota,
    pub(super) seen_messages: HashSet<String>,
    pub(super) effects: Effects,
    pub(super) accepted_events: Vec<AcceptedEvent>,
    pub(super) callbacks: Vec<Callback>,
    /// Chance for the times of jobs, for ids that come up, and the answers' request ids.
    pub(super) jobs: ChaCha8Rng,
    pub(super) arrivals: ChaCha8Rng,
    pub(super) requests_answered: u64,
}

impl Segment {
    pub(super) fn new(options: &Options) -> Segment {
        let now = options.start_at;
        let rng = &mut stream(options.seed, Purpose::Workspace);
        let mut space = |slug, name| {
            Space::new(format!("spa_{}", base62(rng, 22)), slug, name, base62(rng, 64), now)
        };
        let spaces = vec![space("shop", "Shop"), space("dealers", "Dealers")];
        let mut segment = Segment {
            now,
            workspace_id: base62(rng, 22),
            other_workspace_id: base62(rng, 22),
            tokens: Tokens::new(rng),
            sources: catalog::sources(rng),
            destinations: catalog::destinations(rng),
            warehouse_id: base62(rng, 22),
            spaces,
            archive: HashMap::new(),
            objects: (0..20).map(|n| ("contacts".to_owned(), format!("0035g{n:08}"))).collect(),
            regulations: Vec::new(),
            regulation_places: HashMap::new(),
            suppressions: Suppressions::default(),
            agenda: Agenda::default(),
            switches: Switches {
                limits: options.limits,
                latency_ms: options.latency_ms,
                ..Switches::default()
            },
            calls_by_token: HashMap::new(),
            creations: Window::default(),
            quota: Quota::new(),
            seen_messages: HashSet::new(),
            effects: Effects::default(),
            accepted_events: Vec::new(),
            callbacks: Vec::new(),
            jobs: stream(options.seed, Purpose::Jobs),
            arrivals: stream(options.seed, Purpose::Arrivals),
            requests_answered: 0,
        };
        let planter = Planter::new(options.seed, options.start_at);
        for n in options.gone..options.people {
            let person = people::person(options.seed, n, options.people, options.regular_only);
            planter.plant(&mut segment.spaces, &person);
            segment.note_archived(&person);
        }
        segment
    }

    /// Notes in which sources a seeded person has events.
    fn note_archived(&mut self, person: &Person) {
        for home in &person.homes {
            for user_id in &home.user_ids {
                *self.archive.entry(user_id.clone()).or_default() |=
                    1 << home.front | 1 << home.back;
            }
        }
    }

    /// When something happens next by itself.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        if self.switches.stuck { None } else { self.agenda.next_at() }
    }

    /// Does everything that is due by `now`, in its order.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = now;
        if self.switches.stuck {
            return;
        }
        while let Some((at, due)) = self.agenda.take_due(now) {
            self.take_step(at, due);
        }
    }

    fn take_step(&mut self, at: Timestamp, due: Due) {
        let place = due.regulation;
        match due.step {
            Step::Begin => self.begin(place),
            Step::Suppress => self.suppress(place),
            Step::Delete => self.delete(place, at),
            Step::Forward { stream, destination } => self.forward(place, stream, destination, at),
            Step::End => self.end(place, at),
            Step::Reappear(profiles) => self.reappear(profiles),
        }
    }

    fn begin(&mut self, place: usize) {
        let regulation = &mut self.regulations[place];
        regulation.status = Status::Running;
        for forward in regulation.streams.iter_mut().flat_map(|stream| &mut stream.forwards) {
            forward.status = Status::Running;
        }
    }

    fn suppress(&mut self, place: usize) {
        let regulation = &mut self.regulations[place];
        if regulation.subject_type != SubjectType::User {
            return;
        }
        let reach = regulation.scope.source().map_or(Reach::Workspace, Reach::Source);
        let is_combined = regulation.kind.deletes();
        for user_id in &regulation.subjects {
            if regulation.kind != RegulationType::Unsuppress {
                self.suppressions.add(reach, user_id, is_combined);
                self.effects.subjects_suppressed += 1;
            } else if reach == Reach::Workspace
                || !self.suppressions.holds(Reach::Workspace, user_id)
            {
                self.suppressions.remove(reach, user_id);
            } else {
                // Workspace suppression outranks the source's (3.2).
                regulation.settled = Some(Status::Failed);
            }
        }
    }

    fn delete(&mut self, place: usize, at: Timestamp) {
        let regulation = &self.regulations[place];
        if self.switches.job_fails {
            return;
        }
        let lies = &self.switches.lies_about;
        let subjects: Vec<String> =
            regulation.subjects.iter().filter(|id| !lies.contains(id)).cloned().collect();
        let (scope, subject_type) = (regulation.scope.clone(), regulation.subject_type);
        let archive_only = regulation.kind == RegulationType::DeleteArchiveOnly;
        let mut gone = Vec::new();
        for subject in &subjects {
            self.delete_subject(subject, subject_type, &scope, archive_only, &mut gone);
        }
        if let Some(after) = self.switches.reappear_after.filter(|_| !gone.is_empty()) {
            let back_at = at.checked_add(after.0).unwrap_or(Timestamp::MAX);
            self.agenda.add(back_at, place, Step::Reappear(gone));
        }
    }

    fn forward(&mut self, place: usize, stream: usize, number: usize, at: Timestamp) {
        let regulation = &mut self.regulations[place];
        let stream = &mut regulation.streams[stream];
        let forward = &mut stream.forwards[number];
        let destination = &self.destinations[forward.destination];
        forward.finish(destination.deletion, self.switches.deletion_configured, at);
        let is_webhook = destination.entry.id == catalog::WEBHOOKS.id;
        let Some(url) = self.switches.webhook_url.as_deref().filter(|_| is_webhook) else { return };
        let source_id = &self.sources[stream.source].id;
        for user_id in &regulation.subjects {
            self.effects.deletes_forwarded += 1;
            self.callbacks.push(Callback::delete(url, user_id, source_id, place, at));
        }
    }

    fn end(&mut self, place: usize, at: Timestamp) {
        if self.switches.job_fails {
            self.regulations[place].settled = Some(Status::Failed);
        }
        let regulation = &mut self.regulations[place];
        regulation.status = regulation.ending(self.switches.aggregate);
        regulation.finished_at = Some(at);
    }

    fn reappear(&mut self, profiles: Vec<(usize, Box<Profile>)>) {
        for (space, profile) in profiles {
            let bits = profile.external_ids.iter().fold(0, |bits, id| bits | 1 << id.origin.source);
            for user_id in profile.ids_of("user_id") {
                *self.archive.entry(user_id.to_owned()).or_default() |= bits;
            }
            self.spaces[space].insert(*profile);
        }
    }

    /// Takes a subject's data away, as far as the scope goes.
    fn delete_subject(
        &mut self,
        subject: &str,
        subject_type: SubjectType,
        scope: &Scope,
        archive_only: bool,
        gone: &mut Vec<(usize, Box<Profile>)>,
    ) {
        let kind = match subject_type {
            SubjectType::User => "user_id",
            SubjectType::Anonymous => "anonymous_id",
            SubjectType::Object => {
                if let Scope::CloudSource { collection, .. } = scope {
                    let key = (collection.clone(), subject.to_owned());
                    self.effects.subjects_deleted += u64::from(self.objects.remove(&key));
                }
                return;
            }
        };
        let had_archive = self.forget_archive(subject, scope.source());
        let mut had_profile = false;
        for number in (0..self.spaces.len()).filter(|_| !archive_only) {
            let space = &mut self.spaces[number];
            let Some(slot) = space.find(kind, subject) else { continue };
            had_profile = true;
            let removed = match scope.source() {
                None => space.remove(slot),
                Some(source) => space.forget_source(slot, source),
            };
            self.effects.profiles_deleted += u64::from(removed.is_some());
            gone.extend(removed.map(|profile| (number, profile)));
        }
        self.effects.subjects_deleted += u64::from(had_archive || had_profile);
    }

    fn forget_archive(&mut self, user_id: &str, source: Option<usize>) -> bool {
        let Some(bits) = self.archive.get_mut(user_id) else { return false };
        match source {
            Some(source) => *bits &= !(1 << source),
            None => *bits = 0,
        }
        if *bits == 0 {
            self.archive.remove(user_id);
        }
        true
    }
}
