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
//! [`ClusterError::Busy`]. What a version cannot do in the usual way, or does with more force than it
//! is asked for, is done in another one: see `old`.

mod definition;
mod item;
mod old;

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;
use theseus_core::cluster::{Accepted, Change, ClusterError, OperationId};
use tokio::sync::Semaphore;

use crate::classify::misread;
use crate::dialect::{Dialect, Feature};
use crate::failure::{ENGINE, Failure};
use crate::fields::Fault;
use crate::http::{Http, Request};
use crate::operations;
use crate::wire::read;
use definition::{Definition, Pinned};
use item::{Item, Kind, batches, request_together};

/// How many apps are read at the same time.
const READS_AT_A_TIME: usize = 8;

type Outcome = Result<Accepted, ClusterError>;
/// What became of a change, with its place among the changes.
type Placed = (usize, Outcome);

/// Tells Marathon the changes, and gives one answer for each, in their order.
pub(crate) async fn apply(http: &Http, dialect: Dialect, changes: &[Change]) -> Vec<Outcome> {
    let applier = Applier {
        http,
        dialect,
        address: http.address(),
        reads: Semaphore::new(READS_AT_A_TIME),
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
    let mut outcomes: Vec<Outcome> = placed.into_iter().map(|(_, outcome)| outcome).collect();
    operations::explain(http, &mut outcomes).await;
    outcomes
}

struct Applier<'a> {
    http: &'a Http,
    dialect: Dialect,
    address: String,
    reads: Semaphore,
}

impl Applier<'_> {
    /// Sends items of one kind: together at first, then each by itself those that are left.
    async fn batch(&self, mut items: Vec<Item<'_>>) -> Vec<Placed> {
        let (mut placed, left) = self.without_held(items).await;
        items = left;
        let mut may_blame = true;
        while items.len() > 1
            && let Some(request) = request_together(&items, self.dialect)
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
        let outcome = match item.kind {
            Kind::Create | Kind::CreatePart => self.create(item).await,
            Kind::Update => self.update(item).await,
            Kind::Scale(instances) => self.scale(item, instances).await,
            Kind::ScaleAdopted(instances) => self.scale_adopted(item, instances).await,
            Kind::Pin(host) => self.pin(item, host).await,
            Kind::Shrink if self.dialect.has(Feature::KillList) => {
                self.end(&item::kill(&item.body)).await
            }
            Kind::Shrink => self.kill_each(item).await,
            Kind::Delete => {
                // Unlike everywhere else, `force` is on here unless it is switched off.
                let request = Request::new(Method::DELETE, item.path()).query("force", "false");
                self.end(&request).await
            }
            Kind::Revert if self.dialect.has(Feature::IsolatedRollback) => {
                self.end_all(item::end(&item.operations, false)).await
            }
            Kind::Revert => self.go_back(item).await,
            Kind::Release if self.dialect.has(Feature::Release) => {
                self.end_all(item::end(&item.operations, true)).await
            }
            Kind::Release => self.let_go(item).await,
        };
        self.place(item, outcome)
    }

    /// Makes an app, which may be there already.
    async fn create(&self, item: &Item<'_>) -> Result<Accepted, Failure> {
        if self.is_done(item, |now| now.is_of(item)).await? {
            return Ok(Accepted::default());
        }
        if self.dialect.has(Feature::Put) {
            return self.tell(&item::put(item)).await;
        }
        match self.amend(item, item.body.clone()).await {
            Err(Failure::Gone(_)) => {
                let request = Request::new(Method::POST, "/v2/apps").body(item.body.clone());
                self.tell(&request).await
            }
            outcome => outcome,
        }
    }

    /// Puts a whole definition in the place of another one.
    async fn update(&self, item: &Item<'_>) -> Result<Accepted, Failure> {
        if self.is_done(item, |now| now.is_of(item)).await? {
            return Ok(Accepted::default());
        }
        if let Err(missing) = self.dialect.needs(Feature::Replace) {
            let faults = self.definition(item).await?.lost_in(&item.body, &missing);
            if !faults.is_empty() {
                return Err(Failure::Refused(faults));
            }
        }
        self.tell(&item::replace(item, self.dialect)).await
    }

    async fn scale(&self, item: &Item<'_>, instances: u32) -> Result<Accepted, Failure> {
        if self
            .is_done(item, |now| now.instances == Some(instances))
            .await?
        {
            return Ok(Accepted::default());
        }
        self.amend(item, item.body.clone()).await
    }

    /// Gives an app another number of instances that may have what a change of a part would lose.
    async fn scale_adopted(&self, item: &Item<'_>, instances: u32) -> Result<Accepted, Failure> {
        let change = self.definition(item).await?.scaled_to(instances);
        self.amend(item, item::json(&change).into()).await
    }

    /// Adds the host to the constraints that the app has.
    async fn pin(&self, item: &Item<'_>, host: &str) -> Result<Accepted, Failure> {
        match self.definition(item).await?.pinned_to(host, self.dialect) {
            Pinned::Already => Ok(Accepted::default()),
            Pinned::Elsewhere => Err(Failure::Gone(format!("{} without a host", item.app))),
            Pinned::With(change) => self.amend(item, item::json(&change).into()).await,
        }
    }

    async fn amend(&self, item: &Item<'_>, body: Bytes) -> Result<Accepted, Failure> {
        let request = item::amend(item, body, self.dialect);
        match self.tell(&request).await {
            // Perhaps Marathon refuses to make an app out of nothing but a part.
            Err(Failure::Refused(faults)) if request.method == Method::PUT => {
                match self.definition(item).await {
                    Err(gone @ Failure::Gone(_)) => Err(gone),
                    _ => Err(Failure::Refused(faults)),
                }
            }
            outcome => outcome,
        }
    }

    /// What Marathon has of the app.
    async fn definition(&self, item: &Item<'_>) -> Result<Definition, Failure> {
        let _permit = self.reads.acquire().await;
        let request = Request::get(&item.path());
        self.http.read(&request, Definition::read).await
    }

    async fn end_all(&self, requests: impl Iterator<Item = Request>) -> Result<Accepted, Failure> {
        let mut accepted = Accepted::default();
        for request in requests {
            accepted = self.end(&request).await?;
        }
        Ok(accepted)
    }

    /// Ends something: what is to be over may be over already.
    async fn end(&self, request: &Request) -> Result<Accepted, Failure> {
        match self.tell(request).await {
            Err(Failure::Gone(_)) => Ok(Accepted::default()),
            outcome => outcome,
        }
    }

    async fn tell(&self, request: &Request) -> Result<Accepted, Failure> {
        let body = self.http.write(request).await?;
        // Marathon has nothing to say of what it ended.
        let is_end = request.method == Method::DELETE || request.path == item::KILLS;
        if body.is_empty() && is_end {
            return Ok(Accepted::default());
        }
        let taken: read::Taken =
            serde_json::from_slice(&body).map_err(|error| misread(&error, true))?;
        let first = taken.deployments.into_iter().next();
        let operation = taken.deployment_id.or(first.map(|it| it.id));
        Ok(Accepted {
            operation: operation.map(OperationId),
        })
    }

    fn place(&self, item: &Item<'_>, outcome: Result<Accepted, Failure>) -> Placed {
        let error = |failure: Failure| {
            failure.into_error(ENGINE, &self.address, |fault| fault.refusal(item.spec))
        };
        (item.index, outcome.map_err(error))
    }
}
