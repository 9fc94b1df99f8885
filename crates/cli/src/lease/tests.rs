//! Holders: the living are not taken for dead, and the dead are known.

use super::holder;

#[test]
fn this_process_is_not_gone() {
    let me = holder().unwrap();
    assert!(!(me.is_gone)(&me.name));
    assert!(me.info.starts_with("pid "));
}

#[test]
fn a_process_that_ended_is_gone() {
    let me = holder().unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let mut parts: Vec<String> = me.name.split('/').map(str::to_owned).collect();
    parts[2] = child.id().to_string();
    child.wait().unwrap();
    assert!((me.is_gone)(&parts.join("/")));
}

#[test]
fn a_pid_that_was_used_again_does_not_keep_a_lease_alive() {
    let me = holder().unwrap();
    let mut parts: Vec<String> = me.name.split('/').map(str::to_owned).collect();
    parts[3] = "1".to_owned();
    assert!((me.is_gone)(&parts.join("/")));
}

#[test]
fn what_can_t_be_seen_counts_as_alive() {
    let me = holder().unwrap();
    let mut parts: Vec<String> = me.name.split('/').map(str::to_owned).collect();
    parts[1] = "0".to_owned();
    assert!(!(me.is_gone)(&parts.join("/")), "a process of another container");
    assert!(!(me.is_gone)("somebody"));
}

#[test]
fn the_time_of_leases_goes_forward() {
    let me = holder().unwrap();
    let (first, second) = (me.time(), me.time());
    assert_eq!(first.boot, second.boot);
    assert!(first.millis <= second.millis);
}
