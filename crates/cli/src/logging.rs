//! Logs: on standard error, for people or as JSON. Never a personal value, never a secret: what
//! is logged holds opaque ids only, and other crates than ours are heard from warnings up.

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::clock::precise_now;
use crate::environment;
use crate::exit::Stop;
use crate::traces::Gatherer;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const OURS: &[&str] =
    &["habeas", "engine", "store", "packaging", "connectors", "connector_api", "server", "twins"];

/// How they look in this process.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Starts logging, and gathers spans where traces are sent. `HABEAS_LOG` (`debug`, or `engine=debug,store=info`) beats the flags.
pub fn start(verbose: u8, format: LogFormat, traces: Option<Gatherer>) -> Result<(), Stop> {
    let _ = FORMAT.set(format);
    let targets = match environment::variable("HABEAS_LOG") {
        Some(text) => read(&text)?,
        None => ours(match verbose {
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }),
    };
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    // A second start in one process (tests) keeps the first.
    let _ = hearing(layer.with_filter(targets), traces).try_init();
    Ok(())
}

/// What hears everything that is logged, and every span where they are gathered.
fn hearing(
    logs: impl Layer<Registry> + Send + Sync,
    traces: Option<Gatherer>,
) -> impl Subscriber + Send + Sync {
    // Spans of ours, however little is logged.
    let spans = OURS.iter().map(|name| (*name, LevelFilter::INFO)).collect::<Targets>();
    let traces = traces.map(|gatherer| gatherer.with_filter(spans));
    tracing_subscriber::registry().with(logs).with(traces)
}

/// What is said beside the log as a line of it, where its lines are JSON.
pub fn line(level: Level, what: Value) -> Option<String> {
    if FORMAT.get() != Some(&LogFormat::Json) {
        return None;
    }
    let mut line = what;
    line["timestamp"] = json!(precise_now());
    line["level"] = level.as_str().into();
    line["target"] = "habeas".into();
    Some(line.to_string())
}

fn read(text: &str) -> Result<Targets, Stop> {
    if let Ok(level) = text.parse() {
        return Ok(ours(level));
    }
    let targets: Result<Targets, _> = text.parse();
    targets.map_err(|_| {
        Stop::usage("HABEAS_LOG does not fit")
            .advise("write a level (debug), or levels by crate (engine=debug,store=info)")
    })
}

fn ours(level: LevelFilter) -> Targets {
    let all = Targets::new().with_default(LevelFilter::WARN);
    OURS.iter().fold(all, |targets, name| targets.with_target(*name, level))
}
