//! Records of vendors, packed into the ZIP that a person gets.
//!
//! A line with a system's name, then a body as collecting leaves it, or with `=` before it records that
//! become one. Another program opens the package: every name in it is plain and there once, each file is
//! what the list of files says, all records are there, and the page has no element that is not ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use packaging::{Contents, System, pack};
use serde_json::{Value, json};

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "package",
    play,
    seeds,
    words: &[
        "{\"file\":\"",
        "\",\"record\":",
        "notes",
        "../",
        "..\\\\",
        "con",
        "<script>",
        "\\u202e",
        "\\u0000",
        "1e999",
        "more",
    ],
};

/// Every element of the page.
const ELEMENTS: &[&str] = &[
    "!doctype", "html", "head", "meta", "title", "style", "body", "main", "header", "footer",
    "section", "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption",
    "thead", "tbody", "tr", "th", "td", "a", "code", "pre", "strong", "em", "small", "span", "div",
    "br", "hr", "details", "summary",
];

fn play(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (system, rest) = input.split_at(at);
    let rest = rest.get(1..).unwrap_or_default();
    let system = String::from_utf8_lossy(system).into_owned();
    let body = match rest.strip_prefix(b"=") {
        Some(text) => collected(&String::from_utf8_lossy(text)),
        None => rest.to_vec(),
    };
    let contents = Contents {
        request: "req_1".to_owned(),
        right: "access".to_owned(),
        received_at: "2026-11-01".to_owned(),
        written_at: "2026-11-22".to_owned(),
        written_unix: 1_795_000_000,
        asked_by: vec![("email".to_owned(), system.clone())],
        systems: ["first", "second"]
            .map(|answer| System {
                name: system.clone(),
                connector: "Segment".to_owned(),
                answer: answer.to_owned(),
                notes: Vec::new(),
                bodies: vec![0],
            })
            .into(),
        ..Contents::default()
    };
    let mut open = |_| Ok(Box::new(Cursor::new(body.clone())) as Box<dyn Read>);
    match pack(contents, &mut open, Vec::new()) {
        Ok((zip, packed)) => is_whole(&unpacked(&zip), packed.n_records, packed.n_files),
        Err(error) => hides(&error.to_string()),
    }
}

/// Lines of `FILE RECORD` as collecting writes them; a record that is no JSON is a text.
fn collected(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| {
        let (file, record) = line.split_once(' ').unwrap_or((line, "null"));
        let record = serde_json::from_str(record).unwrap_or_else(|_| Value::from(record));
        format!("{}\n", json!({"file": file, "record": record}))
    });
    lines.collect::<String>().into_bytes()
}

fn unpacked(zip: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    let mut folded = BTreeSet::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let name = file.name().unwrap().into_owned();
        assert!(folded.insert(name.to_lowercase()), "a name is there twice");
        files.insert(name, text);
    }
    files
}

fn is_whole(files: &BTreeMap<String, String>, n_records: u64, n_files: usize) {
    let listed: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    let listed = listed["files"].as_array().unwrap();
    assert_eq!(listed.len() + 1, files.len());
    let (mut records, mut of_data) = (0, 0);
    for one in listed {
        let path = one["path"].as_str().unwrap();
        is_plain(path);
        let text = &files[path];
        assert_eq!(one["size_bytes"], text.len());
        assert_eq!(one["sha256"], domain::Digest::of(text.as_bytes()).to_string());
        if path.starts_with("data/") {
            let all: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap();
            assert_eq!(one["n_records"], all.len());
            records += all.len() as u64;
            of_data += 1;
        }
    }
    assert_eq!((records, of_data), (n_records, n_files));
    has_our_elements_only(&files["index.html"]);
    assert!(!files["index.html"].contains(['\u{202e}', '\u{0}']), "what turns text around is left");
}

fn is_plain(path: &str) {
    let is_safe = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.len() < 100
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    assert!(path.split('/').all(is_safe), "{path:?} is no plain name");
}

fn has_our_elements_only(page: &str) {
    for tag in page.split('<').skip(1) {
        let tag = tag.trim_start_matches('/');
        let name: String =
            tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '!').collect();
        let is_ours = ELEMENTS.contains(&name.to_lowercase().as_str());
        assert!(is_ours, "<{name}> is an element of somebody else");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let inputs = [
        format!(
            "shop\n=traits {{\"email\":\"{PERSONAL}\",\"n\":1}}\nevents [1,{{\"a\":null}}]\nnotes \"seen\""
        ),
        "../../etc\n=../x <script>alert(1)</script>\nCON {\"<b>\":\"\\u202eabc\"}\naux1 1e3"
            .to_owned(),
        "a\u{202e}b\u{0}<i>\n=a\u{202e} 1\nnotes \"\u{202e}<b>\"\n".to_owned(),
        "shop\n=a 1\nA 2\na/ 3\n".to_owned(),
        "a\n{\"file\":\"traits\",\"record\":{\"a\":1e999}}\n\n{\"file\":\"notes\",\"record\":7}\n"
            .to_owned(),
        format!("b\n{{\"file\":\"{PERSONAL}\",\"record\":"),
    ];
    inputs.map(String::into_bytes).into()
}
