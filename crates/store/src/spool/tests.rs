//! What passes through is read as it was written, lies nowhere in plain, and is gone afterwards.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::blobs::CHUNK_LEN;
use crate::promises::setup::setup;

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(fs::read(&path).unwrap()),
        }
    }
    all
}

#[tokio::test]
async fn a_spool_is_read_twice_and_leaves_nothing() {
    let world = setup().await;
    let before = files(&world.data()).len();
    let mut writer = world.store.spool().unwrap();
    let text = "ada@example.com;".repeat(CHUNK_LEN / 8);
    writer.write_all(text.as_bytes()).unwrap();
    let spool = writer.finish().unwrap();
    assert_eq!(spool.size_bytes(), text.len() as u64);
    for _ in 0..2 {
        let mut read = String::new();
        spool.open().unwrap().read_to_string(&mut read).unwrap();
        assert!(read == text);
    }
    assert_eq!(files(&world.data()).len(), before, "it has no name");
    drop(spool);
    assert_eq!(files(&world.data()).len(), before);
}

#[tokio::test]
async fn a_spool_that_is_given_up_leaves_nothing() {
    let world = setup().await;
    let before = files(&world.data()).len();
    let mut writer = world.store.spool().unwrap();
    writer.write_all(&[7; CHUNK_LEN * 2]).unwrap();
    drop(writer);
    assert_eq!(files(&world.data()).len(), before);
}
