//! Reading logs on behalf of whoever looks: which lines are meant, and how many may read at once.
//!
//! A container's name in a request is only ever compared with those that were seen; what is asked of
//! the cluster are names that came from there. A reader takes pieces as they are used up, so whoever
//! is slow holds little memory and nobody else up.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use regex::RegexBuilder;
use serde::Deserialize;
use theseus_core::cluster::{ContainerId, ContainerState, LogPlace, LogStart, Output, Outputs};
use theseus_core::logs::{Query, Reader, Scene, Speaker, Told, Word};
use theseus_core::model::{GroupId, GroupSelector};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::guard::Stay;
use crate::refusal::Refusal;
use crate::view::Group;
use crate::viewer::Viewer;

/// The last lines of each output, unless something else is asked.
pub(crate) const USUAL: u64 = 200;
/// So many at most, unless all of them are asked for; a page has no more, of all containers together.
pub(crate) const MOST: u64 = 20_000;
/// How much of them a page has at most, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// Nobody reads the logs of more containers at once.
const MOST_CONTAINERS: usize = 200;
/// How often something is sent, be it an empty line, so that whoever waits knows that it goes on.
const BEAT: Duration = Duration::from_secs(15);
/// How soon to come again when too many read.
const AGAIN: Duration = Duration::from_secs(10);

/// Which lines are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Wanted {
    /// One container, by its id; all of the group unless it is said.
    pub(crate) container: String,
    /// `stdout` or `stderr`; both unless it is said.
    pub(crate) output: String,
    /// Only lines in which this text is, in whatever case.
    pub(crate) q: String,
    /// The last lines of each output: a number up to 20000, or `all`; 200 unless it is said.
    pub(crate) tail: String,
    /// Whether to go on with what is written.
    pub(crate) follow: bool,
    /// Whether to tell text, to be kept as a file, instead of JSON.
    pub(crate) text: bool,
}

/// Where the logs of containers begin that are told, or where what is told is to end.
pub(crate) type Places = BTreeMap<ContainerId, LogPlace>;

/// A reader, with the room that it takes.
pub(crate) struct Open {
    reader: Reader,
    _permit: OwnedSemaphorePermit,
}

/// How what is read is sent.
#[derive(Debug)]
pub(crate) struct Sending {
    /// Its media type.
    pub(crate) kind: HeaderValue,
    /// Whether an empty line may say that it goes on: in a file it would be one that nobody has
    /// written.
    pub(crate) beats: bool,
    /// What is sent of what is told.
    pub(crate) write: fn(&[Told]) -> Vec<u8>,
}

impl Open {
    /// Sends all of it as it comes. Whoever reads slowly is told it later.
    pub(crate) fn send(self, viewer: &Viewer, stay: Stay, sending: Sending) -> Response {
        let Sending { kind, beats, write } = sending;
        let read = stream::unfold(self, move |mut open| async move {
            let batch = match timeout(BEAT, open.next()).await {
                Ok(batch) => batch?,
                Err(_) if beats => return Some((Ok(Bytes::from_static(b"\n")), open)),
                Err(_) => open.next().await?,
            };
            Some((Ok::<_, Infallible>(Bytes::from(write(&batch))), open))
        });
        let sent = read
            .take_until(Box::pin(viewer.stopped()))
            .take_until(Box::pin(stay.over()));
        let headers = [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // What is compressed is held back until there is more of it.
            (CONTENT_ENCODING, HeaderValue::from_static("identity")),
        ];
        (headers, Body::from_stream(sent)).into_response()
    }

    /// What comes next; `None` when all is told.
    pub(crate) async fn next(&mut self) -> Option<Vec<Told>> {
        self.reader.next().await
    }

    /// The end of what is there, as far as it comes within a while.
    pub(crate) async fn end(mut self, patience: Duration) -> End {
        let mut end = End::default();
        let reading = async {
            while let Some(batch) = self.next().await {
                for told in batch {
                    end.push(told);
                }
            }
        };
        // What came in time is shown, and nothing is waited for for long.
        let in_time = timeout(patience, reading).await.is_ok();
        End {
            is_late: !in_time,
            ..end
        }
    }
}

/// The end of what was written: as much as a page takes.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// What is told.
    pub(crate) told: VecDeque<Told>,
    /// Whether there was more before it.
    pub(crate) is_cut: bool,
    /// Whether not all of it came in time.
    pub(crate) is_late: bool,
    bytes: usize,
}

impl End {
    /// Whether there is nothing to be shown.
    pub(crate) fn is_silent(&self) -> bool {
        let is_heard = |told: &Told| match told {
            Told::Word { word, .. } => !matches!(word, Word::Began { .. }),
            told => !matches!(told, Told::CaughtUp | Told::Untimed),
        };
        !self.is_late && !self.told.iter().any(is_heard)
    }

    /// How many lines.
    pub(crate) fn lines(&self) -> usize {
        let lines = self.told.iter().filter(|it| matches!(it, Told::Line(_)));
        lines.count()
    }

    fn push(&mut self, told: Told) {
        self.bytes += size(&told);
        self.told.push_back(told);
        while self.told.len() as u64 > MOST || self.bytes > MOST_BYTES {
            self.bytes -= self.told.pop_front().as_ref().map_or(0, size);
            self.is_cut = true;
        }
    }
}

/// How much room it takes, in bytes.
fn size(told: &Told) -> usize {
    let text = match told {
        Told::Line(line) => line.text.len(),
        _ => 0,
    };
    size_of::<Told>() + text
}

impl Wanted {
    /// How many of the last lines; `None` for all.
    pub(crate) fn lines(&self) -> Result<Option<u64>, Refusal> {
        match self.tail.as_str() {
            "" => Ok(Some(USUAL)),
            "all" => Ok(None),
            text => text
                .parse()
                .ok()
                .filter(|lines| *lines <= MOST)
                .map(Some)
                .ok_or_else(|| wrong(&format!("tail is a number up to {MOST}, or all"))),
        }
    }

    fn outputs(&self) -> Result<Outputs, Refusal> {
        match self.output.as_str() {
            "" | "both" => Ok(Outputs::Both),
            "stdout" => Ok(Outputs::Only(Output::Stdout)),
            "stderr" => Ok(Outputs::Only(Output::Stderr)),
            _ => Err(wrong("output is stdout, stderr or both")),
        }
    }

    /// Begins to read the logs of a group.
    pub(crate) fn open(
        &self,
        viewer: &Viewer,
        id: &GroupId,
        group: Group<'_>,
    ) -> Result<Open, Refusal> {
        self.begin(viewer, id, group, Query::default())
    }

    /// The same for a page, which is told where they begin.
    pub(crate) fn open_placed(
        &self,
        viewer: &Viewer,
        id: &GroupId,
        group: Group<'_>,
    ) -> Result<Open, Refusal> {
        let query = Query {
            places: true,
            ..Query::default()
        };
        self.begin(viewer, id, group, query)
    }

    /// Begins to read what is before these places.
    pub(crate) fn open_before(
        &self,
        viewer: &Viewer,
        id: &GroupId,
        group: Group<'_>,
        places: Places,
    ) -> Result<Open, Refusal> {
        let query = Query {
            places: true,
            before: places,
            ..Query::default()
        };
        self.begin(viewer, id, group, query)
    }

    fn begin(
        &self,
        viewer: &Viewer,
        id: &GroupId,
        group: Group<'_>,
        query: Query,
    ) -> Result<Open, Refusal> {
        let (outputs, lines) = (self.outputs()?, self.lines()?);
        let mut speakers = self.speakers(id, group)?;
        if !query.before.is_empty() {
            speakers.retain(|speaker| query.before.contains_key(&speaker.container));
        }
        let grep = (!self.q.is_empty()).then(|| {
            let text = regex::escape(&self.q);
            RegexBuilder::new(&text).case_insensitive(true).build()
        });
        let grep = grep.transpose();
        let grep = grep.map_err(|_| wrong("that is too long to look for"))?;
        let Some(permit) = viewer.log_room() else {
            let reason = "too many logs are being read";
            return Err(Refusal::later(
                StatusCode::SERVICE_UNAVAILABLE,
                reason,
                AGAIN,
            ));
        };
        let joins = self.follow && self.container.is_empty();
        let query = Query {
            outputs,
            start: lines.map_or(LogStart::Oldest, LogStart::LastLines),
            grep,
            follow: self.follow,
            joining: joins
                .then(|| GroupSelector::Group(id.clone()))
                .into_iter()
                .collect(),
            ..query
        };
        let scene = Scene {
            cluster: viewer.cluster().clone(),
            store: viewer.store().clone(),
        };
        Ok(Open {
            reader: Reader::new(scene, query, speakers),
            _permit: permit,
        })
    }

    /// The containers that are meant, of those that were seen.
    fn speakers(&self, id: &GroupId, group: Group<'_>) -> Result<Vec<Speaker>, Refusal> {
        let containers = group.status.containers.iter();
        let meant = containers.filter(|it| {
            let is_meant = self.container.is_empty() || it.id.0 == self.container;
            is_meant && it.state >= ContainerState::Starting
        });
        let speakers: Vec<Speaker> = meant
            .map(|it| Speaker {
                group: Some(id.clone()),
                container: it.id.clone(),
                host: it.host.clone(),
                revision: Some(it.revision),
                is_over: false,
            })
            .collect();
        if speakers.is_empty() && !self.container.is_empty() {
            let reason = format!("{id} has no container {:?} that runs", self.container);
            return Err(Refusal::new(StatusCode::NOT_FOUND, reason));
        }
        if speakers.len() > MOST_CONTAINERS {
            let reason = format!("{id} has {} containers: choose one of them", speakers.len());
            return Err(wrong(&reason));
        }
        Ok(speakers)
    }
}

fn wrong(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, reason)
}
