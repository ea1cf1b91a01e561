//! Where containers may run, in Theseus's own terms: words, and words with what they are about.

use std::collections::HashMap;
use std::time::Duration;

use crate::manifest::map::Entry;
use crate::manifest::snippet::shortened;
use crate::manifest::tree::{Node, Value};
use crate::model::CustomConstraint;

use super::context::{Cx, Field, Part, is_null, put};
use super::group::Draft;
use super::links::{Link, Relation};
use super::{require, update};

const WHAT: &str = "a custom constraint, as fixed-host or {spread-by: rack}";
const RELOCATION: &str = "{relocate-after: 10m}";

/// A constraint, and where it is.
type Placed = (CustomConstraint, Part);

/// Decodes the constraints that Theseus itself looks after: one, or a list.
pub(super) fn custom_constraints<'t>(cx: &mut Cx<'t>, draft: &mut Draft, node: &'t Node<'t>) {
    if let Some(first) = draft.custom.replace(node.span) {
        let first = cx.spot(first);
        cx.fault(
            node.span,
            "custom constraints are here twice, in two spellings",
        )
        .related(first, "first");
        return;
    }
    let mut placed = Vec::new();
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                cx.at_index(index, |cx| constraints(cx, draft, item, &mut placed));
            }
        }
        _ if is_null(node) => {}
        _ => constraints(cx, draft, node, &mut placed),
    }
    // Their order has no meaning, and must not make another spec.
    placed.sort_by(|(one, first), (other, second)| (one, first.at).cmp(&(other, second.at)));
    check_twice(cx, &placed);
    check_opposites(cx, &placed);
    for (constraint, part) in placed {
        let relation = match &constraint {
            CustomConstraint::FixedHost { .. } => {
                draft.fixed_host = Some(part.at);
                None
            }
            CustomConstraint::Near(group) => Some((Relation::Near, group)),
            CustomConstraint::AwayFrom(group) => Some((Relation::AwayFrom, group)),
            CustomConstraint::SpreadBy(_) | CustomConstraint::Other { .. } => None,
        };
        if let Some((relation, group)) = relation {
            draft.links.push(Link {
                relation,
                to: group.clone(),
                part,
            });
        }
        draft.spec.custom_constraints.push(constraint);
    }
}

/// Decodes a word, or a map of words with what each is about.
fn constraints<'t>(
    cx: &mut Cx<'t>,
    draft: &mut Draft,
    node: &'t Node<'t>,
    placed: &mut Vec<Placed>,
) {
    match &node.value {
        Value::Scalar(_) => {
            if let Some(constraint) = word(cx, node) {
                placed.push((constraint, cx.part(node.span)));
            }
        }
        Value::Map(map) if !map.is_empty() => {
            for (name, entry) in map.iter() {
                cx.at_key(name, |cx| {
                    if let Some(constraint) = about(cx, draft, name, entry) {
                        placed.push((constraint, cx.part(entry.key)));
                    }
                });
            }
        }
        Value::Map(_) | Value::List(_) => {
            cx.expected(WHAT, node);
        }
    }
}

fn names<'t>(cx: &Cx<'t>) -> impl Iterator<Item = &'t str> + Clone + use<'t> {
    let others = cx.custom_constraints().iter().map(String::as_str);
    CustomConstraint::NAMES.into_iter().chain(others)
}

/// Decodes a constraint that is about nothing.
fn word(cx: &mut Cx<'_>, node: &Node<'_>) -> Option<CustomConstraint> {
    let words: Vec<_> = names(cx).map(|name| (name, name)).collect();
    let name = cx.one_of(node, &words)?;
    CustomConstraint::new(name, None)
        .map_err(|expected| {
            cx.fault(node.span, expected);
        })
        .ok()
}

/// Decodes a constraint with what it is about.
fn about<'t>(
    cx: &mut Cx<'t>,
    draft: &mut Draft,
    name: &'t str,
    entry: &'t Entry<'t>,
) -> Option<CustomConstraint> {
    let node = &entry.node;
    match name {
        "fixed-host" => relocation(cx, entry).map(|after| CustomConstraint::FixedHost {
            relocate_after: Some(after),
        }),
        "spread-by" => cx
            .solid_text(node, "an attribute of the hosts, such as rack")
            .map(|attribute| CustomConstraint::SpreadBy(attribute.to_owned())),
        "away-from" => cx
            .group(node, &mut draft.misnamed)
            .map(CustomConstraint::AwayFrom),
        "near" => cx
            .group(node, &mut draft.misnamed)
            .map(CustomConstraint::Near),
        _ if names(cx).any(|known| known == name) => {
            let argument = cx.word(node, "what the constraint is about")?;
            Some(CustomConstraint::Other {
                name: name.to_owned(),
                argument: Some(argument.to_owned()),
            })
        }
        _ => {
            let names = names(cx);
            cx.unknown_key(name, entry.key, names);
            None
        }
    }
}

/// Decodes how long a fixed host may be gone.
fn relocation<'t>(cx: &mut Cx<'t>, entry: &'t Entry<'t>) -> Option<Duration> {
    const FIELDS: &[Field<Option<Duration>>] = &[("relocate-after", |cx, after, node| {
        put(after, update::positive_duration(cx, node).map(Some));
    })];
    if !matches!(entry.node.value, Value::Map(_)) {
        cx.expected(RELOCATION, &entry.node)
            .help("a host that is waited for however long it is gone is just fixed-host");
        return None;
    }
    let mut after = None;
    let map = cx.fields(&entry.node, RELOCATION, FIELDS, &mut after)?;
    let help = "how long the host may be gone, as in {relocate-after: 10m}";
    require(cx, map, &[("relocate-after", help)], entry.key);
    after
}

/// Notes what is said twice. The constraints are sorted, so the same are neighbours.
fn check_twice(cx: &mut Cx<'_>, placed: &[Placed]) {
    for pair in placed.windows(2) {
        let [(one, first), (other, second)] = pair else {
            continue;
        };
        if one.same_hosts(other) {
            let (first, second) = if first.at <= second.at {
                (first, second)
            } else {
                (second, first)
            };
            cx.fault_of(second.clone(), format!("{} is here twice", shown(other)))
                .related(first.at, "first");
        }
    }
}

/// Notes what cannot be near a group and away from it.
fn check_opposites(cx: &mut Cx<'_>, placed: &[Placed]) {
    let away: HashMap<_, _> = placed
        .iter()
        .filter_map(|(constraint, part)| match constraint {
            CustomConstraint::AwayFrom(group) => Some((group, part)),
            _ => None,
        })
        .collect();
    for (constraint, near) in placed {
        if let CustomConstraint::Near(group) = constraint
            && let Some(away) = away.get(group)
        {
            cx.fault_of(
                near.clone(),
                format!("nothing is both near {group} and away from it"),
            )
            .related(away.at, "away from it");
        }
    }
}

fn shown(constraint: &CustomConstraint) -> String {
    let name = constraint.name();
    match constraint {
        CustomConstraint::SpreadBy(attribute) => format!("{name}: {}", shortened(attribute)),
        CustomConstraint::AwayFrom(group) | CustomConstraint::Near(group) => {
            format!("{name}: {group}")
        }
        CustomConstraint::FixedHost { .. } | CustomConstraint::Other { .. } => name.to_owned(),
    }
}
