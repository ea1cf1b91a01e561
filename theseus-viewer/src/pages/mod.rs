//! Pages, whole and in parts.
//!
//! A page is a notice, a summary and a table. [`render`] makes all of it; [`update`] makes only the
//! parts that changed since a version, each an element with the id of the one that it replaces.

mod container;
mod group;
mod layout;
mod overview;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};
use serde::Serialize;
use theseus_core::model::GroupId;
use theseus_core::status::{ContainerStatus, GroupStatus};

use crate::view::{Trouble, Version, View};

pub(crate) use layout::not_found;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// All groups.
    Overview,
    /// One group and its containers.
    Group(GroupId),
}

/// What changed in a page, for its script.
#[derive(Debug, Serialize)]
pub(crate) struct Update {
    /// The version that the page has with this update.
    version: Version,
    /// The time here, in milliseconds, for ages to be right where the browser's clock is not.
    now: i64,
    /// New elements, by their ids.
    parts: BTreeMap<String, String>,
    /// The ids of all rows in their order, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<String>>,
}

/// A column of a page's table.
#[derive(Debug, Clone, Copy)]
struct Column {
    name: &'static str,
    class: &'static str,
}

impl Column {
    const fn text(name: &'static str) -> Self {
        Self {
            name,
            class: "text",
        }
    }

    const fn number(name: &'static str) -> Self {
        Self {
            name,
            class: "number",
        }
    }
}

/// A row of a page's table.
#[derive(Debug, Clone, Copy)]
enum Row<'a> {
    Group(&'a GroupStatus),
    Container(&'a ContainerStatus),
}

impl Row<'_> {
    fn id(self) -> String {
        match self {
            Self::Group(group) => format!("row:{}", group.group),
            Self::Container(container) => format!("row:{}", container.id),
        }
    }

    fn render(self, now: Timestamp) -> Markup {
        let id = self.id();
        match self {
            Self::Group(group) => overview::row(&id, group, now),
            Self::Container(container) => container::row(&id, container, now),
        }
    }
}

/// A page's rows, each with the version in which it changed.
struct Table<'a> {
    /// The version in which a row came, went or moved.
    changed: Version,
    rows: Vec<(Row<'a>, Version)>,
}

impl Page {
    /// Where it is.
    fn path(&self) -> String {
        match self {
            Self::Overview => "/".to_owned(),
            Self::Group(group) => format!("/groups/{group}"),
        }
    }

    /// Where its changes are told.
    fn events(&self) -> String {
        match self {
            Self::Overview => "/events".to_owned(),
            Self::Group(group) => format!("/events?group={group}"),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Overview => "Groups".to_owned(),
            Self::Group(group) => group.to_string(),
        }
    }

    fn columns(&self) -> &'static [Column] {
        match self {
            Self::Overview => &overview::COLUMNS,
            Self::Group(_) => &container::COLUMNS,
        }
    }

    fn summary(&self, view: &View, now: Timestamp) -> Markup {
        let Some(known) = &view.known else {
            return html! { p { "Looking at cluster and store for the first time…" } };
        };
        let summary = match self {
            Self::Overview => overview::summary(&known.status),
            Self::Group(id) => {
                let group = known.group(id).map(|(group, ..)| group);
                group::summary(id, group, now)
            }
        };
        html! {
            (summary)
            p.asof { "As of " (words::moment(known.observed_at)) ", " (words::age(known.observed_at, now)) " ago" }
        }
    }

    fn table<'a>(&self, view: &'a View) -> Table<'a> {
        let gone = Table {
            changed: view.version,
            rows: Vec::new(),
        };
        let Some(known) = &view.known else {
            return gone;
        };
        match self {
            Self::Overview => Table {
                changed: known.groups_changed(),
                rows: known
                    .groups()
                    .map(|(group, changed)| (Row::Group(group), changed))
                    .collect(),
            },
            Self::Group(id) => known.group(id).map_or(gone, |(group, _, stamps)| Table {
                changed: stamps.list,
                rows: stamps
                    .of(&group.containers)
                    .map(|(container, changed)| (Row::Container(container), changed))
                    .collect(),
            }),
        }
    }
}

/// The whole page.
pub(crate) fn render(page: &Page, view: &View, now: Timestamp) -> Markup {
    let table = page.table(view);
    layout::live(
        page,
        view.version,
        now,
        &html! {
            (notice(view))
            (summary(page, view, now))
            table role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for column in page.columns() { th.(column.class) scope="col" role="columnheader" { (column.name) } }
                    }
                }
                tbody #rows role="rowgroup" {
                    @for (row, _) in &table.rows { (row.render(now)) }
                }
            }
        },
    )
}

/// What changed in the page since a version.
pub(crate) fn update(page: &Page, view: &View, since: Version, now: Timestamp) -> Update {
    let table = page.table(view);
    let mut parts: BTreeMap<String, String> = table
        .rows
        .iter()
        .filter(|(_, changed)| *changed > since)
        .map(|(row, _)| (row.id(), row.render(now).into_string()))
        .collect();
    // Its age changes with every view.
    parts.insert("summary".to_owned(), summary(page, view, now).into_string());
    if view.trouble_changed > since {
        parts.insert("notice".to_owned(), notice(view).into_string());
    }
    let rows =
        (table.changed > since).then(|| table.rows.iter().map(|(row, _)| row.id()).collect());
    Update {
        version: view.version,
        now: now.as_millisecond(),
        parts,
        rows,
    }
}

fn summary(page: &Page, view: &View, now: Timestamp) -> Markup {
    html! { section #summary { (page.summary(view, now)) } }
}

/// Says that what is shown may be out of date, and why. Empty when it is not.
fn notice(view: &View) -> Markup {
    let consequence = if view.known.is_some() {
        "What is shown here is the last known state."
    } else {
        "Nothing is known yet."
    };
    html! {
        div #notice role="alert" {
            @if let Some(Trouble { since, message }) = &view.trouble {
                p {
                    span.sign aria-hidden="true" { "▲ " }
                    strong { "Out of touch since " (words::moment(*since)) ". " }
                    (consequence) " Trying again."
                }
                p.reason { (message) }
            }
        }
    }
}
