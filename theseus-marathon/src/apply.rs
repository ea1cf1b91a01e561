//! Tells Marathon many changes in few requests, and finds out what became of each.
//!
//! Apps that are created in full share a request, and so do containers that are stopped. Marathon
//! takes or refuses such a request as a whole, so when one app spoils it, the others are sent again
//! without it, or each by itself.
//!
//! A request is also one deployment, which holds all of its apps until the slowest of them is where
//! it is to come. So an app that has further to go (one created with a part of its containers, or
//! scaled) gets a request of its own: a group whose containers do not start holds up no other.
//!
//! Nothing is ever forced: a change that a deployment stands in the way of is answered with
//! [`ClusterError::Busy`].

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;
use serde::Serialize;
use theseus_core::cluster::{Accepted, AppId, Change, ClusterError, OperationId, Refusal};
use theseus_core::model::Spec;

use crate::classify::misread;
use crate::dialect::{Dialect, Feature};
use crate::encode;
use crate::failure::{ENGINE, Failure};
use crate::fields::Fault;
use crate::http::{Http, Request};
use crate::names;
use crate::wire::{read, write};

/// The most apps in one request, and the most bytes.
const MOST_ITEMS: usize = 500;
const MOST_BYTES: usize = 4 << 20;

type Outcome = Result<Accepted, ClusterError>;
/// What became of a change, with its place among the changes.
type Placed = (usize, Outcome);

/// Tells Marathon the changes, and gives one answer for each, in their order.
pub(crate) async fn apply(http: &Http, dialect: Dialect, changes: &[Change]) -> Vec<Outcome> {
    let applier = Applier {
        http,
        address: http.address(),
    };
    let mut items = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        match Item::of(index, change, dialect) {
            Ok(Some(item)) => items.push(item),
            Ok(None) => placed.push((index, Ok(Accepted::default()))),
            Err(error) => placed.push((index, Err(error))),
        }
    }
    let batches = join_all(batches(items).into_iter().map(|items| applier.batch(items)));
    placed.extend(batches.await.into_iter().flatten());
    placed.sort_unstable_by_key(|(index, _)| *index);
    placed.into_iter().map(|(_, outcome)| outcome).collect()
}

/// One change, ready to be sent.
struct Item<'a> {
    /// Its place among the changes.
    index: usize,
    kind: Kind,
    app: String,
    /// What is sent: the same alone and as one of several.
    body: Bytes,
    /// The deployments to end.
    operations: Vec<String>,
    /// What refusals are about.
    spec: Option<&'a Spec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The whole definition, by PUT: sent once more it is the same again, so that a creation whose
    /// answer was lost can be repeated.
    Create,
    /// The same, with fewer instances than there will be.
    CreatePart,
    /// The number of instances and nothing else. (Marathon forgets `executorResources` and
    /// `resourceLimits` over this. Theseus never sets them.)
    Scale,
    /// The same where there is no PATCH, and PUT takes it for a new app when there is none.
    ScaleByPut,
    /// The tasks to kill for good.
    Shrink,
    /// The end of an app.
    Delete,
    /// The end of a deployment, by its id, with everything left as it is.
    Release,
}

impl<'a> Item<'a> {
    /// The change, if there is anything to be sent.
    fn of(
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
            spec: None,
        };
        Ok(Some(match change {
            Change::Create(new) => {
                let app = encode::app(new, dialect).map_err(refused)?;
                let kind = if new.instances < new.spec.instances {
                    Kind::CreatePart
                } else {
                    Kind::Create
                };
                Self {
                    spec: Some(&new.spec),
                    ..item(kind, &app.id, json(&app))
                }
            }
            Change::Scale { app, instances } => {
                let app = own(app)?;
                let kind = if dialect.has(Feature::Patch) {
                    Kind::Scale
                } else {
                    Kind::ScaleByPut
                };
                let body = write::Instances {
                    instances: *instances,
                };
                item(kind, app, json(&body))
            }
            Change::Shrink { app, containers } => {
                let app = own(app)?;
                if containers.is_empty() {
                    return Ok(None);
                }
                let ids: Vec<_> = containers.iter().map(|id| json(&id.0)).collect();
                item(Kind::Shrink, app, ids.join(&b','))
            }
            Change::Release { app, operations } => {
                let operations = operations
                    .iter()
                    .map(deployment)
                    .collect::<Result<_, _>>()?;
                Self {
                    operations,
                    ..item(Kind::Release, own(app)?, Vec::new())
                }
            }
            Change::Delete { app } => item(Kind::Delete, own(app)?, Vec::new()),
            Change::Update(_) | Change::Pin { .. } | Change::Revert { .. } => {
                return Err(refused(Vec::new()));
            }
        }))
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers, and maps with texts for keys")
}

fn refused(refusals: Vec<Refusal>) -> ClusterError {
    ClusterError::Refused {
        engine: ENGINE.to_owned(),
        refusals,
    }
}

/// The app's id, unless it is not one of Theseus's own: those are nobody's to change here.
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
fn batches(mut items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
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

fn requests_alone(item: &Item<'_>) -> Vec<Request> {
    let path = format!("/v2/apps{}", item.app);
    let body = item.body.clone();
    vec![match item.kind {
        Kind::Create | Kind::CreatePart | Kind::ScaleByPut => {
            Request::new(Method::PUT, path).body(body)
        }
        Kind::Scale => Request::new(Method::PATCH, path).body(body),
        Kind::Shrink => kill(&body),
        // Unlike everywhere else, `force` is on here unless it is switched off.
        Kind::Delete => Request::new(Method::DELETE, path).query("force", "false"),
        Kind::Release => {
            return item
                .operations
                .iter()
                .map(|id| end_deployment(id))
                .collect();
        }
    }]
}

/// Ends a deployment where it stands. Here `force` does not override anything of anybody else's: it
/// only says that nothing is to be rolled back.
fn end_deployment(id: &str) -> Request {
    Request::new(Method::DELETE, format!("/v2/deployments/{id}")).query("force", "true")
}

/// One request for several items of one kind, where Marathon has one.
fn request_together(items: &[Item<'_>]) -> Option<Request> {
    let bodies: Vec<&[u8]> = items.iter().map(|item| &*item.body).collect();
    let joined = bodies.join(&b',');
    match items.first()?.kind {
        Kind::Create => {
            let apps = [b"[", &*joined, b"]"].concat();
            Some(Request::new(Method::PUT, "/v2/apps").body(apps))
        }
        Kind::Shrink => Some(kill(&joined)),
        Kind::CreatePart | Kind::Scale | Kind::ScaleByPut | Kind::Delete | Kind::Release => None,
    }
}

/// Kills tasks, given as the inside of a list, and lowers the instances of their apps by as many.
fn kill(ids: &[u8]) -> Request {
    let body = [b"{\"ids\":[", ids, b"]}"].concat();
    Request::new(Method::POST, "/v2/tasks/delete")
        .query("scale", "true")
        .body(body)
}

struct Applier<'a> {
    http: &'a Http,
    address: String,
}

impl Applier<'_> {
    /// Sends items of one kind: together at first, then each by itself those that are left.
    async fn batch(&self, mut items: Vec<Item<'_>>) -> Vec<Placed> {
        let mut placed = Vec::new();
        let mut may_blame = true;
        while items.len() > 1
            && let Some(request) = request_together(&items)
        {
            match self.tell(&request).await {
                Err(Failure::Refused(faults)) if may_blame => {
                    let (blamed, rest) = self.blame(items, &faults);
                    items = rest;
                    if blamed.is_empty() {
                        break;
                    }
                    placed.extend(blamed);
                    // Whoever has something against the others too may say so to each.
                    may_blame = false;
                }
                Err(Failure::Refused(_) | Failure::Busy(_) | Failure::Gone(_)) => break,
                outcome => {
                    let all = items.iter();
                    placed.extend(all.map(|item| self.place(item, outcome.clone())));
                    return placed;
                }
            }
        }
        placed.extend(join_all(items.iter().map(|item| self.alone(item))).await);
        placed
    }

    /// Parts those items that the faults are about from the others.
    fn blame<'a>(&self, items: Vec<Item<'a>>, faults: &[Fault]) -> (Vec<Placed>, Vec<Item<'a>>) {
        let mut blamed = Vec::new();
        let mut rest = Vec::new();
        for (position, item) in items.into_iter().enumerate() {
            let about_it = faults.iter().filter_map(Fault::of_item);
            let own: Vec<_> = about_it
                .filter(|(index, _)| *index == position)
                .map(|(_, fault)| fault)
                .collect();
            if own.is_empty() {
                rest.push(item);
            } else {
                blamed.push(self.place(&item, Err(Failure::Refused(own))));
            }
        }
        (blamed, rest)
    }

    async fn alone(&self, item: &Item<'_>) -> Placed {
        let mut outcome = Ok(Accepted::default());
        for request in requests_alone(item) {
            outcome = match (item.kind, self.tell(&request).await) {
                // What is to be over is over.
                (Kind::Delete | Kind::Release, Err(Failure::Gone(_))) => Ok(Accepted::default()),
                (_, outcome) => outcome,
            };
            if outcome.is_err() {
                break;
            }
        }
        let outcome = match (item.kind, outcome) {
            // Perhaps Marathon refuses to make an app out of nothing but a number.
            (Kind::ScaleByPut, Err(Failure::Refused(faults))) => {
                Err(self.gone(item).await.unwrap_or(Failure::Refused(faults)))
            }
            (_, outcome) => outcome,
        };
        self.place(item, outcome)
    }

    /// That the app is not there, if that is so.
    async fn gone(&self, item: &Item<'_>) -> Option<Failure> {
        let request = Request::get(&format!("/v2/apps{}", item.app));
        let limit = self.http.config().answer_timeout;
        let found = self.http.read(&request, limit, |_| Ok(())).await;
        found
            .err()
            .filter(|failure| matches!(failure, Failure::Gone(_)))
    }

    async fn tell(&self, request: &Request) -> Result<Accepted, Failure> {
        let body = self.http.write(request).await?;
        // Marathon has nothing to say of a deployment that it ended.
        if body.is_empty() && request.method == Method::DELETE {
            return Ok(Accepted::default());
        }
        let taken: read::Taken =
            serde_json::from_slice(&body).map_err(|error| misread(&error, true))?;
        Ok(Accepted {
            operation: taken.deployment_id.map(OperationId),
        })
    }

    fn place(&self, item: &Item<'_>, outcome: Result<Accepted, Failure>) -> Placed {
        let error =
            |failure: Failure| failure.into_error(&self.address, |fault| fault.refusal(item.spec));
        (item.index, outcome.map_err(error))
    }
}
