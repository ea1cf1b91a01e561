//! A plan kept in a file, to be carried out later just as it was shown, or not at all.
//!
//! The file holds no more than what was shown, so no secret of a manifest is in it. It names its
//! manifests instead, with a digest of each; carrying it out plans anew from them, and goes on only
//! if that gives the very same plan on the very same records.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use theseus_core::manifest::Source;
use theseus_core::plan::{Likeness, Plan};

use crate::failure::{Code, Failure};

/// The version of the file's shape.
const VERSION: u32 = 1;

/// What the file holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedPlan {
    /// Tells such a file from a manifest.
    theseus_plan: u32,
    manifests: Vec<Named>,
    /// By what it is known again.
    #[serde(flatten)]
    likeness: Likeness,
}

/// A manifest by its path, and what it held.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    path: PathBuf,
    sha256: String,
}

/// Keeps a plan, readable for its owner only.
pub(crate) fn save(
    path: &Path,
    files: &[PathBuf],
    sources: &[Source],
    plan: &Plan,
) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let manifests = files
        .iter()
        .zip(sources)
        .map(|(file, source)| {
            if file == Path::new("-") {
                return Err(Failure::usage(
                    "what comes from standard input is gone when the plan is carried out",
                )
                .hint("give a file"));
            }
            let path =
                fs::canonicalize(file).map_err(|error| Failure::file("find", file, &error))?;
            Ok(Named {
                path,
                sha256: digest(&source.text),
            })
        })
        .collect::<Result<_, _>>()?;
    let saved = SavedPlan {
        theseus_plan: VERSION,
        manifests,
        likeness: likeness(plan)?,
    };
    let mut text = serde_json::to_vec_pretty(&saved).map_err(|error| not_json(&error))?;
    text.push(b'\n');
    let mut file = create_private(path).map_err(|error| failed(&error))?;
    file.write_all(&text).map_err(|error| failed(&error))
}

/// Makes a file that only its owner reads.
#[cfg(unix)]
pub(crate) fn create_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Makes a file.
#[cfg(not(unix))]
pub(crate) fn create_private(path: &Path) -> std::io::Result<File> {
    File::create(path)
}

impl SavedPlan {
    /// The saved plan among the files that were given, if that is what they are.
    pub(crate) fn recognise(sources: &[Source]) -> Result<Option<Self>, Failure> {
        let looks_like = |source: &Source| {
            let start = source.text.get(..256).unwrap_or(&source.text);
            start.starts_with(b"{") && start.windows(14).any(|word| word == b"\"theseus_plan\"")
        };
        let Some(source) = sources.iter().find(|source| looks_like(source)) else {
            return Ok(None);
        };
        if sources.len() > 1 {
            return Err(Failure::usage(format!(
                "{} is a plan, and a plan is carried out alone",
                source.name
            )));
        }
        let saved: Self = serde_json::from_slice(&source.text).map_err(|error| {
            Failure::usage(format!(
                "{} is no plan that can be read: {error}",
                source.name
            ))
        })?;
        if saved.theseus_plan != VERSION {
            return Err(Failure::usage(format!(
                "{} is a plan of version {}, and only version {VERSION} is known",
                source.name, saved.theseus_plan
            )));
        }
        Ok(Some(saved))
    }

    /// The manifests that the plan was made from, if they are still the same.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, Failure> {
        let files: Vec<PathBuf> = self
            .manifests
            .iter()
            .map(|named| named.path.clone())
            .collect();
        let sources = crate::commands::manifests::read_sources(&files)?;
        for (source, named) in sources.iter().zip(&self.manifests) {
            if digest(&source.text) != named.sha256 {
                return Err(stale(&format!("{} has changed", source.name)));
            }
        }
        Ok(sources)
    }

    /// Whether what would be done now is what was kept.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Failure> {
        match self.likeness.moved(&likeness(plan)?) {
            Some(moved) => Err(stale(&moved.to_string())),
            None => Ok(()),
        }
    }
}

fn stale(why: &str) -> Failure {
    Failure::new(
        Code::Conflict,
        format!("the plan is out of date: {why} since it was made"),
    )
    .hint("plan again: theseus plan FILE --out PLAN")
}

fn likeness(plan: &Plan) -> Result<Likeness, Failure> {
    Likeness::of(plan).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(Code::Failed, format!("cannot write the plan: {error}"))
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
