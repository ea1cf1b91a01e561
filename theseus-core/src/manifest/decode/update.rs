//! How a new revision replaces the former one, and durations.

use std::time::Duration;

use crate::manifest::finding::Spot;
use crate::manifest::scalar::Scalar;
use crate::manifest::text::Span;
use crate::manifest::tree::Node;
use crate::model::{Amount, OnFailure, Order, Promote, Strategy, Update, duration as written};

use super::context::{Cx, Field, put, scalar};

/// The longest duration; whoever adds it to a point in time need not fear for the calendar.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);
/// The largest count; as many as a group may have containers.
const MAX_COUNT: u32 = 100_000;

/// An update while it is being decoded.
#[derive(Debug)]
struct Draft {
    update: Update,
    instances: u32,
    strategy: Option<Span>,
    surge: Option<Span>,
    unavailable: Option<Span>,
    canary: Option<Span>,
    /// What has a meaning only with a canary: the key, and where its value is.
    of_canary: Vec<(&'static str, Span)>,
}

const FIELDS: &[Field<Draft>] = &[
    ("order", |cx, draft, node| {
        let orders = [
            ("start-first", Order::StartFirst),
            ("stop-first", Order::StopFirst),
        ];
        put(&mut draft.update.order, cx.one_of(node, &orders));
        // What stops first is one short meanwhile, and never one too many.
        if draft.update.order == Order::StopFirst {
            draft.update.max_surge = Amount::Count(0);
            draft.update.max_unavailable = Amount::Count(1);
        }
    }),
    ("strategy", |cx, draft, node| {
        let strategies = [("rolling", Strategy::Rolling), ("native", Strategy::Native)];
        draft.strategy = Some(node.span);
        put(&mut draft.update.strategy, cx.one_of(node, &strategies));
    }),
    ("max-surge", |cx, draft, node| {
        draft.surge = Some(node.span);
        put(&mut draft.update.max_surge, amount(cx, node));
    }),
    ("max-unavailable", |cx, draft, node| {
        draft.unavailable = Some(node.span);
        put(&mut draft.update.max_unavailable, amount(cx, node));
    }),
    ("min-healthy-time", |cx, draft, node| {
        put(&mut draft.update.min_healthy_time, duration(cx, node));
    }),
    ("deadline", |cx, draft, node| {
        put(&mut draft.update.deadline, positive_duration(cx, node));
    }),
    ("max-failed-starts", |cx, draft, node| {
        let count = cx.whole(node, "a number of containers, 0 or more", 0..=MAX_COUNT);
        put(&mut draft.update.max_failed_starts, count);
    }),
    ("on-failure", |cx, draft, node| {
        let choices = [
            ("rollback", OnFailure::Rollback),
            ("pause", OnFailure::Pause),
            ("keep", OnFailure::Keep),
        ];
        put(&mut draft.update.on_failure, cx.one_of(node, &choices));
    }),
    ("canary", |cx, draft, node| {
        draft.canary = Some(node.span);
        draft.update.canary = canary(cx, node, draft.instances);
    }),
    ("bake", |cx, draft, node| {
        draft.of_canary.push(("bake", node.span));
        put(&mut draft.update.bake, duration(cx, node));
    }),
    ("promote", |cx, draft, node| {
        draft.of_canary.push(("promote", node.span));
        let choices = [("auto", Promote::Auto), ("manual", Promote::Manual)];
        put(&mut draft.update.promote, cx.one_of(node, &choices));
    }),
];

/// Decodes the update of a group with so many instances, and with fixed hosts if they are asked for
/// somewhere.
///
/// `order: stop-first` stands for `max-surge: 0, max-unavailable: 1` unless they are given.
pub(super) fn update<'t>(
    cx: &mut Cx<'t>,
    node: &'t Node<'t>,
    instances: u32,
    fixed_host: Option<Spot>,
) -> Update {
    let mut draft = Draft {
        update: Update::default(),
        instances,
        strategy: None,
        surge: None,
        unavailable: None,
        canary: None,
        of_canary: Vec::new(),
    };
    if cx
        .fields(node, "a map, as in {max-surge: 1}", FIELDS, &mut draft)
        .is_some()
    {
        check_room(cx, &draft, node.span);
        check_canary(cx, &draft);
        check_native(cx, &draft, fixed_host);
    }
    draft.update
}

/// Decodes a canary, which is a part of the group: not nothing, and not more than there is.
fn canary(cx: &mut Cx<'_>, node: &Node<'_>, instances: u32) -> Option<Amount> {
    let canary = amount(cx, node)?;
    if canary.is_zero() {
        cx.fault(node.span, "a canary is one container at least")
            .help("without canary: all are replaced, and none is tried out first");
        return None;
    }
    // Nothing is tried out where nothing runs, and a group may be there with nothing for a while.
    if instances > 0 && canary.of(instances) > instances {
        let message = format!("a canary of {canary} is more than the group, which has {instances}");
        cx.fault(node.span, message)
            .help("a share fits every group, as in canary: 10%");
        return None;
    }
    Some(canary)
}

fn check_canary(cx: &mut Cx<'_>, draft: &Draft) {
    if draft.canary.is_some() {
        return;
    }
    for &(key, at) in &draft.of_canary {
        cx.at_key(key, |cx| {
            cx.fault(at, format!("{key} means nothing without a canary"))
                .help(format!(
                    "how many are tried out, as in {{canary: 1, {key}: …}}"
                ));
        });
    }
}

/// What Theseus does not carry out, it cannot hold back or pin.
fn check_native(cx: &mut Cx<'_>, draft: &Draft, fixed_host: Option<Spot>) {
    let Some(strategy) = draft.strategy else {
        return;
    };
    if draft.update.strategy != Strategy::Native {
        return;
    }
    let related = cx.spot(strategy);
    if let Some(at) = draft.canary {
        cx.at_key("canary", |cx| {
            cx.fault(at, "the engine's own update has no canary")
                .related(related, "the engine updates")
                .help("strategy: rolling has");
        });
    }
    if let Some(fixed) = fixed_host {
        cx.at_key("strategy", |cx| {
            cx.fault(
                strategy,
                "the engine's own update cannot keep containers on their hosts",
            )
            .related(fixed, "fixed hosts")
            .help("strategy: rolling can");
        });
    }
}

/// An update must be able to move: it starts one more, or takes one less.
fn check_room(cx: &mut Cx<'_>, draft: &Draft, at: Span) {
    let instances = draft.instances;
    let Update {
        max_surge,
        max_unavailable,
        order,
        ..
    } = draft.update;
    // Shares are rounded down. A group without containers has nothing to replace.
    let is_none = |amount: Amount| amount.is_zero() || (instances > 0 && amount.of(instances) == 0);
    if !is_none(max_unavailable) {
        return;
    }
    if order == Order::StopFirst {
        let message = format!(
            "max-unavailable is {}, so nothing can be stopped first",
            of(max_unavailable, instances)
        );
        cx.fault(draft.unavailable.unwrap_or(at), message)
            .help("order: stop-first needs a max-unavailable of at least 1");
    } else if is_none(max_surge) {
        let message = format!(
            "max-surge is {} and max-unavailable is {}, so nothing could ever be replaced",
            of(max_surge, instances),
            of(max_unavailable, instances)
        );
        cx.fault(draft.surge.or(draft.unavailable).unwrap_or(at), message)
            .help("one of them must be at least 1; shares are rounded down");
    }
}

fn of(amount: Amount, instances: u32) -> String {
    match amount {
        Amount::Percent(1..) => format!("0 ({amount} of {instances})"),
        _ => "0".to_owned(),
    }
}

fn amount(cx: &mut Cx<'_>, node: &Node<'_>) -> Option<Amount> {
    let what = "a count such as 2, or a share of the instances such as 25%";
    let text = scalar(node).map_or("", |scalar| &*scalar.text);
    if text.ends_with('%') {
        let share = text.parse().ok();
        if share.is_none() {
            cx.expected("a share from 0% to 100%", node);
        }
        return share;
    }
    cx.whole(node, what, 0..=MAX_COUNT).map(Amount::Count)
}

/// Decodes a duration.
pub(super) fn duration(cx: &mut Cx<'_>, node: &Node<'_>) -> Option<Duration> {
    read_duration(cx, node, Duration::ZERO, written::EXPECTED)
}

/// Decodes a duration that is not zero.
pub(super) fn positive_duration(cx: &mut Cx<'_>, node: &Node<'_>) -> Option<Duration> {
    let what = format!("{}, longer than nothing", written::EXPECTED);
    read_duration(cx, node, Duration::from_nanos(1), &what)
}

fn read_duration(
    cx: &mut Cx<'_>,
    node: &Node<'_>,
    least: Duration,
    what: &str,
) -> Option<Duration> {
    let text = scalar(node).map_or("", |scalar| &*scalar.text);
    let duration = written::parse(text).filter(|it| (least..=MAX_DURATION).contains(it));
    if duration.is_none() {
        let unit_missing = scalar(node).and_then(Scalar::as_number).is_some();
        let finding = cx.expected(what, node);
        if unit_missing {
            finding.suggest(Some(format!("{text}s")));
        } else if written::parse(text).is_some_and(|it| it > MAX_DURATION) {
            finding.help("a year is the longest there is");
        }
    }
    duration
}
