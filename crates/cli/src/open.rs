//! Opening the store, for a command that reads and for one that writes.
//!
//! A reading command opens it read-only beside whoever runs the engine, and never starts one. A
//! writing command commits its rows in short transactions and leaves the acting to the holder of
//! the engine's lease; where nobody holds it, it runs the engine until nothing is due, and says so.

use std::sync::Arc;

use anyhow::Context;
use domain::id::{IdSource, TimedIds};
use domain::{Actor, Instant, Reach, Role};
use engine::operator::Desk;
use engine::operator::controls;
use engine::operator::purge;
use engine::run::Workers;
use engine::{Clock, Engine, EngineError, Holder, Parts, Ran, Until};
use store::backup::is_begun;
use store::{Bodies, LeaseRow, Options, Store, StoreError};
use tempfile::TempDir;

use crate::args::Common;
use crate::clock::followed::{self, FollowedClock};
use crate::clock::{RealClock, real_now};
use crate::exit::{self, Stop};
use crate::screen::Screen;
use crate::{environment, lease, show};

/// An opened store, and what every command needs beside it.
pub struct Session {
    /// The store.
    pub store: Store,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// Who is at work.
    pub actor: Actor,
    /// The time at which the command began.
    pub now: Instant,
    /// The control URL of the twins whose clock is followed, if one is.
    pub clock_url: Option<String>,
    /// How many processes run the engine over this store.
    pub workers: Workers,
    /// This process, as one that may.
    pub me: Holder,
    screen: Screen,
    /// The folders of a store that lives no longer than this.
    _scratch: Option<TempDir>,
}

impl Session {
    /// Opens what exists, to read.
    pub async fn to_read(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        if common.database_url.is_none() && !common.data.exists() {
            let advice = if is_begun(&common.data) {
                "a restore is at work, or was broken off: begin it again with `habeas restore`"
            } else {
                "begin with `habeas connect segment`, or try `habeas demo`; HABEAS_DATA names another folder"
            };
            return Err(Stop::usage(format!("there is no data in {} yet", common.data.display()))
                .advise(advice)
                .into());
        }
        let store = Store::open_read_only(&options(common)).await?;
        Self::new(store, workers(common), screen).await
    }

    /// Opens to read and write; makes the folders at the first start.
    pub async fn to_write(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        let store = Store::open(&options(common), ids(), real_now()).await?;
        Self::new(store, workers(common), screen).await
    }

    /// Opens what exists, to say what would happen. Where nothing does yet, an empty store stands
    /// for it that is gone with the session.
    pub async fn to_try(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        match Store::open_read_only(&options(common)).await {
            Ok(store) => return Self::new(store, workers(common), screen).await,
            Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let scratch = tempfile::tempdir().context("could not make a folder to try it out in")?;
        let (data, keys) = (scratch.path().join("data"), scratch.path().join("keys"));
        let store =
            Store::open(&Options { data, keys, database: None, bodies: None }, ids(), real_now())
                .await?;
        let session = Self::new(store, Workers::One, screen).await?;
        Ok(Self { _scratch: Some(scratch), ..session })
    }

    async fn new(store: Store, workers: Workers, screen: Screen) -> anyhow::Result<Self> {
        let clock_url = controls::clock(&store).await?;
        let me = lease::holder()?;
        me.ask_time(&store).await?;
        let actor = Actor::Operator(environment::user());
        let (ids, now) = (ids(), real_now());
        let mut session =
            Self { store, ids, actor, now, clock_url, workers, me, screen, _scratch: None };
        session.refresh_now().await;
        Ok(session)
    }

    /// Looks at the clock again, for a command that lasts.
    pub async fn refresh_now(&mut self) {
        self.now = match &self.clock_url {
            None => self.real_clock().now(),
            Some(url) => led_now(url, self.screen).await,
        };
    }

    /// Says something beside the result.
    pub fn note(&self, text: impl std::fmt::Display) {
        self.screen.note(text);
    }

    /// The desk at which this command acts.
    pub fn desk(&self) -> Desk<'_> {
        Desk {
            store: &self.store,
            connectors: connectors::all(),
            ids: &*self.ids,
            actor: self.actor.clone(),
            // Whoever can open the folder owns what is in it.
            roles: Role::every(),
            reach: Reach::All,
            now: self.now,
        }
    }

    /// The clock that the engine runs on.
    pub async fn clock(&self) -> anyhow::Result<SessionClock> {
        Ok(match &self.clock_url {
            None => SessionClock::Real(Arc::new(self.real_clock())),
            Some(url) => SessionClock::Followed(Arc::new(FollowedClock::follow(url).await?)),
        })
    }

    fn real_clock(&self) -> RealClock {
        match self.workers {
            Workers::One => RealClock::Machine,
            Workers::Many => RealClock::Database(self.me.clone()),
        }
    }

    /// The engine over this store.
    pub fn engine(&self, clock: Arc<dyn Clock>) -> anyhow::Result<Engine> {
        let mut holder = self.me.clone();
        if let Some(url) = &self.clock_url {
            holder.info = format!("{}, following the clock at {url}", holder.info);
        }
        Ok(Engine::new(Parts {
            store: self.store.clone(),
            connectors: connectors::all(),
            clock,
            ids: Arc::clone(&self.ids),
            holder,
            workers: self.workers,
        })?)
    }

    /// Whoever runs the engine over this folder.
    pub async fn holder(&self) -> anyhow::Result<Option<LeaseRow>> {
        Ok(engine::operator::engine::runner(&self.store, &self.me).await?)
    }

    /// After rows were written: the holder of the engine's lease acts on them. Without one, the
    /// engine runs here until nothing is due.
    pub async fn act(&self) -> anyhow::Result<()> {
        if self.holder().await?.is_some() {
            return Ok(());
        }
        if let Some(url) = &self.clock_url
            && followed::read(url).await.is_ok_and(|reading| reading.stands_still())
        {
            self.screen.note(stands_still(url));
            return Ok(());
        }
        self.screen.note("no `habeas serve` is running: the engine runs here until nothing is due");
        let clock = match self.clock().await {
            Ok(clock) => clock,
            Err(error) => {
                // The rows are written; whoever serves next acts on them.
                self.screen.note(exit::text(&error));
                return Ok(());
            }
        };
        purge::finish(&self.desk()).await?;
        let engine = self.engine(clock.shared())?;
        let ran = engine.run(Until::NothingDue).await;
        clock.leave().await;
        match ran {
            Ok(Ran { next_due: Some(at) }) => {
                let when = show::when(at, self.now);
                self.screen.note(format!("next due: {when}; `habeas serve` does it then"));
                Ok(())
            }
            // Somebody else was quicker, and acts.
            Ok(Ran { next_due: None }) | Err(EngineError::HeldBy(_)) => Ok(()),
            Err(error) => Err(error).context("the engine stopped"),
        }
    }
}

/// The clock of a session: the machine's, or a twin's.
#[derive(Clone)]
pub enum SessionClock {
    /// The machine's.
    Real(Arc<RealClock>),
    /// A twin's, which has to be told when nobody follows it any more.
    Followed(Arc<FollowedClock>),
}

impl SessionClock {
    /// As the engine takes it.
    pub fn shared(&self) -> Arc<dyn Clock> {
        match self {
            Self::Real(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            Self::Followed(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        }
    }

    /// Follows no more.
    pub async fn leave(&self) {
        if let Self::Followed(clock) = self {
            clock.leave().await;
        }
    }
}

/// What to say where nothing would ever be due.
pub fn stands_still(url: &str) -> String {
    format!(
        "what was asked is written down, and nothing is done about it yet: the twins' clock stands still (pace 0). Set a pace (`curl -X POST {url}/clock -d '{{\"mode\": \"paced\", \"pace\": 1}}'`), then run `habeas serve`"
    )
}

async fn led_now(url: &str, screen: Screen) -> Instant {
    match followed::read(url).await {
        Ok(reading) => reading.now,
        Err(_) => {
            screen
                .note(format!("the twins' clock at {url} does not answer; showing the real time"));
            real_now()
        }
    }
}

/// Where the store of a command lies.
pub fn options(common: &Common) -> Options {
    let database = common.database_url.clone();
    let bodies = common
        .bodies
        .as_ref()
        .map(|url| Bodies { url: url.expose().to_owned(), access: environment::of_aws() });
    Options { data: common.data.clone(), keys: common.keys.clone(), database, bodies }
}

/// One process runs the engine over a file, any number over a database that machines share.
fn workers(common: &Common) -> Workers {
    if common.database_url.is_some() { Workers::Many } else { Workers::One }
}

/// Ids out of the real clock and the machine's random bytes: no two are ever the same, whatever a
/// led clock says.
pub fn ids() -> Arc<dyn IdSource> {
    Arc::new(TimedIds::new(real_now, random_bytes))
}

#[expect(clippy::expect_used, reason = "without random bytes no id may be made")]
fn random_bytes() -> [u8; 8] {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
