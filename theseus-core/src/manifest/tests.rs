//! Manifests as a whole: the good forms, the bad ones and what people are told, and the laws.

mod bad;
mod good;
mod laws;

use super::{Faults, Manifest, Source};
use crate::model::{GroupId, Spec};

fn parse(text: &str) -> Result<Manifest, Faults> {
    Manifest::parse(&[Source::new("theseus.yaml", text)])
}

/// What a group is to be, in a manifest without faults.
#[track_caller]
fn spec_of(text: &str, group: &str) -> Spec {
    let manifest = parse(text).unwrap_or_else(|faults| panic!("{faults}\n\nin\n{text}"));
    let group: GroupId = group.parse().unwrap();
    let (_, spec) = manifest.deploy().find(|(id, _)| **id == group).unwrap();
    Spec::clone(spec)
}

/// The spec of a group that has `keys` beside the required ones.
#[track_caller]
fn with(keys: &str) -> Spec {
    let text = format!("deploy: {{s: {{image: i, labels: [l], {keys}}}}}");
    spec_of(&text, "s:l")
}
