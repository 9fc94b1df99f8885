//! Where secrets lie: in an environment variable or a file, or typed in at a prompt. A secret is
//! never part of a configuration and never an argument (other users of the machine see those).

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use toml::Value;

use crate::environment;
use crate::exit::{self, Stop};

/// Where a secret lies.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// In this environment variable.
    Env(String),
    /// In this file, but for white space at its end.
    File(PathBuf),
    /// It was typed in, or stands in the description of a twin.
    Here(String),
}

/// A secret's value is never printed.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => f.debug_tuple("Env").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Here(_) => f.write_str("Here(…)"),
        }
    }
}

impl Source {
    /// Reads `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub fn from_toml(path: &str, value: Value, folder: &Path) -> Result<Self, Stop> {
        let Value::Table(table) = value else { return Err(written_out(path)) };
        let mut entries = table.into_iter();
        match (entries.next(), entries.next()) {
            (Some((key, Value::String(name))), None) if key == "env" => Ok(Self::Env(name)),
            (Some((key, Value::String(name))), None) if key == "file" => {
                Ok(Self::File(folder.join(name)))
            }
            _ => Err(Stop::usage(format!("`{path}` does not fit")).advise(how(path))),
        }
    }

    /// Reads `env:NAME` or `file:PATH`.
    pub fn from_flag(name: &str, text: &str) -> Result<Self, Stop> {
        match text.split_once(':') {
            Some(("env", variable)) => Ok(Self::Env(variable.to_owned())),
            Some(("file", path)) => Ok(Self::File(PathBuf::from(path))),
            _ => Err(Stop::usage(format!("`secrets.{name}` would stand in the list of processes"))
                .advise(format!("write secrets.{name}=env:NAME or secrets.{name}=file:PATH"))),
        }
    }

    /// The secret itself.
    pub fn resolve(&self, name: &str) -> anyhow::Result<String> {
        let value = match self {
            Self::Env(variable) => environment::variable(variable).ok_or_else(|| {
                Stop::usage(format!("the secret `{name}` is not there"))
                    .advise(format!("set the environment variable {variable}"))
            })?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| exit::unreadable(path, error))
                .with_context(|| format!("the secret `{name}` can't be had"))?,
            Self::Here(value) => value.clone(),
        };
        let value = value.trim_end();
        if value.is_empty() {
            return Err(Stop::usage(format!("the secret `{name}` is empty")).into());
        }
        Ok(value.to_owned())
    }
}

/// A secret stands where only its place belongs.
pub fn written_out(path: &str) -> Stop {
    Stop::usage(format!("`{path}` is a secret and can't be written out here")).advise(how(path))
}

fn how(path: &str) -> String {
    let key = match path.split_once("secrets.") {
        Some((_, name)) if name.contains('.') => format!("secrets.\"{name}\""),
        Some((_, name)) => format!("secrets.{name}"),
        None => path.to_owned(),
    };
    format!("write {key} = {{ env = \"NAME\" }} or {key} = {{ file = \"PATH\" }}")
}
