//! Logs: on standard error, for people or as JSON. Never a personal value, never a secret: what
//! is logged holds opaque ids only, and other crates than ours are heard from warnings up.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::environment;
use crate::exit::Stop;

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

/// Starts logging. `HABEAS_LOG` (`debug`, or `engine=debug,store=info`) beats the flags.
pub fn start(verbose: u8, format: LogFormat) -> Result<(), Stop> {
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
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
    Ok(())
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
