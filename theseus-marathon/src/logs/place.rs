//! Places in an output, as they are handed out: a file and an offset, with what tells which file it was.

use flate2::Crc;
use serde::{Deserialize, Serialize};
use theseus_core::cluster::{LogPlace, Output};

use super::files::{Family, File};

/// So many of the newest files are remembered, and the oldest.
const NEWEST: usize = 8;

/// How much before a place is remembered, as a checksum.
const REMEMBERED: usize = 64;

/// A place in an output, and what its files were then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The number of its file, then.
    file: u32,
    /// How much of that is before it.
    pub(super) offset: u64,
    /// How many bytes before it are known, and their checksum.
    known: (u64, u32),
    files: Family,
}

/// Where a mark may be by now.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) file: &'a File,
    /// Where the bytes are by which it is recognised; those of a compressed file are not looked at.
    pub(super) check: Option<(u64, u64)>,
}

impl Mark {
    /// The place behind so many bytes of a file, which end so.
    pub(super) fn new(family: &Family, file: u32, offset: u64, before: &[u8]) -> Self {
        // What is no plain text may come otherwise the next time.
        let last = &before[before.len().saturating_sub(REMEMBERED)..];
        let known = if last.is_ascii() { last } else { &[] };
        let files = family.files();
        let newest = files.iter().take(NEWEST);
        let kept = newest.chain(files.iter().skip(NEWEST).last());
        Self {
            file,
            offset,
            known: (known.len() as u64, checksum(known)),
            files: Family::new(kept.cloned()),
        }
    }

    /// Where it may be among the files of now, the likeliest first.
    pub(super) fn candidates<'a>(
        &'a self,
        now: &'a Family,
    ) -> impl Iterator<Item = Candidate<'a>> + 'a {
        self.files.shifts(now).filter_map(move |shift| {
            let file = now.file(self.file.checked_add(shift)?)?;
            if file.is_compressed {
                return Some(Candidate { file, check: None });
            }
            let check = Some((self.offset - self.known.0, self.offset));
            (file.size >= self.offset).then_some(Candidate { file, check })
        })
    }

    /// Whether these are the bytes before it.
    pub(super) fn follows(&self, before: &[u8]) -> bool {
        checksum(before) == self.known.1
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The places in all outputs that have more before them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    stdout: Option<Mark>,
    stderr: Option<Mark>,
}

impl Marks {
    pub(super) fn set(&mut self, output: Output, mark: Option<Mark>) {
        match output {
            Output::Stdout => self.stdout = mark,
            Output::Stderr => self.stderr = mark,
        }
    }

    pub(super) fn of(&self, output: Output) -> Option<&Mark> {
        match output {
            Output::Stdout => self.stdout.as_ref(),
            Output::Stderr => self.stderr.as_ref(),
        }
    }

    /// As it is handed out; nothing where there is no more before.
    pub(super) fn told(&self) -> Option<LogPlace> {
        if *self == Self::default() {
            return None;
        }
        let text = serde_json::to_string(self).expect("numbers and names always become JSON");
        Some(LogPlace(text.into()))
    }

    /// What was handed out. Whatever else it is, nothing is before it.
    pub(super) fn read(place: &LogPlace) -> Self {
        let marks: Self = serde_json::from_str(&place.0).unwrap_or_default();
        let is_sound = |mark: &Mark| mark.known.0 <= mark.offset.min(REMEMBERED as u64);
        Self {
            stdout: marks.stdout.filter(is_sound),
            stderr: marks.stderr.filter(is_sound),
        }
    }
}
