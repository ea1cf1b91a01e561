//! A look at what runs and what it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::cluster::{Cluster, ContainerId, ContainerState, Scope};
use theseus_core::engine::Engine;
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::registry::{self, CountsRecord};
use theseus_core::state::Observed;
use theseus_core::store::Store;
use theseus_core::usage::{By, Meter, Metered, Quiet, Seen, Sort, Top, top};
use tokio::time::Instant;

use super::super::selection::select;
use crate::connect::Connection;
use crate::failure::Failure;

/// Looks again and again, and remembers what rates are made of.
pub(super) struct Looker {
    cluster: Arc<dyn Cluster>,
    store: Arc<dyn Store>,
    engine: Engine,
    groups: Vec<GroupSelector>,
    meter: Meter,
    /// When each host told last.
    told: BTreeMap<Arc<str>, Timestamp>,
    is_first: bool,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    at: Timestamp,
    observed: Observed,
    metered: Vec<Metered>,
    quiet: Vec<Quiet>,
    counts: BTreeMap<GroupId, CountsRecord>,
    unreachable: BTreeMap<ContainerId, Timestamp>,
}

impl Look {
    /// The rows of these groups, or of all.
    pub(super) fn top(&self, by: By, sort: Sort, groups: &[GroupSelector]) -> Top {
        let seen = Seen {
            observed: &self.observed,
            metered: &self.metered,
            quiet: &self.quiet,
            counts: &self.counts,
            unreachable: &self.unreachable,
        };
        top(self.at, by, sort, &seen, |group| is_meant(groups, group))
    }
}

fn is_meant(groups: &[GroupSelector], group: &GroupId) -> bool {
    groups.is_empty() || groups.iter().any(|it| it.matches(group))
}

impl Looker {
    pub(super) fn new(connection: &Connection, groups: &[GroupSelector]) -> Self {
        Self {
            cluster: Arc::clone(&connection.cluster),
            store: Arc::clone(&connection.store),
            engine: connection.engine.clone(),
            groups: groups.to_vec(),
            meter: Meter::default(),
            told: BTreeMap::new(),
            is_first: true,
        }
    }

    pub(super) fn groups(&self) -> &[GroupSelector] {
        &self.groups
    }

    /// Looks once.
    pub(super) async fn look(&mut self) -> Result<Look, Failure> {
        let (observed, counts) = tokio::join!(
            self.engine.observe(&Scope::All),
            registry::counts(&*self.store)
        );
        let (observed, counts) = (observed?, counts?);
        if std::mem::take(&mut self.is_first) {
            select(&observed, &self.groups)?;
        }
        let hosts = hosts(&observed, &self.groups);
        // Whoever wants all hosts need not name them.
        let asked_of = (!self.groups.is_empty()).then_some(&hosts);
        let asked = Instant::now();
        let (usage, unreachable) = tokio::join!(
            self.cluster.usage(asked_of),
            registry::unreachable_since(&*self.store, &observed, |group, _| {
                is_meant(&self.groups, group)
            })
        );
        let (usage, unreachable) = (usage?, unreachable?);
        let at = Timestamp::now();
        let silent: BTreeSet<&Arc<str>> = usage.silent.iter().map(|it| &it.host).collect();
        let telling = hosts.iter().filter(|host| !silent.contains(host));
        self.told.extend(telling.map(|host| (Arc::clone(host), at)));
        // Nobody minds a host that is quiet and has nothing to tell.
        let quiet = usage.silent.iter().filter(|it| hosts.contains(&it.host));
        let quiet = quiet.map(|it| Quiet {
            host: Arc::clone(&it.host),
            reason: it.reason.clone(),
            since: self.told.get(&it.host).copied(),
        });
        Ok(Look {
            at,
            quiet: quiet.collect(),
            metered: self.meter.take(usage.readings, asked),
            observed,
            counts,
            unreachable,
        })
    }
}

/// The hosts on which something of these groups runs.
fn hosts(observed: &Observed, groups: &[GroupSelector]) -> BTreeSet<Arc<str>> {
    let meant = observed
        .groups
        .iter()
        .filter(|(id, _)| is_meant(groups, id));
    let apps = meant.flat_map(|(_, state)| &state.apps);
    let containers = apps.flat_map(|app| &app.containers);
    let present = containers.filter(|it| it.state != ContainerState::Ended);
    present.filter_map(|it| it.host.clone()).collect()
}
