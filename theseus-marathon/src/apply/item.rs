//! Changes, ready to be sent, and which of them can share a request.

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use theseus_core::cluster::{
    AppId, Change, ClusterError, ContainerId, NewApp, OperationId, Part, Refusal,
};
use theseus_core::model::Spec;

use crate::dialect::{Dialect, Feature};
use crate::encode;
use crate::failure::ENGINE;
use crate::http::Request;
use crate::names;
use crate::wire::write;

/// The most apps in one request, and the most bytes.
const MOST_ITEMS: usize = 500;
const MOST_BYTES: usize = 4 << 20;

/// Where lists of tasks to kill go.
pub(super) const KILLS: &str = "/v2/tasks/delete";

/// One change, ready to be sent.
pub(super) struct Item<'a> {
    /// Its place among the changes.
    pub(super) index: usize,
    pub(super) kind: Kind<'a>,
    pub(super) app: String,
    /// What is sent: the same alone and as one of several.
    pub(super) body: Bytes,
    /// The deployments to end.
    pub(super) operations: Vec<String>,
    /// The tasks to kill.
    pub(super) tasks: &'a [ContainerId],
    /// What refusals are about.
    pub(super) spec: Option<&'a Spec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind<'a> {
    /// The whole definition, by PUT: sent once more it is the same again, so that a creation whose
    /// answer was lost can be repeated.
    Create,
    /// The same, with fewer instances than there will be.
    CreatePart,
    /// The whole definition in place of another one, which Marathon carries out in its own way.
    Update,
    /// The number of instances and nothing else. (Marathon forgets `executorResources` and
    /// `resourceLimits` over this. Theseus never sets them.)
    Scale(u32),
    /// The same of an app that Theseus did not make, which may have them.
    ScaleAdopted(u32),
    /// The only host that the app is to run on, and nothing else.
    Pin(&'a str),
    /// The tasks to kill for good.
    Shrink,
    /// The end of an app.
    Delete,
    /// The end of a deployment, by its id, and the way back.
    Revert,
    /// The end of a deployment, by its id, with everything left as it is.
    Release,
}

impl<'a> Item<'a> {
    /// The change, if there is anything to be sent.
    pub(super) fn of(
        index: usize,
        change: &'a Change,
        dialect: Dialect,
    ) -> Result<Option<Self>, ClusterError> {
        let item = |kind, app: &str, body: Vec<u8>| Self {
            index,
            kind,
            app: app.to_owned(),
            body: Bytes::from(body),
            operations: Vec::new(),
            tasks: &[],
            spec: None,
        };
        let define = |kind, new: &'a NewApp| {
            let app = encode::app(new, dialect).map_err(refused)?;
            Ok(Self {
                spec: Some(&new.spec),
                ..item(kind, &app.id, json(&app))
            })
        };
        let end = |kind, app: &str, operations: &[OperationId]| {
            let operations = operations.iter().map(deployment);
            Ok(Self {
                operations: operations.collect::<Result<_, _>>()?,
                ..item(kind, app, Vec::new())
            })
        };
        let item = match change {
            Change::Create(new) if is_full(new) => define(Kind::Create, new)?,
            Change::Create(new) => define(Kind::CreatePart, new)?,
            Change::Update(new) => define(Kind::Update, new)?,
            Change::Scale { app, instances } => {
                let (app, instances) = (any(app)?, *instances);
                if names::decode(app).is_none() {
                    return Ok(Some(item(Kind::ScaleAdopted(instances), app, Vec::new())));
                }
                let body = write::Instances::only(instances);
                item(Kind::Scale(instances), app, json(&body))
            }
            Change::Pin { app, host } => item(Kind::Pin(host), own(app)?, Vec::new()),
            Change::Shrink { app, containers } => {
                let app = any(app)?;
                if containers.is_empty() {
                    return Ok(None);
                }
                let ids: Vec<_> = containers.iter().map(|id| json(&id.0)).collect();
                Self {
                    tasks: containers,
                    ..item(Kind::Shrink, app, ids.join(&b','))
                }
            }
            Change::Delete { app } => item(Kind::Delete, any(app)?, Vec::new()),
            Change::Revert { app, operations } => end(Kind::Revert, own(app)?, operations)?,
            Change::Release { app, operations } => end(Kind::Release, any(app)?, operations)?,
        };
        Ok(Some(item))
    }

    pub(super) fn path(&self) -> String {
        format!("/v2/apps{}", self.app)
    }
}

/// Whether the app begins with all the containers that it is ever to have.
fn is_full(new: &NewApp) -> bool {
    let in_the_end = match new.part {
        Part::Slot(_) => 1,
        Part::Whole | Part::Stable => new.spec.instances,
    };
    new.instances >= in_the_end
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers, and maps with texts for keys")
}

fn refused(refusals: Vec<Refusal>) -> ClusterError {
    ClusterError::Refused {
        engine: ENGINE.to_owned(),
        refusals,
    }
}

/// The id of an app that Theseus made, or that a group has adopted: which those are, core knows, and
/// here only that it can be nothing but an id.
fn any(app: &AppId) -> Result<&str, ClusterError> {
    if names::path(&app.0).as_deref() == Some(&*app.0) {
        return Ok(&app.0);
    }
    let message = format!("{:?} is not the id of an app", app.0);
    Err(refused(vec![Refusal {
        field: None,
        message,
    }]))
}

/// The app's id, unless it is not one of Theseus's own: nobody else's definition is changed here.
fn own(app: &AppId) -> Result<&str, ClusterError> {
    if names::decode(&app.0).is_some() {
        return Ok(&app.0);
    }
    let message = format!("{app} is not an app of Theseus");
    Err(refused(vec![Refusal {
        field: None,
        message,
    }]))
}

/// The deployment's id, if it can be nothing but one: it is Marathon's word, and becomes a path.
fn deployment(id: &OperationId) -> Result<String, ClusterError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !id.0.is_empty() && id.0.bytes().all(plain) {
        return Ok(id.0.clone());
    }
    let message = format!("{:?} is not the id of a deployment", id.0);
    Err(refused(vec![Refusal {
        field: None,
        message,
    }]))
}

/// Items that can go together: of one kind, and not too many.
pub(super) fn batches(mut items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    items.sort_by_key(|item| item.kind);
    let mut batches: Vec<Vec<Item<'_>>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = item.body.len();
        match batches.last_mut() {
            Some(batch)
                if batch[0].kind == item.kind
                    && batch.len() < MOST_ITEMS
                    && bytes + size <= MOST_BYTES =>
            {
                bytes += size;
                batch.push(item);
            }
            _ => {
                bytes = size;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

/// One request for several items of one kind, where this version has one.
pub(super) fn request_together(items: &[Item<'_>], dialect: Dialect) -> Option<Request> {
    let bodies: Vec<&[u8]> = items.iter().map(|item| &*item.body).collect();
    let joined = bodies.join(&b',');
    match items.first()?.kind {
        // Where it is not quiet, what is there already is not to be told once more.
        Kind::Create if dialect.has(Feature::Put) && dialect.has(Feature::QuietPut) => {
            let apps = [b"[", &*joined, b"]"].concat();
            Some(Request::new(Method::PUT, "/v2/apps").body(apps))
        }
        Kind::Shrink if dialect.has(Feature::KillList) => Some(kill(&joined)),
        Kind::Create
        | Kind::Shrink
        | Kind::CreatePart
        | Kind::Update
        | Kind::Scale(_)
        | Kind::ScaleAdopted(_)
        | Kind::Pin(_)
        | Kind::Delete
        | Kind::Revert
        | Kind::Release => None,
    }
}

/// Kills tasks, given as the inside of a list, and lowers the instances of their apps by as many.
pub(super) fn kill(ids: &[u8]) -> Request {
    let body = [b"{\"ids\":[", ids, b"]}"].concat();
    Request::new(Method::POST, KILLS)
        .query("scale", "true")
        .body(body)
}

/// The same for one task of an app, where there is no list. `None` when it can be no task's id: it
/// is Marathon's word, and becomes a path.
pub(super) fn kill_one(item: &Item<'_>, task: &ContainerId) -> Option<Request> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_task = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
    task.0.split('.').all(is_task).then(|| {
        let path = format!("{}/tasks/{task}", item.path());
        Request::new(Method::DELETE, path).query("scale", "true")
    })
}

/// Takes the place of the whole definition of an app. Older versions keep what the new definition
/// leaves out.
pub(super) fn replace(item: &Item<'_>, dialect: Dialect) -> Request {
    if dialect.has(Feature::Replace) {
        put(item).query("partialUpdate", "false")
    } else if dialect.has(Feature::Put) {
        put(item)
    } else {
        amend(item, item.body.clone(), dialect)
    }
}

/// Makes an app, or brings it to this definition.
pub(super) fn put(item: &Item<'_>) -> Request {
    Request::new(Method::PUT, item.path()).body(item.body.clone())
}

/// Changes a part of an app's definition. Where there is no PATCH, PUT does it too, but takes the
/// part for a new app when there is none.
pub(super) fn amend(item: &Item<'_>, body: Bytes, dialect: Dialect) -> Request {
    let method = if dialect.has(Feature::Patch) {
        Method::PATCH
    } else {
        Method::PUT
    };
    Request::new(method, item.path()).body(body)
}

/// Changes a part of an app's definition in the face of whatever holds the app.
pub(super) fn insist(item: &Item<'_>, body: Vec<u8>) -> Request {
    let request = Request::new(Method::PUT, item.path()).query("force", "true");
    request.body(body)
}

/// Ends deployments, one after the other. `force` does not override anything of anybody else's
/// here: it only says that nothing is to be rolled back.
pub(super) fn end(operations: &[String], force: bool) -> impl Iterator<Item = Request> {
    operations.iter().map(move |id| {
        let request = Request::new(Method::DELETE, format!("/v2/deployments/{id}"));
        if force {
            request.query("force", "true")
        } else {
            request
        }
    })
}
