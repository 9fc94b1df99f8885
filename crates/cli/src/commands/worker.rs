//! `habeas worker`: the engine alone, one of any number over a PostgreSQL database.

use anyhow::Context;
use engine::Until;
use serde_json::json;
use tokio::sync::watch;

use super::serve::{follow_as_set, until_stopped};
use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::open::Session;
use crate::screen::Screen;
use crate::traces::Collector;

/// Arguments of `worker`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    HABEAS_DATABASE_URL=postgres://habeas@db.example.com/habeas habeas worker\n\n\
    Connections are spread evenly over all workers and all `habeas serve`, and again within a lease\n\
    time (20 s) when one joins or dies. Each needs the same keys, and the same bodies: in a bucket\n\
    (--bodies), or in its data folder. Ctrl-C stops it; the others take over at once.")]
pub struct Args {
    /// Where traces go.
    #[command(flatten)]
    pub collector: Collector,
}

/// Runs the engine beside others until stopped.
pub async fn run(_args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    if common.database_url.is_none() {
        let advice = "over a data folder the engine is run by one `habeas serve`; a worker takes --database-url or HABEAS_DATABASE_URL";
        return Err(Stop::usage("a worker needs a PostgreSQL database").advise(advice).into());
    }
    let asked = until_stopped();
    let mut session = Session::to_write(common, screen).await?;
    session.store.try_bodies().await?;
    follow_as_set(&mut session).await?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        asked.await;
        // The engine may have ended by itself by then.
        let _ = stop.send(true);
    });
    let clock = session.clock().await?;
    let engine = session.engine(clock.shared())?;
    if screen.json {
        screen.json(&json!({ "working": true, "clock": session.clock_url, "now": session.now }))?;
    } else {
        screen.line(format!(
            "habeas {} works on the connections of its share. Ctrl-C stops.",
            env!("CARGO_PKG_VERSION")
        ));
    }
    let ran = engine.run(Until::Stopped(stopped)).await;
    clock.leave().await;
    ran.context("the engine stopped")?;
    session.store.close().await;
    if !screen.json {
        screen.line("Stopped, as asked; the other workers go on.");
    }
    Ok(Exit::Done)
}
