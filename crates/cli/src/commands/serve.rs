//! `habeas serve`: the engine, running until stopped.

use std::time::Duration;

use anyhow::Context;
use domain::{Connection, Entry, Event};
use engine::http::Target;
use engine::{EngineError, Until};
use serde_json::json;
use store::LeaseRow;
use store::StoreError;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Common;
use crate::clock::followed::{check_loopback, read};
use crate::clock::wait;
use crate::exit::{Exit, Stop};
use crate::open::{CLOCK_SETTING, Session};
use crate::screen::Screen;
use crate::show;

/// How often a second `serve` tries to take over.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas serve\n  \
    habeas serve --clock http://127.0.0.1:7803\n\n\
    Ctrl-C stops it; what is due then waits for the next start. A second `serve` on the same\n\
    folder waits and takes over when the first ends.")]
pub struct Args {
    /// Follow the clock of twins on this machine (their control URL); `real` ends that. Kept for
    /// this folder, so that every later command tells the same time.
    #[arg(long, value_name = "URL")]
    clock: Option<String>,
}

/// Runs the engine until stopped.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let mut session = Session::to_write(common, screen).await?;
    if let Some(url) = &args.clock {
        follow(&mut session, url).await?;
    }
    let clock = session.clock().await?;
    let engine = session.engine(clock.shared())?;
    let (stop, stopped) = watch::channel(false);
    let asked = until_stopped();
    banner(&session, common, screen).await?;
    tokio::spawn(async move {
        asked.await;
        // The engine may have ended by itself by then.
        let _ = stop.send(true);
    });
    let mut told = None;
    loop {
        match engine.run(Until::Stopped(stopped.clone())).await {
            Ok(_) => break,
            Err(EngineError::HeldBy(row)) => {
                tell_holder(&mut told, &row, &session);
                let mut stopped = stopped.clone();
                tokio::select! {
                    () = wait(TRY_AGAIN) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
                if session.holder().await?.is_none() {
                    session.note("it has ended; this one takes over now");
                    told = None;
                }
            }
            // Whoever holds the store is in the middle of a write, or was stopped there: the same
            // as holding the right to run.
            Err(EngineError::Store(StoreError::Busy { .. })) => {
                session.note("another process is writing and does not finish; waiting for it");
                let mut stopped = stopped.clone();
                tokio::select! {
                    () = wait(TRY_AGAIN) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
            }
            Err(error) => return Err(error).context("the engine stopped"),
        }
    }
    clock.leave().await;
    session.store.close().await;
    Ok(Exit::Done)
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

/// Makes this folder follow a twin's clock, or the real one again.
pub async fn follow(session: &mut Session, url: &str) -> anyhow::Result<()> {
    let url = if url == "real" { "" } else { url };
    if !url.is_empty() {
        check_loopback(url)?;
        for connection in session.store.connections().await? {
            check_beside(&connection)?;
        }
        session.now = read(url).await?.now;
    }
    if session.clock_url.as_deref().unwrap_or("") != url {
        let entry = Entry::new(session.now, session.actor.clone(), Event::SettingChanged)
            .fact("setting", CLOCK_SETTING)
            .fact("value", url);
        session.store.set_setting(CLOCK_SETTING, url, &entry).await?;
    }
    session.clock_url = Some(url.to_owned()).filter(|url| !url.is_empty());
    Ok(())
}

/// Refuses a followed clock beside a connection to a real vendor: its time is not the vendor's.
pub fn check_beside(connection: &Connection) -> anyhow::Result<()> {
    let manifest = connectors::all()
        .iter()
        .map(|connector| connector.manifest())
        .find(|manifest| manifest.name == connection.connector)
        .with_context(|| format!("the connector of {} does not exist", connection.name))?;
    let region = connection.settings.get("region").and_then(|region| region.as_str());
    let target = Target::new(
        manifest,
        region.unwrap_or_default(),
        &connection.base_urls,
        connection.allow_loopback,
    )?;
    if target.is_loopback() {
        return Ok(());
    }
    Err(Stop::refused(format!(
        "{} leads to a real vendor, so no twin's clock may be followed",
        connection.name
    ))
    .advise("use a folder of its own for twins (HABEAS_DATA, HABEAS_KEYS)")
    .into())
}

async fn banner(session: &Session, common: &Common, screen: Screen) -> anyhow::Result<()> {
    let connections = session.store.connections().await?;
    let clock = match &session.clock_url {
        None => "the real one".to_owned(),
        Some(url) => format!("that of the twins at {url}, now {}", show::time(session.now)),
    };
    if screen.json {
        let names: Vec<&str> = connections.iter().map(|one| one.name.as_str()).collect();
        return screen.json(&json!({
            "serving": common.data,
            "clock": session.clock_url,
            "now": session.now,
            "connections": names,
        }));
    }
    screen.line(format!("habeas {} serves {}", env!("CARGO_PKG_VERSION"), common.data.display()));
    screen.line(format!("  clock: {clock}"));
    for connection in &connections {
        let mode = connection.switches.mode;
        let state = if connection.paused.is_some() { ", paused" } else { "" };
        screen.line(format!("  connection {}: {mode}{state}", connection.name));
    }
    if connections.is_empty() {
        screen.line("  no connection yet: `habeas connect segment` makes one");
    }
    screen.line("Ctrl-C stops.");
    Ok(())
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
