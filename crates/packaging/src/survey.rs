//! The first reading of what was collected: which files there are, how many records each has, what
//! the collecting noted, and the few records that the page shows.

use std::io::{self, Read};

use crate::contents::Contents;
use crate::error::PackageError;
use crate::lines;
use crate::names::Names;
use crate::page::Sample;

/// Records of more files than this per system share one: a vendor must not choose how many there are.
const MOST_FILES: usize = 200;
/// The file that they share.
const SHARED: &str = "more";
/// More notes than this per system help no reader.
const MOST_NOTES: usize = 100;

/// Opens a body by its number. It is opened once per file of its system.
pub type Open<'a> = dyn FnMut(usize) -> io::Result<Box<dyn Read>> + 'a;

/// What one system's bodies hold.
#[derive(Debug, Default)]
pub(crate) struct Surveyed {
    /// Its folder in the archive.
    pub(crate) folder: String,
    /// Its files.
    pub(crate) files: Vec<File>,
}

/// One file of the package.
#[derive(Debug)]
pub(crate) struct File {
    /// Its name as collected.
    pub(crate) given: String,
    /// Its path in the archive.
    pub(crate) path: String,
    /// How many records it has.
    pub(crate) n_records: u64,
    /// The records that the page shows.
    pub(crate) sample: Sample,
}

impl Surveyed {
    /// The file that records of this name go to.
    pub(crate) fn index_of(&self, given: &str) -> Option<usize> {
        let find = |name: &str| self.files.iter().position(|file| file.given == name);
        find(given).or_else(|| find(SHARED))
    }

    fn file_for(&mut self, given: &str, names: &mut Names) -> Option<&mut File> {
        let find = |files: &[File], name| files.iter().position(|file: &File| file.given == name);
        let is_full = self.files.len() >= MOST_FILES;
        let given = if is_full && find(&self.files, given).is_none() { SHARED } else { given };
        let index = find(&self.files, given).unwrap_or_else(|| {
            let path = format!("data/{}/{}.json", self.folder, names.claim(given));
            let sample = Sample::default();
            self.files.push(File { given: given.to_owned(), path, n_records: 0, sample });
            self.files.len() - 1
        });
        self.files.get_mut(index)
    }
}

/// Reads every body once. Notes go to the contents, where the page finds them.
pub(crate) fn survey(
    contents: &mut Contents,
    open: &mut Open<'_>,
) -> Result<Vec<Surveyed>, PackageError> {
    let mut folders = Names::default();
    let mut all = Vec::new();
    for system in &mut contents.systems {
        let mut surveyed = Surveyed { folder: folders.claim(&system.name), files: Vec::new() };
        let mut names = Names::default();
        for body in &system.bodies {
            lines::for_each(open(*body).map_err(PackageError::Read)?, |line| {
                if let Some(note) = line.note() {
                    if system.notes.len() < MOST_NOTES && !system.notes.contains(&note) {
                        system.notes.push(note);
                    }
                } else if let Some(file) = surveyed.file_for(&line.file, &mut names) {
                    file.n_records += 1;
                    file.sample.take(line.record.get());
                }
                Ok(())
            })?;
        }
        all.push(surveyed);
    }
    Ok(all)
}
