//! Manifests: from the text that people write to groups and their specs.
//!
//! A source is read once into a tree that knows where everything is (`tree`); decoders walk
//! the tree, check all of it and note every fault (`decode`); the faults get their lines at the
//! end (`finding`), with what is secret left out (`secret`). There are either faults or a
//! [`Manifest`], never half of each.

mod decode;
mod fault;
mod finding;
mod json;
mod map;
mod scalar;
mod secret;
mod snippet;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::model::{GroupId, Spec};

pub use fault::{Fault, Faults, Path, Place, Related, Segment, Snippet};

use decode::Mentions;
use finding::{Findings, Spot};
use text::{Span, Text};

/// The most bytes that a source may have.
pub const MAX_BYTES: usize = 16 << 20;

/// A manifest's text, in YAML or JSON, and how it is called in messages.
#[derive(Debug, Clone)]
pub struct Source {
    /// How it is called in messages, usually a file's path.
    pub name: Arc<str>,
    /// What it holds, which may be anything: that it is text is checked when it is read.
    pub text: Vec<u8>,
}

impl Source {
    /// A source, usually the content of the file that it is named after.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }
}

/// What people want: the groups that are to be there, and those that are not.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    deploy: IndexMap<GroupId, (Arc<Spec>, Origin)>,
    remove: IndexMap<GroupId, Origin>,
}

/// Where a group is written, shown as `theseus.yaml:7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The name of the source.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Manifest {
    /// Reads sources that together are one manifest. Fails with all the faults of all of them.
    pub fn parse(sources: &[Source]) -> Result<Self, Faults> {
        let mut findings = Findings::default();
        let contents: Vec<_> = sources
            .iter()
            .enumerate()
            .map(|(number, source)| content(number, source, &mut findings))
            .collect();
        let texts: Vec<_> = sources
            .iter()
            .zip(&contents)
            .map(|(source, content)| Text::new(Arc::clone(&source.name), &content.text))
            .collect();

        let mut mentions = Mentions::default();
        let mut trees = Vec::new();
        for (number, (text, content)) in texts.iter().zip(&contents).enumerate() {
            let tree = content
                .readable
                .then(|| tree::read(text, number, &mut findings));
            trees.push(tree);
        }
        for (number, tree) in trees.iter().enumerate() {
            if let Some(Ok(root)) = tree {
                decode::manifest(root.as_ref(), number, &mut mentions, &mut findings);
            }
        }
        if findings.is_empty() {
            return Ok(Self::from_mentions(mentions, &texts));
        }
        let masks: Vec<_> = trees
            .iter()
            .zip(&texts)
            .map(|(tree, text)| match tree {
                Some(Ok(Some(root))) => secret::masks(root, text),
                _ => secret::masks_by_line(text),
            })
            .collect();
        Err(findings.into_faults(&texts, &masks))
    }

    fn from_mentions(mentions: Mentions, texts: &[Text<'_>]) -> Self {
        let mut manifest = Self::default();
        for mention in mentions.all {
            let Spot { source, span } = mention.at;
            let origin = Origin {
                file: Arc::clone(&texts[source].name),
                line: texts[source].line_of(span.start),
            };
            match mention.spec {
                Some(spec) => {
                    let deployed = (Arc::new(spec), origin);
                    manifest.deploy.insert(mention.group, deployed);
                }
                None => {
                    manifest.remove.insert(mention.group, origin);
                }
            }
        }
        manifest
    }

    /// The groups that are to be there, and what each is to be, in the order written.
    pub fn deploy(&self) -> impl ExactSizeIterator<Item = (&GroupId, &Arc<Spec>)> {
        self.deploy.iter().map(|(group, (spec, _))| (group, spec))
    }

    /// The groups that are to be gone, in the order written.
    pub fn remove(&self) -> impl ExactSizeIterator<Item = &GroupId> {
        self.remove.keys()
    }

    /// Where a group is written, if the manifest speaks of it.
    pub fn origin(&self, group: &GroupId) -> Option<&Origin> {
        let deployed = self.deploy.get(group).map(|(_, origin)| origin);
        deployed.or_else(|| self.remove.get(group))
    }
}

/// The text of a source.
struct Content<'s> {
    text: Cow<'s, str>,
    /// Whether there is any sense in reading it.
    readable: bool,
}

/// Checks a source as a whole: how large it is, and whether it is text at all.
fn content<'s>(number: usize, source: &'s Source, findings: &mut Findings) -> Content<'s> {
    let mut refuse = |text: &'s str, message: String| {
        let end = text.len();
        let spot = Spot {
            source: number,
            span: Span { start: end, end },
        };
        let finding = findings.add(spot, Vec::new(), message);
        if source.text.starts_with(b"\xff\xfe") || source.text.starts_with(b"\xfe\xff") {
            finding.help("it looks like UTF-16; save it as UTF-8");
        }
        Content {
            text: text.into(),
            readable: false,
        }
    };
    if source.text.len() > MAX_BYTES {
        let size = source.text.len();
        let message =
            format!("a source has at most {MAX_BYTES} bytes (16 MiB), this one has {size}");
        return refuse("", message);
    }
    match str::from_utf8(&source.text) {
        Ok(text) => Content {
            text: json::join_surrogates(text.strip_prefix('\u{feff}').unwrap_or(text)),
            readable: true,
        },
        Err(error) => {
            let good = &source.text[..error.valid_up_to()];
            // It was just found to be valid.
            let good = str::from_utf8(good).unwrap_or_default();
            refuse(good, "not valid UTF-8".to_owned())
        }
    }
}
