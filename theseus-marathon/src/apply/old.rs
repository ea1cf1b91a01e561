//! What versions before 1.0 cannot do in the usual way, or do with more force than they are asked
//! for. Each of these looks first, so that nothing of anybody else's is overridden or brought back.

use theseus_core::cluster::{Accepted, Operation};

use super::definition::Definition;
use super::item::{self, Item, Kind};
use super::{Applier, Placed};
use crate::decode;
use crate::dialect::Feature;
use crate::failure::Failure;
use crate::http::Request;
use crate::operations;
use crate::wire::{read, write};

impl Applier<'_> {
    /// Whether there is nothing to be changed, where telling it once more would restart containers.
    /// An app that is not there has yet to be made.
    pub(super) async fn is_done(
        &self,
        item: &Item<'_>,
        is_it: impl FnOnce(Definition) -> bool,
    ) -> Result<bool, Failure> {
        if self.dialect.has(Feature::QuietPut) {
            return Ok(false);
        }
        match self.definition(item).await {
            Ok(definition) => Ok(is_it(definition)),
            Err(Failure::Gone(_)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Parts those items from the others whose apps are held, where Marathon would not heed that.
    pub(super) async fn without_held<'a>(
        &self,
        items: Vec<Item<'a>>,
    ) -> (Vec<Placed>, Vec<Item<'a>>) {
        let is_kill = items.first().is_some_and(|it| it.kind == Kind::Shrink);
        if !is_kill || self.dialect.has(Feature::UnforcedKills) {
            return (Vec::new(), items);
        }
        let holds = match self.holds().await {
            Ok(holds) => holds,
            Err(failure) => {
                let failed = items
                    .iter()
                    .map(|item| self.place(item, Err(failure.clone())));
                return (failed.collect(), Vec::new());
            }
        };
        let (mut held, mut free) = (Vec::new(), Vec::new());
        for item in items {
            let holders = holders(&holds, &item.app);
            if holders.is_empty() {
                free.push(item);
            } else {
                held.push(self.place(&item, Err(Failure::busy(holders))));
            }
        }
        (held, free)
    }

    /// Kills tasks one after the other. Those that are gone already are no loss.
    pub(super) async fn kill_each(&self, item: &Item<'_>) -> Result<Accepted, Failure> {
        for task in item.tasks {
            let request = item::kill_one(item, task);
            let request = request.ok_or_else(|| Failure::Gone(format!("{task:?}")))?;
            self.end(&request).await?;
        }
        Ok(Accepted::default())
    }

    /// Brings an app back to the last of its versions that was of another revision. The end of the
    /// deployment would bring back everything that was changed since it began, whoever did that.
    pub(super) async fn go_back(&self, item: &Item<'_>) -> Result<Accepted, Failure> {
        self.held_by_nobody_else(item).await?;
        let path = format!("{}/versions", item.path());
        let request = Request::get(&path);
        let read = |body: &[u8]| serde_json::from_slice::<read::Versions>(body);
        let mut versions = self.http.read(&request, read).await?.versions;
        // The latest first: all of them are written alike.
        versions.sort_unstable_by(|one, two| two.cmp(one));
        let mut current = None;
        for version in versions {
            let request = Request::get(&format!("{path}/{version}"));
            let past = self.http.read(&request, decode::past).await?;
            if *current.get_or_insert(past.revision) != past.revision {
                let body = item::json(&write::BackTo { version: &version });
                return self.tell(&item::insist(item, body)).await;
            }
        }
        Err(Failure::Gone(format!("what {} was before", item.app)))
    }

    /// Gives up what holds an app where a deployment cannot be ended as it is: another one takes its
    /// place, which asks for nothing that is not there.
    pub(super) async fn let_go(&self, item: &Item<'_>) -> Result<Accepted, Failure> {
        self.held_by_nobody_else(item).await?;
        let running = match self.definition(item).await {
            Ok(definition) => definition.tasks_running.unwrap_or(0),
            // What is to be over is over.
            Err(Failure::Gone(_)) => return Ok(Accepted::default()),
            Err(failure) => return Err(failure),
        };
        let body = item::json(&write::Instances::only(running));
        self.tell(&item::insist(item, body)).await
    }

    /// Fails if anything holds the app that is not to be given up.
    async fn held_by_nobody_else(&self, item: &Item<'_>) -> Result<(), Failure> {
        let mut holders = holders(&self.holds().await?, &item.app);
        holders.retain(|holder| !item.operations.contains(&holder.id.0));
        if holders.is_empty() {
            Ok(())
        } else {
            Err(Failure::busy(holders))
        }
    }

    async fn holds(&self) -> Result<Vec<Operation>, Failure> {
        let request = Request::get("/v2/deployments");
        self.http.read(&request, operations::read).await
    }
}

/// The deployments that hold an app.
fn holders(holds: &[Operation], app: &str) -> Vec<Operation> {
    let its = holds
        .iter()
        .filter(|hold| hold.steps.iter().any(|step| step.app.0 == app));
    its.cloned().collect()
}
