//! A file is whole or not there.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_finished_draft_takes_the_place_of_what_was_there_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("p.zip");
    fs::write(&target, "old").unwrap();
    let mut draft = Draft::beside(&target).unwrap();
    draft.write_all(b"new").unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    draft.finish().unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["p.zip"]);
}

#[test]
fn a_draft_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut draft = Draft::beside(&folder.path().join("p.zip")).unwrap();
    draft.write_all(b"half").unwrap();
    drop(draft);
    assert!(names(folder.path()).is_empty());
    assert!(Draft::beside(&folder.path().join("nowhere/p.zip")).is_err());
}
