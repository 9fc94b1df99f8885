//! What only a folder of bodies promises, or can be shown to.

use std::io::Read as _;

use super::*;
use crate::blobs::CHUNK_LEN;
use crate::seal::new_key;

fn key() -> Arc<SealingKey> {
    Arc::new(SealingKey::new("req_1", &new_key().unwrap()).unwrap())
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 7 % 251) as u8).collect()
}

fn put(blobs: &Folder, id: &str, key: &Arc<SealingKey>, body: &[u8]) {
    let mut writer = blobs.create(id, Arc::clone(key)).unwrap();
    for part in body.chunks(10_007) {
        writer.write_all(part).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), body.len() as u64);
}

fn read(blobs: &Folder, id: &str, key: &Arc<SealingKey>) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    blobs.read(id, Arc::clone(key)).unwrap().unwrap().read_to_end(&mut read)?;
    Ok(read)
}

fn sweep(blobs: &Folder, is_known: impl Fn(&str) -> bool) -> u64 {
    let folders = blobs.folders().unwrap();
    folders.iter().map(|folder| blobs.sweep(folder, &is_known).unwrap()).sum()
}

fn open() -> (tempfile::TempDir, Folder) {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path().join("blobs")).unwrap();
    (root, blobs)
}

#[test]
fn a_body_of_any_length_reads_back() {
    let (_root, blobs) = open();
    let key = key();
    for (id, length) in [
        ("blb_00", 0),
        ("blb_01", 1),
        ("blb_02", CHUNK_LEN - 1),
        ("blb_03", CHUNK_LEN),
        ("blb_04", CHUNK_LEN + 1),
        ("blb_05", 3 * CHUNK_LEN + 17),
    ] {
        put(&blobs, id, &key, &body(length));
        assert_eq!(read(&blobs, id, &key).unwrap(), body(length), "{length} bytes");
    }
}

#[test]
fn a_body_that_was_cut_extended_or_reordered_does_not_read() {
    let (_root, blobs) = open();
    let key = key();
    put(&blobs, "blb_01", &key, &body(3 * CHUNK_LEN));
    let path = blobs.path("blb_01").unwrap();
    let whole = fs::read(&path).unwrap();
    let chunk = whole.len() / 3;
    let (first, rest) = whole.split_at(chunk);
    let (second, third) = rest.split_at(chunk);
    for (what, altered) in [
        ("cut at a chunk", [first, second].concat()),
        ("cut to nothing", Vec::new()),
        ("cut in a chunk", whole[..whole.len() - 9].to_vec()),
        ("reordered", [second, first, third].concat()),
        ("a chunk twice", [first, first, second, third].concat()),
        ("a chunk left out", [first, third].concat()),
        ("extended", [&whole[..], third].concat()),
        ("a length that is a lie", [&[0xff; 4], &whole[4..]].concat()),
    ] {
        fs::write(&path, altered).unwrap();
        assert!(read(&blobs, "blb_01", &key).is_err(), "{what}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(read(&blobs, "blb_01", &key).unwrap(), body(3 * CHUNK_LEN));
}

#[test]
fn a_body_that_took_the_place_of_another_does_not_read() {
    let (_root, blobs) = open();
    let key = key();
    put(&blobs, "blb_01", &key, b"one");
    put(&blobs, "blb_02", &key, b"two");
    fs::copy(blobs.path("blb_01").unwrap(), blobs.path("blb_02").unwrap()).unwrap();
    assert!(read(&blobs, "blb_02", &key).is_err());
}

#[test]
fn an_unfinished_body_is_never_seen_and_is_swept() {
    let (_root, blobs) = open();
    let key = key();
    let mut dropped = blobs.create("blb_01", Arc::clone(&key)).unwrap();
    dropped.write_all(&body(CHUNK_LEN * 2)).unwrap();
    assert!(blobs.read("blb_01", Arc::clone(&key)).unwrap().is_none());
    drop(dropped);
    assert_eq!(fs::read_dir(blobs.drafts()).unwrap().count(), 0);

    // As after a crash, where nothing was dropped.
    fs::write(blobs.drafts().join("blb_02"), "half a body").unwrap();
    put(&blobs, "blb_03", &key, b"known");
    put(&blobs, "blb_04", &key, b"forgotten");
    assert_eq!(sweep(&blobs, |id| id == "blb_03"), 0, "their writers may be alive");
    blobs.age();
    assert_eq!(sweep(&blobs, |id| id == "blb_03"), 2);
    assert_eq!(fs::read_dir(blobs.drafts()).unwrap().count(), 0);
    assert!(blobs.read("blb_03", Arc::clone(&key)).unwrap().is_some());
    assert!(blobs.read("blb_04", key).unwrap().is_none());
}

#[test]
fn a_body_that_another_holder_is_writing_outlives_a_sweep() {
    let (_root, blobs) = open();
    let key = key();
    put(&blobs, "blb_01", &key, b"left by a crash");
    blobs.age();
    let mut writing = blobs.create("blb_02", Arc::clone(&key)).unwrap();
    writing.write_all(b"not done yet").unwrap();
    put(&blobs, "blb_03", &key, b"finished, and about to be named");
    assert_eq!(sweep(&blobs, |_| false), 1);
    writing.finish().unwrap();
    assert_eq!(read(&blobs, "blb_02", &key).unwrap(), b"not done yet");
    assert_eq!(read(&blobs, "blb_03", &key).unwrap().len(), 31);
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let (_root, blobs) = open();
    let mut writer = blobs.create("blb_01", key()).unwrap();
    // The kernel's own full disk, in the place of the draft's file.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    writer.chunks = ChunkWriter::new(full, "blb_01", key());
    writer.write_all(&body(1000)).unwrap();
    assert!(matches!(writer.finish(), Err(StoreError::DiskFull { .. })));
    assert_eq!(fs::read_dir(blobs.drafts()).unwrap().count(), 0);
    assert!(blobs.read("blb_01", key()).unwrap().is_none());
}

#[test]
fn no_plain_text_reaches_the_disk() {
    let (_root, blobs) = open();
    put(&blobs, "blb_01", &key(), &b"planted-mark ".repeat(50_000));
    let written = fs::read(blobs.path("blb_01").unwrap()).unwrap();
    assert!(!written.windows(12).any(|window| window == b"planted-mark"));
}

#[test]
fn an_id_that_would_leave_the_folder_is_refused() {
    let (_root, blobs) = open();
    for id in ["", "a", "../../etc", "a/b", "..", "blb.01"] {
        assert!(blobs.create(id, key()).is_err(), "{id}");
    }
}
