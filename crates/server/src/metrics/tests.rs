//! What is measured is what the documentation lists, and it is written as Prometheus reads it.

use std::path::Path;
use std::time::Duration;

use engine::meters::Durations;

use super::text::Kind;
use super::*;

#[test]
fn the_documentation_lists_what_is_measured() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (list, _) = text.split_once("## What to watch").unwrap();
    let rows = list.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<String> = rows.map(str::to_owned).collect();
    let row = |family: &text::Family| {
        let labels = listed.iter().find(|row| row.contains(&format!("| `{}` |", family.name)));
        let labels = labels.and_then(|row| row.split('|').nth(3)).unwrap_or(" ? ");
        format!("| `{}` | {} |{labels}| {} |", family.name, family.kind.word(), family.help)
    };
    let measured: Vec<String> = families::ALL.iter().map(row).collect();
    assert_eq!(listed, measured, "make docs/metrics.md say:\n{}", measured.join("\n"));
}

#[test]
fn samples_are_written_as_prometheus_reads_them() {
    let mut page = Page::default();
    let labels = [("connection", "a \"quoted\"\nname")];
    page.add(&f::PAUSED, &labels, 1.0);
    page.add(&f::PAUSED, &[("connection", "other")], 0.0);
    let durations = Durations::<2>::default();
    durations.note(["segment", "poll"], Duration::from_millis(7));
    durations.note(["segment", "poll"], Duration::from_secs(7_200));
    for ([connector, step], of) in &durations.read() {
        page.add_histogram(&f::STEPS, &[("connector", connector), ("step", step)], of);
    }
    let text = page.into_text();
    let paused = "# TYPE habeas_connection_paused gauge\n\
                  habeas_connection_paused{connection=\"a \\\"quoted\\\"\\nname\"} 1\n\
                  habeas_connection_paused{connection=\"other\"} 0\n";
    assert!(text.contains(paused), "{text}");
    for line in [
        "# TYPE habeas_step_seconds histogram",
        "habeas_step_seconds_bucket{connector=\"segment\",step=\"poll\",le=\"0.005\"} 0",
        "habeas_step_seconds_bucket{connector=\"segment\",step=\"poll\",le=\"0.01\"} 1",
        "habeas_step_seconds_bucket{connector=\"segment\",step=\"poll\",le=\"3600\"} 1",
        "habeas_step_seconds_bucket{connector=\"segment\",step=\"poll\",le=\"+Inf\"} 2",
        "habeas_step_seconds_sum{connector=\"segment\",step=\"poll\"} 7200.007",
        "habeas_step_seconds_count{connector=\"segment\",step=\"poll\"} 2",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
    assert_eq!(f::STEPS.kind, Kind::Histogram);
}
