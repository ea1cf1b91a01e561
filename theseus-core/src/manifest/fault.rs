//! What is wrong with a manifest, and where: data for whoever shows it, and plain text.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Everything that is wrong with the sources of a manifest, in the order of its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    pub(super) faults: Vec<Fault>,
    pub(super) omitted: usize,
}

impl Faults {
    /// The faults, file by file and from top to bottom; at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }

    /// How many more there are: only so many are kept, and a broken file can have millions.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// Which part of the manifest it is about.
    pub path: Path,
    /// What was expected, and what was found instead. Shows no secret.
    pub message: String,
    /// What was probably meant: to be written instead of what is at the place.
    pub suggestion: Option<String>,
    /// What else helps to mend it.
    pub help: Option<String>,
    /// The other place that has to do with it, and what that is.
    pub related: Option<Related>,
}

/// A second place that a fault has to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where it is.
    pub place: Place,
    /// What is there.
    pub message: String,
}

/// A place in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The source's name.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters.
    pub column: usize,
    /// The line itself.
    pub snippet: Snippet,
}

/// A line of a source as it may be shown: secrets are masked, control characters replaced, and a
/// long line is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The line.
    pub text: String,
    /// The bytes of `text` that are meant; possibly none, for something that is missing.
    pub mark: Range<usize>,
}

/// Which part of a manifest is meant, shown as `deploy.ingestor[1].ports.ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(pub Vec<Segment>);

/// A step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Into the value of a key.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if depth > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
                    if !key.is_empty() && key.bytes().all(plain) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    /// `theseus.yaml:7:12`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Place {
    /// The line and, below it, what is meant.
    fn write_snippet(&self, f: &mut fmt::Formatter<'_>, gutter: usize, under: &str) -> fmt::Result {
        let Snippet { text, mark } = &self.snippet;
        if text.is_empty() {
            return Ok(());
        }
        let blank = text[..mark.start].chars().count();
        let marked = text[mark.clone()].chars().count().max(1);
        write!(f, "\n{:>gutter$} | {}", self.line, text.trim_end())?;
        write!(
            f,
            "\n{:gutter$} | {:blank$}{}",
            "",
            "",
            under.repeat(marked)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.related.as_ref().map_or(0, |it| it.place.line);
        let gutter = self.place.line.max(second).to_string().len() + 2;

        write!(f, "{}: ", self.place)?;
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.place.write_snippet(f, gutter, "^")?;
        if let Some(Related { place, message }) = &self.related {
            write!(f, "\n{:gutter$} = note: {message} at {place}", "")?;
            place.write_snippet(f, gutter, "-")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n{:gutter$} = help: did you mean {suggestion}?", "")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        if self.omitted > 0 {
            write!(f, "\n\n… and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
