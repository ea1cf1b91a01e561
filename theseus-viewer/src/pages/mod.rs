//! Pages, whole and in parts.
//!
//! Every page is one function in a file of its own, which writes it with a [`pen::Pen`]; [`render`]
//! makes all of it, [`update`] what changed since a page got it, each part an element with the id of
//! the one that it replaces.

pub(crate) mod address;
mod cells;
mod chart;
mod commands;
mod container;
mod differences;
mod events;
mod extra;
mod filter;
mod group;
mod history;
mod inert;
mod layout;
pub(crate) mod logs;
mod machine;
mod machines;
mod meter;
mod overview;
mod pen;
mod ports;
mod rollout;
pub(crate) mod routes;
mod spec;
mod table;
mod usage;
mod words;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use theseus_core::cluster::ContainerId;
use theseus_core::model::GroupId;

use crate::links::Links;
use crate::view::{Trouble, View};
use pen::Pen;

pub(crate) use extra::Extra;
pub(crate) use layout::{refused, still};
pub(crate) use pen::{Has, Update};
pub(crate) use words::{age, moment};

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Page {
    /// All groups.
    Overview,
    /// One group and its containers.
    Group(GroupId),
    /// One container of a group.
    Container(GroupId, ContainerId),
    /// All machines.
    Machines,
    /// One machine and what is on it.
    Machine(String),
    /// What is used.
    Usage,
    /// What happened.
    Events,
}

/// What is asked of a page, in its address. Whatever it does not know it leaves alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ask {
    /// Words to look for.
    pub(crate) q: String,
    /// A part of a service's name.
    pub(crate) service: String,
    /// A part of a label.
    pub(crate) label: String,
    /// How groups are.
    pub(crate) state: String,
    /// A part of a host's name.
    pub(crate) host: String,
    /// By what machines are coloured, or usage is told.
    pub(crate) by: String,
    /// What comes first.
    pub(crate) sort: String,
    /// How far back charts go.
    pub(crate) span: String,
    /// Which revision is compared …
    pub(crate) from: String,
    /// … with which.
    pub(crate) to: String,
}

/// What a page is made of.
pub(crate) struct Sight<'a> {
    /// Which page.
    pub(crate) page: &'a Page,
    /// What is asked of it.
    pub(crate) ask: &'a Ask,
    /// What is known.
    pub(crate) view: &'a View,
    /// What was read besides.
    pub(crate) extra: &'a Extra,
    /// The cluster's own pages.
    pub(crate) links: &'a Links,
}

impl Page {
    /// Which of the places it is, if it is one.
    fn place(&self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Machines => "/machines",
            Self::Usage => "/usage",
            Self::Events => "/events",
            Self::Group(_) | Self::Container(..) | Self::Machine(_) => "",
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Overview => "Overview".to_owned(),
            Self::Group(group) => group.to_string(),
            Self::Container(_, id) => id.0.clone(),
            Self::Machines => "Machines".to_owned(),
            Self::Machine(host) => host.clone(),
            Self::Usage => "Usage".to_owned(),
            Self::Events => "Events".to_owned(),
        }
    }

    /// Whether the machines are to be seen on it.
    pub(crate) fn shows_machines(&self) -> bool {
        matches!(self, Self::Machines | Self::Machine(_))
    }

    /// What matters to its script of what is asked. A filter does not: it only hides what is there.
    pub(crate) fn followed(&self, ask: &Ask) -> Ask {
        let none = Ask::default();
        let ask = ask.clone();
        match self {
            Self::Overview | Self::Events => none,
            Self::Group(_) => Ask {
                span: ask.span,
                from: ask.from,
                to: ask.to,
                ..none
            },
            Self::Container(..) | Self::Machine(_) => Ask {
                span: ask.span,
                ..none
            },
            Self::Machines => Ask { by: ask.by, ..none },
            Self::Usage => Ask {
                by: ask.by,
                sort: ask.sort,
                span: ask.span,
                q: ask.q,
                ..none
            },
        }
    }

    /// What its script follows.
    pub(crate) fn stream(&self, ask: &Ask) -> String {
        let text = |text: &str| Some(text.to_owned());
        let (page, group, name) = match self {
            Self::Overview => ("overview", None, None),
            Self::Group(group) => ("group", Some(group.to_string()), None),
            Self::Container(group, id) => ("container", Some(group.to_string()), text(&id.0)),
            Self::Machines => ("machines", None, None),
            Self::Machine(host) => ("machine", None, text(host)),
            Self::Usage => ("usage", None, None),
            Self::Events => ("events", None, None),
        };
        let ask = self.followed(ask);
        let parameters = [
            ("page", Some(page)),
            ("group", group.as_deref()),
            ("name", name.as_deref()),
            ("by", Some(ask.by.as_str())),
            ("span", Some(ask.span.as_str())),
            ("from", Some(ask.from.as_str())),
            ("to", Some(ask.to.as_str())),
            ("sort", Some(ask.sort.as_str())),
            ("q", Some(ask.q.as_str())),
        ];
        address::with_query("/live", &parameters)
    }
}

/// The whole page.
pub(crate) fn render(sight: &Sight<'_>, now: Timestamp) -> Markup {
    let mut pen = Pen::whole(now);
    let content = write(sight, &mut pen);
    let live = layout::Live {
        stream: sight.page.stream(sight.ask),
        version: sight.view.version.0,
        late: sight.has().late.to_string(),
        now,
    };
    layout::live(sight.page, &live, &content)
}

/// What changed in the page since it had this.
pub(crate) fn update(sight: &Sight<'_>, before: &Has, now: Timestamp) -> Update {
    let has = sight.has();
    let mut pen = Pen::changes(before.version, before.late != has.late, now);
    let _ = write(sight, &mut pen);
    pen.told(&has)
}

impl Sight<'_> {
    /// What a page has that is made of it.
    pub(crate) fn has(&self) -> Has {
        let mut hasher = DefaultHasher::new();
        self.extra.number(&mut hasher);
        // What is made of a history marks the revisions of today.
        if let (Page::Group(group), Some(known)) = (self.page, &self.view.known)
            && let Some(group) = known.group(group)
        {
            (group.status.revision, group.detail.settled).hash(&mut hasher);
        }
        Has {
            version: self.view.version,
            late: hasher.finish(),
        }
    }
}

fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let view = sight.view;
    html! {
        (pen.part("notice", view.trouble_changed, |_| notice(view)))
        @match sight.page {
            Page::Overview => (overview::write(sight, pen)),
            Page::Group(group) => (group::write(sight, group, pen)),
            Page::Container(group, id) => (container::write(sight, group, id, pen)),
            Page::Machines => (machines::write(sight, pen)),
            Page::Machine(host) => (machine::write(sight, host, pen)),
            Page::Usage => (usage::write(sight, pen)),
            Page::Events => (events::write(sight, pen)),
        }
        (pen.part("asof", view.known.as_ref().map_or(view.version, |known| known.looked), |now| html! {
            @match &view.known {
                Some(known) => p { "As of " (words::moment(known.observed_at)) ", " (words::age(known.observed_at, now)) " ago" },
                None => p { "Looking at cluster and store for the first time…" },
            }
        }))
    }
}

/// Says that what is shown may be out of date, and why. Empty when it is not.
fn notice(view: &View) -> Markup {
    let consequence = if view.known.is_some() {
        "What is shown here is the last known state."
    } else {
        "Nothing is known yet."
    };
    html! {
        @if let Some(trouble) = &view.trouble { (warning("Out of touch", trouble, consequence)) }
    }
}

/// Says what is wrong, since when, and what that means.
fn warning(what: &str, trouble: &Trouble, consequence: &str) -> Markup {
    html! {
        div.warning role="alert" {
            p {
                span.sign aria-hidden="true" { "▲ " }
                strong { (what) " since " (words::moment(trouble.since)) ". " }
                (consequence) " Trying again."
            }
            p.reason { (trouble.message) }
        }
    }
}

/// Says that there is nothing, and what that means.
fn empty(what: &str, why: &Markup) -> Markup {
    html! { div.empty { p { strong { (what) } } p { (why) } } }
}
