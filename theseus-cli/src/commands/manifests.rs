//! Reading manifests from files or stdin.

use std::io::Read;
use std::path::{Path, PathBuf};

use theseus_core::manifest::{MAX_BYTES, Manifest, Source};

use crate::failure::{Code, Failure};

/// Reads and checks all files together, so that a group that stands in two of them is found.
pub(crate) fn read(files: &[PathBuf]) -> Result<Manifest, Failure> {
    parse(&read_sources(files)?)
}

/// All files as they are.
pub(crate) fn read_sources(files: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    files.iter().map(|path| read_source(path)).collect()
}

/// Checks what was read. All faults are told at once.
pub(crate) fn parse(sources: &[Source]) -> Result<Manifest, Failure> {
    Manifest::parse(sources).map_err(|faults| Failure::new(Code::Usage, faults.to_string()))
}

/// One file; `-` is stdin.
fn read_source(path: &Path) -> Result<Source, Failure> {
    let (name, bytes) = if path == Path::new("-") {
        ("<stdin>".to_owned(), read_all(&mut std::io::stdin().lock()))
    } else {
        let bytes = std::fs::File::open(path).and_then(|mut file| read_all(&mut file));
        (path.display().to_string(), bytes)
    };
    let bytes = bytes.map_err(|error| {
        Failure::file("read", path, &error)
            .hint("give the path of a manifest, or - for standard input")
    })?;
    Ok(Source::new(name, bytes))
}

/// Everything, up to just past what a manifest may have: the reader says that it is too large.
fn read_all(from: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
