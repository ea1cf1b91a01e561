//! What is planned, and what is changed. Every change takes the token, and is carried out here in the
//! background.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use serde::Serialize;
use theseus_core::audit::Deed;
use theseus_core::engine::{Ask, GroupReport, Outcome};
use theseus_core::model::{GroupId, MAX_INSTANCES};
use theseus_core::plan::{Action, Plan};
use theseus_core::records::LockRecord;

use super::shapes;
use super::told::{Refused, Told, tell};
use crate::actions::{
    Aborted, Asked, Begun, Happened, Work, abort as take_back, body, deploy as begin, engine_for,
    not_told,
};
use crate::guard::Caller;
use crate::named;
use crate::refusal::{Problem, Refusal};
use crate::routes::App;

/// What a manifest would change, and nothing is: the same as `theseus plan --format json`.
#[utoipa::path(post, path = "/api/v1/plan", tag = "changes",
    request_body(content((String = "application/yaml"), (Object = "application/json")),
        description = "A manifest"),
    responses(
        (status = 200, body = shapes::Plan),
        (status = 413, body = Problem, description = "The manifest is too large"),
        (status = 415, body = Problem, description = "It is neither YAML nor JSON"),
        (status = 422, body = Problem, description = "The manifest has faults: all of them are told"),
        Refused))]
pub(super) async fn plan(State(app): State<App>, headers: HeaderMap, bytes: Bytes) -> Told {
    let asked = Asked::Manifest(body(&headers, &bytes)?);
    let plan = asked.plan(&app.viewer).await?;
    Ok(tell(&plan))
}

/// How far something is that is carried out.
#[derive(Serialize)]
struct Progress<'a> {
    id: &'a str,
    status: String,
    page: String,
    deed: Deed,
    by: &'a str,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    result: Option<Outcome>,
    error: Option<String>,
    groups: Vec<InGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    happened: Option<Vec<Happened>>,
}

#[derive(Serialize)]
struct InGroup {
    group: GroupId,
    action: Action,
    waiting: Option<String>,
    report: Option<GroupReport>,
}

fn place(work: &Work) -> String {
    format!("/api/v1/deploys/{}", work.id)
}

fn progress(work: &Work, in_full: bool) -> Progress<'_> {
    let state = work.state();
    let groups = state.groups.into_iter().map(|(group, it)| InGroup {
        group,
        action: it.action,
        waiting: Some(it.waiting).filter(|it_waits| !it_waits.is_empty()),
        report: it.report,
    });
    Progress {
        id: &work.id,
        status: place(work),
        page: format!("/deploys/{}", work.id),
        deed: work.deed,
        by: &work.by,
        started_at: work.started_at,
        ended_at: state.end.as_ref().map(|end| end.at),
        result: state.end.as_ref().map(|end| end.outcome),
        error: state.end.and_then(|end| end.error),
        groups: groups.collect(),
        happened: in_full.then(|| state.happened.into()),
    }
}

fn accepted(work: &Work) -> axum::response::Response {
    let place = [(LOCATION, place(work))];
    (StatusCode::ACCEPTED, place, Json(progress(work, false))).into_response()
}

#[derive(Serialize)]
struct Unchanged {
    result: &'static str,
    plan: Plan,
}

fn begun(begun: Begun) -> axum::response::Response {
    match begun {
        Begun::Work(work) => accepted(&work),
        Begun::Unchanged(plan) => tell(&Unchanged {
            result: "unchanged",
            plan,
        }),
    }
}

/// Deploys a manifest: plans it, and carries that out in the background.
#[utoipa::path(post, path = "/deploy", tag = "changes",
    request_body(content((String = "application/yaml"), (Object = "application/json")),
        description = "A manifest"),
    responses(
        (status = 200, body = shapes::Unchanged, description = "There is nothing to do"),
        (status = 202, body = shapes::Progress, description = "It is carried out; Location tells where to look at it",
            headers(("Location" = String, description = "Where its progress is told"))),
        (status = 413, body = Problem, description = "The manifest is too large"),
        (status = 415, body = Problem, description = "It is neither YAML nor JSON"),
        (status = 422, body = Problem, description = "The manifest has faults: all of them are told"),
        Refused))]
pub(super) async fn deploy(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Told {
    let asked = Asked::Manifest(body(&headers, &bytes)?);
    Ok(begun(begin(&app, caller, &asked).await?))
}

#[derive(Serialize)]
struct Deploys<'a> {
    format_version: u32,
    deploys: Vec<Progress<'a>>,
}

/// What this viewer carries out, and has since it was started, the latest first.
#[utoipa::path(get, path = "/api/v1/deploys", tag = "changes",
    responses((status = 200, body = shapes::Deploys), Refused))]
pub(super) async fn deploys(State(app): State<App>) -> Told {
    let works = app.works.all();
    Ok(tell(&Deploys {
        format_version: 1,
        deploys: works.iter().map(|work| progress(work, false)).collect(),
    }))
}

/// How far one of them is, with what happened.
#[utoipa::path(get, path = "/api/v1/deploys/{id}", tag = "changes",
    params(("id" = String, Path, description = "As the answer to what began it tells")),
    responses((status = 200, body = shapes::Progress), Refused))]
pub(super) async fn deploy_status(State(app): State<App>, Path(id): Path<String>) -> Told {
    let work = app.works.find(&id).ok_or_else(|| {
        let reason = "this viewer knows of no such deploy";
        Refusal::new(StatusCode::NOT_FOUND, reason)
    })?;
    Ok(tell(&progress(&work, true)))
}

async fn ask(app: &App, caller: Caller, group: &str, ask: Ask) -> Told {
    let asked = Asked::Group(named::group(group)?, ask);
    Ok(begun(begin(app, caller, &asked).await?))
}

/// Gives a group another number of containers; those that stay are not touched.
#[utoipa::path(post, path = "/api/v1/groups/{group}/scale", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    request_body = shapes::Scale,
    responses((status = 200, body = shapes::Unchanged), (status = 202, body = shapes::Progress),
        (status = 409, body = Problem, description = "It cannot be done now"),
        (status = 422, body = Problem, description = "The body has another shape"), Refused))]
pub(super) async fn scale(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
    scale: Result<Json<shapes::Scale>, JsonRejection>,
) -> Told {
    let Json(shapes::Scale { instances }) = scale?;
    if instances > MAX_INSTANCES {
        let reason = format!("{instances} are more than {MAX_INSTANCES} instances");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason).into());
    }
    ask(&app, caller, &group, Ask::Scale(instances)).await
}

/// Replaces every container of a group by a new one of the same kind.
#[utoipa::path(post, path = "/api/v1/groups/{group}/restart", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 202, body = shapes::Progress),
        (status = 409, body = Problem, description = "It cannot be done now"), Refused))]
pub(super) async fn restart(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
) -> Told {
    ask(&app, caller, &group, Ask::Restart).await
}

/// Brings a group back to an earlier revision.
#[utoipa::path(post, path = "/api/v1/groups/{group}/rollback", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    request_body = Option<shapes::Rollback>,
    responses((status = 202, body = shapes::Progress),
        (status = 409, body = Problem, description = "It cannot be done now"),
        (status = 422, body = Problem, description = "The body has another shape"), Refused))]
pub(super) async fn rollback(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
    back: Result<Option<Json<shapes::Rollback>>, JsonRejection>,
) -> Told {
    let to = back?.and_then(|Json(back)| back.to);
    ask(&app, caller, &group, Ask::Rollback(to)).await
}

/// Goes on with a group's rollout, where it was paused, has failed, or was left.
#[utoipa::path(post, path = "/api/v1/groups/{group}/resume", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 202, body = shapes::Progress),
        (status = 409, body = Problem, description = "Nothing is under way"), Refused))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
) -> Told {
    ask(&app, caller, &group, Ask::Resume).await
}

#[derive(Serialize)]
struct Heard<'a> {
    format_version: u32,
    group: &'a GroupId,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<LockRecord>,
}

/// Stops a group's rollout where it is, until somebody resumes or aborts it.
#[utoipa::path(post, path = "/api/v1/groups/{group}/pause", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    request_body = Option<shapes::Pause>,
    responses((status = 200, body = shapes::Heard),
        (status = 409, body = Problem, description = "Nothing is under way, or it stands still already"),
        (status = 422, body = Problem, description = "The body has another shape"), Refused))]
pub(super) async fn pause(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
    pause: Result<Option<Json<shapes::Pause>>, JsonRejection>,
) -> Told {
    let group = named::group(&group)?;
    let reason = pause?.and_then(|Json(pause)| pause.reason);
    let reason = reason.as_deref().unwrap_or("no reason was given");
    let engine = engine_for(&app.viewer, caller);
    engine.pause(&group, reason).await.map_err(not_told)?;
    Ok(heard(&group, "paused"))
}

/// Says that the canaries of a group's rollout are good, so that the others follow.
#[utoipa::path(post, path = "/api/v1/groups/{group}/promote", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 200, body = shapes::Heard),
        (status = 409, body = Problem, description = "No canaries wait"), Refused))]
pub(super) async fn promote(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
) -> Told {
    let group = named::group(&group)?;
    let engine = engine_for(&app.viewer, caller);
    engine.promote(&group).await.map_err(not_told)?;
    Ok(heard(&group, "promoted"))
}

fn heard(group: &GroupId, result: &'static str) -> axum::response::Response {
    tell(&Heard {
        format_version: 1,
        group,
        result,
        holder: None,
    })
}

/// Takes a group's rollout back: by whoever carries it out, or else here.
#[utoipa::path(post, path = "/api/v1/groups/{group}/abort", tag = "changes",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 200, body = shapes::Heard, description = "Whoever carries it out takes it back"),
        (status = 202, body = shapes::Progress, description = "It is taken back here"),
        (status = 409, body = Problem, description = "Nothing is under way, or it is taken back already"), Refused))]
pub(super) async fn abort(
    State(app): State<App>,
    caller: Caller,
    Path(group): Path<String>,
) -> Told {
    let group = named::group(&group)?;
    Ok(match take_back(&app, caller, &group).await? {
        Aborted::Here(work) => accepted(&work),
        Aborted::By(holder) => tell(&Heard {
            format_version: 1,
            group: &group,
            result: "aborted",
            holder: Some(holder),
        }),
    })
}
