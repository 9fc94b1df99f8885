//! The few marks of Markdown that a page needs, and how times and statements are put into words.

use std::time::Duration;

use connector_api::guide::{Basis, Fact};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A table, a line per row.
pub(super) fn table<Row>(
    head: impl IntoIterator<Item = &'static str>,
    rows: impl IntoIterator<Item = Row>,
) -> String
where
    Row: IntoIterator<Item: AsRef<str>>,
{
    let head: Vec<_> = head.into_iter().collect();
    let rule = vec!["---"; head.len()];
    let mut lines = line(head) + &line(rule);
    for row in rows {
        lines += &line(row);
    }
    lines
}

fn line(cells: impl IntoIterator<Item: AsRef<str>>) -> String {
    let cells = cells.into_iter().map(|cell| format!(" {} |", cell.as_ref().replace('|', "\\|")));
    format!("|{}\n", cells.collect::<String>())
}

/// A list, an item per fact.
pub(super) fn bullets(facts: &[Fact]) -> String {
    facts.iter().map(|it| format!("* {}\n", fact(it))).collect()
}

/// A statement and what it rests on.
pub(super) fn fact(it: &Fact) -> String {
    match it.basis {
        Basis::Documented(page) => format!("{} ([source]({page}))", it.text),
        Basis::Inferred => format!("{} (*inferred*)", it.text),
        Basis::Ours => it.text.to_owned(),
    }
}

/// A stretch of time: `6 hours`, `1 day`.
pub(super) fn time(length: Duration) -> String {
    let seconds = length.as_secs();
    let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")];
    let whole =
        units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, word) = whole.unwrap_or((1, "second"));
    let plural = if seconds == unit { "" } else { "s" };
    format!("{} {word}{plural}", number(seconds / unit))
}

/// A number with its thousands apart: `110,000`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
