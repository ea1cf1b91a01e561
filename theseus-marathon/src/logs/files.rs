//! Which files hold an output: the one that is written, and those that it was before, which a
//! rotation calls `stdout.1`, `stdout.2` and so on, or `stdout.1.gz` once they are compressed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use theseus_core::cluster::Output;

use crate::wire::read::Lenient;

/// More rotated files than anybody keeps: what is called by a larger number is something else.
const MOST_FILES: u32 = 9999;

/// One entry of the answer to `/files/browse`.
#[derive(Debug, Deserialize)]
struct Entry {
    path: String,
    size: u64,
    #[serde(default)]
    mtime: f64,
    #[serde(default)]
    mode: String,
}

/// A file of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    /// How often it was rotated: 0 for the one that is written.
    pub(super) number: u32,
    /// Where it is. That is the agent's affair: nobody is told of it, and nobody is believed about it.
    #[serde(skip)]
    pub(super) path: String,
    /// How long it is, as it lies there.
    pub(super) size: u64,
    /// When it was last written to, in milliseconds.
    pub(super) changed: i64,
    pub(super) is_compressed: bool,
}

impl File {
    /// When it was last written to.
    pub(super) fn written(&self) -> Option<Timestamp> {
        // Whole seconds are rounded down: by the end of this one it surely was.
        let whole = self.changed % 1000 == 0;
        let latest = self.changed.saturating_add(if whole { 999 } else { 0 });
        let is_told = self.changed > 0;
        is_told.then(|| Timestamp::from_millisecond(latest).ok())?
    }

    /// Whether this may be the same file at another time, when it was rotated already.
    fn may_be(&self, other: &Self) -> bool {
        if self.is_compressed == other.is_compressed {
            return self.size == other.size && self.changed == other.changed;
        }
        // Compressing keeps the time, to the second.
        self.changed.abs_diff(other.changed) <= 1000
    }
}

/// The files of an output, the newest first, each number once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Family(Vec<File>);

impl Family {
    pub(super) fn new(files: impl IntoIterator<Item = File>) -> Self {
        let mut files: Vec<File> = files.into_iter().collect();
        // While a file is being compressed both are there, and the new one is not whole.
        files.sort_by_key(|file| (file.number, file.is_compressed));
        files.dedup_by_key(|file| file.number);
        Self(files)
    }

    pub(super) fn file(&self, number: u32) -> Option<&File> {
        let found = self.0.binary_search_by_key(&number, |file| file.number);
        found.ok().map(|index| &self.0[index])
    }

    /// The newest first.
    pub(super) fn files(&self) -> &[File] {
        &self.0
    }

    fn rotated(&self) -> impl Iterator<Item = &File> {
        self.0.iter().filter(|file| file.number > 0)
    }

    /// The highest number.
    pub(super) fn oldest(&self) -> u32 {
        self.0.last().map_or(0, |file| file.number)
    }

    /// How many rotations may have happened from these files to those of `now`, the fewest first.
    /// What was rotated before is still there under a higher number, or was thrown away.
    pub(super) fn shifts<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let least = now.oldest().saturating_sub(self.oldest());
        (least..=now.oldest()).filter(move |shift| {
            self.rotated().all(|before| {
                let place = before.number.checked_add(*shift);
                let there = place.and_then(|place| now.file(place));
                there.is_none_or(|there| there.may_be(before))
            })
        })
    }

    /// Whether something was rotated in between, or looks so.
    pub(super) fn is_rotated_since(&self, before: &Self) -> bool {
        let (now, before): (Vec<_>, Vec<_>) =
            (self.rotated().collect(), before.rotated().collect());
        now.len() != before.len() || now.iter().zip(&before).any(|(now, then)| !now.may_be(then))
    }
}

/// The directory in an answer to `/files/browse`: the files of each output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Directory {
    stdout: Family,
    stderr: Family,
}

impl Directory {
    pub(super) fn of(&self, output: Output) -> &Family {
        match output {
            Output::Stdout => &self.stdout,
            Output::Stderr => &self.stderr,
        }
    }
}

/// Reads an answer to `/files/browse`. What is no file of an output is passed over.
pub(super) fn directory(body: &[u8]) -> serde_json::Result<Directory> {
    let entries: Vec<Lenient<Entry>> = serde_json::from_slice(body)?;
    let mut files = [Vec::new(), Vec::new()];
    for entry in entries.into_iter().filter_map(Lenient::sound) {
        let Some((output, file)) = file(entry) else {
            continue;
        };
        files[usize::from(output == Output::Stderr)].push(file);
    }
    let [stdout, stderr] = files.map(Family::new);
    Ok(Directory { stdout, stderr })
}

fn file(entry: Entry) -> Option<(Output, File)> {
    // Neither a directory nor a link.
    if !(entry.mode.is_empty() || entry.mode.starts_with('-')) {
        return None;
    }
    let name = entry.path.rsplit('/').next()?;
    let named = |output: Output| Some((output, name.strip_prefix(output.as_str())?));
    let (output, rest) = named(Output::Stdout).or_else(|| named(Output::Stderr))?;
    let (number, is_compressed) = numbered(rest)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and no file is so old or new"
    )]
    let changed = (entry.mtime * 1000.0).round() as i64;
    Some((
        output,
        File {
            number,
            size: entry.size,
            changed,
            is_compressed,
            path: entry.path,
        },
    ))
}

/// What stands behind the name of an output: `""`, `.1`, `.1.gz`.
fn numbered(rest: &str) -> Option<(u32, bool)> {
    if rest.is_empty() {
        return Some((0, false));
    }
    let rest = rest.strip_prefix('.')?;
    let (digits, is_compressed) = match rest.strip_suffix(".gz") {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let number: u32 = digits.parse().ok().filter(|_| is_plain)?;
    (number <= MOST_FILES).then_some((number, is_compressed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn named(name: &str) -> Option<(Output, u32, bool)> {
        let entry = Entry {
            path: format!("/sandbox/{name}"),
            size: 7,
            mtime: 5.0,
            mode: "-rw-r--r--".to_owned(),
        };
        file(entry).map(|(output, file)| (output, file.number, file.is_compressed))
    }

    #[test]
    fn which_files_are_of_an_output() {
        use Output::{Stderr, Stdout};
        for (name, expected) in [
            ("stdout", Some((Stdout, 0, false))),
            ("stderr", Some((Stderr, 0, false))),
            ("stdout.1", Some((Stdout, 1, false))),
            ("stdout.12.gz", Some((Stdout, 12, true))),
            ("stderr.3.gz", Some((Stderr, 3, true))),
            ("stdout.logrotate.conf", None),
            ("stdout.logrotate.state", None),
            ("stdout.gz", None),
            ("stdout.0", None),
            ("stdout.01", None),
            ("stdout.1.bz2", None),
            ("stdout.10000", None),
            ("stdout.99999999999", None),
            ("stdout1", None),
            ("my.stdout", None),
            ("core", None),
        ] {
            assert_eq!(named(name), expected, "{name}");
        }
    }

    #[test]
    fn a_directory_is_read_in_order_whatever_else_is_in_it() {
        let entry = |name: &str, size: u64| json!({"path": format!("/s/{name}"), "size": size, "mtime": 9, "mode": "-rw-r--r--"});
        let body = json!([
            entry("stdout.2.gz", 3), 7, entry("stdout", 1), entry("stdout.10", 4),
            {"path": "/s/stderr", "size": 4096, "mode": "drwxr-xr-x"},
            entry("stdout.1", 2), entry("stdout.1.gz", 1), {"path": 3}, {"path": "/s/stderr", "size": -1},
        ]);
        let directory = directory(body.to_string().as_bytes()).unwrap();
        let files = directory.of(Output::Stdout).files();
        let told: Vec<_> = files.iter().map(|it| (it.number, it.size)).collect();
        assert_eq!(told, [(0, 1), (1, 2), (2, 3), (10, 4)]);
        assert_eq!(directory.of(Output::Stderr), &Family::default());
    }

    /// Files by number, each with size and time; compressed where the size is 0.
    fn family(files: &[(u32, u64, i64)]) -> Family {
        Family::new(files.iter().map(|&(number, size, changed)| File {
            number,
            path: format!("stdout.{number}"),
            size,
            changed: changed * 1000,
            is_compressed: size == 0,
        }))
    }

    #[test]
    fn how_often_it_was_rotated() {
        let none: &[(u32, u64, i64)] = &[(0, 5, 1)];
        let one = [(0, 5, 2), (1, 9, 1)];
        for (before, now, expected) in [
            (none, vec![(0, 9, 2)], vec![0]),
            (none, vec![(0, 1, 3), (1, 9, 2)], vec![1]),
            (none, vec![(0, 1, 4), (1, 7, 3), (2, 9, 2)], vec![2]),
            // Or it was rotated once, and what was rotated before is gone.
            (&one, vec![(0, 8, 3), (1, 9, 1)], vec![0, 1]),
            // Only one rotated file is kept: what was rotated before is gone.
            (&one, vec![(0, 1, 3), (1, 9, 3)], vec![1]),
            (&one, vec![(0, 1, 3), (1, 7, 2), (2, 9, 1)], vec![1, 2]),
            // The same, and compressed.
            (&one, vec![(0, 1, 3), (1, 0, 2), (2, 0, 1)], vec![1, 2]),
            (&one, vec![(0, 1, 3), (1, 9, 3), (2, 9, 4)], vec![2]),
            (&one, vec![(0, 1, 3), (1, 9, 1), (2, 9, 1)], vec![1, 2]),
        ] {
            let (before, now) = (family(before), family(&now));
            assert_eq!(before.shifts(&now).collect::<Vec<_>>(), expected, "{now:?}");
            let is_rotated = expected[0] > 0;
            assert_eq!(now.is_rotated_since(&before), is_rotated, "{now:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = directory(&body);
        }

        #[test]
        fn any_name_may_lie_there(name in "(stdout|stderr)?[.0-9a-z]{0,12}") {
            let _ = named(&name);
        }
    }
}
