//! What names a person, and the words, ids and digests of a command line, a URL or a body.
//!
//! A line of kind and region, then the value. What was normalised stays as it is when it comes again,
//! holds nothing that can't be seen, and is never shown whole; what was read as a word is written alike.

use std::fmt::Display;
use std::str::FromStr;

use domain::identifier::{Region, mask, normalise};
use domain::{Digest, IdentifierKind, RequestId, Right, Scope, TaskId};

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "identifiers",
    play,
    seeds,
    words: &["email", "phone", "id.", "DE", "US", "\u{200b}", "\u{301}", "\u{212a}", "İ", "xn--"],
};

/// The most bytes of a value as given, by `normalise`; one that is folded may grow a little.
const LONGEST: usize = 1024;

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (head, value) = text.split_once('\n').unwrap_or((&text, ""));
    let (kind, region) = head.split_once(' ').unwrap_or((head, ""));
    is_written_as_read::<IdentifierKind>(kind);
    is_written_as_read::<Digest>(value);
    is_written_as_read::<RequestId>(value);
    is_written_as_read::<TaskId>(value);
    for right in Right::ALL {
        if let Ok(scope) = Scope::parse(*right, value) {
            assert_eq!(Scope::parse(*right, &scope.to_string()).as_ref(), Ok(&scope));
        }
    }
    let region: Option<Region> = region.parse().ok();
    if let Ok(kind) = kind.parse() {
        is_normalised_once(&kind, value, region.as_ref());
    }
}

fn is_normalised_once(kind: &IdentifierKind, given: &str, region: Option<&Region>) {
    let value = match normalise(kind, given, region) {
        Ok(value) => value,
        Err(error) => return hides(&error.to_string()),
    };
    assert_eq!(
        normalise(kind, &value, None).as_deref(),
        Ok(&*value),
        "it changes when it comes again"
    );
    assert!(!value.chars().any(char::is_control), "a control character is left");
    assert!(!value.contains(['\u{200b}', '\u{feff}', '\u{202e}']), "what can't be seen is left");
    assert_eq!(value, value.trim());
    assert!(value.len() <= 2 * LONGEST, "it grew");
    if *kind == IdentifierKind::Phone {
        let digits = value.strip_prefix('+').unwrap();
        assert!((2..=15).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit()));
    }
    if value.chars().count() > 4 {
        let shown = mask(kind, &value);
        let shown = shown.split(" (").next().unwrap_or_default();
        assert!(!shown.contains(&value), "a value is shown whole");
    }
}

fn is_written_as_read<T: FromStr<Err: Display> + Display>(text: &str) {
    match text.parse::<T>() {
        Ok(one) => {
            let written = one.to_string();
            let again = written.parse::<T>().map(|one| one.to_string());
            assert!(again.is_ok_and(|again| again == written), "it is written as something else");
        }
        Err(error) => hides(&error.to_string()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let digest = Digest::of(b"seed");
    let inputs = [
        format!("email \n {PERSONAL} "),
        "email \nİstanbul@münchen.example".to_owned(),
        "phone DE\n030 901820".to_owned(),
        "phone \n+1 202 555 0123".to_owned(),
        "advertising_id \nABCDEF01-2345-6789-ABCD-EF0123456789".to_owned(),
        "id.crm \nCafe\u{301}".to_owned(),
        format!("user_id \n{digest}"),
        "anonymous_id \nreq_01h455vb4pex5vsknk084sn02q".to_owned(),
        "cookie \nsale|sharing".to_owned(),
    ];
    inputs.map(String::into_bytes).into()
}
