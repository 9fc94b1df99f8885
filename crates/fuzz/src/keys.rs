//! The folder of keys, as a person may have copied or edited it: names, key files and lists.
//!
//! A line with a name, then the content of the key's file and of the list of purged requests. A name
//! leads nowhere else and has one after it; a file is a key or refused without being quoted; the lines
//! that stand in the list are the same once they were written again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::LazyLock;

use domain::{Instant, RequestId};
use store::keys::{KeyFolder, KeyName, KeySource as _};
use tempfile::TempDir;

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "keys",
    play,
    seeds,
    words: &[
        "epoch-2026-11",
        "credentials-1",
        "-4294967295",
        "habeas key 1\n",
        "refused ",
        "\t",
        "deleted",
    ],
};

/// Keys, and the data that they belong to.
static FOLDER: LazyLock<(TempDir, KeyFolder)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::open(&folder.path().join("keys"), &folder.path().join("data")).unwrap();
    (folder, keys)
});

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (name, content) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(name) = KeyName::parse(name) {
        assert!(!name.as_str().contains(['/', '.', '\\']), "it leads elsewhere");
        let next = name.next();
        assert!(next > name, "the next comes before");
        // Ours are short; one of 63 letters has none after it.
        let is_found_again = KeyName::parse(next.as_str()).as_ref() == Some(&next);
        assert!(is_found_again || name.as_str().len() > 60, "the next has no name");
        is_a_key_or_refused(&name, content.as_bytes());
    }
    lines_stand(content.as_bytes());
}

fn is_a_key_or_refused(name: &KeyName, content: &[u8]) {
    let (folder, keys) = &*FOLDER;
    let path = folder.path().join(format!("keys/{name}.key"));
    put(&path, content);
    match keys.get(name) {
        Ok(Some(_)) => {
            let is_named =
                content.split(|byte| *byte == b'\n').nth(1) == Some(name.as_str().as_bytes());
            assert!(is_named || content.contains(&b'\r'), "a key has another name");
        }
        Ok(None) => panic!("a key that is there is none"),
        Err(error) => hides(&error.to_string()),
    }
    fs::remove_file(path).unwrap();
}

fn lines_stand(content: &[u8]) {
    let (folder, keys) = &*FOLDER;
    let path = folder.path().join("keys/purged");
    put(&path, content);
    let Ok(once) = keys.purged() else { return };
    let text: String = once.iter().map(|line| format!("{line}\n")).collect();
    put(&path, text.as_bytes());
    let again = keys.purged().unwrap();
    let requests = |lines: &[store::keys::PurgedLine]| -> Vec<_> {
        lines.iter().map(|line| (line.request, line.at, line.version, line.how)).collect()
    };
    assert_eq!(requests(&once), requests(&again), "a line is lost when it is written again");
}

fn put(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn seeds() -> Vec<Vec<u8>> {
    let now: Instant = "2026-11-22T12:00:00Z".parse().unwrap();
    let request = RequestId::new(&domain::id::TimedIds::new(move || now, || [7; 8]));
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let inputs = [
        format!("epoch-2026-11\nhabeas key 1\nepoch-2026-11\n{key}\n"),
        format!("credentials-1\n{PERSONAL}\n"),
        format!(
            "epoch-2026-11-2\n{request} {now} 3 answered\tops\nrefused {request} 3\n{request} {now} 4 denied\tops\n"
        ),
    ];
    inputs.map(String::into_bytes).into()
}
