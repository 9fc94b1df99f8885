//! How the program ends: six exit codes, and the error that carries one together with what to do.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use engine::EngineError;
use engine::operator::csv::FileFault;
use engine::operator::import::ImportError;
use engine::operator::{OperatorError, codes};
use serde_json::{Value, json};
use store::StoreError;
use store::backup::BackupError;
use store::copy::CopyError;

/// What the program tells whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything is done.
    Done,
    /// It failed.
    Failed,
    /// The command line or a file does not fit.
    Usage,
    /// Done, and something is left for a person.
    LeftForPerson,
    /// A check or a permission refused it.
    Refused,
    /// A vendor or a clock can't be reached.
    Unreachable,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::LeftForPerson => 3,
            Self::Refused => 4,
            Self::Unreachable => 5,
        }
    }

    /// [`LeftForPerson`](Self::LeftForPerson) if something is left, else [`Done`](Self::Done).
    pub fn left(is_something_left: bool) -> Self {
        if is_something_left { Self::LeftForPerson } else { Self::Done }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An end that is no success: what happened, what to do about it, and the exit code.
#[derive(Debug)]
pub struct Stop {
    exit: Exit,
    what: String,
    code: Option<Cow<'static, str>>,
    to_do: Option<String>,
}

impl Stop {
    /// It failed.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// What was given does not fit.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Refused by a check, a guard or a permission.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what)
    }

    /// Somebody can't be reached.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, what)
    }

    /// With advice, printed on a line of its own.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.to_do = Some(advice.into());
        self
    }

    /// With the code of its page of documentation.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Said in other words.
    #[must_use]
    pub fn reworded(mut self, reword: impl FnOnce(String) -> String) -> Self {
        self.what = reword(self.what);
        self
    }

    /// With the place where it is, before it.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// With this exit code.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), code: None, to_do: None }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Stop {}

/// The exit code of an error: its own where it is a [`Stop`], else by its kind.
pub fn of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return stop.exit;
        }
        if let Some(error) = cause.downcast_ref::<OperatorError>() {
            return of_operator(error);
        }
        if let Some(error) = cause.downcast_ref::<BackupError>() {
            return of_backup(error);
        }
        if let Some(error) = cause.downcast_ref::<CopyError>() {
            return of_copy(error);
        }
        if let Some(ImportError::File(_)) = cause.downcast_ref() {
            return Exit::Usage;
        }
        if let Some(StoreError::Missing { .. } | StoreError::NoFolder { .. }) = of_store(cause) {
            return Exit::Usage;
        }
    }
    Exit::Failed
}

fn of_backup(error: &BackupError) -> Exit {
    match error {
        // A folder that is not there is a slip; one that is no whole backup is refused.
        BackupError::NoBackup(folder) if !folder.exists() => Exit::Usage,
        BackupError::Store(StoreError::Missing { .. } | StoreError::NoFolder { .. }) => Exit::Usage,
        BackupError::Exists(_)
        | BackupError::InsideData(_)
        | BackupError::InsideKeys(_)
        | BackupError::NoBackup(_)
        | BackupError::Damaged { .. }
        | BackupError::NotEmpty(_) => Exit::Refused,
        BackupError::BadDatabase(_) | BackupError::Store(_) => Exit::Failed,
    }
}

fn of_copy(error: &CopyError) -> Exit {
    match error {
        CopyError::Store(StoreError::Missing { .. } | StoreError::NoFolder { .. }) => Exit::Usage,
        CopyError::EngineAtWork(_)
        | CopyError::NotEmpty
        | CopyError::AlreadyMoved
        | CopyError::NotMoved
        | CopyError::UsedSince
        | CopyError::NotTheCopy => Exit::Refused,
        CopyError::Schema(_) | CopyError::Differs { .. } | CopyError::Store(_) => Exit::Failed,
    }
}

fn of_operator(error: &OperatorError) -> Exit {
    match error {
        OperatorError::NotFound { .. }
        | OperatorError::Ambiguous { .. }
        | OperatorError::Fault(_)
        | OperatorError::Faults(_) => Exit::Usage,
        OperatorError::Refused { .. }
        | OperatorError::WrongState { .. }
        | OperatorError::CarriedOut { .. }
        | OperatorError::NeedsCheck { .. }
        | OperatorError::Forbidden(_) => Exit::Refused,
        OperatorError::ChangedMeanwhile | OperatorError::Store(_) => Exit::Failed,
    }
}

/// A file that could not be read. One that is not there is a slip of whoever named it; anything else
/// is not.
pub fn unreadable(path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Stop::usage(format!("there is no file {path}")).into()
        }
        ErrorKind::IsADirectory => Stop::usage(format!("{path} is a folder, not a file")).into(),
        ErrorKind::InvalidData => Stop::usage(format!("{path} is not text in UTF-8")).into(),
        _ => anyhow::Error::new(error).context(format!("could not read {path}")),
    }
}

/// The error for programs: what happened, what to do, the code and where it is explained.
pub fn json(error: &anyhow::Error) -> Value {
    let code = error.chain().find_map(code);
    json!({
        "code": code,
        "message": message(error),
        "advice": error.chain().find_map(advice),
        "help": code.map(page),
    })
}

/// The error as one line, causes after colons, then the advice and where to read more.
pub fn text(error: &anyhow::Error) -> String {
    format!("habeas: {}", said(error))
}

/// The same without the program's name, to stand within a sentence of the program.
pub fn said(error: &anyhow::Error) -> String {
    let mut text = message(error);
    let code = error.chain().find_map(code);
    if let Some(code) = code.filter(|code| !text.contains(code)) {
        text.push_str(&format!(" ({code})"));
    }
    if let Some(advice) = error.chain().find_map(advice) {
        text.push_str(&format!("\n  {advice}"));
    }
    if let Some(code) = code {
        text.push_str(&format!("\n  more: habeas explain {code}"));
    }
    text
}

fn message(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut message = causes.next().unwrap_or_default();
    for cause in causes {
        // Some libraries repeat the cause in the text of the error.
        if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// The store's error, also where the engine's stands for it.
fn of_store<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a StoreError> {
    match cause.downcast_ref() {
        Some(EngineError::Store(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

/// Where a code is explained.
pub fn page(code: &str) -> String {
    format!("docs/errors/{code}.md")
}

/// The code of an error, where it has a page of its own.
fn code<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    if let Some(stop) = cause.downcast_ref::<Stop>() {
        return stop.code.as_deref();
    }
    if let Some(fault) = cause.downcast_ref::<FileFault>() {
        return fault.code();
    }
    if let Some(error) = cause.downcast_ref::<OperatorError>() {
        return Some(error.code());
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(codes::of_backup(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(codes::of_copy(error));
    }
    of_store(cause).map(codes::of_store)
}

fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(stop) = cause.downcast_ref::<Stop>() {
        return stop.to_do.clone();
    }
    if let Some(error) = cause.downcast_ref::<OperatorError>() {
        return error.advice();
    }
    if let Some(error) = cause.downcast_ref() {
        return codes::advice_on_backup(error).map(ToOwned::to_owned);
    }
    if let Some(error) = cause.downcast_ref() {
        return codes::advice_on_copy(error).map(ToOwned::to_owned);
    }
    of_store(cause).and_then(codes::advice_on_store).map(ToOwned::to_owned)
}
