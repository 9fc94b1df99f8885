//! Files of requests, as people export them.
//!
//! Each row is taken or refused under its number, however the bytes arrive; what was taken is the same
//! once it was written and read again; no refusal repeats a cell.

use std::collections::BTreeSet;
use std::io::Read;

use domain::IdentifierKind;
use engine::operator::Draft;
use engine::operator::csv::{FileFault, Reader};

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "csv",
    play,
    seeds,
    words: &[
        "right",
        "email",
        "scope",
        "external_id",
        "id.x",
        "deletion",
        "\"",
        "\"\"",
        "\r\n",
        "\u{feff}",
    ],
};

/// The columns of a file in which every draft can be written.
const FIELDS: [&str; 10] = [
    "right",
    "scope",
    "jurisdiction",
    "brand",
    "subject_kind",
    "external_id",
    "received_at",
    "due_at",
    "verified_by",
    "verified_at",
];

type Rows = Vec<(u64, Option<Draft>)>;

fn play(file: &[u8]) {
    let whole = read(file);
    match (&whole, read(Drops(file))) {
        (Ok(one), Ok(other)) => assert!(*one == other, "how the bytes arrive changes what is read"),
        (Err(one), Err(other)) => assert_eq!(one.code(), other.code()),
        _ => panic!("how the bytes arrive decides whether the file is read"),
    }
    let Ok(rows) = whole else { return };
    let numbers = rows.iter().map(|(row, _)| *row);
    assert!(numbers.eq(2..2 + rows.len() as u64), "a row is missing, or there twice");
    if !file.contains(&b'"') {
        assert_eq!(rows.len() + 1, lines_of(file), "a line is no row");
    }
    let drafts = rows.iter().filter_map(|(_, draft)| draft.as_ref());
    // Cells of nothing but separators come to nothing, which would be a blank row.
    let drafts: Vec<_> = drafts.filter(|draft| **draft != Draft::default()).collect();
    again(&drafts);
}

fn read(from: impl Read) -> Result<Rows, FileFault> {
    let mut n_bytes = 0;
    let mut reader = Reader::open(from).inspect_err(|fault| hides(&fault.to_string()))?;
    let mut rows = Vec::new();
    while let Some((row, draft)) =
        reader.next_row().inspect_err(|fault| hides(&fault.to_string()))?
    {
        // Blank rows are used up together.
        assert!(reader.n_bytes() >= n_bytes, "bytes that were used up are left again");
        n_bytes = reader.n_bytes();
        rows.push((row, draft.inspect_err(|fault| hides(&fault.to_string())).ok()));
    }
    Ok(rows)
}

/// How many lines a file without quotations has; empty ones at its end are none.
fn lines_of(file: &[u8]) -> usize {
    let text: Vec<u8> = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).to_vec();
    let text =
        String::from_utf8(text).unwrap_or_default().replace("\r\n", "\n").replace('\r', "\n");
    text.trim_end_matches('\n').split('\n').count()
}

/// Holds that drafts stay what they are when they are written as a file and read again.
fn again(drafts: &[&Draft]) {
    let identifiers = drafts.iter().flat_map(|draft| &draft.identifiers);
    let kinds: BTreeSet<_> = identifiers.map(|one| &one.kind).collect();
    if kinds.is_empty() {
        return;
    }
    let mut header: Vec<String> = FIELDS.iter().map(ToString::to_string).collect();
    header.extend(kinds.iter().map(ToString::to_string));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).unwrap();
    for draft in drafts {
        writer.write_record(cells(draft, &kinds)).unwrap();
    }
    let rows = read(&*writer.into_inner().unwrap()).unwrap();
    assert_eq!(rows.len(), drafts.len(), "a row became another number of rows");
    for (draft, (_, read)) in drafts.iter().zip(rows) {
        let mut wanted = Draft::clone(draft);
        wanted.identifiers.sort_by(|one, other| one.kind.cmp(&other.kind));
        assert!(read == Some(wanted), "a draft changed when it was written and read again");
    }
}

fn cells(draft: &Draft, kinds: &BTreeSet<&IdentifierKind>) -> Vec<String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut cells = vec![
        draft.right.clone(),
        draft.scope.clone(),
        text(&draft.jurisdiction),
        text(&draft.brand),
        text(&draft.subject_kind),
        text(&draft.external_id),
        text(&draft.received_at),
        text(&draft.due_at),
        text(&draft.verified_by),
        text(&draft.verified_at),
    ];
    cells.extend(kinds.iter().map(|kind| {
        let values = draft.identifiers.iter().filter(|one| one.kind == **kind);
        values.map(|one| one.value.as_str()).collect::<Vec<_>>().join("|")
    }));
    cells
}

/// Gives a byte at a time, so that every boundary is met.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.len().min(into.len()).min(1);
        self.0.read(&mut into[..n])
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let files = [
        format!("right,email\ndeletion,{PERSONAL}\n"),
        format!(
            "\u{feff}right;scope;email;id.crm\r\nopt_out;sale;{PERSONAL}|b@example.com;7\r\n\r\n;;;\r\n"
        ),
        format!(
            "right,email,external_id,received_at\naccess,\"{PERSONAL}\",\"a \"\"b\"\"\nc\",2026-11-22\n"
        ),
        format!("right,email\r\n\r\n\r\n\r\naccess,{PERSONAL}\r\n"),
        format!("right,emial\ndeletion,{PERSONAL}\n"),
        format!("{PERSONAL},right\n\"deletion,{PERSONAL}\n"),
    ];
    files.map(String::into_bytes).into()
}
