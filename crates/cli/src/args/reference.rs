//! The page of the documentation with every command, its arguments and flags, made from the command
//! line itself.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};

use super::Cli;

const HEAD: &str = "# Every command

Each command with its arguments and flags, as the program itself tells them with `--help`; this page is made from it.
What they are good for, and in which order: [The command line](../cli.md).
";

/// The page, as Markdown.
pub fn page() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = HEAD.to_owned();
    page += "\n## Everywhere\n";
    rows(&mut page, cli.get_arguments().filter(|arg| arg.is_global_set()));
    for command in cli.get_subcommands() {
        add(&mut page, command, &format!("habeas {}", command.get_name()));
    }
    page
}

/// A command without commands of its own is a section; others are what theirs are.
fn add(page: &mut String, command: &Command, name: &str) {
    if command.is_hide_set() {
        return;
    }
    if command.has_subcommands() {
        for inner in command.get_subcommands() {
            add(page, inner, &format!("{name} {}", inner.get_name()));
        }
        return;
    }
    let about = sentence(command.get_about());
    let usage = command.clone().bin_name(name).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").lines().map(str::trim_end);
    let usage = usage.collect::<Vec<_>>().join("\n");
    // Writing to a text never fails.
    let _ = write!(page, "\n## {name}\n\n{about}\n\n```text\n{usage}\n```\n");
    rows(page, command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set()));
}

fn rows<'a>(page: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let mut args =
        args.filter(|arg| arg.get_id() != "help" && arg.get_id() != "version").peekable();
    if args.peek().is_none() {
        return;
    }
    *page += "\n| argument | what |\n| --- | --- |\n";
    for arg in args {
        let _ = writeln!(page, "| `{}` | {} |", escaped(&name(arg)), escaped(&what(arg)));
    }
}

/// An argument as it is typed: `FILE`, `--days DAYS`, `-v, --verbose`.
fn name(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let values = values.collect::<Vec<_>>().join(" ");
    let flags = [
        arg.get_short().map(|short| format!("-{short}")),
        arg.get_long().map(|long| format!("--{long}")),
    ];
    let flags = flags.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match (flags.is_empty(), arg.get_action().takes_values()) {
        (true, _) => values,
        (false, true) => format!("{flags} {values}"),
        (false, false) => flags,
    }
}

/// What it is for, the words that it takes, and what it is without.
fn what(arg: &Arg) -> String {
    let mut what = sentence(arg.get_help());
    if !arg.get_action().takes_values() {
        return what;
    }
    let words = arg.get_possible_values();
    let words: Vec<_> = words.iter().map(|word| format!("`{}`", word.get_name())).collect();
    if !words.is_empty() {
        let _ = write!(what, " One of {}.", words.join(", "));
    }
    let usual = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let usual = usual.collect::<Vec<_>>().join(" ");
    if !usual.is_empty() {
        let _ = write!(what, " `{usual}` without it.");
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(what, " Or `{}`.", variable.to_string_lossy());
    }
    what
}

/// A help text as a sentence; clap leaves its end off.
fn sentence(help: Option<&StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default().replace('\n', " ");
    if text.is_empty() || text.ends_with('.') { text } else { text + "." }
}

/// Text that stays within its cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
