//! A group: its labels and its spec.

use crate::manifest::finding::Spot;
use crate::manifest::text::Span;
use crate::manifest::tree::{Node, Value};
use crate::model::{Label, Labels, MAX_INSTANCES, Spec};

use super::context::{Cx, Field, is_null, put};
use super::links::{self, Link, Misnamed};
use super::{container, custom, health, misspelt, placement, ports, require, update};

const LABELS: (&str, &str) = (
    "labels",
    "labels tell the groups of a service apart, as in labels: ['dev']",
);
const IMAGE: (&str, &str) = (
    "image",
    "the image to run, as in image: registry.example.com/flask:1.2",
);

/// A group while it is being decoded.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) labels: Option<Labels>,
    pub(super) spec: Spec,
    /// Where the custom constraints are, once they were seen.
    pub(super) custom: Option<Span>,
    /// Where it asks for a fixed host, if it does.
    pub(super) fixed_host: Option<Spot>,
    /// What it says of other groups.
    pub(super) links: Vec<Link>,
    /// What stands where a group should, and is none.
    pub(super) misnamed: Vec<Misnamed>,
}

const GROUP: &[Field<Draft>] = &[
    ("image", |cx, draft, node| {
        let image = cx.solid_text(node, "an image such as registry.example.com/flask:1.2");
        put(&mut draft.spec.image, image.map(str::to_owned));
    }),
    ("labels", |cx, draft, node| draft.labels = labels(cx, node)),
    ("instances", |cx, draft, node| {
        let what = format!("a number of containers from 0 to {MAX_INSTANCES}");
        put(
            &mut draft.spec.instances,
            cx.whole(node, &what, 0..=MAX_INSTANCES),
        );
    }),
    ("cpus", |cx, draft, node| {
        let cpus = cx.number(node, "a number of processors greater than 0", |it| it > 0.0);
        put(&mut draft.spec.resources.cpus, cpus);
    }),
    ("mem", |cx, draft, node| {
        let mem = cx.number(node, "MiB of memory, a number greater than 0", |it| {
            it > 0.0
        });
        put(&mut draft.spec.resources.mem, mem);
    }),
    ("disk", |cx, draft, node| {
        let disk = cx.number(node, "MiB of disk, 0 or more", |it| it >= 0.0);
        put(&mut draft.spec.resources.disk, disk);
    }),
    ("network", |cx, draft, node| {
        put(&mut draft.spec.network, container::network(cx, node));
    }),
    ("ports", |cx, draft, node| {
        draft.spec.ports = ports::ports(cx, node, &draft.spec.network);
    }),
    ("environment", |cx, draft, node| {
        draft.spec.environment = container::environment(cx, node);
    }),
    ("volumes", |cx, draft, node| {
        draft.spec.volumes = container::volumes(cx, node);
    }),
    ("command", |cx, draft, node| {
        draft.spec.command = container::command(cx, node);
    }),
    ("args", |cx, draft, node| {
        draft.spec.args = container::command(cx, node);
    }),
    ("force-pull", |cx, draft, node| {
        put(&mut draft.spec.force_pull, cx.boolean(node));
    }),
    ("parameters", |cx, draft, node| {
        draft.spec.parameters = container::parameters(cx, node);
    }),
    ("fetch", |cx, draft, node| {
        draft.spec.fetch = container::fetches(cx, node);
    }),
    ("metadata", |cx, draft, node| {
        draft.spec.metadata = container::metadata(cx, node);
    }),
    ("constraints", |cx, draft, node| {
        draft.spec.constraints = placement::constraints(cx, node);
    }),
    ("custom-constraints", custom::custom_constraints),
    // As the first manifests had it.
    ("custom_constraints", custom::custom_constraints),
    ("depends-on", links::depends_on),
    ("health", |cx, draft, node| {
        if !is_null(node) {
            draft.spec.health = health::health(cx, node, &draft.spec.ports);
        }
    }),
    ("update", |cx, draft, node| {
        if !is_null(node) {
            draft.spec.update = update::update(cx, node, draft.spec.instances, draft.fixed_host);
        }
    }),
];

/// Decodes a group of `deploy`. `at` stands for the group as a whole.
pub(super) fn group<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, at: Span) -> Draft {
    let mut draft = Draft {
        labels: None,
        spec: Spec::new(""),
        custom: None,
        fixed_host: None,
        links: Vec::new(),
        misnamed: Vec::new(),
    };
    if let Some(map) = cx.fields(node, "a group, or a list of groups", GROUP, &mut draft) {
        require(cx, map, &[IMAGE, LABELS], at);
    }
    draft
}

/// Decodes a group of `remove`, of which only the labels count.
pub(super) fn labels_only<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>, at: Span) -> Option<Labels> {
    let map = cx.map(node, "the labels of a group, as in {labels: ['dev']}")?;
    if let Some((written, entry)) = misspelt(map, LABELS.0) {
        // Other keys mean nothing here, but this one was meant.
        cx.fault(
            entry.key,
            format!("labels is missing, and {written:?} has no meaning here"),
        )
        .suggest(Some(LABELS.0));
        return None;
    }
    require(cx, map, &[LABELS], at);
    let node = &map.get(LABELS.0)?.node;
    cx.at_key(LABELS.0, |cx| labels(cx, node))
}

/// Decodes labels. Nothing at all is as good as missing, which is noted elsewhere.
fn labels<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Option<Labels> {
    let what = "a list of labels";
    let Value::List(items) = &node.value else {
        let near = container::plain_text(node).and_then(|text| text.parse::<Label>().ok());
        if !is_null(node) {
            cx.expected(what, node)
                .suggest(near.map(|label| format!("['{label}']")));
        }
        return None;
    };
    if items.is_empty() {
        cx.fault(node.span, "expected at least one label")
            .help(LABELS.1);
    }
    let labels = cx.list(node, what, |cx, node| {
        let text = cx.text(node, "a label")?;
        cx.name(text, node.span)
    });
    // With a label that is none it would be another group.
    (labels.len() == items.len())
        .then(|| Labels::new(labels))
        .flatten()
}

/// The keys that a group may have.
#[cfg(test)]
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    GROUP.iter().map(|&(key, _)| key)
}
