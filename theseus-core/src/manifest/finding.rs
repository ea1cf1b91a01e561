//! Faults as they are found: by source and range. Their lines are looked up at the end, when it
//! is known what in them is secret.

use super::fault::{Fault, Faults, Path, Related, Segment};
use super::text::{Span, Text};

/// How many faults are kept. The rest is counted.
const MAX_FAULTS: usize = 1000;

/// A fault, not yet ready to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    at: Spot,
    path: Vec<Segment>,
    message: String,
    suggestion: Option<String>,
    help: Option<String>,
    related: Option<(Spot, String)>,
}

/// A range of one of several sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Which source, by its number.
    pub(super) source: usize,
    /// Which part of it.
    pub(super) span: Span,
}

impl Finding {
    /// Says what was probably meant.
    pub(super) fn suggest(&mut self, suggestion: Option<impl Into<String>>) -> &mut Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// Says what else helps.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Names the other place that has to do with it.
    pub(super) fn related(&mut self, at: Spot, message: impl Into<String>) -> &mut Self {
        self.related = Some((at, message.into()));
        self
    }
}

/// All that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    omitted: usize,
    /// Takes what is not kept.
    spill: Finding,
}

impl Findings {
    /// Notes a fault.
    pub(super) fn add(&mut self, at: Spot, path: Vec<Segment>, message: String) -> &mut Finding {
        let finding = Finding {
            at,
            path,
            message,
            ..Finding::default()
        };
        if self.is_full() {
            self.omitted += 1;
            self.spill = finding;
            return &mut self.spill;
        }
        self.kept.push(finding);
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// Whether more faults are counted only.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= MAX_FAULTS
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The faults in order, each with its line. What is used twice through an alias is wrong once.
    pub(super) fn into_faults(mut self, texts: &[Text<'_>], masks: &[Vec<Span>]) -> Faults {
        self.kept.sort_by_key(|finding| finding.at);
        self.kept
            .dedup_by(|two, one| two.at == one.at && two.message == one.message);
        let place = |spot: Spot| texts[spot.source].place(spot.span, &masks[spot.source]);
        let faults = self.kept.into_iter().map(|finding| Fault {
            place: place(finding.at),
            path: Path(finding.path),
            message: finding.message,
            suggestion: finding.suggestion,
            help: finding.help,
            related: finding.related.map(|(spot, message)| Related {
                place: place(spot),
                message,
            }),
        });
        Faults {
            faults: faults.collect(),
            omitted: self.omitted,
        }
    }
}
