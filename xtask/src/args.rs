//! The words after `cargo xtask`.
//!
//! Each task takes the flags it knows and then calls [`Args::end`], which refuses what is left.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;

#[cfg(test)]
mod tests;

/// A command line that says something we don't understand.
#[derive(Debug)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// The words that nobody has taken yet.
#[derive(Debug)]
pub struct Args {
    words: Vec<String>,
}

impl Args {
    /// The words of a command line, without the program's name.
    pub fn new(words: impl IntoIterator<Item = String>) -> Args {
        Args { words: words.into_iter().collect() }
    }

    /// Takes the next word, unless it is a flag.
    pub fn word(&mut self) -> Option<String> {
        let is_word = self.words.first().is_some_and(|word| !word.starts_with('-'));
        is_word.then(|| self.words.remove(0))
    }

    /// Takes a flag, and says whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Takes a flag with its value.
    pub fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        self.words.remove(at);
        if at >= self.words.len() {
            return Err(Misuse(format!("{name} needs a value")).into());
        }
        let text = self.words.remove(at);
        let value = text.parse().map_err(|_| Misuse(format!("{name} can't be `{text}`")))?;
        Ok(Some(value))
    }

    /// Refuses whatever is left.
    pub fn end(self) -> Result<()> {
        match self.words.first() {
            Some(word) => Err(Misuse(format!("`{word}` isn't understood here")).into()),
            None => Ok(()),
        }
    }
}
