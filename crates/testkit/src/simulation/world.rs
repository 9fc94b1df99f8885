//! Plays a scenario: lets happen what happens, and between that lets the engine work, die and go on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::journal::Entry;
use domain::{Instant, RequestId, Right, TaskId};
use engine::http::HttpClient;
use engine::{Engine, Ran, Until};
use serde_json::{Value, json};
use store::{From as JournalFrom, JournalFilter};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::fate::{Fate, Life};
use super::scenario::{Act, Scenario};
use super::{Played, books, steps};
use crate::segment::SEGMENT;
use crate::stage::Stage;
use crate::turns::Turns;

/// Enough for a few regular people and one of each odd kind.
const PEOPLE: usize = 40;

/// As long as work may last while the clock stands still. A call takes a millisecond of it.
const ENDLESS: Duration = Duration::from_secs(600);

/// Longer than any lease, in milliseconds: as long as whoever goes on has to wait.
const DEAD_FOR: u64 = 30_000;

/// More than any run writes.
const ALL: u32 = 1_000_000;

/// A run under way.
pub struct World {
    /// Store, twin and clock.
    pub stage: Stage,
    /// What was to happen.
    pub scenario: Scenario,
    /// What was asked, and by whom.
    pub asked: BTreeMap<RequestId, Asked>,
    /// The rounds of tasks that were seen to end confirmed.
    pub confirmed: BTreeSet<(TaskId, u32)>,
    /// The promises that were broken on the way.
    pub broken: Vec<String>,
    /// Everybody the twin knew at first.
    people: Vec<Value>,
    fate: Arc<Fate>,
    life: Arc<Life>,
    engine: Engine,
    /// One for all lives: to make one takes longer than to live.
    http: HttpClient,
    n_lives: u32,
    /// Until when somebody decides. Where the twin brings people back for ever, somebody has to stop.
    decided_until: Instant,
}

/// A request that was made.
pub struct Asked {
    /// For what.
    pub right: Right,
    /// The person, as the twin's population shows them.
    pub person: Value,
}

/// Plays a seed to its end, and looks at the books.
pub async fn play(seed: u64) -> anyhow::Result<Played> {
    let _watching = tracing::subscriber::set_default(steps::subscriber());
    // What waits for a moment need not wait, and always waits as long.
    tokio::time::pause();
    let scenario = Scenario::of(seed);
    let mut world = World::set(scenario).await?;
    match world.play().await {
        Err(error) if error.is::<Elapsed>() => {
            world.broken.push("it works on and on, and the clock stands still".to_owned());
        }
        played => played?,
    }
    let broken = books::check(&world).await?;
    Ok(Played {
        broken,
        coverage: world.fate.coverage(),
        n_requests: world.asked.len(),
        n_changes: world.stage.changes().await?.len(),
        journal: journal(world.entries().await?)?,
    })
}

impl World {
    async fn set(scenario: Scenario) -> anyhow::Result<Self> {
        let options =
            twins::Options { seed: scenario.seed, people: PEOPLE, ..twins::Options::default() };
        let turns = Turns::of(scenario.seed);
        let stage = Stage::set_in(&SEGMENT, options, turns.clone()).await?;
        let fate = Fate::of(scenario.seed);
        let life = fate.live(&turns);
        stage.store.crash_points().set(Arc::clone(&life) as _);
        let opt_out_by = scenario.opt_out_by;
        stage
            .connect_with(|new| {
                new.settings.insert("opt_out_by".to_owned(), opt_out_by.into());
            })
            .await?;
        stage.set_switches(&[("approval", scenario.approval)]).await?;
        let http = HttpClient::new()?;
        let engine = born(&stage, &http, &life, 1);
        let people = stage.everybody().await?;
        let world = Self {
            asked: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            broken: Vec::new(),
            decided_until: stage.now(),
            stage,
            scenario,
            people,
            fate,
            life,
            engine,
            http,
            n_lives: 1,
        };
        world.stage.switch(&world.switches()).await?;
        Ok(world)
    }

    async fn play(&mut self) -> anyhow::Result<()> {
        let began = self.stage.now();
        self.decided_until = began.checked_add(self.scenario.length / 2)?;
        for (after, act) in self.scenario.acts.clone() {
            self.work_until(began.checked_add(after)?).await?;
            self.let_happen(act).await?;
        }
        self.work_until(began.checked_add(self.scenario.length)?).await?;
        // By now the engine has looked for whoever came back as often as it ever will.
        self.confirmed.clear();
        books::nobody_confirmed_is_there(self).await
    }

    /// The switches of the twin.
    fn switches(&self) -> Value {
        let mut switches = self.scenario.switches.clone();
        let first = self.scenario.acts.iter().find_map(|(_, act)| match act {
            Act::Ask { kind, nth, .. } => Some(self.person(kind, *nth)),
            Act::Faults(_) => None,
        });
        if let (Some(switch), Some(person)) = (self.scenario.against_first, first) {
            let homes = person["spaces"].as_array().into_iter().flatten();
            let mut ids = homes.filter_map(|home| home["external_ids"].as_array()).flatten();
            let last = ids.rfind(|id| id["type"] == "user_id");
            switches[switch] = json!(last.map(|id| &id["id"]).into_iter().collect::<Vec<_>>());
        }
        switches
    }

    fn person(&self, kind: &str, nth: usize) -> Value {
        let people: Vec<_> = self.people.iter().filter(|person| person["kind"] == kind).collect();
        people.get(nth % people.len().max(1)).map(|person| (*person).clone()).unwrap_or_default()
    }

    async fn let_happen(&mut self, act: Act) -> anyhow::Result<()> {
        match act {
            Act::Faults(faults) => self.stage.faults(&faults).await,
            Act::Ask { right, kind, nth } => {
                let person = self.person(kind, nth);
                let email = person["email"].as_str().unwrap_or_default();
                let request = self.stage.submit(right, &[("email", email)]).await?;
                self.asked.insert(request, Asked { right, person });
                Ok(())
            }
        }
    }

    /// Works until this instant. What waits for a decision is approved.
    async fn work_until(&mut self, end: Instant) -> anyhow::Result<()> {
        loop {
            let mut ran = self.work().await?;
            if self.stage.now() < self.decided_until && !self.stage.pending().await?.is_empty() {
                self.stage.approve().await?;
                ran = self.work().await?;
            }
            books::nobody_confirmed_is_there(self).await?;
            let Some(next) = ran.next_due.filter(|next| *next <= end) else { break };
            self.stage.jump(next).await;
        }
        self.stage.jump(end).await;
        Ok(())
    }

    /// Works until nothing is due.
    async fn work(&mut self) -> anyhow::Result<Ran> {
        timeout(ENDLESS, self.work_in_lives()).await?
    }

    /// Works until nothing is due, in as many lives as it takes.
    async fn work_in_lives(&mut self) -> anyhow::Result<Ran> {
        loop {
            self.life.run(true);
            let ran = tokio::select! {
                biased;
                () = self.life.over() => None,
                ran = self.engine.run(Until::NothingDue) => Some(ran),
            };
            self.life.run(false);
            match ran {
                Some(ran) if !self.life.is_over() => return Ok(ran?),
                _ => self.live_again().await?,
            }
        }
    }

    /// A new process, over the store that the dead one has left behind.
    async fn live_again(&mut self) -> anyhow::Result<()> {
        self.stage.reopen().await?;
        self.stage.lease_millis.fetch_add(DEAD_FOR, Ordering::SeqCst);
        self.n_lives += 1;
        self.life = self.fate.live(&self.stage.turns);
        self.engine = born(&self.stage, &self.http, &self.life, self.n_lives);
        Ok(())
    }

    /// The journal, with its numbers.
    pub async fn entries(&self) -> anyhow::Result<Vec<(i64, Entry)>> {
        let all = JournalFilter::default();
        Ok(self.stage.store.journal(JournalFrom::After(0), &all, ALL).await?)
    }
}

/// An engine that lives this life.
fn born(stage: &Stage, http: &HttpClient, life: &Arc<Life>, n_lives: u32) -> Engine {
    stage.store.crash_points().set(Arc::clone(life) as _);
    let parts = stage.parts_of(stage.holder(&format!("life {n_lives}")));
    Engine::with_client(parts, http.clone())
}

/// The journal, in which digests of plans have numbers in their place: they are keyed, and the keys of a
/// store are nobody's choice.
fn journal(mut entries: Vec<(i64, Entry)>) -> anyhow::Result<String> {
    let mut plans = Vec::new();
    let mut lines = String::new();
    for (number, entry) in &mut entries {
        if let Some(plan) = entry.facts.get_mut("plan") {
            let known = plans.iter().position(|known| known == plan);
            let n = known.unwrap_or(plans.len());
            plans.extend(known.is_none().then(|| plan.clone()));
            *plan = json!(n);
        }
        writeln!(lines, "{number} {}", serde_json::to_string(entry)?)?;
    }
    Ok(lines)
}
