//! File names, rebuilt from hostile text.

use super::*;

#[test]
fn no_text_becomes_a_path() {
    let hostile = [
        "../../etc/passwd",
        "..\\..\\windows\\system32",
        "/etc/shadow",
        "C:\\x",
        ".bashrc",
        "a\0b",
        "\u{202e}gpj.exe",
        "traits.json/../../x",
        "",
        "..",
        "~root",
        "con",
        "LPT1",
        "x\n\r",
    ];
    for text in hostile {
        let name = safe(text);
        assert!(!name.is_empty() && name.len() <= LONGEST + 1, "{text:?} -> {name:?}");
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        assert!(name.chars().all(is_plain), "{text:?} -> {name:?}");
        assert!(!RESERVED.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit())));
    }
}

#[test]
fn a_plain_name_stays_as_it_is() {
    assert_eq!(safe("traits"), "traits");
    assert_eq!(safe("spa_9x/external_ids"), "spa_9x-external_ids");
}

#[test]
fn no_two_names_of_a_folder_are_the_same() {
    let mut names = Names::default();
    assert_eq!(names.claim("Traits"), "traits");
    assert_eq!(names.claim("traits"), "traits-2");
    assert_eq!(names.claim("traits-2"), "traits-2-2");
    assert_eq!(names.claim("tr/aits"), "tr-aits");
}
