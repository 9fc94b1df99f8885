//! Exit codes by kind of error, and what a person reads.

use std::io;

use anyhow::Context;
use engine::EngineError;
use engine::operator::OperatorError;
use engine::operator::csv::FileFault;
use engine::operator::import::ImportError;
use store::StoreError;

use super::{Exit, Stop, json, of, text};

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
        "habeas: no (E-SET-004)\n  grant it\n  more: habeas explain E-SET-004"
    );
    let error = anyhow::Error::new(ImportError::File(FileFault::Empty));
    assert!(text(&error).ends_with("(E-CSV-005)\n  more: habeas explain E-CSV-005"));
    let error = OperatorError::NotFound { what: "request" }.into();
    assert_eq!(
        text(&error),
        "habeas: there is no such request (E-ACT-001)\n  see `habeas request list`\n  more: habeas explain E-ACT-001"
    );
}

#[test]
fn a_program_reads_the_same_in_fields() {
    let error = anyhow::Error::new(ImportError::File(FileFault::Empty));
    let told = json(&error);
    assert_eq!(
        (&told["code"], &told["help"]),
        (&"E-CSV-005".into(), &"docs/errors/E-CSV-005.md".into())
    );
    assert!(told["message"].as_str().unwrap().starts_with("nothing was imported: the file is"));
    let told = json(&Stop::usage("it does not fit").advise("write it so").into());
    assert_eq!(told["advice"], "write it so");
    assert!(told["code"].is_null() && told["help"].is_null());
}

#[test]
fn a_full_disk_is_told_once_with_what_to_do() {
    let full = || StoreError::DiskFull {
        attempt: "commit",
        cause: io::Error::other(io::Error::other("disk I/O error")).into(),
    };
    let by_the_engine: anyhow::Result<()> = Err(EngineError::Store(full()).into());
    let by_the_engine = by_the_engine.context("the engine stopped").unwrap_err();
    for error in [full().into(), OperatorError::Store(full()).into(), by_the_engine] {
        assert_eq!(of(&error), Exit::Failed);
        let text = text(&error);
        assert_eq!(text.matches("no disk space is left to commit").count(), 1, "{text}");
        assert_eq!(text.matches("disk I/O error").count(), 1, "{text}");
        assert!(text.contains("\n  what was saved before is safe; make room"), "{text}");
    }
}
