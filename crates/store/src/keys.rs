//! Keys that live outside the database, in a folder of their own.
//!
//! `KeySource` is the seam for other homes (an environment variable, a KMS); `KeyFolder` is the one
//! that exists. Key folder and data folder carry the same installation id, so that a store is never
//! opened with the keys of another one: what was sealed then would be lost.
//!
//! It hands out bytes. What is done with them is `seal`'s and `keyring`'s.

mod files;
mod lists;
mod name;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(crate) use files::READ;
use files::{
    absent_is_well, failed, make_folder, overwrite, read_optional, refuse_inside,
    refuse_open_to_others, sync_folder, write_once,
};
pub use lists::PurgedLine;
pub use name::{EPOCH, KeyName};

use crate::seal::{KEY_LEN, KeyBytes, SealError, new_key, random};
use crate::store::Options;

const INSTALLATION: &str = "installation";
const SUFFIX: &str = "key";
/// What the file of a key is called from when it is destroyed until it is gone.
const DOOMED: &str = "doomed";
const PURGED: &str = "purged";
const DESTROYED: &str = "destroyed";
const FIRST_LINE: &str = "habeas key 1";

/// Why the keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key folder lies in the data folder, so one backup would hold both.
    #[error("the key folder {keys} must not lie inside the data folder {data}")]
    InsideData {
        /// The key folder.
        keys: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// The data folder lies in the key folder, so a copy of the keys would hold both.
    #[error("the data folder {data} must not lie inside the key folder {keys}")]
    InsideKeys {
        /// The key folder.
        keys: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// The folder's keys are those of another store.
    #[error("the key folder {keys} belongs to another installation than the data folder {data}")]
    OtherInstallation {
        /// The key folder.
        keys: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// Keys are in use, and the store that they are of is not there.
    #[error("the key folder {keys} is in use, but {data} does not hold its store")]
    NoStore {
        /// The key folder.
        keys: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// A store exists, its keys do not.
    #[error("the data folder {data} is in use, but {keys} holds no keys for it: restore them")]
    Lost {
        /// The key folder.
        keys: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// Others than the owner may read the keys.
    #[error("{path} may be read by others: set its mode to {wanted:o}")]
    TooOpen {
        /// The folder or file.
        path: PathBuf,
        /// The mode it should have.
        wanted: u32,
    },
    /// A file of the key folder could not be used.
    #[error("could not {attempt} {path}")]
    File {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// The lower error.
        #[source]
        cause: io::Error,
    },
    /// A file does not hold a key.
    #[error("{path} does not hold a key of this program")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A key that is needed is not there.
    #[error("the key {0} is missing from the key folder")]
    Missing(KeyName),
    /// A key was destroyed, as nothing named it any more; what an old backup sealed under it stays
    /// sealed.
    #[error("the key {0} was destroyed")]
    Destroyed(KeyName),
    /// A key that new values are sealed under.
    #[error("the key {0} is in use, and can't be destroyed")]
    InUse(KeyName),
    /// Values are still on their way from the index key before.
    #[error(
        "values are still on their way from the index key before; `habeas keys list` shows how many"
    )]
    IndexMoving,
    /// No key could be made.
    #[error("could not make a key")]
    Make(#[from] SealError),
}

/// A home of keys.
pub trait KeySource: Send + Sync {
    /// The key of this name, or nothing if it was never made or has been destroyed.
    fn get(&self, name: &KeyName) -> Result<Option<KeyBytes>, KeyError>;
    /// The key of this name, made first if need be. What is returned is durable: it survives a
    /// power cut, and two callers who race get the same key.
    fn get_or_make(&self, name: &KeyName) -> Result<KeyBytes, KeyError>;
    /// The names of all living keys, in order.
    fn names(&self) -> Result<Vec<KeyName>, KeyError>;
    /// Destroys a key for good. Destroying one that does not exist is no error.
    fn destroy(&self, name: &KeyName) -> Result<(), KeyError>;
    /// Whether a key was destroyed, and is not merely missing.
    fn was_destroyed(&self, name: &KeyName) -> Result<bool, KeyError>;
    /// Appends a line to the list of purged requests, durably.
    fn note_purged(&self, line: &PurgedLine) -> Result<(), KeyError>;
    /// Strikes out a line, as its purge was refused, durably.
    fn note_refused(&self, line: &PurgedLine) -> Result<(), KeyError>;
    /// The list of purged requests, without what was refused.
    fn purged(&self) -> Result<Vec<PurgedLine>, KeyError>;
    /// Whether it is still there, and belongs to the store that it was opened for.
    fn check(&self) -> Result<(), KeyError>;
}

/// Keys as files of mode 0600 in a folder of mode 0700.
#[derive(Debug)]
pub struct KeyFolder {
    folder: PathBuf,
    /// The data folder that it belongs to.
    data: PathBuf,
}

/// The installation to which a data folder belongs.
pub(crate) fn installation_of(Options { data, keys, .. }: &Options) -> Result<String, KeyError> {
    let id = read_optional(&data.join(INSTALLATION))?;
    let text = id.and_then(|id| String::from_utf8(id.to_vec()).ok());
    text.ok_or_else(|| KeyError::NoStore { keys: keys.clone(), data: data.clone() })
}

/// Gives a data folder that is new the id of an installation; one that has another is refused.
pub(crate) fn carry_installation(options: &Options, id: &str) -> Result<(), KeyError> {
    refuse_inside(&options.keys, &options.data)?;
    make_folder(&options.data)?;
    match *write_once(&options.data.join(INSTALLATION), id.as_bytes())? == *id.as_bytes() {
        true => Ok(()),
        false => Err(other_installation(options)),
    }
}

/// That keys and data are of different installations.
pub(crate) fn other_installation(Options { data, keys, .. }: &Options) -> KeyError {
    KeyError::OtherInstallation { keys: keys.clone(), data: data.clone() }
}

impl KeyFolder {
    /// Opens the keys of a data folder, and makes both folders and their common installation id
    /// where nothing exists yet.
    pub fn open(keys: &Path, data: &Path) -> Result<Self, KeyError> {
        refuse_inside(keys, data)?;
        let opened = Self { folder: keys.to_owned(), data: data.to_owned() };
        if !data.exists() && keys.join(INSTALLATION).exists() && !opened.names()?.is_empty() {
            return Err(KeyError::NoStore { keys: keys.into(), data: data.into() });
        }
        make_folder(data)?;
        if !keys.exists() && data.join(INSTALLATION).exists() {
            return Err(KeyError::Lost { keys: keys.into(), data: data.into() });
        }
        make_folder(keys)?;
        refuse_open_to_others(keys, 0o700)?;
        // Of two programs at a first start, one may look while the other is between two writes.
        opened.agree_on_installation().or_else(|_| opened.agree_on_installation())?;
        opened.finish_destroying()?;
        Ok(opened)
    }

    /// Opens the keys of a data folder for reading; makes nothing.
    pub fn open_existing(keys: &Path, data: &Path) -> Result<Self, KeyError> {
        refuse_inside(keys, data)?;
        refuse_open_to_others(keys, 0o700)?;
        let here = read_optional(&keys.join(INSTALLATION))?;
        let there = read_optional(&data.join(INSTALLATION))?;
        match (here, there) {
            (Some(here), Some(there)) if here == there => {
                Ok(Self { folder: keys.to_owned(), data: data.to_owned() })
            }
            (None, _) => Err(KeyError::Lost { keys: keys.into(), data: data.into() }),
            _ => Err(KeyError::OtherInstallation { keys: keys.into(), data: data.into() }),
        }
    }

    fn agree_on_installation(&self) -> Result<(), KeyError> {
        let (here, there) = (self.folder.join(INSTALLATION), self.data.join(INSTALLATION));
        let (keys, data) = (self.folder.clone(), self.data.clone());
        match (read_optional(&here)?, read_optional(&there)?) {
            (Some(of_keys), Some(of_data)) if of_keys == of_data => Ok(()),
            // A crash between the two writes below leaves an id without keys: it is taken up.
            (Some(id), None) if self.names()?.is_empty() => write_once(&there, &id).map(drop),
            (Some(_), None) => Err(KeyError::NoStore { keys, data }),
            (Some(_), Some(_)) => Err(KeyError::OtherInstallation { keys, data }),
            (None, Some(_)) => Err(KeyError::Lost { keys, data }),
            (None, None) => {
                let id: [u8; 16] = random()?;
                let id = write_once(&here, STANDARD.encode(id).as_bytes())?;
                write_once(&there, &id).map(drop)
            }
        }
    }

    fn path(&self, name: &KeyName) -> PathBuf {
        self.folder.join(format!("{name}.{SUFFIX}"))
    }

    /// Finishes what a program that was killed had begun to destroy.
    fn finish_destroying(&self) -> Result<(), KeyError> {
        for name in self.named(DOOMED)? {
            self.destroy(&name)?;
        }
        for name in self.named(SUFFIX)? {
            // Overwritten under its name, which is not how it is done now.
            if self.is_listed(&name)? && self.get(&name)?.is_none() {
                self.destroy(&name)?;
            }
        }
        Ok(())
    }

    /// The names of the keys whose files end so, in order.
    fn named(&self, suffix: &str) -> Result<Vec<KeyName>, KeyError> {
        let list = |cause| failed("list", &self.folder, cause);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(list)? {
            let path = entry.map_err(list)?.path();
            if path.extension().is_some_and(|found| found == suffix) {
                let stem = path.file_stem().and_then(|stem| stem.to_str());
                names.extend(stem.and_then(KeyName::parse));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether a key was to be destroyed; whether it was, its file shows.
    fn is_listed(&self, name: &KeyName) -> Result<bool, KeyError> {
        Ok(lists::read(&self.folder, DESTROYED)?.lines().any(|line| line == name.as_str()))
    }
}

impl KeySource for KeyFolder {
    fn get(&self, name: &KeyName) -> Result<Option<KeyBytes>, KeyError> {
        let path = self.path(name);
        let Some(content) = read_optional(&path)? else { return Ok(None) };
        refuse_open_to_others(&path, 0o600)?;
        match decode(&content, name) {
            None if self.is_listed(name)? => Ok(None),
            None => Err(KeyError::Malformed { path }),
            secret => Ok(secret),
        }
    }

    fn get_or_make(&self, name: &KeyName) -> Result<KeyBytes, KeyError> {
        if let Some(secret) = self.get(name)? {
            return Ok(secret);
        }
        let path = self.path(name);
        let kept = write_once(&path, &encode(name, &new_key()?))?;
        decode(&kept, name).ok_or(KeyError::Malformed { path })
    }

    fn names(&self) -> Result<Vec<KeyName>, KeyError> {
        let mut living = self.named(SUFFIX)?;
        let destroyed = lists::read(&self.folder, DESTROYED)?;
        let is_listed = |name: &KeyName| destroyed.lines().any(|line| line == name.as_str());
        living.retain(|name| !is_listed(name) || !matches!(self.get(name), Ok(None)));
        Ok(living)
    }

    /// A key that is overwritten has another name by then: one that is found is whole.
    fn destroy(&self, name: &KeyName) -> Result<(), KeyError> {
        let (path, doomed) = (self.path(name), self.folder.join(format!("{name}.{DOOMED}")));
        if path.exists() && !self.is_listed(name)? {
            lists::append(&self.folder, DESTROYED, name.as_str())?;
        }
        let destroyed = |cause| failed("destroy", &path, cause);
        absent_is_well(fs::rename(&path, &doomed)).map_err(destroyed)?;
        sync_folder(&self.folder)?;
        absent_is_well(overwrite(&doomed)).map_err(destroyed)?;
        absent_is_well(fs::remove_file(&doomed)).map_err(destroyed)?;
        sync_folder(&self.folder)
    }

    fn was_destroyed(&self, name: &KeyName) -> Result<bool, KeyError> {
        Ok(self.is_listed(name)? && self.get(name)?.is_none())
    }

    fn note_purged(&self, line: &PurgedLine) -> Result<(), KeyError> {
        lists::append(&self.folder, PURGED, &line.to_string())
    }

    fn note_refused(&self, line: &PurgedLine) -> Result<(), KeyError> {
        lists::append(&self.folder, PURGED, &line.refused())
    }

    fn purged(&self) -> Result<Vec<PurgedLine>, KeyError> {
        Ok(lists::standing(&lists::read(&self.folder, PURGED)?))
    }

    fn check(&self) -> Result<(), KeyError> {
        Self::open_existing(&self.folder, &self.data).map(drop)
    }
}

fn encode(name: &KeyName, secret: &KeyBytes) -> Zeroizing<Vec<u8>> {
    let coded = Zeroizing::new(STANDARD.encode(secret.as_slice()));
    Zeroizing::new(format!("{FIRST_LINE}\n{name}\n{}\n", &*coded).into_bytes())
}

fn decode(content: &[u8], name: &KeyName) -> Option<KeyBytes> {
    let mut lines = std::str::from_utf8(content).ok()?.lines();
    if lines.next()? != FIRST_LINE || lines.next()? != name.as_str() {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(lines.next()?).ok()?);
    let bytes: [u8; KEY_LEN] = decoded.as_slice().try_into().ok()?;
    Some(Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests;
