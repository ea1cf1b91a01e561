//! Manifests: from the text that people write to groups and their specs.
//!
//! A [`Reader`] reads each source into a tree that knows where everything is (`tree`, `quick`);
//! decoders walk the tree, check all of it and note every fault (`decode`); the faults get their
//! lines at the end (`finding`), with what is secret left out (`secret`). There are either faults
//! or a [`Manifest`], never half of each. What a cluster refuses of a good manifest becomes faults
//! in the same way (`refused`).

mod decode;
mod fault;
mod finding;
mod json;
mod map;
mod quick;
mod reader;
mod refused;
mod scalar;
mod secret;
mod snippet;
mod text;
mod tree;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::cluster::Refusal;
use crate::model::{GroupId, Spec};

pub use fault::{Fault, Faults, Path, Place, Related, Segment, Snippet};
pub use reader::Reader;
pub use write::{Secrets, hidden, write};

use decode::Mentions;
use finding::Spot;
use text::Text;

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
        Reader::new().parse(sources)
    }

    /// Reads sources that were found good, once it is known what of their groups whoever is to run
    /// them refuses. Fails with that, each at the field that it is about.
    pub fn parse_for(
        sources: &[Source],
        refusals: &BTreeMap<GroupId, Vec<Refusal>>,
    ) -> Result<Self, Faults> {
        Reader::new().parse_for(sources, refusals)
    }

    fn from_mentions(mentions: Mentions, texts: &[Text<'_>]) -> Self {
        let mut manifest = Self::default();
        manifest.deploy.reserve(mentions.all.len());
        for (group, mention) in mentions.all {
            let Spot { source, span } = mention.at;
            let origin = Origin {
                file: Arc::clone(&texts[source].name),
                line: texts[source].line_of(span.start),
            };
            match mention.wanted {
                Some(wanted) => {
                    let deployed = (wanted.spec, origin);
                    manifest.deploy.insert(group, deployed);
                }
                None => {
                    manifest.remove.insert(group, origin);
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

    /// Both, given away.
    pub(crate) fn into_groups(
        self,
    ) -> (
        impl Iterator<Item = (GroupId, Arc<Spec>)>,
        impl Iterator<Item = GroupId>,
    ) {
        let deploy = self.deploy.into_iter();
        (
            deploy.map(|(group, (spec, _))| (group, spec)),
            self.remove.into_keys(),
        )
    }

    /// Where a group is written, if the manifest speaks of it.
    pub fn origin(&self, group: &GroupId) -> Option<&Origin> {
        let deployed = self.deploy.get(group).map(|(_, origin)| origin);
        deployed.or_else(|| self.remove.get(group))
    }
}
