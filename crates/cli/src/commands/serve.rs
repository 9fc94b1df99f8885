//! `habeas serve`: the engine and the API, running until stopped.

mod banner;
mod follow;
mod listen;

use std::time::Duration;

use anyhow::Context;
use engine::operator::{controls, purge};
use engine::run::Workers;
use engine::{EngineError, Ran, Until};
use store::{LeaseRow, StoreError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Common;
use crate::clock::wait;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;
use crate::traces::Collector;
use crate::{lease, show};
pub use follow::{follow, follow_as_set};
use listen::Listen;
pub use listen::SOCKET;

/// How often a second `serve` tries to take over.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas serve\n  \
    habeas serve --listen 127.0.0.1:8080\n  \
    habeas serve --clock http://127.0.0.1:7803\n\n\
    Ctrl-C stops it; what is due then waits for the next start. A second `serve` on the same\n\
    folder waits and takes over when the first ends. Over a PostgreSQL database (--database-url) any\n\
    number serve and share the work, and any number of `habeas worker` beside them.")]
pub struct Args {
    /// Follow the clock of twins on this machine (their control URL); `real` ends that. Kept for
    /// this folder, so that every later command tells the same time.
    #[arg(long, value_name = "URL")]
    clock: Option<String>,
    /// Where operators reach it; links in notices begin with it. Kept as the setting `public_url`.
    #[arg(long, value_name = "URL", env = "HABEAS_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where it listens.
    #[command(flatten)]
    listen: Listen,
    /// Where traces go.
    #[command(flatten)]
    pub collector: Collector,
}

/// Runs the engine and serves the API until stopped.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    args.listen.check()?;
    let mut session = Session::to_write(common, screen).await?;
    session.store.try_bodies().await?;
    if let Some(url) = &args.clock {
        follow::check(&session, url).await?;
    }
    let (stop, mut stopped) = watch::channel(false);
    let asked = until_stopped();
    let stop_asked = stop.clone();
    tokio::spawn(async move {
        asked.await;
        // The engine may have ended by itself by then.
        let _ = stop_asked.send(true);
    });
    let me = session.me.clone();
    let mut told = None;
    loop {
        let claimed = match session.workers {
            Workers::One => lease::claim(&session.store, &me, session.now).await,
            Workers::Many => Ok(None),
        };
        let ended = match claimed {
            Ok(None) => serve(&mut session, &args, common, screen, &stop).await,
            Ok(Some(row)) => Ok(Err(EngineError::HeldBy(Box::new(row)))),
            Err(error) => Ok(Err(error.into())),
        };
        if ended.is_err() {
            session.store.release_leases(&me.name).await?;
        }
        match ended? {
            Ok(_) => break,
            Err(EngineError::HeldBy(row)) => {
                tell_holder(&mut told, &row, &session);
                if !try_again(&mut stopped).await {
                    break;
                }
                if session.holder().await?.is_none() {
                    session.note("it has ended; this one takes over now");
                    // Since when it runs is told to people, by the clock as it is now.
                    follow_as_set(&mut session).await?;
                    told = None;
                }
            }
            // Whoever holds the store is in the middle of a write, or was stopped there: the same
            // as holding the right to run.
            Err(EngineError::Store(StoreError::Busy { .. })) => {
                session.note("another process is writing and does not finish; waiting for it");
                if !try_again(&mut stopped).await {
                    break;
                }
            }
            Err(error) => return Err(error).context("the engine stopped"),
        }
    }
    session.store.close().await;
    Ok(Exit::Done)
}

/// Runs the engine under the right to do so, on the clock that was asked for: nothing is changed
/// before that right is ours.
async fn serve(
    session: &mut Session,
    args: &Args,
    common: &Common,
    screen: Screen,
    stop: &watch::Sender<bool>,
) -> anyhow::Result<Result<Ran, EngineError>> {
    match &args.clock {
        Some(url) => follow(session, url).await?,
        None => follow_as_set(session).await?,
    }
    if let Some(url) = &args.public_url {
        controls::keep(&session.desk(), controls::PUBLIC_URL, url).await?;
    }
    // What a crash broke off after it was said to be done.
    purge::finish(&session.desk()).await?;
    let clock = session.clock().await?;
    let engine = session.engine(clock.shared())?;
    let meters = engine.meters().clone();
    let spans = args.collector.spans();
    let door = args.listen.open(session, clock.shared(), meters, spans, common).await?;
    banner::begin(session, common, &door, screen).await?;
    let mut running = std::pin::pin!(engine.run(Until::Stopped(stop.subscribe())));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = follow::lost(&clock) => {
            stop.send_replace(true);
            running.await
        }
    };
    door.close().await;
    clock.leave().await;
    if ended.is_ok() {
        follow::refuse_lost(&clock)?;
        session.refresh_now().await;
        banner::end(session, screen).await?;
    }
    Ok(ended)
}

/// Waits a moment; false if it was stopped meanwhile.
async fn try_again(stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = wait(TRY_AGAIN) => true,
        _ = stopped.wait_for(|stopped| *stopped) => false,
    }
}

/// Ends at Ctrl-C or when asked to end; either is heard from the call on, not from the first wait.
pub fn until_stopped() -> impl Future<Output = ()> + Send {
    let asked = signal(SignalKind::terminate());
    let interrupted = signal(SignalKind::interrupt());
    async move {
        // Without handlers a signal ends the program in its own way.
        let (Ok(mut asked), Ok(mut interrupted)) = (asked, interrupted) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = asked.recv() => {}
            _ = interrupted.recv() => {}
        }
    }
}

fn tell_holder(told: &mut Option<String>, row: &LeaseRow, session: &Session) {
    if told.as_deref() == Some(&row.holder) {
        return;
    }
    session.note(format!(
        "the engine is run by {} since {}; this one waits and takes over when it ends",
        row.info,
        show::time(row.since)
    ));
    *told = Some(row.holder.clone());
}
