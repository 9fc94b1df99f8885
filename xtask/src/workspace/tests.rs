//! Tests of the places.

use super::{executable, is_installed, root};

#[test]
fn the_root_holds_this_crate() {
    assert!(root().join("xtask/src/workspace.rs").is_file());
}

#[test]
fn a_program_that_is_not_there_is_not_installed() {
    assert!(is_installed("cargo"));
    assert!(!is_installed("no-such-program-as-this"));
}

#[test]
fn the_binary_is_found_among_the_messages_of_cargo() {
    let messages = concat!(
        "{\"reason\":\"compiler-artifact\",\"executable\":null}\n",
        "{\"reason\":\"compiler-artifact\",\"executable\":\"target/debug/habeas\"}\n",
        "{\"reason\":\"build-finished\",\"success\":true}\n",
    );
    assert_eq!(executable(messages), Some("target/debug/habeas".into()));
    assert_eq!(executable(""), None);
}
