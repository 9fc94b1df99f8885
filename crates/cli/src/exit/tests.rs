//! Exit codes by kind of error, and what a person reads.

use anyhow::Context;
use engine::operator::OperatorError;
use engine::operator::csv::FileFault;
use engine::operator::import::ImportError;

use super::{Exit, Stop, of, text};

#[test]
fn the_codes_are_those_of_the_design() {
    let all = [
        (Exit::Done, 0),
        (Exit::Failed, 1),
        (Exit::Usage, 2),
        (Exit::LeftForPerson, 3),
        (Exit::Refused, 4),
        (Exit::Unreachable, 5),
    ];
    for (exit, code) in all {
        assert_eq!(exit.code(), code);
    }
}

#[test]
fn each_kind_of_error_has_its_code() {
    let check = |error: anyhow::Error, exit: Exit| assert_eq!(of(&error), exit, "{error:#}");
    check(Stop::unreachable("x").into(), Exit::Unreachable);
    check(OperatorError::NotFound { what: "request" }.into(), Exit::Usage);
    check(OperatorError::ChangedMeanwhile.into(), Exit::Failed);
    check(ImportError::File(FileFault::Empty).into(), Exit::Usage);
    check(anyhow::anyhow!("anything else"), Exit::Failed);
}

#[test]
fn a_code_is_found_below_what_was_attempted() {
    let below: anyhow::Result<()> = Err(Stop::refused("no").into());
    let error = below.context("could not connect").unwrap_err();
    assert_eq!(of(&error), Exit::Refused);
}

#[test]
fn the_text_is_one_line_and_the_advice_another() {
    let below: anyhow::Result<()> =
        Err(Stop::usage("it does not fit").advise("write it so").into());
    let error = below.context("could not read the file").unwrap_err();
    assert_eq!(text(&error), "habeas: could not read the file: it does not fit\n  write it so");
    let error = Stop::refused("no").code("E-SET-004").advise("grant it").into();
    assert_eq!(
        text(&error),
        "habeas: no (E-SET-004)\n  grant it\n  more: docs/errors/E-SET-004.md"
    );
    let error = anyhow::Error::new(ImportError::File(FileFault::Empty));
    assert!(text(&error).ends_with("(E-CSV-005)\n  more: docs/errors/E-CSV-005.md"));
    let error = OperatorError::NotFound { what: "request" }.into();
    assert_eq!(text(&error), "habeas: there is no such request\n  see `habeas request list`");
}
