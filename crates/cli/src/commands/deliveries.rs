//! `deliveries` and `replay` of `habeas webhooks` and `habeas mail`: what became of what was told, and
//! telling it again.

use anyhow::Context as _;
use domain::Instant;
use engine::operator::deliveries::{Again, DeliveryPage, DeliveryView, Replayed};

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// Arguments of `deliveries`.
#[derive(Debug, clap::Args)]
pub struct DeliveriesArgs {
    /// Its name.
    pub name: String,
    /// Only those that were given up.
    #[arg(long)]
    dead: bool,
    /// How many, the newest first.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Those before this number.
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["seq", "dead", "since"]))]
pub struct ReplayArgs {
    /// Its name.
    pub name: String,
    /// The delivery of this number.
    #[arg(long)]
    seq: Option<i64>,
    /// All that were given up.
    #[arg(long)]
    dead: bool,
    /// Everything that happened since, delivered or not.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

/// Lists deliveries to an endpoint that lies `at` this path, by the command of this name.
pub async fn deliveries(
    args: DeliveriesArgs,
    at: &str,
    command: &str,
    common: &Common,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let query = query([
        ("dead", args.dead.then(|| "true".to_owned())),
        ("before", args.before.map(|before| before.to_string())),
        ("limit", Some(args.limit.to_string())),
    ]);
    let page: DeliveryPage = client.get(&format!("{at}/deliveries{query}")).await?;
    if screen.json {
        screen.json(&page)?;
        return Ok(Exit::Done);
    }
    let rows = page.deliveries.iter().map(|one| row(one, client.now)).collect();
    screen.table(&["seq", "event", "happened", "state", "tries", "last answer"], rows);
    if let Some(next) = page.next {
        screen.line(format!("More: habeas {command} deliveries {} --before {next}", args.name));
    }
    Ok(Exit::Done)
}

fn row(one: &DeliveryView, now: Instant) -> Vec<String> {
    let state = match one.due_at {
        Some(due) => format!("{}, due {}", one.state, show::when(due, now)),
        None => one.state.to_string(),
    };
    let answer = one.last.as_ref().map_or("-", |last| &last.answer).to_owned();
    let (event, tries) = (one.event.to_string(), one.n_attempts.to_string());
    vec![one.seq.to_string(), event, show::time(one.happened_at), state, tries, answer]
}

/// Tells an endpoint that lies `at` this path something again.
pub async fn replay(
    args: ReplayArgs,
    at: &str,
    common: &Common,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let again = match (args.seq, args.since) {
        (Some(seq), _) => Again::One(seq),
        (None, Some(since)) => Again::Since(time(&since)?),
        (None, None) => Again::Dead {},
    };
    let replayed: Replayed = client.post(&format!("{at}/replay"), &again).await?;
    if screen.json {
        screen.json(&replayed)?;
    } else {
        let told = show::n_of(replayed.n_again, "message");
        screen.line(format!("{told} will be told again."));
    }
    client.act().await.context("it is due; the engine could not run")?;
    Ok(Exit::Done)
}

fn time(text: &str) -> Result<Instant, Stop> {
    text.parse().map_err(|_| {
        Stop::usage("--since is no time")
            .advise("write it as 2026-11-20T00:00:00Z, or with another offset")
    })
}
