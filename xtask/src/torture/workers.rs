//! Three workers over PostgreSQL, and every way in which one of them, its connections or the server itself can
//! go: requests come in meanwhile, and another goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario, kills};
use crate::postgres::{FLEETING, Link, Server};
use crate::process::Process;
use crate::screen;
use crate::world::{Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "workers", twins: kills::SCENARIO.twins, needs_postgres: true, play };

const WORKERS: usize = 3;
/// How many people a round brings.
const PEOPLE: usize = 10;
/// When it strikes, counted from when the work of a round has begun.
const MOMENTS: std::ops::Range<Duration> = Duration::ZERO..Duration::from_millis(1_500);
/// The longest that is waited until work goes on.
const GOES_ON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(300);

/// What befalls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    /// `kill -9` of one.
    Kill,
    /// One stands still, and goes on after another has taken over.
    Stop,
    /// The server ends all connections.
    Cut,
    /// Nothing is carried any more between one and the server, and neither hears of it.
    Silence,
    /// The server itself goes down, and comes up again.
    Crash,
    /// The server itself goes down for good, and its standby takes its place.
    Promote,
}

/// The blows, over and over; those that take long are rarer.
const BLOWS: [Blow; 10] = [
    Blow::Kill,
    Blow::Cut,
    Blow::Promote,
    Blow::Kill,
    Blow::Silence,
    Blow::Kill,
    Blow::Stop,
    Blow::Crash,
    Blow::Kill,
    Blow::Promote,
];

impl Blow {
    fn told(self) -> &'static str {
        match self {
            Blow::Kill => "kill -9",
            Blow::Stop => "standing still",
            Blow::Cut => "connections cut",
            Blow::Silence => "network silent",
            Blow::Crash => "server crashed",
            Blow::Promote => "standby promoted",
        }
    }

    /// The longest that work may stand still: where nobody sees that one is gone, a lease passes first.
    fn bound(self) -> Duration {
        match self {
            // A call that was open may be on its way for 10 seconds, and is not asked about before.
            Blow::Kill => Duration::from_secs(15),
            Blow::Promote => Duration::from_secs(30),
            _ => GOES_ON,
        }
    }
}

fn play(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    let mut cluster = Cluster::start()?;
    world.database = Some(cluster.front.url());
    world.connect(Spaces::First, &["batch=5"])?;
    world.switch(&json!({"deletion_takes": "PT12H"}))?;
    world.set_clock(&json!({"mode": "paced", "pace": kills::PACE}))?;
    world.follow_clock()?;

    let ways = cluster.ways.iter();
    let mut workers = ways.map(|way| world.worker_over(&way.url())).collect::<Result<Vec<_>>>()?;
    let mut asked = Asked::default();
    let (mut n_people, mut pauses) = (0, BTreeMap::<Blow, Vec<Duration>>::new());
    for (n, blow) in (0..plan.rounds).zip(BLOWS.iter().cycle()) {
        let people = world.people(n_people, PEOPLE)?;
        n_people += people.len();
        let csv = asked.write(world, kills::requests(people, chance))?;
        world.plan_faults(&kills::lost_answers())?;
        let import = world.habeas(["import", csv.to_str().context("a name is no text")?])?;
        let mut import = Process::start("habeas import", &mut { import })?;
        let before = world.n_calls("POST /regulations")?;
        wait_until(|| Ok(world.n_calls("POST /regulations")? > before))?;
        workers[0].run_for(chance.moment(&MOMENTS))?;
        let took = strike(world, &mut cluster, &mut workers, *blow)?;
        let after = took
            .map_or("nothing was left".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
        screen::complain(&format!("round {} of {}, {}: {after}", n + 1, plan.rounds, blow.told()));
        pauses.entry(*blow).or_default().extend(took);
        // One that was cut off is made again at the end.
        import.wait(LIMIT)?;
    }
    world.plan_faults(&json!([]))?;
    drop(workers);
    let engine = world.serve_ready()?;
    books::finish(world, &asked, &engine, LIMIT)?;
    let mut report = books::compare(world, &asked)?;
    drop(engine);
    cluster.end()?;
    for (blow, times) in &mut pauses {
        times.sort();
        let Some(longest) = times.last().map(Duration::as_secs_f64) else { continue };
        let (n, middle) = (times.len(), times[times.len() / 2].as_secs_f64());
        let told = blow.told();
        report.lines.push(format!(
            "{n} × {told}: work went on after {middle:.1} s, at most {longest:.1} s"
        ));
        if longest >= blow.bound().as_secs_f64() {
            report.broken.push(format!("after {told} the work stood still for {longest:.1} s"));
        }
    }
    Ok(report)
}

/// A server, its standby, and the ways to them.
struct Cluster {
    server: Server,
    standby: Option<Server>,
    n_standbys: usize,
    /// The way of the command line.
    front: Link,
    /// That of each worker.
    ways: Vec<Link>,
}

impl Cluster {
    fn start() -> Result<Self> {
        let server = Server::start(FLEETING)?;
        let front = Link::to(&server, "front")?;
        let ways = (0..WORKERS).map(|n| Link::to(&server, &format!("way-{n}")));
        let ways = ways.collect::<Result<Vec<_>>>()?;
        let mut cluster = Self { server, standby: None, n_standbys: 0, front, ways };
        cluster.be_followed()?;
        Ok(cluster)
    }

    /// Makes a standby where there is none.
    fn be_followed(&mut self) -> Result<()> {
        if self.standby.is_none() {
            self.standby = Some(self.server.standby(&format!("standby-{}", self.n_standbys))?);
            self.n_standbys += 1;
        }
        Ok(())
    }

    /// Ends the server, and leads all to its standby.
    fn promote(&mut self) -> Result<()> {
        let standby = self.standby.take().context("the server has no standby")?;
        self.server.hand_over(standby)?;
        for way in self.ways.iter().chain([&self.front]) {
            way.lead_to(&self.server);
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        self.server.end()?;
        self.standby.map_or(Ok(()), Server::end)
    }
}

/// Deals a blow, and says how long it took until a task moved again, if any was left that could. Afterwards
/// all workers are there.
fn strike(
    world: &World,
    cluster: &mut Cluster,
    workers: &mut [Process],
    blow: Blow,
) -> Result<Option<Duration>> {
    let n_moves = || Ok::<_, anyhow::Error>(world.journal_of("task.moved")?.len());
    let busy = who_works(world, workers)?;
    let began = Instant::now();
    match blow {
        Blow::Kill => drop(workers[busy].kill()?),
        Blow::Stop => workers[busy].suspend()?,
        Blow::Cut => cluster.server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'habeas'",
        )?,
        Blow::Silence => cluster.ways[busy].fall_silent(),
        Blow::Crash => cluster.server.crash()?,
        Blow::Promote => cluster.promote()?,
    }
    let before = n_moves()?;
    wait_until(|| Ok(n_moves()? > before || books::n_moving(world)? == 0))?;
    let took = began.elapsed();
    if took >= GOES_ON {
        screen::complain(&format!("still: {}", books::told_of_moving(world)?));
    }
    let has_moved = n_moves()? > before || took >= GOES_ON;
    match blow {
        Blow::Kill => workers[busy] = world.worker_over(&cluster.ways[busy].url())?,
        Blow::Stop => workers[busy].resume()?,
        Blow::Silence => cluster.ways[busy].be_heard(),
        Blow::Promote => cluster.be_followed()?,
        Blow::Cut | Blow::Crash => {}
    }
    Ok(has_moved.then_some(took))
}

/// Which of the workers has the connection.
fn who_works(world: &World, workers: &[Process]) -> Result<usize> {
    let told: Value =
        serde_json::from_str(&world.run(&["workers", "--json"])?).context("read who does what")?;
    let listed = told["workers"].as_array().into_iter().flatten();
    let busy = listed.filter(|one| one["n_connections"].as_u64() > Some(0));
    let names: Vec<&str> = busy.filter_map(|one| one["who"].as_str()).collect();
    let has = |process: &Process| {
        let name = format!("pid {} ", process.id());
        names.iter().any(|who| who.starts_with(&name))
    };
    // In the moment after a blow it may be nobody yet.
    Ok(workers.iter().position(has).unwrap_or(0))
}

/// Looks again and again until something is so; whoever measures sees when it never was.
fn wait_until(is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + GOES_ON;
    while !is_so()? && Instant::now() < deadline {
        std::thread::park_timeout(LOOK);
    }
    Ok(())
}
