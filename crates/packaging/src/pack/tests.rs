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
    pack(contents, &mut open, Vec::new()).unwrap()
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
    let answer = pack(contents(), &mut open, Vec::new());
    assert!(matches!(answer, Err(PackageError::Damaged { .. })));
}

/// A body that is made while it is read, and a sink that keeps only a count. Half-way through, the
/// body notes how much has been written by then.
struct Made {
    n: u64,
    line: Vec<u8>,
    at: usize,
    written: Rc<Cell<u64>>,
    at_half: Rc<Cell<u64>>,
}

const N_RECORDS: u64 = 20_000;

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.n == N_RECORDS {
                return Ok(0);
            }
            if self.n == N_RECORDS / 2 {
                self.at_half.set(self.written.get());
            }
            self.n += 1;
            self.at = 0;
            let noise = Digest::of(&self.n.to_be_bytes()).to_string();
            self.line = line("events", &json!({"id": self.n, "noise": noise})).into_bytes();
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
    let written = Rc::new(Cell::new(0));
    let at_half = Rc::new(Cell::new(0));
    let mut open = |_| {
        let (written, at_half) = (written.clone(), at_half.clone());
        let body = Made { n: 0, line: Vec::new(), at: 0, written, at_half };
        Ok(Box::new(body) as Box<dyn Read>)
    };
    let (_, summary) = pack(contents(), &mut open, Counted(written.clone())).unwrap();
    assert_eq!(summary.n_records, N_RECORDS);
    // What is read goes out as it comes: when half is read, about half is written.
    let share = at_half.get() * 100 / written.get();
    assert!((40..60).contains(&share), "{share} per cent");
}
