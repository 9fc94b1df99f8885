//! What a fuzzer says, read.

use super::run::{artifact, broken, counts};

fn said(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_last_line_of_progress_counts() {
    let text = "INFO: Seed: 1\n#2\tINITED cov: 12 ft: 13 corp: 1/1b\n#4711\tDONE   cov: 321 ft: 400\nDone 4711 runs";
    assert_eq!(counts(&said(text)), [4711, 321]);
    assert_eq!(counts(&said("")), [0, 0]);
}

#[test]
fn the_input_to_blame_is_named() {
    let text = "artifact_prefix='/f/'; Test unit written to /f/crash-0a1b\nBase64: AA==";
    assert_eq!(artifact(&said(text)).unwrap().to_str(), Some("/f/crash-0a1b"));
    assert_eq!(artifact(&said("Done 3 runs")), None);
}

#[test]
fn what_was_broken_is_told_without_the_noise_around_it() {
    let text = "INFO: Seed: 1\n#2\tINITED cov: 1\nthread 'main' panicked at a.rs:1:2:\nit grew\nnote: run with\n\
        ==7== ERROR: libFuzzer: deadly signal\nBase64: AA==";
    let told =
        ["thread 'main' panicked at a.rs:1:2:", "it grew", "==7== ERROR: libFuzzer: deadly signal"];
    assert_eq!(broken(&said(text)), told);
}
