//! `habeas connect`: asks for what the connector's manifest lists (or takes it from a file, flags,
//! or a twin), tries every permission, and saves the connection, in observe mode unless told
//! otherwise. A failed check saves nothing.

mod ask;
pub mod report;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use connector_api::check::missing_required;
use connector_api::{Connector, Manifest};
use domain::connection::CheckReport;
use engine::operator::connections::ConnectionView;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::args::Common;
use crate::client::Client;
use crate::clock::wait;
use crate::commands::serve::until_stopped;
use crate::config::{self, Wanted, twin};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use crate::terminal::Terminal;

/// How far the saving is: not begun, sent, and known to be done.
const NOTHING: u8 = 0;
const SENT: u8 = 1;
const SAVED: u8 = 2;

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas connect segment                       asks for everything\n  \
    habeas connect segment --file habeas.toml    for scripts\n  \
    habeas twins --json > twins.json &           and, when it has printed its line,\n  \
    habeas connect segment --twin twins.json     to try everything without an account\n\n\
    A file holds tables such as:\n  \
    [connections.segment-eu]\n  \
    connector = \"segment\"\n  \
    region = \"eu\"\n  \
    workspace_id = \"…\"\n  \
    spaces = [\"spa_…\"]\n  \
    secrets.token = { env = \"SEGMENT_TOKEN\" }\n  \
    secrets.\"profile_token.spa_…\" = { file = \"/run/secrets/profile_token\" }")]
pub struct Args {
    /// The kind of system.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(names()))]
    connector: String,
    /// What to call the connection; in a file, which of its tables to take.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Take it from a file of configuration.
    #[arg(long, value_name = "FILE", conflicts_with = "twin")]
    file: Option<PathBuf>,
    /// Take it from what `habeas twins --json` printed.
    #[arg(long, value_name = "FILE")]
    twin: Option<PathBuf>,
    /// A setting or switch; may be given more than once. Secrets: secrets.KEY=env:NAME or file:PATH.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Save without asking once the check is passed.
    #[arg(long)]
    yes: bool,
}

fn names() -> Vec<&'static str> {
    connectors::all().iter().map(|connector| connector.manifest().name).collect()
}

/// The connector of this name.
pub fn connector(name: &str) -> Option<&'static dyn Connector> {
    connectors::all().iter().copied().find(|connector| connector.manifest().name == name)
}

/// The manifest of a connector.
pub fn registry(name: &str) -> Option<&'static Manifest> {
    connector(name).map(Connector::manifest)
}

/// Connects a system. Ctrl-C ends it at any time, and says what is saved.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let (terminal, saved) = (Terminal::remember(), AtomicU8::new(NOTHING));
    tokio::select! {
        exit = connect(args, common, screen, &saved) => exit,
        () = until_stopped() => {
            terminal.restore();
            Err(match saved.load(Ordering::SeqCst) {
                NOTHING => Stop::failed("stopped; nothing was saved"),
                SAVED => Stop::failed("stopped; the connection is saved"),
                _ => Stop::failed("stopped while it was being saved")
                    .advise("`habeas connections list` shows whether it is"),
            }
            .into())
        }
    }
}

async fn connect(
    args: Args,
    common: &Common,
    screen: Screen,
    saved: &AtomicU8,
) -> anyhow::Result<Exit> {
    let mut wanted = gather(&args)?;
    for assignment in &args.set {
        wanted.set(assignment)?;
    }
    let is_asked = args.file.is_none() && args.twin.is_none() && screen.can_ask();
    if is_asked {
        wanted = answer(move || ask::everything(wanted, screen)).await?;
    }
    check_complete(&wanted)?;
    let client = Client::to_check(common, screen).await?;
    let new = wanted.to_json()?;
    let title = wanted.manifest.title;
    let bar = screen.wait_for(&format!("asking {title} what the credentials may do"));
    let checked = client.post::<CheckReport>("/connections/check", &new).await;
    bar.finish_and_clear();
    let report = checked?;
    if !screen.json {
        report::show(&report, screen);
    } else if !missing_required(&report).is_empty() {
        // Nothing is connected, so the check is all there is to tell.
        screen.json(&json!({"check": report}))?;
    }
    refuse_if_lacking(&report)?;
    if is_asked && !args.yes {
        let question = format!("Save the connection {}?", wanted.name);
        if !answer(move || screen.confirm(&question, "--yes")).await? {
            screen.note("nothing was saved");
            client.leave().await;
            return Ok(Exit::Done);
        }
    }
    // What was sent is done, also for a client that hangs up.
    saved.store(SENT, Ordering::SeqCst);
    let connection: ConnectionView = client.post("/connections", &new).await?;
    saved.store(SAVED, Ordering::SeqCst);
    if screen.json {
        screen.json(&json!({"connection": connection}))?;
    } else {
        screen.line(format!(
            "{} is connected, in {} mode.",
            connection.name, connection.switches.mode
        ));
        next_steps(&connection, screen);
    }
    client.act().await?;
    Ok(Exit::Done)
}

/// What somebody answers. A prompt that Ctrl-C broke off fails a moment before the signal is heard,
/// which says more.
async fn answer<T: Send + 'static>(
    ask: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let answer = spawn_blocking(ask).await?;
    if answer.is_err() {
        wait(Duration::from_secs(1)).await;
    }
    answer
}

/// What the arguments name: a table of a file, a twin, or nothing yet.
fn gather(args: &Args) -> anyhow::Result<Wanted> {
    if let Some(path) = &args.twin {
        let mut wanted = twin::read(path, &args.connector, &registry)?;
        if let Some(name) = &args.name {
            wanted.name.clone_from(name);
        }
        return Ok(wanted);
    }
    if let Some(path) = &args.file {
        let mut all = config::file::read(path, &registry)?.connections.unwrap_or_default();
        all.retain(|one| {
            one.manifest.name == args.connector
                && args.name.as_ref().is_none_or(|name| *name == one.name)
        });
        return match all.len() {
            1 => Ok(all.remove(0)),
            0 => {
                Err(Stop::usage(format!("the file holds no such {} connection", args.connector))
                    .into())
            }
            _ => Err(Stop::usage("the file holds more than one connection")
                .advise("name the one to take: --name NAME")
                .into()),
        };
    }
    let manifest = registry(&args.connector).ok_or_else(|| Stop::usage("no such connector"))?;
    let name = args.name.clone().unwrap_or_else(|| args.connector.clone());
    Ok(Wanted::new(name, manifest))
}

fn check_complete(wanted: &Wanted) -> Result<(), Stop> {
    let missing = wanted.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = missing.iter().map(|field| field.key).collect();
    Err(Stop::usage(format!("{} needs: {}", wanted.manifest.title, keys.join(", ")))
        .advise("give them with --file or --set, or run the command at a terminal"))
}

fn refuse_if_lacking(report: &CheckReport) -> Result<(), Stop> {
    let missing = missing_required(report);
    let Some(first) = missing.first() else { return Ok(()) };
    let names: Vec<_> = missing.iter().map(|result| result.permission.as_str()).collect();
    Err(Stop::refused(format!("required and missing: {}; nothing was saved", names.join(", ")))
        .code("E-SET-004")
        .advise(first.grant.clone()))
}

fn next_steps(connection: &ConnectionView, screen: Screen) {
    if connection.switches.mode == domain::Mode::Observe {
        screen.line(format!(
            "It does everything but changing calls, and reports what it would have sent.\n\
             When you have seen enough: habeas connections set {} mode=act",
            connection.name
        ));
    }
    screen.line("Next: habeas import FILE, or habeas request new --right access --email ADDRESS");
}
