//! What is: groups, what is under way in them, and their containers.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::status::{
    ContainerStatus, GroupDescription, GroupStatus, RolloutStatus, SlotDescription,
};
use utoipa::IntoParams;

use super::shapes;
use super::told::{Refused, Seen, Told};
use crate::named;
use crate::refusal::Refusal;
use crate::view::Group;
use crate::viewer::Viewer;

/// How all groups are doing, with all their containers: the same as `theseus status --format json`.
#[utoipa::path(get, path = "/api/v1/status", tag = "groups",
    responses((status = 200, body = shapes::Status), Refused))]
pub(super) async fn status(State(viewer): State<Viewer>) -> Told {
    let seen = Seen::last(&viewer).await?;
    Ok(seen.tell(&seen.known().status))
}

/// Which groups, or which of their containers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// A group such as `ingestor:dev`, or a service for all of its groups.
    group: Option<String>,
    /// A label that they have.
    label: Option<String>,
    /// How they are: `well`, `degraded`, … of groups; `running`, … of containers.
    state: Option<String>,
    /// A host on which they have containers.
    host: Option<String>,
}

impl Which {
    fn selector(&self) -> Result<Option<GroupSelector>, Refusal> {
        self.group.as_deref().map(named::selector).transpose()
    }

    fn means(&self, selector: Option<&GroupSelector>, group: &GroupStatus) -> bool {
        selector.is_none_or(|selector| selector.matches(&group.group))
            && self.label.as_deref().is_none_or(|wanted| {
                let mut labels = group.labels.iter();
                labels.any(|label| label.as_str() == wanted)
            })
    }

    fn is_here(&self, container: &ContainerStatus) -> bool {
        let host = self.host.as_deref();
        host.is_none_or(|host| container.host.as_deref() == Some(host))
    }
}

#[derive(Serialize)]
struct Groups<'a> {
    format_version: u32,
    groups: Vec<Summary<'a>>,
}

/// A group without its containers.
#[derive(Serialize)]
struct Summary<'a> {
    group: &'a GroupId,
    condition: &'static str,
    revision: Option<u32>,
    image: Option<&'a str>,
    instances: u32,
    running: u32,
    healthy: u32,
    rollout: Option<&'a RolloutStatus>,
    drift: usize,
    deployed_at: Option<jiff::Timestamp>,
}

impl<'a> From<&'a GroupStatus> for Summary<'a> {
    fn from(group: &'a GroupStatus) -> Self {
        Self {
            group: &group.group,
            condition: group.condition().as_str(),
            revision: group.revision,
            image: group.image.as_deref(),
            instances: group.instances,
            running: group.running,
            healthy: group.healthy,
            rollout: group.rollout.as_ref(),
            drift: group.drift.len(),
            deployed_at: group.deployed_at,
        }
    }
}

/// The groups, without their containers.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(Which),
    responses((status = 200, body = shapes::Groups), Refused))]
pub(super) async fn groups(
    State(viewer): State<Viewer>,
    which: Result<Query<Which>, QueryRejection>,
) -> Told {
    let Query(which) = which?;
    let (seen, selector) = (Seen::last(&viewer).await?, which.selector()?);
    let groups = seen.known().status.groups.iter();
    let meant = groups.filter(|group| {
        which.means(selector.as_ref(), group)
            && which
                .state
                .as_deref()
                .is_none_or(|state| group.condition().as_str() == state)
            && (which.host.is_none() || group.containers.iter().any(|it| which.is_here(it)))
    });
    Ok(seen.tell(&Groups {
        format_version: 1,
        groups: meant.map(Summary::from).collect(),
    }))
}

#[derive(Serialize)]
struct More {
    condition: &'static str,
    deployed_at: Option<jiff::Timestamp>,
}

/// One group in full: what it should be, what runs, what failed lately. Values of its spec that look
/// secret are masked.
#[utoipa::path(get, path = "/api/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Such as `ingestor:dev`")),
    responses((status = 200, body = shapes::Description), Refused))]
pub(super) async fn group(State(viewer): State<Viewer>, Path(group): Path<String>) -> Told {
    let group = named::group(&group)?;
    let seen = Seen::last(&viewer).await?;
    let Some(Group { status, detail, .. }) = seen.known().group(&group) else {
        return Err(named::unknown(&group, seen.known()).into());
    };
    let more = More {
        condition: status.condition().as_str(),
        deployed_at: status.deployed_at,
    };
    Ok(seen.tell(&GroupDescription::new(
        status,
        more,
        detail.spec.as_deref(),
        detail.slots.iter().map(SlotDescription::from).collect(),
        detail.failures.iter().collect(),
    )))
}

#[derive(Serialize)]
struct Rollouts<'a> {
    format_version: u32,
    rollouts: Vec<UnderWay<'a>>,
}

#[derive(Serialize)]
struct UnderWay<'a> {
    group: &'a GroupId,
    instances: u32,
    healthy: u32,
    #[serde(flatten)]
    rollout: &'a RolloutStatus,
}

/// What is under way, in all groups.
#[utoipa::path(get, path = "/api/v1/rollouts", tag = "rollouts",
    responses((status = 200, body = shapes::Rollouts), Refused))]
pub(super) async fn rollouts(State(viewer): State<Viewer>) -> Told {
    let seen = Seen::last(&viewer).await?;
    let under_way = seen.known().status.groups.iter().filter_map(|group| {
        Some(UnderWay {
            group: &group.group,
            instances: group.instances,
            healthy: group.healthy,
            rollout: group.rollout.as_ref()?,
        })
    });
    Ok(seen.tell(&Rollouts {
        format_version: 1,
        rollouts: under_way.collect(),
    }))
}

#[derive(Serialize)]
struct Containers<'a> {
    format_version: u32,
    containers: Vec<Placed<'a>>,
}

/// A container, and whose it is.
#[derive(Serialize)]
pub(super) struct Placed<'a> {
    pub(super) group: &'a GroupId,
    #[serde(flatten)]
    pub(super) container: &'a ContainerStatus,
}

/// The containers of all groups.
#[utoipa::path(get, path = "/api/v1/containers", tag = "containers", params(Which),
    responses((status = 200, body = shapes::Containers), Refused))]
pub(super) async fn containers(
    State(viewer): State<Viewer>,
    which: Result<Query<Which>, QueryRejection>,
) -> Told {
    let Query(which) = which?;
    let (seen, selector) = (Seen::last(&viewer).await?, which.selector()?);
    let has_state = |container: &ContainerStatus| {
        let wanted = which.state.as_deref();
        wanted.is_none_or(|state| serde_json::json!(container.state) == state)
    };
    let mut containers = Vec::new();
    for status in &seen.known().status.groups {
        if which.means(selector.as_ref(), status) {
            let meant = status.containers.iter();
            let meant = meant.filter(|it| which.is_here(it) && has_state(it));
            containers.extend(meant.map(|container| Placed {
                group: &status.group,
                container,
            }));
        }
    }
    Ok(seen.tell(&Containers {
        format_version: 1,
        containers,
    }))
}

/// One container.
#[utoipa::path(get, path = "/api/v1/containers/{container}", tag = "containers",
    params(("container" = String, Path, description = "The engine's name of it")),
    responses((status = 200, body = shapes::Placed), Refused))]
pub(super) async fn container(State(viewer): State<Viewer>, Path(id): Path<String>) -> Told {
    let seen = Seen::last(&viewer).await?;
    let found = seen.known().status.groups.iter().find_map(|status| {
        let container = status.containers.iter().find(|it| it.id.0 == id)?;
        Some(Placed {
            group: &status.group,
            container,
        })
    });
    let found = found.ok_or_else(|| {
        let reason = format!("there is no container {id:?} now");
        Refusal::new(StatusCode::NOT_FOUND, reason)
    })?;
    Ok(seen.tell(&found))
}
