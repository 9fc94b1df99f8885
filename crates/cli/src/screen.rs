//! The one way to a person's eyes: results on standard output, everything about them on standard
//! error, tables for people and JSON for programs.
//!
//! What a vendor or a file brought may hold control characters that would steer a terminal; they
//! are replaced here, so no command has to think of it.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use tracing::Level;

use crate::exit::{self, Stop};
use crate::logging;

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether results are JSON.
    pub json: bool,
}

impl Screen {
    /// A line (or several) of the result.
    pub fn line(&self, text: impl Display) {
        // A reader that went away (`| head`) is no failure of ours.
        let _ = writeln!(io::stdout().lock(), "{}", harmless(&text.to_string()));
    }

    /// A line beside the result: what is being done, what to know. Where the lines of the log are
    /// JSON, it is one of them.
    pub fn note(&self, text: impl Display) {
        let text = harmless(&text.to_string());
        aside(logging::line(Level::INFO, json!({"message": text})).unwrap_or(text));
    }

    /// The last line: what went wrong.
    pub fn fail(&self, error: &anyhow::Error) {
        let told = exit::json(error);
        aside(match logging::line(Level::ERROR, told.clone()) {
            Some(line) => line,
            // serde_json escapes control characters itself.
            None if self.json => told.to_string(),
            None => harmless(&exit::text(error)),
        });
    }

    /// The result for programs: one line of JSON.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        // serde_json escapes control characters itself.
        let text = serde_json::to_string(value).context("could not write the result as JSON")?;
        let _ = writeln!(io::stdout().lock(), "{text}");
        Ok(())
    }

    /// The result as a table.
    pub fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        self.line(table(head, rows));
    }

    /// Says what is waited for, and for how long by now, until the bar is cleared; one line where
    /// standard error is no terminal.
    pub fn wait_for(&self, what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            self.note(format!("{what}…"));
            return bar;
        }
        // The template is a constant of ours; should it not fit, the plain one does.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}… {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// Whether a person sits at the terminal and can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether results go to a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Asks yes or no; where nobody can be asked, says which flag answers.
    pub fn confirm(&self, question: &str, flag: &str) -> anyhow::Result<bool> {
        if !self.can_ask() {
            return Err(Stop::usage("nobody is there to be asked")
                .advise(format!("add {flag} to go on without a question"))
                .into());
        }
        dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false)
            // Not at the first key: what was typed ahead must not confirm a deletion.
            .wait_for_newline(true)
            .interact()
            .context("could not ask")
    }
}

fn aside(line: impl Display) {
    // Nobody is left to be told that standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A line below the head and nothing else: rows of several lines stay readable, columns too.
const LINES: TableStyle =
    presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// A table as text, as wide as the terminal where there is one.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(LINES);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    table.set_header(head.iter().map(ToString::to_string));
    for row in rows {
        table.add_row(row.into_iter().map(|cell| harmless(&cell)));
    }
    // Ids and names stay in one piece, to be copied.
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.to_string()
}

/// Columns of the terminal; 100 where there is none.
pub fn width() -> u16 {
    const WITHOUT_TERMINAL: u16 = 100;
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col >= 40 => size.ws_col,
        _ => WITHOUT_TERMINAL,
    }
}

/// The text without characters that steer a terminal or reverse the reading direction.
pub fn harmless(text: &str) -> String {
    let is_bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }).collect()
}
