//! Tests of the counting and of the lines that are shown.

use super::sdk::major;
use super::suite::{cargo_summary, nextest_summary};
use super::{End, Tally, line, run};
use crate::args::{Args, Misuse};

fn tally(words: &str) -> Tally {
    let ends: Vec<End> = words
        .split_whitespace()
        .map(|word| match word {
            "passed" => End::Passed(String::new()),
            "failed" => End::Failed(String::new()),
            _ => End::Skipped(String::new()),
        })
        .collect();
    Tally::of(&ends)
}

#[test]
fn the_closing_line_counts_the_steps() {
    let tally = tally("passed failed skipped passed");
    assert_eq!(tally.line(), "2 passed, 1 failed, 1 skipped");
}

#[test]
fn a_skip_is_a_failure_only_where_skips_are_forbidden() {
    assert!(tally("passed skipped").is_good(false));
    assert!(!tally("passed skipped").is_good(true));
    assert!(tally("passed passed").is_good(true));
    assert!(!tally("passed failed").is_good(false));
}

#[test]
fn leaving_steps_out_while_forbidding_it_is_refused() {
    let words = ["--quick", "--no-skip"].map(str::to_owned);
    assert!(run(Args::new(words)).unwrap_err().is::<Misuse>());
}

#[test]
fn a_skip_and_its_reason_stand_out() {
    let shown = line("node sdk", &End::Skipped("node is missing".to_owned()));
    assert_eq!(shown, " SKIPPED  node sdk    node is missing");
    assert_eq!(line("tidy", &End::Passed(String::new())), "  passed  tidy");
}

#[test]
fn the_summary_of_nextest_is_found() {
    let summary = "     Summary [   0.042s] 12 tests run: 12 passed, 0 skipped";
    assert_eq!(nextest_summary(summary).as_deref(), Some("12 tests run: 12 passed, 0 skipped"));
    assert_eq!(nextest_summary("        PASS [   0.004s] xtask args::tests::a"), None);
}

#[test]
fn the_counts_of_cargo_test_are_found() {
    let summary = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured";
    assert_eq!(cargo_summary(summary), Some([3, 1]));
    assert_eq!(cargo_summary("running 4 tests"), None);
}

#[test]
fn the_age_of_node_is_its_first_number() {
    assert_eq!(major("v18.20.4\n"), Some(18));
    assert_eq!(major("v20.20.2"), Some(20));
    assert_eq!(major("unknown"), None);
}
