//! `/v2/groups` and everything below.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::apps::{checked, embed};
use super::body::parse;
use super::deployments::deployment_result;
use super::error::ApiError;
use super::params::{Params, path_id, segments};
use super::{Answer, Ctx, ok};
use crate::cluster::{Change, Cluster, Draft, Embed, GroupWants};
use crate::definition::{AppSpec, AppUpdate, Fault};
use crate::path_id::PathId;
use crate::time::Stamp;

/// A group as it may be sent. An absent list leaves what is there; a given one is the whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupUpdate {
    id: Option<String>,
    apps: Option<Vec<AppUpdate>>,
    groups: Option<Vec<GroupUpdate>>,
    dependencies: Option<Vec<String>>,
    scale_by: Option<f64>,
    version: Option<Stamp>,
}

pub(super) async fn handle(
    State(engine): Ctx,
    method: Method,
    uri: Uri,
    params: Params,
    body: Bytes,
) -> Answer {
    let segments = segments(uri.path(), "/v2/groups");
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let force = params.flag("force", false);
    match (&method, parts.as_slice()) {
        (&Method::GET, [group @ .., "apps"]) => {
            let group = path_id(group)?;
            engine.read(|cluster, now| list_apps(cluster, &group, &params, now))
        }
        (&Method::GET, [group @ .., "versions"]) => {
            let group = path_id(group)?;
            engine.read(|cluster, _| ok(&[version(cluster, &group)?]))
        }
        (&Method::GET, group) => {
            let group = path_id(group)?;
            let wants = wants(&params);
            engine.read(|cluster, now| {
                version(cluster, &group)?;
                ok(&cluster.group_tree(&group, wants, now))
            })
        }
        (&Method::POST, group) => {
            let (base, update) = (path_id(group)?, parse::<GroupUpdate>(&body)?);
            engine.act(|cluster, now| create(cluster, &base, update, force, now))
        }
        (&Method::PUT, group) => {
            let (base, update) = (path_id(group)?, parse::<GroupUpdate>(&body)?);
            let group = if group.is_empty() {
                resolve(&base, update.id.as_deref(), "")?
            } else {
                base
            };
            let dry = params.flag("dryRun", false);
            engine.act(|cluster, now| put(cluster, &group, update, dry, force, now))
        }
        (&Method::DELETE, group) => {
            let group = path_id(group)?;
            engine.act(|cluster, now| remove(cluster, &group, force, now))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

fn version(cluster: &Cluster, group: &PathId) -> Result<Stamp, ApiError> {
    cluster
        .group_version(group)
        .ok_or_else(|| ApiError::unknown_group(group))
}

/// Groups, apps and pods unless some of it is asked for.
fn wants(params: &Params) -> GroupWants {
    let asked: Vec<&str> = params.all("embed").collect();
    let starts = |prefix: &str| asked.iter().any(|it| it.starts_with(prefix));
    let all = asked.is_empty();
    GroupWants {
        groups: all || starts("group.groups"),
        apps: all || starts("group.apps"),
        pods: all || starts("group.pods"),
        embed: embed(params, Embed::default()),
    }
}

fn list_apps(cluster: &Cluster, group: &PathId, params: &Params, now: Stamp) -> Answer {
    version(cluster, group)?;
    let (embed, prefix) = (embed(params, Embed::default()), group.prefix());
    let apps = cluster.specs_below(&prefix);
    ok(&apps
        .map(|spec| cluster.app_info(spec, embed, now))
        .collect::<Vec<_>>())
}

fn create(
    cluster: &mut Cluster,
    base: &PathId,
    update: GroupUpdate,
    force: bool,
    now: Stamp,
) -> Answer {
    let group = resolve(base, update.id.as_deref(), "")?;
    if cluster.has_group(&group) {
        let message = format!("Group {group} is already created. Use PUT to change this group.");
        return Err(ApiError::message(StatusCode::CONFLICT, message));
    }
    if cluster.spec(&group).is_some() {
        let message = format!("An app with the path {group} already exists.");
        return Err(ApiError::message(StatusCode::CONFLICT, message));
    }
    let mut change = Change::default();
    collect(cluster, &group, update, "", &mut change)?;
    let receipt = cluster.change(change, force, now)?;
    let location = [("Location", format!("/v2/groups{group}"))];
    Ok((location, deployment_result(StatusCode::CREATED, &receipt)?).into_response())
}

fn put(
    cluster: &mut Cluster,
    group: &PathId,
    update: GroupUpdate,
    dry: bool,
    force: bool,
    now: Stamp,
) -> Answer {
    if update.version.is_some() {
        let error = "versions of groups are not kept in the sandbox";
        return Err(ApiError::invalid(&[Fault::at("/version", error)]));
    }
    let mut change = Change::default();
    match update.scale_by {
        Some(factor) => scale(cluster, group, &update, factor, &mut change)?,
        None => collect(cluster, group, update, "", &mut change)?,
    }
    if dry {
        return ok(&BTreeMap::from([("steps", cluster.dry_run(change, now)?)]));
    }
    deployment_result(StatusCode::OK, &cluster.change(change, force, now)?)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and the factor was found positive"
)]
fn scale(
    cluster: &Cluster,
    group: &PathId,
    update: &GroupUpdate,
    factor: f64,
    change: &mut Change,
) -> Result<(), ApiError> {
    version(cluster, group)?;
    let alone = update.apps.is_none() && update.groups.is_none() && update.dependencies.is_none();
    if !alone || factor < 0.0 {
        let error = "scaleBy must be the only key and not negative";
        return Err(ApiError::invalid(&[Fault::at("/scaleBy", error)]));
    }
    let prefix = group.prefix();
    for spec in cluster.specs_below(&prefix) {
        let instances = (f64::from(spec.instances) * factor).ceil() as u32;
        let mut spec = spec.clone();
        spec.instances = instances;
        change.drafts.insert(spec.id.clone(), Draft::from(spec));
    }
    Ok(())
}

fn remove(cluster: &mut Cluster, group: &PathId, force: bool, now: Stamp) -> Answer {
    version(cluster, group)?;
    let mut change = Change::default();
    forget(cluster, group, &mut change);
    deployment_result(StatusCode::OK, &cluster.change(change, force, now)?)
}

/// Takes a group away with all that is in it; of the root only what is in it.
fn forget(cluster: &Cluster, group: &PathId, change: &mut Change) {
    let prefix = group.prefix();
    for spec in cluster.specs_below(&prefix) {
        change.drafts.insert(spec.id.clone(), Draft::default());
    }
    change.removed_groups.extend(cluster.groups_below(group));
    if !group.is_root() {
        change.removed_groups.push(group.clone());
    }
}

/// Turns the definition of a group into changes of apps and groups.
fn collect(
    cluster: &Cluster,
    group: &PathId,
    update: GroupUpdate,
    place: &str,
    change: &mut Change,
) -> Result<(), ApiError> {
    if update.dependencies.is_some_and(|it| !it.is_empty()) {
        let error = "dependencies of groups are not supported by the sandbox";
        return Err(ApiError::invalid(&[Fault::at(
            format!("{place}/dependencies"),
            error,
        )]));
    }
    change.new_groups.push(group.clone());
    if let Some(apps) = update.apps {
        collect_apps(cluster, group, apps, place, change)?;
    }
    let Some(groups) = update.groups else {
        return Ok(());
    };
    let mut kept = BTreeSet::new();
    for (index, child) in groups.into_iter().enumerate() {
        let place = format!("{place}/groups({index})");
        let id = child_id(group, child.id.as_deref(), &place)?;
        collect(cluster, &id, child, &place, change)?;
        kept.insert(id);
    }
    for other in cluster.groups_below(group) {
        if other.parent().as_ref() == Some(group) && !kept.contains(&other) {
            forget(cluster, &other, change);
        }
    }
    Ok(())
}

fn collect_apps(
    cluster: &Cluster,
    group: &PathId,
    apps: Vec<AppUpdate>,
    place: &str,
    change: &mut Change,
) -> Result<(), ApiError> {
    let prefix = group.prefix();
    let present = cluster.specs_below(&prefix).map(|spec| &spec.id);
    for id in present.filter(|id| id.parent().as_ref() == Some(group)) {
        change.drafts.insert(id.clone(), Draft::default());
    }
    for (index, update) in apps.into_iter().enumerate() {
        let place = format!("{place}/apps({index})");
        let id = child_id(group, update.id.as_deref(), &place)?;
        let spec = checked(update.apply(AppSpec::blank(id.clone())), &place)?;
        change.drafts.insert(id, Draft::from(spec));
    }
    Ok(())
}

fn child_id(group: &PathId, id: Option<&str>, place: &str) -> Result<PathId, ApiError> {
    let missing = || ApiError::misshapen(&[Fault::at(format!("{place}/id"), "error.path.missing")]);
    let child = resolve(group, Some(id.ok_or_else(missing)?), place)?;
    if child.parent().as_ref() == Some(group) {
        return Ok(child);
    }
    let error = format!("Identifier {child} is not child of {group}. Hint: use relative paths.");
    Err(ApiError::invalid(&[Fault::at(
        format!("{place}/id"),
        error,
    )]))
}

fn resolve(base: &PathId, id: Option<&str>, place: &str) -> Result<PathId, ApiError> {
    base.resolve(id.unwrap_or_default())
        .map_err(|error| ApiError::invalid(&[Fault::at(format!("{place}/id"), error)]))
}
