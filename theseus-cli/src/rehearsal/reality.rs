//! What a rehearsal starts from: the cluster and the store as they are, and a copy of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::cluster::{
    Amounts, App, Change, Cluster, Container, ContainerState, HealthState, Host, HostState,
    Inventory, NewApp, Revision, Scope,
};
use theseus_core::model::{GroupId, Spec};
use theseus_core::records::{self, Goal, HistoryRecord, LOCKS};
use theseus_core::rollout::forecast::past_start_time;
use theseus_core::state::{GroupState, Observed};
use theseus_core::store::{Entry, Store, Txn, Write, list_all};
use theseus_marathon::{Marathon, MarathonConfig, ServiceTransport};
use theseus_sandbox::{HostConfig, MarathonVersion, Sandbox, SandboxConfig, Snapshot, TaskState};
use theseus_store::MemoryStore;

use crate::connect::Connection;
use crate::failure::{Code, Failure};

/// So many records are copied at a time.
const AT_A_TIME: usize = 1000;
/// How long a container is taken to start where none has told.
const START: Duration = Duration::from_secs(10);

/// Cluster and store as they are.
pub(super) struct Reality {
    observed: Observed,
    inventory: Inventory,
    entries: Vec<Entry>,
    version: MarathonVersion,
}

/// A copy of both, in memory.
pub(super) struct Copy {
    pub(super) marathon: Marathon,
    pub(super) store: MemoryStore,
    pub(super) hosts: usize,
    /// Whether at least one host is made up in whole or in part.
    pub(super) assumed_hosts: bool,
    pub(super) start_time: Duration,
    /// Whether no container told how long it takes to start.
    pub(super) assumed_start_time: bool,
    /// Apps of which nobody knows what they are, by their ids.
    pub(super) left_out: Vec<String>,
}

impl Reality {
    pub(super) async fn look(connection: &Connection) -> Result<Self, Failure> {
        let Connection {
            engine,
            cluster,
            store,
            ..
        } = connection;
        // A Marathon that is newer than any known is rehearsed as the newest.
        let version = cluster.engine().await;
        let version = version.map(|info| MarathonVersion::closest_to(&info.version));
        let (observed, (entries, _)) = tokio::try_join!(
            async { engine.observe(&Scope::All).await.map_err(Failure::from) },
            async { list_all(&**store, "").await.map_err(Failure::from) },
        )?;
        Ok(Self {
            observed,
            // A cluster that does not tell its hosts is no trouble: they are made up.
            inventory: cluster.hosts().await.unwrap_or_default(),
            entries,
            version: version.unwrap_or_default(),
        })
    }

    /// Copies it, as of `now`.
    pub(super) async fn copy(&self, now: Timestamp) -> Result<Copy, Failure> {
        let specs = self.specs()?;
        let (known, unknown): (Vec<&App>, Vec<&App>) = self
            .apps()
            .partition(|app| specs.contains_key(&(&app.group, app.revision)));
        let (hosts, assumed_hosts) = self.hosts(&specs);
        let apps: Vec<App> = self.apps().cloned().collect();
        let start_time = past_start_time(&apps);
        let sandbox = Sandbox::new(SandboxConfig {
            version: self.version,
            state: Some(snapshot(self.version, &known, &specs).await?),
            start_delay: start_time.unwrap_or(START),
            // That they are well is part of the time that they took.
            health_delay: Duration::ZERO,
            start_time: now,
            hosts: hosts.clone(),
            ..SandboxConfig::default()
        });
        for host in &self.inventory.hosts {
            if host.state == HostState::Draining {
                sandbox.drain_host(&host.name);
            }
        }
        Ok(Copy {
            marathon: client(&sandbox)?,
            store: self.records().await?,
            hosts: hosts.len(),
            assumed_hosts,
            start_time: start_time.unwrap_or(START),
            assumed_start_time: start_time.is_none(),
            left_out: unknown.iter().map(|app| app.id.0.clone()).collect(),
        })
    }

    fn apps(&self) -> impl Iterator<Item = &App> {
        self.observed.groups.values().flat_map(|state| &state.apps)
    }

    /// What each revision is, wherever that is written down.
    fn specs(&self) -> Result<BTreeMap<(&GroupId, Revision), Arc<Spec>>, Failure> {
        let mut specs = BTreeMap::new();
        for (group, state) in &self.observed.groups {
            let prefix = records::history_prefix(group);
            let from = self.entries.partition_point(|entry| entry.key < prefix);
            let past = self.entries[from..].iter();
            for entry in past.take_while(|entry| entry.key.starts_with(&prefix)) {
                let past =
                    records::decode::<HistoryRecord>(entry).map_err(|error| broken(&error))?;
                specs.insert((group, past.record.revision), past.record.spec);
            }
            specs.extend(present(state).map(|(revision, spec)| ((group, revision), spec)));
        }
        Ok(specs)
    }

    /// The hosts as far as they are known, with what this cluster's own containers have of them, and
    /// whether some of it is made up.
    fn hosts(&self, specs: &BTreeMap<(&GroupId, Revision), Arc<Spec>>) -> (Vec<HostConfig>, bool) {
        let mut hosts: BTreeMap<Arc<str>, HostConfig> = BTreeMap::new();
        let mut assumed = !self.inventory.is_complete;
        for host in &self.inventory.hosts {
            if host.state != HostState::Gone {
                assumed |= host.free.is_none();
                hosts.insert(Arc::clone(&host.name), known(host));
            }
        }
        for (app, container) in self.containers() {
            let Some(name) = &container.host else {
                continue;
            };
            if let Some(host) = hosts.get_mut(name) {
                if let Some(spec) = specs.get(&(&app.group, app.revision)) {
                    host.cpus += spec.resources.cpus;
                    host.mem += spec.resources.mem;
                    host.disk += spec.resources.disk;
                }
                // They are on offer again when the container is gone.
                for port in &container.ports {
                    if !host.ports.iter().any(|range| range.contains(port)) {
                        host.ports.push(*port..=*port);
                    }
                }
            } else if !self.inventory.is_complete {
                hosts.insert(Arc::clone(name), HostConfig::named(&**name));
            }
        }
        if hosts.is_empty() {
            return (SandboxConfig::default().hosts, true);
        }
        (hosts.into_values().collect(), assumed)
    }

    /// The containers that take up room.
    fn containers(&self) -> impl Iterator<Item = (&App, &Container)> {
        self.apps()
            .flat_map(|app| app.containers.iter().map(move |it| (app, it)))
            .filter(|(_, it)| it.state != ContainerState::Ended)
    }

    async fn records(&self) -> Result<MemoryStore, Failure> {
        let store = MemoryStore::new();
        // Nobody else is in a rehearsal.
        let entries = self.entries.iter().filter(|it| !it.key.starts_with(LOCKS));
        let writes: Vec<Write> = entries
            .map(|entry| Write::Put(entry.key.clone(), entry.value.clone()))
            .collect();
        for writes in writes.chunks(AT_A_TIME) {
            let txn = Txn {
                writes: writes.to_vec(),
                ..Txn::default()
            };
            store.commit(txn).await?;
        }
        Ok(store)
    }
}

/// What the records of a group say of its revisions now.
fn present(state: &GroupState) -> impl Iterator<Item = (Revision, Arc<Spec>)> {
    let record = state.record.as_ref().map(|stored| &stored.record);
    let recorded = record.map(|record| (record.revision, Arc::clone(&record.spec)));
    let goal = state.rollout.as_ref().map(|stored| &stored.record.goal);
    let under_way = goal.and_then(|goal| match goal {
        Goal::Present { revision, spec } => Some((*revision, Arc::clone(spec))),
        Goal::Absent => None,
    });
    recorded.into_iter().chain(under_way)
}

/// A host with what it has left, or has in all where only that is known.
fn known(host: &Host) -> HostConfig {
    let mut config = HostConfig::named(&*host.name);
    config.attributes.clone_from(&host.attributes);
    if let Some(Amounts {
        cpus,
        mem,
        disk,
        ports,
    }) = host.free.as_ref().or(host.total.as_ref())
    {
        (config.cpus, config.mem, config.disk) = (*cpus, *mem, *disk);
        config.ports.clone_from(ports);
    }
    config
}

/// The apps and what runs of them. The client itself writes the definitions, into a cluster without
/// hosts that is then put away.
async fn snapshot(
    version: MarathonVersion,
    apps: &[&App],
    specs: &BTreeMap<(&GroupId, Revision), Arc<Spec>>,
) -> Result<Snapshot, Failure> {
    let scratch = Sandbox::new(SandboxConfig {
        version,
        hosts: Vec::new(),
        max_running_deployments: usize::MAX,
        ..SandboxConfig::default()
    });
    let changes: Vec<Change> = apps
        .iter()
        .map(|app| {
            Change::Create(Box::new(NewApp {
                group: app.group.clone(),
                revision: app.revision,
                part: app.part,
                pinned_to: app.pinned_to.clone(),
                spec: Arc::clone(&specs[&(&app.group, app.revision)]),
                instances: app.instances,
            }))
        })
        .collect();
    let client = client(&scratch)?;
    for answer in client.apply(&changes).await {
        answer.map_err(|error| broken(&error))?;
    }
    // An app that was adopted bears another name here: Theseus's own.
    let made = client.observe(&Scope::All).await;
    let made = made.map_err(|error| broken(&error))?.apps;
    let names: BTreeMap<_, _> = made
        .iter()
        .map(|app| ((&app.group, app.revision, app.part), &app.id.0))
        .collect();
    let mut snapshot = scratch.snapshot();
    for app in apps {
        let Some(name) = names.get(&(&app.group, app.revision, app.part)) else {
            continue;
        };
        for container in &app.containers {
            let is_there = matches!(
                container.state,
                ContainerState::Running | ContainerState::Starting
            );
            if let (true, Some(host)) = (is_there, &container.host) {
                let task = TaskState {
                    ports: container.ports.clone(),
                    started_at: container.started_at,
                    healthy: match container.health {
                        HealthState::Healthy => Some(true),
                        HealthState::Unhealthy => Some(false),
                        HealthState::Unknown => None,
                    },
                    ..TaskState::new(&container.id.0, &**host)
                };
                snapshot
                    .add_task(name, task)
                    .map_err(|error| broken(&error))?;
            }
        }
    }
    Ok(snapshot)
}

fn client(sandbox: &Sandbox) -> Result<Marathon, Failure> {
    let url = "http://rehearsal".parse();
    let config = MarathonConfig {
        urls: vec![url.map_err(|error| broken(&error))?],
        seed: Some(0),
        ..MarathonConfig::default()
    };
    let transport = Arc::new(ServiceTransport::new(sandbox.router()));
    Marathon::over(config, transport).map_err(|error| broken(&error))
}

/// That something cannot be copied.
fn broken(error: &dyn std::error::Error) -> Failure {
    let message = format!("what runs cannot be rehearsed: {}", chain(error));
    Failure::new(Code::Failed, message)
}
