//! Packages made of hostile and of very many records, opened again by another program.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use serde_json::{Value, json};

use super::*;

fn contents() -> Contents {
    Contents {
        request: "req_1".into(),
        right: "access".into(),
        received_at: "2026-11-01".into(),
        written_at: "2026-11-22".into(),
        written_unix: 1_795_000_000,
        systems: vec![System {
            name: "../segment".into(),
            connector: "Segment".into(),
            answer: "done".into(),
            bodies: vec![0],
            ..System::default()
        }],
        ..Contents::default()
    }
}

fn line(file: &str, record: &Value) -> String {
    format!("{}\n", json!({"file": file, "record": record}))
}

fn packed(contents: Contents, body: &str) -> (Vec<u8>, Packed) {
    let body = body.to_owned();
    let mut open = |_| Ok(Box::new(Cursor::new(body.clone().into_bytes())) as Box<dyn Read>);
    pack(contents, &mut open, Vec::new(), &mut |_| {}).unwrap()
}

/// What another implementation finds in the archive: `{path: text}`.
fn unpacked(zip: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let name = file.name().unwrap().into_owned();
        files.insert(name, text);
    }
    files
}

#[test]
fn everything_collected_is_in_the_package() {
    let body = [
        line("traits", &json!({"plan": "gold", "n": 1})),
        line("events", &json!({"event": "Order Completed"})),
        line("traits", &json!({"plan": "silver", "ä": "ö"})),
        line("notes", &json!("only the last 14 days of events")),
    ]
    .concat();
    let (zip, summary) = packed(contents(), &body);
    assert_eq!((summary.n_files, summary.n_records), (2, 3));
    let files = unpacked(&zip);
    let traits: Value = serde_json::from_str(&files["data/segment/traits.json"]).unwrap();
    assert_eq!(traits, json!([{"plan": "gold", "n": 1}, {"plan": "silver", "ä": "ö"}]));
    let page = &files["index.html"];
    assert!(page.contains("only the last 14 days of events"));
    assert!(page.contains("silver") && page.contains("Order Completed"));
    assert!(files.contains_key("README.txt"));
}

#[test]
fn the_list_of_files_holds_their_true_digests() {
    let (zip, summary) = packed(contents(), &line("traits", &json!({"a": 1})));
    let files = unpacked(&zip);
    let text = &files["manifest.json"];
    assert_eq!(summary.manifest, Digest::of(text.as_bytes()));
    let manifest: Value = serde_json::from_str(text).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len(), files.len() - 1);
    for file in listed {
        let content = &files[file["path"].as_str().unwrap()];
        assert_eq!(file["sha256"], Digest::of(content.as_bytes()).to_string());
        assert_eq!(file["size_bytes"], content.len());
    }
}

#[test]
fn a_file_name_of_a_vendor_never_leaves_the_folder() {
    let names = ["../../../etc/passwd", "/abs", "..\\..\\win", "a/../../b", "", "CON", "con"];
    let body: String = names.iter().map(|name| line(name, &json!({"a": 1}))).collect();
    let (zip, summary) = packed(contents(), &body);
    assert_eq!(summary.n_records, 7);
    for path in unpacked(&zip).keys().filter(|path| path.contains('/')) {
        let name = path.strip_prefix("data/segment/").unwrap().strip_suffix(".json").unwrap();
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{path}");
    }
}

#[test]
fn a_record_can_not_become_markup() {
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}";
    let mut contents = contents();
    contents.asked_by = vec![("email".into(), evil.into())];
    contents.systems[0].notes.push(evil.into());
    contents.systems[0].answer = evil.into();
    let body = line(evil, &json!({evil: evil, "nested": {"a": [evil]}}));
    let files = unpacked(&packed(contents, &body).0);
    let page = &files["index.html"];
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
    assert!(page.contains("script"), "it is shown, as text");
}

#[test]
fn more_files_than_a_reader_can_bear_share_one() {
    let body: String = (0..300).map(|n| line(&format!("f{n}"), &json!({"n": n}))).collect();
    let (zip, summary) = packed(contents(), &body);
    assert_eq!(summary.n_records, 300);
    let files = unpacked(&zip);
    assert!(files.len() < 210);
    let shared: Value = serde_json::from_str(&files["data/segment/more.json"]).unwrap();
    assert_eq!(shared.as_array().unwrap().len(), 100);
}

#[test]
fn a_body_that_is_not_ours_is_refused() {
    let mut open = |_| Ok(Box::new(&b"no json\n"[..]) as Box<dyn Read>);
    let answer = pack(contents(), &mut open, Vec::new(), &mut |_| {});
    assert!(matches!(answer, Err(PackageError::Damaged { .. })));
}

/// A body that is made while it is read, and a sink that keeps only a count.
struct Endless {
    left: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.left -= 1;
            self.at = 0;
        }
        let n = into.len().min(self.line.len() - self.at);
        into[..n].copy_from_slice(&self.line[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

struct Counted(Rc<Cell<u64>>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn very_many_records_pass_without_being_held() {
    let n_records = 60_000;
    let line = line("events", &json!({"event": "x".repeat(200)})).into_bytes();
    let written = Rc::new(Cell::new(0));
    let before = peak_kb();
    let mut open = |_| {
        let body = Endless { left: n_records, at: line.len(), line: line.clone() };
        Ok(Box::new(body) as Box<dyn Read>)
    };
    let (_, summary) = pack(contents(), &mut open, Counted(written.clone()), &mut |_| {}).unwrap();
    assert_eq!(summary.n_records, n_records);
    assert!(written.get() > 0);
    // These records are about 14 MB; nearly nothing of that may stay.
    assert!(peak_kb() - before < 4 * 1024, "{} kB more", peak_kb() - before);
}

/// The most memory this process has had, in kB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
