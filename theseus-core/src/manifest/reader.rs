//! From sources to a manifest, or to all of their faults.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::Refusal;
use crate::model::GroupId;

use super::decode::{self, Mentions};
use super::fault::Faults;
use super::finding::{Findings, Spot};
use super::refused::{self, Refusals};
use super::text::{Span, Text};
use super::{MAX_BYTES, Manifest, Source, json, secret, tree};

/// Reads manifests. A program that embeds Theseus teaches it here what it looks after itself.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    custom_constraints: Vec<String>,
}

impl Reader {
    /// One that knows what Theseus knows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts custom constraints of this name too, with or without an argument: `gpu-pool`,
    /// `{gpu-pool: a100}`. They become [`CustomConstraint::Other`]. The names that Theseus knows
    /// itself keep their meaning.
    ///
    /// [`CustomConstraint::Other`]: crate::model::CustomConstraint::Other
    #[must_use]
    pub fn custom_constraint(mut self, name: impl Into<String>) -> Self {
        self.custom_constraints.push(name.into());
        self
    }

    /// Reads sources that together are one manifest. Fails with all the faults of all of them.
    pub fn parse(&self, sources: &[Source]) -> Result<Manifest, Faults> {
        self.parse_for(sources, &Refusals::new())
    }

    /// Reads sources that were found good, once it is known what of their groups whoever is to run
    /// them refuses. Fails with that, each at the field that it is about.
    pub fn parse_for(
        &self,
        sources: &[Source],
        refusals: &BTreeMap<GroupId, Vec<Refusal>>,
    ) -> Result<Manifest, Faults> {
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
                let cx = decode::Cx::new(number, &self.custom_constraints, &mut findings);
                decode::manifest(cx, root.as_ref(), &mut mentions);
            }
        }
        decode::check_links(&mentions, &mut findings);
        if findings.is_empty() && !refusals.is_empty() {
            let roots: Vec<_> = trees
                .iter()
                .map(|tree| tree.as_ref()?.as_ref().ok()?.as_ref())
                .collect();
            refused::note(&roots, &mentions, refusals, &mut findings);
        }
        if findings.is_empty() {
            return Ok(Manifest::from_mentions(mentions, &texts));
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
