//! What is heard costs something; what nobody wants must not.

use clap::Parser as _;

use super::*;
use crate::traces::Collector;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    collector: Collector,
}

/// The level down to which anything is heard.
fn heard(args: &[&str]) -> Option<LevelFilter> {
    let line = Line::parse_from([&["habeas"], args].concat());
    let traces = line.collector.traces().unwrap().map(|(gatherer, _)| gatherer);
    let logs = fmt::layer().with_filter(ours(LevelFilter::WARN));
    hearing(logs, traces).max_level_hint()
}

#[test]
fn spans_cost_nothing_where_nobody_gathers_them() {
    assert_eq!(heard(&["--otlp-endpoint", ""]), Some(LevelFilter::WARN));
    assert_eq!(heard(&["--otlp-endpoint", "http://127.0.0.1:1"]), Some(LevelFilter::INFO));
}
