//! Writing a file as a whole: whoever reads it sees the former text or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes a text into a file, unless it is there already; says whether it was not.
pub(super) fn write(path: &Path, text: &str) -> Result<bool, Failure> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(false);
    }
    replace(path, text)
        .map(|()| true)
        .map_err(|error| Failure::file("write", path, &error))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // What a link points to is written, and the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = beside(&path)?;
    let written = fill(&beside, &path, text).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // Nothing is left behind; what went wrong is told anyway.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(beside: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(beside)?;
    if let Ok(there) = fs::metadata(path) {
        file.set_permissions(there.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    // Otherwise a machine that loses its power may keep the name and lose the text.
    file.sync_all()
}

/// A file of ours in the same directory.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("it is no file"))?;
    let name = format!(".{}.theseus-{}", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(name))
}
