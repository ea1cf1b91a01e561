//! `/v2/groups` and everything below.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::apps::embed;
use super::body::{parse, parse_read};
use super::deployments::deployment_result;
use super::error::ApiError;
use super::group_update::{GroupUpdate, collect, forget, resolve, roll_back, scale};
use super::params::{Params, path_id, segments};
use super::{Answer, Ctx, ok};
use crate::behaviour;
use crate::cluster::{Change, Cluster, Embed, GroupDraft, GroupWants};
use crate::definition::{Fault, forms};
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

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
    let version = engine.config.version;
    match (&method, parts.as_slice()) {
        (&Method::GET, [group @ .., "apps"]) => {
            let group = path_id(group)?;
            engine.read(|cluster, now| list_apps(cluster, &group, &params, now))
        }
        (&Method::GET, [group @ .., "versions"]) => {
            let group = path_id(group)?;
            engine.read(|cluster, _| {
                let versions = cluster.group_versions(&group);
                ok(&versions.ok_or_else(|| ApiError::unknown_group(&group))?)
            })
        }
        (&Method::GET, [group @ .., "versions", version]) => {
            let group = path_id(group)?;
            engine.read(|cluster, now| show_version(cluster, &group, version, now))
        }
        (&Method::GET, group) => {
            let group = path_id(group)?;
            let wants = wants(&params, engine.config.version);
            engine.read(|cluster, now| {
                let tree = cluster.group_now(&group);
                let view = cluster.group_view(&tree, &group, wants, now);
                ok(&view.ok_or_else(|| ApiError::unknown_group(&group))?)
            })
        }
        (&Method::POST, group) => {
            let (base, update) = (path_id(group)?, parse_group(&body, engine.config.version)?);
            engine.act(|cluster, now| create(cluster, &base, update, force, now))
        }
        (&Method::PUT, group) => {
            let (base, update) = (path_id(group)?, parse_group(&body, engine.config.version)?);
            let group = if group.is_empty() {
                resolve(&base, update.id.as_deref(), "")?
            } else {
                base
            };
            let dry = version.has(behaviour::GROUP_DRY_RUN) && params.flag("dryRun", false);
            engine.act(|cluster, now| put(cluster, &group, update, dry, force, now))
        }
        (&Method::PATCH, group) if version.has(behaviour::ENFORCE_ROLE) => {
            let (group, patch) = (path_id(group)?, parse::<Patch>(&body)?);
            engine.act(|cluster, now| enforce_role(cluster, group, &patch, now))
        }
        (&Method::DELETE, group) => {
            let group = path_id(group)?;
            engine.act(|cluster, now| remove(cluster, &group, force, now))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

fn parse_group(body: &[u8], version: MarathonVersion) -> Result<GroupUpdate, ApiError> {
    parse_read(body, |group| forms::read_group(group, "", version))
}

fn known(cluster: &Cluster, group: &PathId) -> Result<(), ApiError> {
    let known = cluster.has_group(group);
    known
        .then_some(())
        .ok_or_else(|| ApiError::unknown_group(group))
}

/// Groups, apps and pods unless some of it is asked for.
fn wants(params: &Params, version: MarathonVersion) -> GroupWants {
    let whole = whole(version);
    let asked: Vec<&str> = params.all("embed").collect();
    if asked.is_empty() || !version.has(behaviour::GROUP_EMBED) {
        return whole;
    }
    let starts = |prefix: &str| asked.iter().any(|it| it.starts_with(prefix));
    GroupWants {
        groups: starts("group.groups"),
        apps: starts("group.apps"),
        pods: whole.pods && starts("group.pods"),
        embed: embed(params, Embed::default(), version),
        ..whole
    }
}

/// All that this version has of a group, and no more of its apps than their definitions.
fn whole(version: MarathonVersion) -> GroupWants {
    GroupWants {
        groups: true,
        apps: true,
        pods: version.has(behaviour::PODS),
        roles: version.has(behaviour::ENFORCE_ROLE),
        embed: Embed::default(),
    }
}

fn list_apps(cluster: &Cluster, group: &PathId, params: &Params, now: Stamp) -> Answer {
    known(cluster, group)?;
    let embed = if cluster.version.has(behaviour::GROUP_EMBED) {
        embed(params, Embed::default(), cluster.version)
    } else {
        Embed::default()
    };
    let prefix = group.prefix();
    let apps = cluster.specs_below(&prefix);
    ok(&apps
        .map(|spec| cluster.app_info(spec, embed, now))
        .collect::<Vec<_>>())
}

fn show_version(cluster: &Cluster, group: &PathId, version: &str, now: Stamp) -> Answer {
    known(cluster, group)?;
    let wanted = Stamp::parse(version)
        .ok_or_else(|| ApiError::unprocessable(format!("Invalid format: \"{version}\"")))?;
    let unknown = || {
        let message = format!("Group '{group}' does not exist in version {wanted}");
        ApiError::message(StatusCode::NOT_FOUND, message)
    };
    let tree = cluster.group_at(group, wanted).ok_or_else(unknown)?;
    let view = cluster.group_view(&tree, group, whole(cluster.version), now);
    ok(&view)
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
    let yields = cluster.version.has(behaviour::GROUP_YIELDS_TO_APP);
    if yields && cluster.spec(&group).is_some() {
        let message = format!("An app with the path {group} already exists.");
        return Err(ApiError::message(StatusCode::CONFLICT, message));
    }
    let change = collect(cluster, &group, update)?;
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
    let change = match (update.version, update.scale_by) {
        (None, None) => collect(cluster, group, update)?,
        _ if !update.is_one_key() => {
            let error = "version and scaleBy may not be combined with any other key";
            return Err(ApiError::invalid(&[Fault::at("/", error)]));
        }
        (Some(version), _) => {
            known(cluster, group)?;
            roll_back(cluster, group, version)?
        }
        (None, Some(factor)) => {
            known(cluster, group)?;
            scale(cluster, group, factor)?
        }
    };
    if dry {
        return ok(&BTreeMap::from([("steps", cluster.dry_run(change, now)?)]));
    }
    deployment_result(StatusCode::OK, &cluster.change(change, force, now)?)
}

fn remove(cluster: &mut Cluster, group: &PathId, force: bool, now: Stamp) -> Answer {
    known(cluster, group)?;
    let mut change = Change::default();
    forget(cluster, group, &mut change);
    deployment_result(StatusCode::OK, &cluster.change(change, force, now)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Patch {
    enforce_role: bool,
}

/// Says whether new apps in a top-level group have to take its role.
fn enforce_role(cluster: &mut Cluster, group: PathId, patch: &Patch, now: Stamp) -> Answer {
    known(cluster, &group)?;
    if group.parent().is_none_or(|parent| !parent.is_root()) {
        let error = "enforceRole can only be set for a top-level group";
        return Err(ApiError::invalid(&[Fault::at("/enforceRole", error)]));
    }
    let draft = GroupDraft {
        enforce_role: Some(patch.enforce_role),
        ..GroupDraft::default()
    };
    let change = Change {
        groups: BTreeMap::from([(group, Some(draft))]),
        ..Change::default()
    };
    cluster.change(change, false, now)?;
    Ok(StatusCode::OK.into_response())
}
