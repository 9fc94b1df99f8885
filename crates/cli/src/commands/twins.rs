//! `habeas twins`: the simulated vendors on loopback, until stopped.

use anyhow::Context;
use domain::Instant;

use crate::clock::real_now;
use crate::exit::Exit;
use crate::screen::Screen;

/// Arguments of `twins`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas twins --json > twins.json &\n  \
    habeas connect segment --twin twins.json\n\n\
    Official SDKs work against a twin when their base URL is set to it.")]
pub struct Args {
    /// The first port; the others follow. Free ports without it.
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// How many people the population has.
    #[arg(long, value_name = "N", default_value_t = 200)]
    people: usize,
    /// How many of them, the first, are gone before it begins.
    #[arg(long, value_name = "N", default_value_t = 0)]
    gone: usize,
    /// Everything invented follows from this number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave out the odd people: shared devices, strange ids, destinations that can't delete.
    #[arg(long)]
    regular_only: bool,
    /// Whether rate limits and quotas are kept.
    #[arg(long, value_enum, num_args = 0..=1, default_value = "on", default_missing_value = "on")]
    limits: OnOff,
    /// How long each call takes at least, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,
    /// Where virtual time starts; the present without it.
    #[arg(long, value_name = "INSTANT")]
    start_at: Option<Instant>,
    /// Time stands still while anybody works, and jumps when nobody does.
    #[arg(long)]
    idle: bool,
}

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnOff {
    On,
    Off,
}

impl Args {
    fn options(&self) -> twins::Options {
        twins::Options {
            seed: self.seed,
            people: self.people,
            gone: self.gone,
            regular_only: self.regular_only,
            port_base: self.port_base,
            start_at: self.start_at.unwrap_or_else(real_now),
            idle: self.idle,
            limits: self.limits == OnOff::On,
            latency_ms: self.latency_ms,
        }
    }
}

/// Serves until stopped.
pub async fn run(args: Args, screen: Screen) -> anyhow::Result<Exit> {
    let serving = twins::serve(args.options()).await.context("could not open the twins' ports")?;
    if screen.json {
        screen.json(&serving.description())?;
    } else {
        describe(&serving, screen);
    }
    tokio::select! {
        () = serving.wait() => {}
        () = super::serve::until_stopped() => {}
    }
    Ok(Exit::Done)
}

fn describe(serving: &twins::Serving, screen: Screen) {
    let description = serving.description();
    let mut rows = Vec::new();
    for (vendor, twin) in description.as_object().into_iter().flatten() {
        for (name, url) in twin["base_urls"].as_object().into_iter().flatten() {
            rows.push(vec![vendor.clone(), name.clone(), url.as_str().unwrap_or("").to_owned()]);
        }
    }
    rows.push(vec!["control".to_owned(), String::new(), serving.base_url_control().to_owned()]);
    screen.table(&["twin", "API", "base URL"], rows);
    screen.line("Credentials and people are in the output of `habeas twins --json`. Ctrl-C stops.");
}
