//! The page that a person reads: everything bounded and escaped, nothing that runs.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use crate::contents::Contents;
use crate::error::PackageError;
use crate::survey::Surveyed;

/// How many records of a file the page shows; the rest is in the JSON file.
const MOST_ROWS: usize = 50;
/// How many fields of a record.
const MOST_COLUMNS: usize = 12;
/// How many characters of a field.
const LONGEST_CELL: usize = 300;
/// How many characters of a field that holds further fields.
const LONGEST_OUTLINE: usize = 1_000;
/// How many lines of one.
const MOST_LINES: usize = 60;
/// How many characters of a field's name.
const LONGEST_NAME: usize = 60;

/// The first records of a file, cut to what a page can show.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    columns: Vec<String>,
    has_more_columns: bool,
    rows: Vec<BTreeMap<String, String>>,
}

impl Sample {
    /// Takes a record, if there is room for one more.
    pub(crate) fn take(&mut self, record: &str) {
        if self.rows.len() >= MOST_ROWS {
            return;
        }
        let fields = match serde_json::from_str(record) {
            Ok(Value::Object(fields)) => fields.into_iter().collect(),
            Ok(value) => vec![("value".to_owned(), value)],
            // Deeper than a reader can follow, or a number beyond every machine's.
            Err(_) => vec![("value".to_owned(), Value::from("(only in the JSON file)"))],
        };
        let mut row = BTreeMap::new();
        for (name, value) in fields {
            let name = shown(&name, LONGEST_NAME);
            if !self.columns.contains(&name) {
                if self.columns.len() == MOST_COLUMNS {
                    self.has_more_columns = true;
                    continue;
                }
                self.columns.push(name.clone());
            }
            row.insert(name, cell(&value));
        }
        self.rows.push(row);
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text, LONGEST_CELL),
        Value::Array(_) | Value::Object(_) => shown(&outline(value).join("\n"), LONGEST_OUTLINE),
        other => shown(&other.to_string(), LONGEST_CELL),
    }
}

/// A value as lines: a list with a dot before each of its values, a record with a line per field,
/// and what is nested below its name.
fn outline(value: &Value) -> Vec<String> {
    let mut lines = match value {
        Value::Null => vec!["–".to_owned()],
        Value::String(text) => vec![shown(text, LONGEST_CELL)],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Array(all) if all.is_empty() => vec!["(none)".to_owned()],
        Value::Object(all) if all.is_empty() => vec!["(none)".to_owned()],
        Value::Array(all) => {
            let values = all.iter().take(MOST_LINES).map(outline);
            values.flat_map(|lines| below("• ", lines)).collect()
        }
        Value::Object(all) => all.iter().take(MOST_LINES).flat_map(field).collect(),
    };
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        lines.push("…".to_owned());
    }
    lines
}

fn field((name, value): (&String, &Value)) -> Vec<String> {
    let name = shown(name, LONGEST_NAME);
    match outline(value).as_slice() {
        [one] if !value.is_array() && !value.is_object() => vec![format!("{name}: {one}")],
        lines => {
            let below = lines.iter().map(|line| format!("  {line}"));
            std::iter::once(format!("{name}:")).chain(below).collect()
        }
    }
}

/// Lines with a mark before the first, and the others below it.
fn below(mark: &str, lines: Vec<String>) -> Vec<String> {
    let lines = lines.into_iter().enumerate();
    lines.map(|(n, line)| format!("{}{line}", if n == 0 { mark } else { "  " })).collect()
}

/// Text as it may be shown: cut, and without characters that hide or turn around what follows.
fn shown(text: &str, longest: usize) -> String {
    let harmless = |c: char| {
        let hides = c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hides { '\u{fffd}' } else { c }
    };
    let mut out: String = text.chars().take(longest).map(harmless).collect();
    if text.chars().nth(longest).is_some() {
        out.push('…');
    }
    out
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    contents: &'a Contents,
    asked_by: Vec<(&'a str, String)>,
    systems: Vec<SystemView<'a>>,
}

struct SystemView<'a> {
    name: String,
    connector: &'a str,
    answer: String,
    notes: Vec<String>,
    files: Vec<FileView<'a>>,
}

struct FileView<'a> {
    name: String,
    path: &'a str,
    n_records: u64,
    columns: &'a [String],
    rows: Vec<Vec<&'a str>>,
    more: Option<String>,
}

/// Makes the page.
pub(crate) fn index(contents: &Contents, surveyed: &[Surveyed]) -> Result<String, PackageError> {
    let systems = contents.systems.iter().zip(surveyed).map(|(system, surveyed)| SystemView {
        name: shown(&system.name, LONGEST_NAME),
        connector: &system.connector,
        answer: shown(&system.answer, LONGEST_CELL),
        notes: system.notes.iter().map(|note| shown(note, LONGEST_CELL)).collect(),
        files: surveyed.files.iter().map(file_view).collect(),
    });
    let systems = systems.collect();
    let asked_by = contents.asked_by.iter();
    let asked_by =
        asked_by.map(|(kind, value)| (kind.as_str(), shown(value, LONGEST_CELL))).collect();
    Index { contents, asked_by, systems }.render().map_err(PackageError::Page)
}

fn file_view(file: &crate::survey::File) -> FileView<'_> {
    let sample = &file.sample;
    let rows = sample.rows.iter().map(|row| {
        let cells = sample.columns.iter();
        cells.map(|column| row.get(column).map_or("", String::as_str)).collect()
    });
    let n_hidden = file.n_records.saturating_sub(sample.rows.len() as u64);
    let more = match (n_hidden, sample.has_more_columns) {
        (0, false) => None,
        (0, true) => Some("Further fields".to_owned()),
        (n, false) => Some(format!("{n} further records")),
        (n, true) => Some(format!("{n} further records, and further fields,")),
    };
    FileView {
        name: shown(&file.given, LONGEST_NAME),
        path: &file.path,
        n_records: file.n_records,
        columns: &sample.columns,
        rows: rows.collect(),
        more,
    }
}

/// The text for those who open the archive without a browser.
pub(crate) fn readme(contents: &Contents) -> String {
    let mut out = format!(
        "This is the data held about you, as asked for in the request {} ({}).\n\
         It was put together on {}.\n\n",
        contents.request, contents.right, contents.written_at
    );
    for reservation in &contents.reservations {
        out.push_str(&format!("Please note: {reservation}.\n\n"));
    }
    out.push_str(
        "index.html     open it in any browser: what was asked, which systems answered,\n\
         \x20              and the data in tables\n\
         data/          all of the data, a folder per system, as JSON for programs\n\
         manifest.json  the list of all files with their SHA-256\n\n\
         Nothing in here is a program, and nothing is loaded from the internet.\n",
    );
    out
}
