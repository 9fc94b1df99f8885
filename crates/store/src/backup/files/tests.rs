//! Folders that are not finished.

use super::*;

#[test]
fn two_who_fill_one_folder_do_not_share_it_and_what_is_not_ours_stays() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("backup.part");
    let first = Unnamed::begin(&path).unwrap();
    assert!(Unnamed::begin(&path).is_err(), "it is being filled");
    assert!(path.exists());
    drop(first);
    assert!(!path.exists());
    // A crash leaves the marker, and no lock on it.
    fs::create_dir(&path).unwrap();
    fs::write(path.join(MARKER), "").unwrap();
    let name = root.path().join("backup");
    fs::create_dir(&name).unwrap();
    let before = root.path().join("backup.before");
    assert!(Unnamed::begin(&path).unwrap().name(&name, &before).is_err(), "it is no backup");
    assert!(name.exists() && !path.exists());
    fs::create_dir(&path).unwrap();
    assert!(Unnamed::begin(&path).is_err(), "it has no marker");
    assert!(path.exists());
}
