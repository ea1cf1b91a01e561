//! What a simulated task writes. Nothing of it is kept: every line follows from the task's id and
//! the times of its life, and is written whenever somebody reads it. So a log may be of any length
//! and costs no memory, and reads the same however often it is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read as _;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzEncoder;

use super::super::task::Task;
use crate::random::Random;
use crate::time::Stamp;

/// From one request that a task answers to the next, unless its script says otherwise.
const PACE: Duration = Duration::from_secs(1);

/// Notes that one task keeps; what happens to it after that is not noted any more.
const MOST_NOTES: usize = 64;

/// Something that an executor says about its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    HealthFailed(u32),
    Healthy,
    Disconnected,
    Reconnected,
    KillAsked,
}

impl Note {
    /// Puts a note down, as long as there is room.
    pub(in crate::cluster) fn put(self, notes: &mut Vec<(Stamp, Self)>, now: Stamp) {
        if notes.len() < MOST_NOTES {
            notes.push((now, self));
        }
    }

    fn text(self) -> String {
        match self {
            Self::HealthFailed(failures) => {
                format!("health check failed, {failures} in a row")
            }
            Self::Healthy => "health check passed".into(),
            Self::Disconnected => "lost contact with the agent, going on".into(),
            Self::Reconnected => "in contact with the agent again".into(),
            Self::KillAsked => "asked to kill the task, sending SIGTERM".into(),
        }
    }
}

/// One file in the directory of a task.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: Cow<'static, str>,
    pub(super) changed: Stamp,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Requests(Requests),
    Packed(Requests, Arc<OnceLock<u64>>),
}

/// How large the compressed files of a task are, by their numbers. They do not change any more, so
/// that each is compressed once to know its size, and then only when it is read.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<BTreeMap<u64, Arc<OnceLock<u64>>>>);

impl Sizes {
    /// The size of a file, which may not be known yet. Those before `oldest` are not kept any more.
    fn of(&self, number: u64, oldest: u64) -> Arc<OnceLock<u64>> {
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sizes = sizes.split_off(&oldest);
        Arc::clone(sizes.entry(number).or_default())
    }
}

impl File {
    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::Text(text) => text.len() as u64,
            Content::Requests(requests) => requests.size(),
            Content::Packed(requests, size) => *size.get_or_init(|| requests.packed().len() as u64),
        }
    }

    /// The bytes in `range`, as far as there are any.
    pub(super) fn bytes(&self, range: Range<u64>) -> Vec<u8> {
        match &self.content {
            Content::Text(text) => cut(text.as_bytes(), 0, &range).to_vec(),
            Content::Requests(requests) => requests.bytes(&range),
            Content::Packed(requests, _) => cut(&requests.packed(), 0, &range).to_vec(),
        }
    }
}

/// The files of a task as of `now`.
pub(super) fn files(task: &Task, host: &str, now: Stamp) -> Vec<File> {
    let until = task.ending.as_ref().map_or(now, |ending| ending.at);
    let mut files = vec![errors(task, host)];
    files.extend(requests(task, until));
    files
}

/// What the executor says, line by line.
fn errors(task: &Task, host: &str) -> File {
    let mut text = String::new();
    let mut changed = task.staged_at;
    let mut line = |at: Stamp, what: &str| {
        changed = at;
        // Writing to a string never fails.
        let _ = writeln!(text, "{at} executor: {what}");
    };
    line(task.staged_at, &format!("registered on {}", plain(host)));
    line(task.staged_at, &format!("starting task {}", task.id));
    if let Some(at) = task.started_at {
        line(at, "the task runs");
    }
    for (at, note) in &task.notes {
        line(*at, &note.text());
    }
    if let Some(ending) = &task.ending {
        line(ending.at, &plain(&ending.message));
    }
    File {
        name: "stderr".into(),
        changed,
        content: Content::Text(text),
    }
}

/// What the task says: a greeting, then a line for each request that it answers. The current file
/// and the former ones that are kept.
fn requests(task: &Task, until: Stamp) -> Vec<File> {
    let script = &task.script;
    let pace = script.log_every.unwrap_or(PACE);
    let pace = pace.max(Duration::from_millis(1));
    let rotation = script.log_rotation.unwrap_or_default();
    let per_file = rotation.lines.max(1);
    let count = match task.started_at {
        Some(started) => until.since(started).as_millis() / pace.as_millis(),
        None => 0,
    };
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let count = count.saturating_add(script.log_backlog);
    let current = count.saturating_sub(1) / per_file;
    let oldest = current.saturating_sub(u64::from(rotation.keep));
    let begun = begun(task, pace);
    // What there is before the task runs is without its greeting, and so changes once more.
    let packed_size = |number| match task.started_at {
        Some(_) => task.packed.of(number, oldest),
        None => Arc::default(),
    };
    let file = |number: u64, age: u32| {
        let first = number * per_file;
        let requests = Requests {
            greeting: if number == 0 {
                greeting(task, begun)
            } else {
                String::new()
            },
            seed: seed_of(&task.id),
            begun,
            pace,
            lines: first..count.min(first + per_file),
        };
        let changed = requests.changed();
        let (name, content) = match age {
            0 => ("stdout".into(), Content::Requests(requests)),
            2.. if rotation.compress => (
                format!("stdout.{age}.gz").into(),
                Content::Packed(requests, packed_size(number)),
            ),
            _ => (format!("stdout.{age}").into(), Content::Requests(requests)),
        };
        File {
            name,
            changed,
            content,
        }
    };
    let ages = 0..=rotation.keep;
    ages.map_while(|age| Some(file(current.checked_sub(u64::from(age))?, age)))
        .collect()
}

/// When its first line was written, which is long ago where there was one before it ran.
fn begun(task: &Task, pace: Duration) -> Stamp {
    let started = task.started_at.unwrap_or(task.staged_at);
    started.shifted(span(task.script.log_backlog, pace).saturating_neg())
}

/// How long it takes to write so many lines, in milliseconds.
fn span(lines: u64, pace: Duration) -> i64 {
    let lines = i64::try_from(lines).unwrap_or(i64::MAX);
    let pace = i64::try_from(pace.as_millis()).unwrap_or(i64::MAX);
    lines.saturating_mul(pace)
}

fn greeting(task: &Task, at: Stamp) -> String {
    if task.started_at.is_none() {
        return String::new();
    }
    let what = task.spec.image().or(task.spec.cmd.as_deref());
    let mut text = format!("{at} starting {}\n", plain(what.unwrap_or("the task")));
    for port in &task.ports {
        let _ = writeln!(text, "{at} listening on port {port}");
    }
    if let Some(more) = &task.script.log_greeting {
        let _ = writeln!(text, "{at} {}", ascii(more, |_| true));
    }
    text
}

/// A number that belongs to a task for good.
pub(super) fn seed_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Text that fits on one line of a log and whose characters are bytes.
fn plain(text: &str) -> String {
    ascii(text, |letter| letter == ' ' || letter.is_ascii_graphic())
}

/// Text whose characters are bytes, and those that are to be kept.
fn ascii(text: &str, keep: impl Fn(char) -> bool) -> String {
    let letters = text.chars();
    letters
        .map(|letter| {
            if letter.is_ascii() && keep(letter) {
                letter
            } else {
                '?'
            }
        })
        .collect()
}

/// Lines of requests, each as long as the others.
#[derive(Debug)]
struct Requests {
    greeting: String,
    seed: u64,
    begun: Stamp,
    pace: Duration,
    /// Counted over all files of the task.
    lines: Range<u64>,
}

impl Requests {
    fn at(&self, line: u64) -> Stamp {
        self.begun.shifted(span(line.saturating_add(1), self.pace))
    }

    fn changed(&self) -> Stamp {
        match self.lines.end.checked_sub(1) {
            Some(last) if !self.lines.is_empty() => self.at(last),
            _ => self.begun,
        }
    }

    fn line(&self, line: u64) -> String {
        let mut random = Random::seeded(self.seed ^ line.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut number = |least: usize, bound: usize| least + random.below(bound);
        let status = if number(0, 64) == 0 { 404 } else { 200 };
        format!(
            "{} 10.0.{}.{} \"GET /items/{:05} HTTP/1.1\" {status} {:05} {:03}ms\n",
            self.at(line),
            number(100, 100),
            number(100, 100),
            number(0, 100_000),
            number(64, 60_000),
            number(1, 250),
        )
    }

    fn width(&self) -> u64 {
        self.line(0).len() as u64
    }

    fn size(&self) -> u64 {
        self.greeting.len() as u64 + (self.lines.end - self.lines.start) * self.width()
    }

    /// All of them compressed: the same bytes each time.
    fn packed(&self) -> Vec<u8> {
        let mut packed = Vec::new();
        let text = self.bytes(&(0..u64::MAX));
        let mut encoder = GzEncoder::new(&text[..], Compression::fast());
        // Reading from memory never fails.
        let _ = encoder.read_to_end(&mut packed);
        packed
    }

    fn bytes(&self, range: &Range<u64>) -> Vec<u8> {
        let range = range.start..range.end.min(self.size());
        let mut bytes = cut(self.greeting.as_bytes(), 0, &range).to_vec();
        let (body, width) = (self.greeting.len() as u64, self.width());
        let first = range.start.saturating_sub(body) / width;
        let past = range.end.saturating_sub(body).div_ceil(width);
        for index in first..past {
            let line = self.line(self.lines.start + index);
            bytes.extend_from_slice(cut(line.as_bytes(), body + index * width, &range));
        }
        bytes
    }
}

/// The part of `bytes`, which begin at `offset`, that lies in `range`.
fn cut<'a>(bytes: &'a [u8], offset: u64, range: &Range<u64>) -> &'a [u8] {
    let place = |at: u64| {
        let inside = at.saturating_sub(offset).min(bytes.len() as u64);
        usize::try_from(inside).unwrap_or(bytes.len())
    };
    bytes
        .get(place(range.start)..place(range.end))
        .unwrap_or_default()
}

/// Whether a task in this state is on its agent rather than out of reach.
pub(super) fn is_present(task: &Task) -> bool {
    !task.state.is_away()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(lines: Range<u64>) -> Requests {
        Requests {
            greeting: "hello\n".into(),
            seed: seed_of("web.1"),
            begun: Stamp::default(),
            pace: Duration::from_secs(1),
            lines,
        }
    }

    #[test]
    fn whatever_is_read_is_a_piece_of_the_same_text() {
        let log = requests(3..9);
        let whole = log.bytes(&(0..u64::MAX));
        assert_eq!(whole.len() as u64, log.size());
        let text = String::from_utf8(whole.clone()).unwrap();
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(
            text.starts_with("hello\n1970-01-01T00:00:04.000Z 10.0.1"),
            "{text}"
        );
        for start in 0..log.size() + 2 {
            for length in [0, 1, 7, 90, 1000] {
                let from = usize::try_from(start).unwrap().min(whole.len());
                let to = (from + length).min(whole.len());
                let read = log.bytes(&(start..start + length as u64));
                assert_eq!(read, whole[from..to], "{start} {length}");
            }
        }
    }

    #[test]
    fn a_compressed_file_is_compressed_once_to_know_its_size() {
        let sizes = Sizes::default();
        let file = |number: u64, oldest: u64| File {
            name: "stdout.2.gz".into(),
            changed: Stamp::default(),
            content: Content::Packed(
                requests(number * 9..number * 9 + 9),
                sizes.of(number, oldest),
            ),
        };
        let (first, later) = (file(3, 3), file(3, 3));
        assert_eq!(sizes.of(3, 3).get(), None, "nobody has asked");
        assert_eq!(first.size(), first.bytes(0..u64::MAX).len() as u64);
        assert_eq!(sizes.of(3, 3).get(), Some(&later.size()));
        assert_eq!(sizes.of(4, 4).get(), None);
        assert_eq!(sizes.of(3, 3).get(), None, "it was not kept");
    }

    #[test]
    fn all_lines_are_equally_long() {
        let log = requests(0..5000);
        for line in [0, 1, 63, 99, 4999, 8_000_000] {
            assert_eq!(log.line(line).len() as u64, log.width(), "{line}");
        }
    }

    #[test]
    fn what_would_break_a_line_is_left_out() {
        assert_eq!(plain("a\nb\u{1b}[31m é"), "a?b?[31m ?");
    }
}
