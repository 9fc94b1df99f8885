//! Tests with small shell programs as victims.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Process, cpu_ticks, duration, peak_memory_bytes};

const LONG: Duration = Duration::from_secs(20);

/// A shell that runs `script`; its standard input stays open, so `cat` at its end waits for ever.
fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    Process::start("the shell", command.args(["-c", script]).stdin(Stdio::piped())).unwrap()
}

/// The letter by which the system says what a process is doing.
fn state(process: &Process) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    after_name.trim_start().chars().next().unwrap()
}

#[test]
fn the_wanted_line_is_found_among_others() {
    let process = shell("echo starting; echo ready at 7700; exec cat");
    let line = process.line(LONG, |line| line.starts_with("ready")).unwrap();
    assert_eq!(line, "ready at 7700");
}

#[test]
fn a_json_line_is_read() {
    let process = shell(r#"echo '{"control":{"base_url":"here"}}'; exec cat"#);
    let value: serde_json::Value = process.json_line(LONG).unwrap();
    assert_eq!(value["control"]["base_url"], "here");
}

#[test]
fn a_program_that_ends_without_the_line_is_told_from_one_that_is_slow() {
    let ended = shell("echo no").line(LONG, |line| line == "yes").unwrap_err();
    assert!(ended.to_string().contains("ended before"), "{ended}");
    let slow = shell("exec cat").line(Duration::from_millis(10), |_| true).unwrap_err();
    assert!(slow.to_string().contains("no such line within"), "{slow}");
}

#[test]
fn a_killed_program_had_no_chance_to_tidy_up() {
    let mut process = shell("trap 'echo tidied' EXIT; echo ready; cat");
    process.line(LONG, |line| line == "ready").unwrap();
    assert_eq!(process.kill().unwrap().signal(), Some(9));
}

#[test]
fn an_interrupted_program_may_end_in_its_own_way() {
    let mut process = shell("trap 'exit 3' INT; echo ready; while read -r _; do :; done");
    process.line(LONG, |line| line == "ready").unwrap();
    process.interrupt().unwrap();
    assert_eq!(process.wait(LONG).unwrap().code(), Some(3));
}

#[test]
fn a_suspended_program_stands_until_it_is_resumed() {
    let mut process = shell("echo ready; read -r _; echo went on");
    process.line(LONG, |line| line == "ready").unwrap();
    process.suspend().unwrap();
    assert_eq!(state(&process), 'T');
    drop(process.child.stdin.take());
    assert!(process.line(Duration::from_millis(10), |_| true).is_err());
    process.resume().unwrap();
    process.line(LONG, |line| line == "went on").unwrap();
    assert!(process.wait(LONG).unwrap().success());
}

#[test]
fn a_program_that_ends_while_it_should_run_is_noticed() {
    let error = shell("echo bye").run_for(LONG).unwrap_err();
    assert!(error.to_string().contains("ended by itself"), "{error}");
    let process = shell("exec cat");
    assert_eq!(process.run_for(Duration::from_millis(10)).unwrap(), [""; 0]);
}

#[test]
fn a_program_that_does_not_end_is_not_waited_for_for_ever() {
    let error = shell("exec cat").wait(Duration::from_millis(10)).unwrap_err();
    assert!(error.to_string().contains("hasn't ended within"), "{error}");
}

#[test]
fn work_shows_in_the_usage() {
    // The shell itself must stay: a program that takes its place begins with little memory.
    let big = "big=$(head -c 4000000 /dev/zero | tr '\\0' a)";
    let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let process = shell(&format!("{big}; {busy}; echo done; read -r _"));
    process.line(LONG, |line| line == "done").unwrap();
    let usage = process.usage().unwrap();
    assert!(usage.cpu > Duration::ZERO);
    assert!(usage.peak_memory_bytes >= 4_000_000, "{usage:?}");
}

#[test]
fn a_program_that_is_gone_has_no_usage() {
    let mut process = shell("exec cat");
    process.kill().unwrap();
    assert!(process.usage().is_err());
}

#[test]
fn a_dropped_process_is_dead() {
    let process = shell("exec cat");
    let folder = format!("/proc/{}", process.id());
    assert!(std::path::Path::new(&folder).exists());
    drop(process);
    assert!(!std::path::Path::new(&folder).exists());
}

#[test]
fn a_name_with_brackets_does_not_shift_the_fields() {
    let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0";
    assert_eq!(cpu_ticks(stat), Some(300));
    assert_eq!(duration(300, 100), Duration::from_secs(3));
}

#[test]
fn peak_memory_is_given_in_bytes() {
    assert_eq!(peak_memory_bytes("Name:\tcat\nVmHWM:\t    2048 kB\n"), Some(2_097_152));
    assert_eq!(peak_memory_bytes("Name:\tcat\n"), None);
}
