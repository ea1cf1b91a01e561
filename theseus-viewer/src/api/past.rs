//! What was: rollouts, revisions, who did what, and what was used; and where to find what serves.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use theseus_core::audit::{self, AuditRecord};
use theseus_core::cluster::{ContainerId, Revision};
use theseus_core::history::{History, Past};
use theseus_core::model::{GroupId, duration};
use theseus_core::plan;
use theseus_core::records::HistoryRecord;
use theseus_core::registry::{self, Endpoint};
use theseus_core::usage::{Point, Span, Subject};
use utoipa::IntoParams;

use super::shapes;
use super::told::{Refused, Seen, Told, tell};
use crate::actions::out_of_reach;
use crate::named;
use crate::reads::Found;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How far back the audit trail is told, unless something else is asked.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// So many entries are told at once.
const ENTRIES: usize = 1000;

/// What is under way in a group, or how the last rollout ended: the same as `theseus rollout status
/// --format json`.
#[utoipa::path(get, path = "/api/v1/groups/{group}/rollout", tag = "rollouts",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 200, body = shapes::Look), Refused))]
pub(super) async fn rollout(State(viewer): State<Viewer>, Path(group): Path<String>) -> Told {
    let group = named::group(&group)?;
    let look = viewer.engine().look(&group).await;
    match look.map_err(|error| out_of_reach(&error))? {
        Some(look) => Ok(tell(&look)),
        None => Err(named::unknown(&group, Seen::last(&viewer).await?.known()).into()),
    }
}

async fn revisions(
    viewer: &Viewer,
    group: &GroupId,
) -> Result<(Arc<Found<HistoryRecord>>, Option<Revision>), Refusal> {
    let history = viewer.reads().history(group).await;
    let history = history.map_err(|reason| Refusal::new(StatusCode::BAD_GATEWAY, reason))?;
    let seen = Seen::last(viewer).await?;
    let known = seen.known().group(group);
    if history.is_empty() && known.is_none() {
        return Err(named::unknown(group, seen.known()));
    }
    Ok((history, known.and_then(|known| known.detail.settled)))
}

/// The revisions of a group, the latest first, also when it was removed: the same as `theseus history
/// --format json`.
#[utoipa::path(get, path = "/api/v1/groups/{group}/history", tag = "groups",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 200, body = shapes::History), Refused))]
pub(super) async fn history(State(viewer): State<Viewer>, Path(group): Path<String>) -> Told {
    let group = named::group(&group)?;
    let (history, current) = revisions(&viewer, &group).await?;
    Ok(tell(&History::new(&group, &history, current)))
}

#[derive(Serialize)]
struct Detailed<'a> {
    format_version: u32,
    group: &'a GroupId,
    #[serde(flatten)]
    past: Past<'a>,
    spec: Value,
}

/// One revision of a group, with its spec. Values that look secret are masked.
#[utoipa::path(get, path = "/api/v1/groups/{group}/history/{revision}", tag = "groups",
    params(
        ("group" = String, Path, description = "Such as `ingestor:dev`"),
        ("revision" = u32, Path, description = "Its number"),
    ),
    responses((status = 200, body = shapes::Detailed), Refused))]
pub(super) async fn revision(
    State(viewer): State<Viewer>,
    Path((group, revision)): Path<(String, String)>,
) -> Told {
    let group = named::group(&group)?;
    let (history, current) = revisions(&viewer, &group).await?;
    let number: Option<Revision> = revision.parse().ok();
    let Some(past) = history.iter().find(|past| Some(past.revision) == number) else {
        let reason = format!("{group} has no revision {revision} in its history");
        return Err(Refusal::new(StatusCode::NOT_FOUND, reason).into());
    };
    Ok(tell(&Detailed {
        format_version: 1,
        group: &group,
        past: Past::new(past, current),
        spec: plan::shown(&past.spec),
    }))
}

/// Of which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// A time such as `2026-01-02T03:04:05Z`, or how long ago: `90m`. A day ago unless it is said.
    since: Option<String>,
    /// A group such as `ingestor:dev`, or a service for all of its groups.
    group: Option<String>,
}

#[derive(Serialize)]
struct Trail {
    format_version: u32,
    /// Whether there is more, after the last one.
    more: bool,
    entries: Vec<AuditRecord>,
}

/// Who did what to which group, the oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Since),
    responses((status = 200, body = shapes::Trail), Refused))]
pub(super) async fn audit(
    State(viewer): State<Viewer>,
    since: Result<Query<Since>, QueryRejection>,
) -> Told {
    let Query(Since { since, group }) = since?;
    let selector = group.as_deref().map(named::selector).transpose()?;
    let since = match since {
        None => before(DAY),
        Some(text) => time(&text)?,
    };
    let entries = audit::since(&**viewer.store(), since).await;
    let mut entries = entries.map_err(|error| out_of_reach(&error))?;
    entries.retain(|entry| selector.as_ref().is_none_or(|it| it.matches(&entry.group)));
    let more = entries.len() > ENTRIES;
    entries.truncate(ENTRIES);
    Ok(tell(&Trail {
        format_version: 1,
        more,
        entries,
    }))
}

fn before(ago: SignedDuration) -> Timestamp {
    Timestamp::now().checked_sub(ago).unwrap_or(Timestamp::MIN)
}

fn time(text: &str) -> Result<Timestamp, Refusal> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = duration::parse(text).and_then(|ago| SignedDuration::try_from(ago).ok());
    ago.map(before).ok_or_else(|| {
        let reason = format!("{text:?} is neither a time nor {}", duration::EXPECTED);
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    })
}

/// Of what, and how far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Used {
    /// A container, by the engine's name of it. One of `container`, `group` and `host` is needed.
    container: Option<String>,
    /// A group such as `ingestor:dev`.
    group: Option<String>,
    /// A host.
    host: Option<String>,
    /// `hour`, every few seconds, or `week`, every quarter of an hour.
    #[param(inline)]
    span: Option<shapes::Span>,
}

#[derive(Serialize)]
struct Usage<'a> {
    format_version: u32,
    points: &'a [Point],
}

/// What a container, a group or a host has used.
#[utoipa::path(get, path = "/api/v1/usage", tag = "usage", params(Used),
    responses((status = 200, body = shapes::Usage), Refused))]
pub(super) async fn usage(
    State(viewer): State<Viewer>,
    used: Result<Query<Used>, QueryRejection>,
) -> Told {
    let Query(used) = used?;
    let subject = match (used.container, used.group, used.host) {
        (Some(container), None, None) => Subject::Container(ContainerId(container)),
        (None, Some(group), None) => Subject::Group(named::group(&group)?),
        (None, None, Some(host)) => Subject::Host(host.into()),
        _ => {
            let reason = "say of what: one of container, group and host";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, reason).into());
        }
    };
    let span = match used.span {
        None | Some(shapes::Span::Hour) => Span::Hour,
        Some(shapes::Span::Week) => Span::Week,
    };
    let points = viewer.reads().usage(&subject, span).await;
    let points = points.map_err(|reason| Refusal::new(StatusCode::BAD_GATEWAY, reason))?;
    Ok(tell(&Usage {
        format_version: 1,
        points: &points,
    }))
}

/// Of whom, and on which port.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Serving {
    /// A group such as `ingestor:dev`, or a service for all of its groups.
    group: String,
    /// The name of a port; all of them unless it is said.
    port: Option<String>,
}

#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the field is called so in the JSON"
)]
struct Endpoints {
    format_version: u32,
    /// Whether a registrar keeps this true at the moment.
    kept: bool,
    /// Up to when it is known to be true.
    as_of: Option<Timestamp>,
    endpoints: Vec<Endpoint>,
}

/// Where the containers of a group or a service listen that do their work.
#[utoipa::path(get, path = "/api/v1/endpoints", tag = "endpoints", params(Serving),
    responses((status = 200, body = shapes::Endpoints), Refused))]
pub(super) async fn endpoints(
    State(viewer): State<Viewer>,
    serving: Result<Query<Serving>, QueryRejection>,
) -> Told {
    let Query(Serving { group, port }) = serving?;
    let selector = named::selector(&group)?;
    let store = &**viewer.store();
    let asked = std::slice::from_ref(&selector);
    let found = tokio::try_join!(
        registry::endpoints(store, asked, port.as_deref()),
        registry::standing(store),
        registry::is_known(store, &selector),
    );
    let (endpoints, standing, is_known) = found.map_err(|error| out_of_reach(&error))?;
    if !is_known {
        let reason = format!("there is no group {selector}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, reason).into());
    }
    Ok(tell(&Endpoints {
        format_version: 1,
        kept: standing.is_kept(),
        as_of: standing.word.map(|word| word.as_of),
        endpoints,
    }))
}
