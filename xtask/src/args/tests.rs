//! Tests of the command line.

use super::{Args, Misuse};

fn args(line: &str) -> Args {
    Args::new(line.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_and_values_are_taken_in_any_order() {
    let mut args = args("torture --quick --rounds 5");
    assert_eq!(args.word().as_deref(), Some("torture"));
    assert_eq!(args.value("--rounds").unwrap(), Some(5_u32));
    assert!(args.flag("--quick"));
    assert!(!args.flag("--json"));
    args.end().unwrap();
}

#[test]
fn a_flag_is_not_a_word() {
    assert_eq!(args("--json start").word(), None);
}

#[test]
fn what_nobody_takes_is_refused() {
    let error = args("--colour").end().unwrap_err();
    assert!(error.is::<Misuse>());
    assert!(error.to_string().contains("--colour"));
}

#[test]
fn a_value_that_is_missing_or_no_number_is_refused() {
    assert!(args("--rounds").value::<u32>("--rounds").unwrap_err().is::<Misuse>());
    assert!(args("--rounds many").value::<u32>("--rounds").unwrap_err().is::<Misuse>());
}
