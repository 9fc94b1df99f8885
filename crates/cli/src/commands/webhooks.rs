//! `habeas webhooks …`: URLs that are told what happens.

use std::collections::BTreeSet;

use clap::Subcommand;
use domain::Event;
use engine::operator::webhooks::{
    Changes, MadeWebhook, NewWebhook, Rotation, Tried, WebhookList, WebhookView,
};
use http::Method;
use serde_json::json;

use super::deliveries::{self, DeliveriesArgs, ReplayArgs};
use super::principals::{reach, some_brands};
use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// The commands on webhooks.
#[derive(Debug, Subcommand)]
pub enum Webhooks {
    /// List webhooks, and how much they have not taken.
    List,
    /// Add one and show its secret, this once.
    Add(AddArgs),
    /// Change where one is told, or of what.
    Set(SetArgs),
    /// Tell one nothing for now; what happens meanwhile is told later.
    Disable {
        /// Its name.
        name: String,
    },
    /// Tell one again what happens, and what happened meanwhile.
    Enable {
        /// Its name.
        name: String,
    },
    /// Remove one, with all that it was to be told.
    Remove {
        /// Its name.
        name: String,
    },
    /// Give one another secret and show it, this once; both sign for a while.
    Rotate {
        /// Its name.
        name: String,
        /// Hours for which the secret before signs too; at most 168.
        #[arg(long, value_name = "N", default_value_t = 24)]
        overlap_hours: u32,
    },
    /// Send one a message now, and say what came of it.
    Test {
        /// Its name.
        name: String,
    },
    /// List what one was told, or is to be.
    #[command(after_help = "Examples:\n  \
        habeas webhooks deliveries desk\n  \
        habeas webhooks deliveries desk --dead")]
    Deliveries(DeliveriesArgs),
    /// Tell one something again.
    #[command(after_help = "Examples:\n  \
        habeas webhooks replay desk --seq 4711\n  \
        habeas webhooks replay desk --dead\n  \
        habeas webhooks replay desk --since 2026-11-20T00:00:00Z")]
    Replay(ReplayArgs),
}

/// Arguments of `webhooks add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas webhooks add desk --to https://example.org/habeas\n  \
    habeas webhooks add pager --to https://example.org/page --event job.overdue")]
pub struct AddArgs {
    /// Its name: small letters, digits, `-`, `_` and `.`.
    name: String,
    /// Where it is told.
    #[arg(long, value_name = "URL")]
    to: String,
    /// Only this; may be given more than once. All that is told without it.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<Event>,
    /// Only about requests of this brand; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND")]
    brands: Vec<String>,
    /// It may lie on this machine, or in a private network.
    #[arg(long)]
    allow_private: bool,
}

/// Arguments of `webhooks set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas webhooks set desk --to https://example.org/other")]
pub struct SetArgs {
    /// Its name.
    name: String,
    /// Where it is told from now on.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Only this from now on; may be given more than once.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<Event>,
    /// Only about requests of this brand from now on; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND")]
    brands: Vec<String>,
    /// It may lie on this machine, or in a private network.
    #[arg(long)]
    allow_private: bool,
}

/// Runs one of them.
pub async fn run(command: Webhooks, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Webhooks::List => list(common, screen).await,
        Webhooks::Add(args) => add(args, common, screen).await,
        Webhooks::Set(args) => set(args, common, screen).await,
        Webhooks::Disable { name } => {
            let next = "What happens from now on waits until it is enabled.";
            turn(&name, "disable", next, common, screen).await
        }
        Webhooks::Enable { name } => {
            let next = "It is told what happens, and what happened meanwhile.";
            turn(&name, "enable", next, common, screen).await
        }
        Webhooks::Remove { name } => remove(&name, common, screen).await,
        Webhooks::Rotate { name, overlap_hours } => {
            rotate(&name, overlap_hours, common, screen).await
        }
        Webhooks::Test { name } => test(&name, common, screen).await,
        Webhooks::Deliveries(args) => {
            let at = at(&args.name, "");
            deliveries::deliveries(args, &at, "webhooks", common, screen).await
        }
        Webhooks::Replay(args) => {
            let at = at(&args.name, "");
            deliveries::replay(args, &at, common, screen).await
        }
    }
}

async fn list(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let list: WebhookList = client.get("/webhooks").await?;
    if screen.json {
        screen.json(&list)?;
        return Ok(Exit::Done);
    }
    if list.webhooks.is_empty() {
        screen.line("No webhook yet. One for a URL: habeas webhooks add NAME --to URL");
        return Ok(Exit::Done);
    }
    let rows = list.webhooks.iter().map(row).collect();
    screen.table(&["webhook", "url", "told of", "waiting", "dead", "state"], rows);
    Ok(Exit::Done)
}

fn row(one: &WebhookView) -> Vec<String> {
    let events = if one.events.len() == Event::TOLD.len() {
        "everything".to_owned()
    } else {
        show::list(&one.events)
    };
    let state = match (&one.disabled, one.rest_until) {
        (Some(disabled), _) => format!("disabled {}: {}", show::time(disabled.since), disabled.why),
        (None, Some(until)) => format!("asked for rest until {}", show::time(until)),
        (None, None) => "on".to_owned(),
    };
    let told = format!("{events}\n{}", reach(&one.reach));
    let counts = [one.n_waiting, one.n_dead].map(|n| n.to_string());
    let [waiting, dead] = counts;
    vec![one.name.clone(), one.url.clone(), told, waiting, dead, state]
}

async fn add(args: AddArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let new = NewWebhook {
        name: args.name,
        url: args.to,
        events: some(args.events),
        reach: some_brands(&args.brands),
        allow_private: args.allow_private,
    };
    let made: MadeWebhook = client.post("/webhooks", &new).await?;
    if screen.json {
        screen.json(&made)?;
        return Ok(Exit::Done);
    }
    let name = &made.webhook.name;
    match &made.secret {
        Some(secret) => {
            screen.line(secret.expose());
            client.note(format!(
                "the secret that signs what {name} is told; it is shown this once. To try it: habeas webhooks test {name}"
            ));
        }
        None => {
            client.note(format!("{name} stood already, just so; its secret is not shown again"));
        }
    }
    Ok(Exit::Done)
}

async fn set(args: SetArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let changes = Changes {
        url: args.to,
        events: some(args.events),
        reach: some_brands(&args.brands),
        allow_private: args.allow_private.then_some(true),
    };
    let webhook: WebhookView = client.send(Method::PATCH, &at(&args.name, ""), &changes).await?;
    tell_one(&webhook, "It is told so from now on.", screen)
}

async fn turn(
    name: &str,
    verb: &str,
    next: &str,
    common: &Common,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let webhook: WebhookView = client.post_to(&at(name, &format!("/{verb}"))).await?;
    tell_one(&webhook, next, screen)?;
    client.act().await?;
    Ok(Exit::Done)
}

async fn remove(name: &str, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let removed: WebhookView = client.delete(&at(name, "")).await?;
    if screen.json {
        screen.json(&json!({"webhook": removed}))?;
    } else {
        screen.line(format!("{} is removed, and told nothing any more.", removed.name));
    }
    Ok(Exit::Done)
}

async fn rotate(name: &str, hours: u32, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let rotation = Rotation { overlap_hours: Some(hours) };
    let made: MadeWebhook = client.post(&at(name, "/secret"), &rotation).await?;
    if screen.json {
        screen.json(&made)?;
    } else if let Some(secret) = &made.secret {
        screen.line(secret.expose());
        client.note(format!(
            "the new secret of {name}, shown this once; the one before signs too for {hours} h"
        ));
    }
    Ok(Exit::Done)
}

async fn test(name: &str, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let tried: Tried = client.post_to(&at(name, "/test")).await?;
    if screen.json {
        screen.json(&tried)?;
    } else {
        let word = if tried.is_taken { "taken" } else { "not taken" };
        screen
            .line(format!("{word}: {}, after {} ms", tried.attempt.answer, tried.attempt.took_ms));
    }
    Ok(if tried.is_taken { Exit::Done } else { Exit::Failed })
}

fn tell_one(webhook: &WebhookView, next: &str, screen: Screen) -> anyhow::Result<Exit> {
    if screen.json {
        screen.json(&json!({"webhook": webhook}))?;
    } else {
        screen
            .table(&["webhook", "url", "told of", "waiting", "dead", "state"], vec![row(webhook)]);
        screen.line(next);
    }
    Ok(Exit::Done)
}

/// Where a webhook lies.
fn at(name: &str, below: &str) -> String {
    format!("/webhooks/{}{below}", segment(name))
}

fn some(events: Vec<Event>) -> Option<BTreeSet<Event>> {
    (!events.is_empty()).then(|| events.into_iter().collect())
}
