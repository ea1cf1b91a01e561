//! What a page is made of besides the view: what was read for it from the store.

use std::hash::DefaultHasher;

use theseus_core::cluster::Tenant;
use theseus_core::model::GroupId;
use theseus_core::records::HistoryRecord;
use theseus_core::usage::{Point, Span, Subject};

use super::{Ask, Page, logs, usage};
use crate::logs::End;
use crate::reads::{Read, Reads, number};
use crate::refusal::Refusal;
use crate::view::View;
use crate::viewer::Viewer;

/// What was read for a page.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The revisions of its group.
    pub(super) history: Option<Read<HistoryRecord>>,
    /// What its subjects have used.
    pub(super) usage: Vec<(Subject, Read<Point>)>,
    /// Who else runs things on its machine.
    pub(super) tenants: Option<Read<Tenant>>,
    /// The end of its container's log, or why it cannot be read now. It is no part of what is kept
    /// true: what is written follows by itself.
    pub(super) log: Option<Result<End, Refusal>>,
    /// All that is meant, with what was used last.
    pub(super) standing: Vec<usage::Standing>,
}

impl Page {
    /// Whether there is more to it than the view.
    pub(crate) fn has_extra(&self) -> bool {
        match self {
            Self::Group(_) | Self::Container(..) | Self::Machine(_) | Self::Usage => true,
            Self::Overview | Self::Machines | Self::Events => false,
        }
    }
}

impl Extra {
    /// A number that tells it from anything else that may be read for the page.
    pub(super) fn number(&self, hasher: &mut DefaultHasher) {
        if let Some(history) = &self.history {
            number(history, hasher);
        }
        if let Some(tenants) = &self.tenants {
            number(tenants, hasher);
        }
        for (_, points) in &self.usage {
            number(points, hasher);
        }
        for it in &self.standing {
            it.number(hasher);
        }
    }

    /// Reads what the whole page needs.
    pub(crate) async fn read_whole(viewer: &Viewer, page: &Page, ask: &Ask, view: &View) -> Self {
        let rest = Self::read(viewer.reads(), page, ask, view);
        let Page::Container(group, id) = page else {
            return rest.await;
        };
        let (rest, log) = tokio::join!(rest, logs::of_container(viewer, view, group, id));
        Self { log, ..rest }
    }

    /// Reads what may change of it.
    pub(crate) async fn read(reads: &Reads, page: &Page, ask: &Ask, view: &View) -> Self {
        let span = span(ask);
        match page {
            Page::Overview | Page::Machines | Page::Events => Self::default(),
            Page::Group(group) => Self::of_group(reads, group, span).await,
            Page::Container(_, id) => {
                Self::of_subjects(reads, vec![Subject::Container(id.clone())], span).await
            }
            Page::Machine(host) => {
                let subjects = vec![Subject::Host(host.as_str().into())];
                let usage = Self::of_subjects(reads, subjects, span);
                let (usage, tenants) = tokio::join!(usage, reads.tenants(host));
                Self {
                    tenants: Some(tenants),
                    ..usage
                }
            }
            Page::Usage => {
                let latest = reads.latest(usage::by(ask)).await;
                let standing = match &view.known {
                    Some(known) => usage::standing(known, ask, &latest),
                    None => Vec::new(),
                };
                let drawn = standing.iter().take(usage::DRAWN);
                let subjects = drawn.map(|it| it.subject.clone()).collect();
                Self {
                    standing,
                    ..Self::of_subjects(reads, subjects, span).await
                }
            }
        }
    }

    async fn of_group(reads: &Reads, group: &GroupId, span: Span) -> Self {
        let subject = Subject::Group(group.clone());
        let (history, usage) = tokio::join!(reads.history(group), reads.usage(&subject, span));
        Self {
            history: Some(history),
            usage: vec![(subject, usage)],
            ..Self::default()
        }
    }

    async fn of_subjects(reads: &Reads, subjects: Vec<Subject>, span: Span) -> Self {
        let read = subjects.into_iter().map(async |subject| {
            let points = reads.usage(&subject, span).await;
            (subject, points)
        });
        Self {
            usage: futures_util::future::join_all(read).await,
            ..Self::default()
        }
    }
}

/// How far back charts go.
pub(super) fn span(ask: &Ask) -> Span {
    if ask.span == "week" {
        Span::Week
    } else {
        Span::Hour
    }
}
