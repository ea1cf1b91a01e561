//! From the tree of a source to groups and their specs. Every decoder goes on after a fault, so
//! that all faults are found; what it then gives is never used.

mod container;
mod context;
mod custom;
mod cycles;
mod group;
mod health;
mod links;
mod placement;
mod ports;
mod update;

use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;

use crate::model::{GroupId, Labels, ServiceName, Spec};

use super::finding::Spot;
use super::map::{Entry, Map};
use super::text::Span;
use super::tree::{Node, Value};
use crate::suggest::nearest;
use context::{Field, is_null};
use links::{Link, Misnamed};

pub(super) use context::Cx;
pub(super) use links::check as check_links;

/// What the sources say of a group.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) at: Spot,
    /// What it should be; `None` when it should be gone.
    pub(super) wanted: Option<Wanted>,
}

/// What a group of `deploy` should be.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Apart from the rest, so that a long list of them is not moved about as it grows.
    pub(super) spec: Arc<Spec>,
    /// What it says of other groups.
    links: Vec<Link>,
}

/// What all sources say, which must not say two things of one group.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) all: IndexMap<GroupId, Mention>,
    /// What stands where a group should, and is none.
    misnamed: Vec<Misnamed>,
}

const MANIFEST: &[Field<Mentions>] = &[
    ("deploy", |cx, mentions, node| {
        services(cx, node, |cx, id, at, node| {
            let draft = group::group(cx, node, at);
            mentions.misnamed.extend(draft.misnamed);
            let wanted = Wanted {
                spec: Arc::new(draft.spec),
                links: draft.links,
            };
            mentions.add(cx, id, draft.labels, at, Some(wanted));
        });
    }),
    ("remove", |cx, mentions, node| {
        services(cx, node, |cx, id, at, node| {
            let labels = group::labels_only(cx, node, at);
            mentions.add(cx, id, labels, at, None);
        });
    }),
];

/// Decodes a source. `None` stands for one in which there is nothing.
pub(super) fn manifest<'t>(mut cx: Cx<'t>, root: Option<&'t Node<'t>>, mentions: &mut Mentions) {
    let what = "a manifest: a map with deploy, remove or both";
    let Some(root) = root else {
        cx.fault(Span::default(), format!("expected {what}, found nothing"));
        return;
    };
    let map = cx.fields(root, what, MANIFEST, mentions);
    if map.is_some_and(Map::is_empty) {
        cx.fault(root.span, format!("expected {what}, found an empty map"));
    }
}

/// Decodes the services below `deploy` or `remove`: below each name is a group, or a list of
/// groups. `group` gets the service's name, if it is one, and the place of the group.
fn services<'t>(
    cx: &mut Cx<'t>,
    node: &'t Node<'t>,
    mut group: impl FnMut(&mut Cx<'t>, Option<&ServiceName>, Span, &'t Node<'t>),
) {
    cx.entries(node, "a map of services", |cx, name, key, node| {
        let service = cx.name(name, key).and_then(|_| name.parse().ok());
        let Value::List(groups) = &node.value else {
            group(cx, service.as_ref(), key, node);
            return;
        };
        if groups.is_empty() {
            cx.fault(
                node.span,
                "expected a group, or a list of groups, found an empty list",
            );
        }
        for (index, node) in groups.iter().enumerate() {
            cx.at_index(index, |cx| group(cx, service.as_ref(), node.span, node));
        }
    });
}

impl Mentions {
    /// Notes what is said of a group, if it is known which one is meant.
    fn add(
        &mut self,
        cx: &mut Cx<'_>,
        service: Option<&ServiceName>,
        labels: Option<Labels>,
        at: Span,
        wanted: Option<Wanted>,
    ) {
        let (Some(service), Some(labels)) = (service, labels) else {
            return;
        };
        let mention = Mention {
            at: cx.spot(at),
            wanted,
        };
        match self.all.entry(GroupId::new(service.clone(), labels)) {
            Slot::Vacant(slot) => {
                slot.insert(mention);
            }
            Slot::Occupied(slot) => conflict(cx, at, slot.key(), slot.get(), &mention),
        }
    }
}

/// Notes that two mentions of a group do not go together. Two removals do.
fn conflict(cx: &mut Cx<'_>, at: Span, group: &GroupId, first: &Mention, second: &Mention) {
    let message = match (&first.wanted, &second.wanted) {
        (None, None) => return,
        (Some(_), Some(_)) => format!("{group} is deployed twice"),
        _ => format!("{group} is both deployed and removed"),
    };
    cx.fault(at, message).related(first.at, "first");
}

/// Notes the keys that must be there and are not. One that was only misspelt is noted already, as
/// an unknown key.
fn require(cx: &mut Cx<'_>, map: &Map<'_>, keys: &[(&str, &str)], at: Span) {
    for (key, help) in keys {
        let written = map.get(key);
        if written.is_some_and(|entry| !is_null(&entry.node)) || misspelt(map, key).is_some() {
            continue;
        }
        let at = written.map_or(at, |entry| entry.key);
        cx.fault(at, format!("{key} is missing")).help(*help);
    }
}

/// The entry whose key was probably meant to be this one, which is not there.
fn misspelt<'m>(map: &'m Map<'m>, key: &str) -> Option<(&'m str, &'m Entry<'m>)> {
    if map.get(key).is_some() {
        return None;
    }
    let near = |written: &str| nearest(written, [key]).is_some();
    map.iter().find(|(written, _)| near(written))
}

/// The keys that a group may have.
#[cfg(test)]
pub(super) fn group_keys() -> impl Iterator<Item = &'static str> {
    group::keys()
}
