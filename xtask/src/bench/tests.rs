//! Tests of the figures' form and of what can be measured without the program.

use std::time::Duration;

use super::binary_size::megabytes;
use super::start::median;
use super::{BENCHES, Bound, Figure, chosen};
use crate::args::Misuse;

#[test]
fn a_bound_holds_up_to_its_value() {
    let holds = |value, bound| Figure::new("f", value, "s", bound, "").holds;
    assert!(holds(0.3, Bound::AtMost(0.3)));
    assert!(!holds(0.31, Bound::AtMost(0.3)));
    assert!(holds(1000.0, Bound::AtLeast(1000.0)));
    assert!(!holds(999.0, Bound::AtLeast(1000.0)));
    assert!(holds(7.0, Bound::None));
}

#[test]
fn a_figure_as_json_has_exactly_the_six_fields() {
    let figure = Figure::new("start", 0.02, "s", Bound::AtMost(0.3), "20 runs");
    let json = serde_json::to_value(&figure).unwrap();
    let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["bound", "figure", "holds", "setup", "unit", "value"]);
    assert_eq!(json["bound"], "at most 0.3");
    assert_eq!(json["holds"], true);
}

#[test]
fn the_setup_names_the_machine() {
    let figure = Figure::new("start", 0.02, "s", Bound::None, "20 runs");
    assert!(figure.setup.starts_with("20 runs; "), "{}", figure.setup);
    assert!(figure.setup.ends_with(" cores"), "{}", figure.setup);
}

#[test]
fn a_benchmark_is_chosen_by_its_name() {
    assert_eq!(chosen(None).unwrap().len(), BENCHES.len());
    assert_eq!(chosen(Some("start")).unwrap()[0].name, "start");
    assert!(chosen(Some("speed")).unwrap_err().is::<Misuse>());
}

#[test]
fn a_median_lies_in_the_middle() {
    let seconds = |all: &[u64]| all.iter().map(|n| Duration::from_secs(*n)).collect();
    assert_eq!(median(seconds(&[9, 1, 2])).unwrap(), Duration::from_secs(2));
    assert!(median(Vec::new()).is_err());
}

#[test]
fn a_megabyte_is_a_million_bytes() {
    assert!((megabytes(40_000_000) - 40.0).abs() < f64::EPSILON);
}
