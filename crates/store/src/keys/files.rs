//! Files and folders of keys: whose eyes they are for, and how they are made durable and done away with.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeyError;
use crate::seal::random;

/// On a journalling disk this is best effort; it costs nothing.
pub(super) fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

/// Somebody else may destroy the same key.
pub(super) fn absent_is_well(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

pub(super) fn refuse_inside(keys: &Path, data: &Path) -> Result<(), KeyError> {
    let absolute = |path: &Path| real_path(path).map_err(|cause| failed("find", path, cause));
    let (real_keys, real_data) = (absolute(keys)?, absolute(data)?);
    if real_keys.starts_with(&real_data) {
        return Err(KeyError::InsideData { keys: keys.into(), data: data.into() });
    }
    if real_data.starts_with(&real_keys) {
        return Err(KeyError::InsideKeys { keys: keys.into(), data: data.into() });
    }
    Ok(())
}

/// The path with links resolved, as far as it exists.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut missing = Vec::new();
    let absolute = std::path::absolute(path)?;
    for ancestor in absolute.ancestors() {
        match ancestor.canonicalize() {
            Ok(found) => return Ok(missing.iter().rev().fold(found, |path, part| path.join(part))),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => missing.extend(ancestor.file_name().map(ToOwned::to_owned)),
        }
    }
    Ok(absolute)
}

pub(super) fn make_folder(folder: &Path) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|cause| failed("make", folder, cause))
}

pub(super) fn refuse_open_to_others(path: &Path, wanted: u32) -> Result<(), KeyError> {
    let found = fs::metadata(path).map_err(|cause| failed("read", path, cause))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::TooOpen { path: path.into(), wanted });
    }
    Ok(())
}

/// What was attempted where a file is there and can't be read.
pub(crate) const READ: &str = "read";

pub(super) fn read_optional(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed(READ, path, cause)),
    }
}

/// Writes a file that does not exist yet, durably and at once, and returns what stands in it: ours,
/// or that of a process which was faster.
pub(super) fn write_once(path: &Path, content: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let suffix = u64::from_be_bytes(random()?);
    let draft = folder.join(format!(".draft-{suffix:016x}"));
    let write = |file: io::Result<File>| -> io::Result<()> {
        let mut file = file?;
        file.write_all(content)?;
        file.sync_all()
    };
    let written = write(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft))
        // A link, unlike a rename, fails where the name is taken.
        .and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match written.and(removed) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("write", path, error));
        }
        _ => sync_folder(folder)?,
    }
    read_optional(path)?.ok_or_else(|| failed("read", path, io::ErrorKind::NotFound.into()))
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), KeyError> {
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|cause| failed("save", folder, cause))
}

pub(super) fn failed(attempt: &'static str, path: &Path, cause: io::Error) -> KeyError {
    KeyError::File { attempt, path: path.to_owned(), cause }
}
