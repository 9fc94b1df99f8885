//! `habeas config …`: an installation as a file.

mod export;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use engine::operator::config::{Carried, Plan};
use indicatif::ProgressBar;
use serde_json::{Value as Json, json};

use super::connect::registry;
use crate::args::Common;
use crate::client::Client;
use crate::config::file::{self, File, Lacking};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// The commands on the configuration as a whole.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Say what a file would change, and what was changed by hand since; changes nothing.
    #[command(after_help = "Example:\n  habeas config plan habeas.toml\n\n\
        Ends with 0 where there is nothing to do, and with 3 where something would change.")]
    Plan(PlanArgs),
    /// Show what a file changes, ask, and do it.
    #[command(after_help = "Examples:\n  \
        habeas config apply habeas.toml\n  \
        habeas config apply habeas.toml --prune --yes\n\n\
        Every connection that is made or entered anew is checked first; with a required permission\n\
        missing nothing is changed.")]
    Apply(ApplyArgs),
    /// Write the installation as it stands as such a file, with names for the secrets.
    #[command(after_help = "Examples:\n  \
        habeas config export habeas.toml\n  \
        habeas config export > habeas.toml")]
    Export(export::Args),
}

/// Arguments of `config plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The file.
    file: PathBuf,
    /// Also take away what stands here and is not in the file, within the parts that it has.
    #[arg(long)]
    prune: bool,
}

/// Arguments of `config apply`.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// What to apply.
    #[command(flatten)]
    plan: PlanArgs,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

/// Runs one of them.
pub async fn run(command: Config, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Config::Plan(args) => plan(&args, common, screen).await,
        Config::Apply(args) => apply(&args, common, screen).await,
        Config::Export(args) => export::run(&args, common, screen).await,
    }
}

async fn plan(args: &PlanArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let (config, lacking) = read(args)?.to_json();
    let client = Client::to_try(common, screen).await?;
    let plan = planned(&client, args, &config).await?;
    for Lacking { place, why } in &lacking {
        screen.note(format!("not compared: {place}: {why}"));
    }
    if screen.json {
        screen.json(&plan)?;
    } else {
        show::plan(&plan, screen);
    }
    Ok(Exit::left(!plan.changes.is_empty()))
}

async fn apply(args: &ApplyArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let (config, lacking) = read(&args.plan)?.to_json();
    refuse_lacking(&lacking)?;
    let client = Client::to_check(common, screen).await?;
    let plan = planned(&client, &args.plan, &config).await?;
    if !screen.json {
        show::plan(&plan, screen);
    }
    let is_anything = !plan.changes.is_empty();
    if is_anything && !args.yes && !screen.confirm(&question(&plan), "--yes")? {
        screen.note("nothing was changed");
        client.leave().await;
        return Ok(Exit::Done);
    }
    let body = json!({"config": config, "prune": args.plan.prune, "plan": plan.digest});
    let bar = is_anything.then(|| screen.wait_for("checking what is connected, and applying"));
    // Also where nothing changes: what holds by the file is remembered, so that a change by hand is seen.
    let carried = client.post::<Carried>("/config/apply", &body).await;
    bar.inspect(ProgressBar::finish_and_clear);
    let carried = carried?;
    if screen.json {
        screen.json(&carried)?;
    } else if is_anything {
        show::carried(&carried, screen);
    }
    match is_anything {
        true => client.act().await?,
        false => client.leave().await,
    }
    if let Some(fault) = carried.failed {
        let done = match carried.done.is_empty() {
            true => "nothing else was changed",
            false => "what stands above it is done",
        };
        let what = format!("{}: {}; {done}", fault.field, fault.message);
        return Err(Stop::failed(what)
            .code(fault.code)
            .advise("look at it, then apply the file again: what is done is not done twice")
            .into());
    }
    Ok(Exit::left(carried.ended.iter().any(|one| one.n_at_vendor > 0)))
}

fn read(args: &PlanArgs) -> anyhow::Result<File> {
    file::read(&args.file, &registry)
}

async fn planned(client: &Client, args: &PlanArgs, config: &Json) -> anyhow::Result<Plan> {
    client.post("/config/plan", &json!({"config": config, "prune": args.prune})).await
}

/// What is applied is applied whole: it can't be while a secret is not there.
fn refuse_lacking(lacking: &[Lacking]) -> Result<(), Stop> {
    let Some(first) = lacking.first() else { return Ok(()) };
    let places: Vec<_> = lacking.iter().map(|one| one.place.as_str()).collect();
    Err(Stop::usage(format!("secrets are not where the file says: {}", places.join(", ")))
        .code("E-CFG-002")
        .advise(first.why.clone()))
}

fn question(plan: &Plan) -> String {
    let removed: Vec<_> = plan.ends.iter().map(|one| one.connection.as_str()).collect();
    match removed.is_empty() {
        true => "Apply this?".to_owned(),
        false => {
            format!("Apply this, remove {} and destroy their secrets?", removed.join(", "))
        }
    }
}
