//! Writing a page: all of it, or only what changed since somebody got it.
//!
//! Each page is written once, as a template that hands its changeable parts to a [`Pen`]. To write a
//! whole page the pen puts them where they belong; to tell what changed it keeps those that did, and
//! what is around them is thrown away. So a part cannot look different when it comes later.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use theseus_core::logs;

use super::inert::inert;
use crate::view::Version;

/// What a page has already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Has {
    /// The view that it was made of.
    pub(crate) version: Version,
    /// The number of what it was made of besides.
    pub(crate) late: u64,
}

/// What changed in a page, for its script.
#[derive(Debug, Serialize)]
pub(crate) struct Update {
    /// The version that the page has with this update.
    version: Version,
    /// See [`Has::late`]. In text, since scripts have no numbers of this size.
    late: String,
    /// The time here, in milliseconds, for ages to be right where the browser's clock is not.
    now: i64,
    /// New elements, by their ids.
    parts: BTreeMap<String, String>,
    /// The ids of all rows of lists in their order, where that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    lists: BTreeMap<String, Vec<String>>,
}

impl Update {
    /// Whether the page is as it should be already.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.lists.is_empty()
    }
}

/// Writes a page.
pub(crate) struct Pen {
    /// When.
    pub(crate) now: Timestamp,
    changes: Option<Changes>,
}

struct Changes {
    since: Version,
    is_late: bool,
    parts: BTreeMap<String, String>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Pen {
    /// Writes all of it.
    pub(super) fn whole(now: Timestamp) -> Self {
        Self { now, changes: None }
    }

    /// Writes what changed since a version, and where `is_late` what is made of more than the view.
    pub(super) fn changes(since: Version, is_late: bool, now: Timestamp) -> Self {
        let changes = Changes {
            since,
            is_late,
            parts: BTreeMap::new(),
            lists: BTreeMap::new(),
        };
        Self {
            now,
            changes: Some(changes),
        }
    }

    /// A part that is replaced as a whole when it changes.
    pub(super) fn part(
        &mut self,
        id: &str,
        stamp: Version,
        write: impl FnOnce(Timestamp) -> Markup,
    ) -> Markup {
        let now = self.now;
        let write = || html! { div id=(id) { (write(now)) } };
        match &mut self.changes {
            None => write(),
            Some(changes) => {
                if stamp > changes.since {
                    let part = inert(write()).into_string();
                    changes.parts.insert(id.to_owned(), part);
                }
                nothing()
            }
        }
    }

    /// A part that is made of more than the view. All such parts are replaced together.
    pub(super) fn late(&mut self, id: &str, write: impl FnOnce(Timestamp) -> Markup) -> Markup {
        let now = self.now;
        let write = || html! { div id=(id) { (write(now)) } };
        match &mut self.changes {
            None => write(),
            Some(changes) => {
                if changes.is_late {
                    let part = inert(write()).into_string();
                    changes.parts.insert(id.to_owned(), part);
                }
                nothing()
            }
        }
    }

    /// The rows of a list: each with its id, when it changed, and what writes it.
    pub(super) fn rows<'a, R>(
        &mut self,
        list: &str,
        stamp: Version,
        rows: impl Iterator<Item = (String, Version, R)> + 'a,
    ) -> Markup
    where
        R: FnOnce(&str, Timestamp) -> Markup,
    {
        let now = self.now;
        // An id has to be what it will be in the finished page.
        let rows = rows.map(|(id, stamp, write)| (logs::inert(&id).into_owned(), stamp, write));
        let Some(changes) = &mut self.changes else {
            return html! { @for (id, _, write) in rows { (write(&id, now)) } };
        };
        let mut order = (stamp > changes.since).then(Vec::new);
        for (id, row_stamp, write) in rows {
            if row_stamp > changes.since {
                let row = inert(write(&id, now)).into_string();
                changes.parts.insert(id.clone(), row);
            }
            if let Some(order) = &mut order {
                order.push(id);
            }
        }
        if let Some(order) = order {
            changes.lists.insert(list.to_owned(), order);
        }
        nothing()
    }

    /// What a page is to be told that comes to have this.
    pub(super) fn told(self, has: &Has) -> Update {
        let (parts, lists) = match self.changes {
            Some(changes) => (changes.parts, changes.lists),
            None => (BTreeMap::new(), BTreeMap::new()),
        };
        Update {
            version: has.version,
            late: has.late.to_string(),
            now: self.now.as_millisecond(),
            parts,
            lists,
        }
    }
}

fn nothing() -> Markup {
    PreEscaped(String::new())
}
