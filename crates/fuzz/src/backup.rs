//! Backups, as somebody hands them back: the manifest, and what it stands for.
//!
//! `flip`, `cut` or `add` with a number changes a whole backup at one place, and then it is not put back.
//! All else is a manifest, read as it is and once more under a digest that fits. What is read leads to
//! nowhere but the backup's folder, and adds up.

use std::fs;
use std::path::{Component, Path};
use std::sync::{Arc, LazyLock};

use domain::digest::Running;
use domain::id::{IdSource, TimedIds};
use domain::{Digest, Instant};
use store::backup::{Existing, Manifest, put_back, verify, write};
use store::{Options, Store};
use tempfile::TempDir;

use crate::{Target, runtime};

pub(crate) const TARGET: Target = Target {
    name: "backup",
    play,
    seeds,
    words: &[
        "{\"habeas_backup\":1,",
        "\"made_at\":",
        "\"program\":",
        "\"schema\":",
        "end ",
        "habeas.db",
        "blobs/",
        "installation",
        "../",
        "18446744073709551615",
        "flip ",
        "cut ",
        "add ",
    ],
};

/// A backup that is whole, and keys that belong to it.
static WHOLE: LazyLock<TempDir> = LazyLock::new(|| runtime().block_on(made()));
/// A folder for manifests.
static FORGED: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.split_once(' ') {
        Some((how @ ("flip" | "cut" | "add"), number)) => {
            if let Ok(number) = number.trim().parse() {
                is_refused(how, number);
            }
        }
        _ => {
            is_within(input);
            is_within(&ended(input));
        }
    }
}

/// A manifest under the digest that fits it.
fn ended(input: &[u8]) -> Vec<u8> {
    let mut text = input.to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mut digest = Running::default();
    digest.add(&text);
    text.extend(format!("end {}\n", digest.finish()).bytes());
    text
}

fn is_within(manifest: &[u8]) {
    let folder = FORGED.path();
    fs::write(folder.join("manifest"), manifest).unwrap();
    let Ok(manifest) = Manifest::read(folder) else { return };
    let lines: Vec<_> = manifest.lines(folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines.len() as u64, manifest.n_files);
    assert_eq!(
        lines.iter().map(|line| u128::from(line.n_bytes)).sum::<u128>(),
        manifest.n_bytes.into()
    );
    for line in &lines {
        let mut parts = Path::new(&line.path).components();
        assert!(
            parts.all(|part| matches!(part, Component::Normal(_))),
            "it leads out of the backup"
        );
    }
}

/// Holds that a backup is not put back once a byte of it is another, missing or too many.
fn is_refused(how: &str, number: usize) {
    let (backup, keys, data) =
        (WHOLE.path().join("backup"), WHOLE.path().join("keys"), WHOLE.path().join("back"));
    let files = ["manifest", "installation", "habeas.db"].map(|name| backup.join(name));
    let path = &files[number % files.len()];
    let before = fs::read(path).unwrap();
    let mut after = before.clone();
    // The last line's end says nothing.
    let at = (number / files.len()) % (before.len() - 1);
    match how {
        "flip" => after[at] ^= 1 << (number % 8),
        "cut" => after.truncate(at),
        _ => after.insert(at, b'x'),
    }
    fs::write(path, after).unwrap();
    let verified = verify(&backup, |_| {});
    let put = put_back(&backup, &data, &keys, |_| {});
    fs::write(path, before).unwrap();
    let is_refused = verified.is_err() && put.is_err();
    assert!(is_refused, "{how} at byte {at} of {} goes unnoticed", path.display());
}

async fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let now: Instant = "2026-11-22T12:00:00Z".parse().unwrap();
    let ids: Arc<dyn IdSource> = Arc::new(TimedIds::new(move || now, || [7; 8]));
    let at = |name| folder.path().join(name);
    let options = Options { data: at("data"), keys: at("keys"), database: None, bodies: None };
    let store = Store::open(&options, ids, now).await.unwrap();
    store.close().await;
    write(&options, &at("backup"), Existing::Refuse, (now, "test"), |_| {}).await.unwrap();
    folder
}

fn seeds() -> Vec<Vec<u8>> {
    let head =
        r#"{"habeas_backup":1,"made_at":"2026-11-22T12:00:00Z","program":"0.1.0","schema":1}"#;
    let digest = Digest::of(b"seed");
    let inputs = [
        format!("{head}\n{digest} 12 habeas.db\n{digest} 0 blobs/ab/cd\n"),
        format!("{head}\n{digest} 18446744073709551615 installation\n{digest} 1 habeas.db\n"),
        "flip 4711".to_owned(),
        "cut 7".to_owned(),
        "add 30000".to_owned(),
    ];
    inputs.map(String::into_bytes).into()
}
