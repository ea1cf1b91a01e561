//! What groups say of other groups. Most of it can be checked only when all of them are known.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::manifest::finding::{Findings, Spot};
use crate::manifest::tree::{Node, Value};
use crate::model::GroupId;
use crate::suggest::nearest;

use super::context::{Cx, Part, is_null};
use super::cycles::each_cycle;
use super::group::Draft;
use super::{Mention, Mentions};

/// Of a longer cycle only so many groups are named.
const MAX_SHOWN: usize = 8;
/// Among so many groups the nearest is looked for: enough for what people write by hand.
const MAX_COMPARED: usize = 1000;

/// That a group says something of another one.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) relation: Relation,
    pub(super) to: GroupId,
    pub(super) part: Part,
}

/// What a group says of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    DependsOn,
    Near,
    AwayFrom,
}

impl Relation {
    /// Whether the group must wait until the other one is there.
    fn waits(self) -> bool {
        self != Self::AwayFrom
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::DependsOn => "depends on",
            Self::Near => "is to be near",
            Self::AwayFrom => "is to be away from",
        }
    }
}

/// A text that stands where a group should, and is none.
#[derive(Debug)]
pub(super) struct Misnamed {
    pub(super) text: String,
    pub(super) message: String,
    pub(super) part: Part,
}

/// Decodes the groups that one depends on: one, or a list.
pub(super) fn depends_on<'t>(cx: &mut Cx<'t>, draft: &mut Draft, node: &'t Node<'t>) {
    let mut known = HashMap::new();
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                cx.at_index(index, |cx| dependency(cx, draft, item, &mut known));
            }
        }
        _ if is_null(node) => {}
        _ => dependency(cx, draft, node, &mut known),
    }
    draft.spec.depends_on = known.into_keys().collect();
    draft.spec.depends_on.sort();
}

fn dependency<'t>(
    cx: &mut Cx<'t>,
    draft: &mut Draft,
    node: &'t Node<'t>,
    known: &mut HashMap<GroupId, Spot>,
) {
    let Some(to) = cx.group(node, &mut draft.misnamed) else {
        return;
    };
    match known.entry(to.clone()) {
        Slot::Occupied(first) => {
            cx.fault(node.span, format!("{to} is here twice"))
                .related(*first.get(), "first");
        }
        Slot::Vacant(slot) => {
            slot.insert(cx.spot(node.span));
            draft.links.push(Link {
                relation: Relation::DependsOn,
                to,
                part: cx.part(node.span),
            });
        }
    }
}

/// Checks what groups say of each other. What the manifest does not speak of may be there already,
/// which is not known here.
pub(in crate::manifest) fn check(mentions: &Mentions, findings: &mut Findings) {
    for misnamed in &mentions.misnamed {
        note_misnamed(mentions, misnamed, findings);
    }
    let mut edges = Vec::with_capacity(mentions.all.len());
    for (group, mention) in &mentions.all {
        edges.push(check_links(mentions, group, mention, findings));
    }
    let targets: Vec<Vec<_>> = edges
        .iter()
        .map(|edges| edges.iter().map(|&(target, _)| target).collect())
        .collect();
    each_cycle(&targets, |cycle, edge| {
        let last = cycle[cycle.len() - 1];
        let part = &edges[last][edge].1.part;
        let message = format!("groups wait for each other: {}", circle(mentions, cycle));
        findings
            .add(part.at, part.path.clone(), message)
            .help("depends-on and near wait for the group that they name; one of these must go");
    });
}

fn note_misnamed(mentions: &Mentions, misnamed: &Misnamed, findings: &mut Findings) {
    // When faults are only counted, what was meant is not worth finding out.
    let near = (!findings.is_full()).then(|| meant(mentions, &misnamed.text));
    let Part { at, path } = misnamed.part.clone();
    findings
        .add(at, path, misnamed.message.clone())
        .suggest(near.flatten())
        .help("a group is written SERVICE:LABEL[,LABEL…], in quotes where it has several labels");
}

/// The group of the manifest that was probably meant.
fn meant(mentions: &Mentions, text: &str) -> Option<String> {
    let groups = || {
        let deployed = mentions.all.iter().filter(|(_, it)| it.wanted.is_some());
        deployed.take(MAX_COMPARED).map(|(group, _)| group)
    };
    let of_service = groups().find(|group| group.service.as_str() == text);
    let names: Vec<_> = groups().map(ToString::to_string).collect();
    of_service
        .map(ToString::to_string)
        .or_else(|| nearest(text, names.iter().map(String::as_str)).map(str::to_owned))
}

/// Checks what one group says of others one by one. Returns the groups of the manifest that it
/// waits for, each once, with a link to each.
fn check_links<'m>(
    mentions: &'m Mentions,
    group: &GroupId,
    mention: &'m Mention,
    findings: &mut Findings,
) -> Vec<(usize, &'m Link)> {
    let mut edges = Vec::new();
    for link in mention.wanted.iter().flat_map(|wanted| &wanted.links) {
        let Link { relation, to, part } = link;
        let told = relation.as_str();
        if to == group {
            findings.add(part.at, part.path.clone(), format!("{to} {told} itself"));
            continue;
        }
        let other = mentions.all.get_full(to).filter(|_| relation.waits());
        let Some((target, _, other)) = other else {
            continue;
        };
        if other.wanted.is_some() {
            edges.push((target, link));
        } else {
            let message = format!("{group} {told} {to}, which is to be removed");
            findings
                .add(part.at, part.path.clone(), message)
                .related(other.at, "removed");
        }
    }
    // By the first link of each target; the walk needs no order but always the same.
    edges.sort_by_key(|&(target, link)| (target, link.part.at));
    edges.dedup_by_key(|&mut (target, _)| target);
    edges
}

/// `web:dev -> db:dev -> web:dev`
fn circle(mentions: &Mentions, cycle: &[usize]) -> String {
    let name = |&node: &usize| Some(mentions.all.get_index(node)?.0.to_string());
    let shown = cycle.len().min(MAX_SHOWN);
    let mut names: Vec<_> = cycle[..shown].iter().filter_map(name).collect();
    if shown < cycle.len() {
        names.push(format!("… {} more …", cycle.len() - shown));
    }
    names.extend(cycle.first().and_then(name));
    names.join(" -> ")
}
