//! A cluster whose containers run as soon as they are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use theseus_core::cluster::{
    Accepted, App, AppId, Change, Cluster, ClusterError, Container, ContainerId, ContainerState,
    EngineInfo, Event, EventKind, Events, HealthState, Scope, Snapshot,
};
use tokio::sync::Notify;

/// Its apps, and who wants to know when something happens to one.
pub(crate) struct Toy {
    apps: Mutex<BTreeMap<AppId, App>>,
    happened: Arc<Notify>,
}

impl Toy {
    pub(crate) fn new() -> Self {
        let (apps, happened) = (Mutex::default(), Arc::default());
        Self { apps, happened }
    }

    fn apps(&self) -> MutexGuard<'_, BTreeMap<AppId, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: &Change) -> Result<Accepted, ClusterError> {
        let mut apps = self.apps();
        match change {
            Change::Create(new) => {
                let id = AppId(format!("{}/{}", new.group, new.revision));
                let app = App {
                    id: id.clone(),
                    group: new.group.clone(),
                    revision: new.revision,
                    instances: 0,
                    part: new.part,
                    pinned_to: new.pinned_to.clone(),
                    checked: false,
                    operations: Vec::new(),
                    containers: Vec::new(),
                    last_failure: None,
                    unread: None,
                };
                resize(apps.entry(id).or_insert(app), new.instances);
            }
            Change::Scale { app, instances } => resize(find(&mut apps, app)?, *instances),
            Change::Shrink { app, containers } => {
                let app = find(&mut apps, app)?;
                app.containers.retain(|it| {
                    let stays = !containers.contains(&it.id);
                    app.instances -= u32::from(!stays);
                    stays
                });
            }
            Change::Delete { app } => drop(apps.remove(app)),
            Change::Update(new) => {
                let mut stable = apps.values_mut();
                if let Some(app) = stable.find(|it| it.group == new.group && it.part == new.part) {
                    app.revision = new.revision;
                    resize(app, new.instances);
                }
            }
            Change::Pin { app, host } => {
                find(&mut apps, app)?.pinned_to = Some(Arc::clone(host));
            }
            // Nothing here takes long enough to hold an app.
            Change::Revert { .. } | Change::Release { .. } => {}
        }
        self.happened.notify_one();
        Ok(Accepted::default())
    }
}

fn find<'a>(apps: &'a mut BTreeMap<AppId, App>, id: &AppId) -> Result<&'a mut App, ClusterError> {
    let gone = || ClusterError::Gone {
        what: id.to_string(),
    };
    apps.get_mut(id).ok_or_else(gone)
}

/// Starts what is missing, or stops what is too much.
fn resize(app: &mut App, instances: u32) {
    app.containers.truncate(instances as usize);
    let ids = (1..).map(|number| ContainerId(format!("{}/{number}", app.id)));
    let is_free = |id: &ContainerId| app.containers.iter().all(|it| it.id != *id);
    let missing = instances as usize - app.containers.len();
    let started: Vec<_> = ids.filter(is_free).take(missing).map(running).collect();
    app.containers.extend(started);
    app.instances = instances;
}

fn running(id: ContainerId) -> Container {
    let now = Some(Timestamp::now());
    Container {
        id,
        host: Some("here".into()),
        ports: Vec::new(),
        state: ContainerState::Running,
        health: HealthState::Unknown,
        staged_at: now,
        started_at: now,
        healthy_since: None,
        outdated: false,
    }
}

#[async_trait]
impl Cluster for Toy {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        let [name, version, address] = ["toy", "1", "here"].map(str::to_owned);
        Ok(EngineInfo {
            name,
            version,
            address,
            notices: Vec::new(),
        })
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        let is_wanted = |app: &&App| match scope {
            Scope::Everything | Scope::All => true,
            Scope::Groups(groups) => groups.contains(&app.group),
        };
        let apps = self.apps().values().filter(is_wanted).cloned().collect();
        Ok(Snapshot {
            apps,
            ..Snapshot::default()
        })
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        changes.iter().map(|change| self.change(change)).collect()
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        let happened = Arc::clone(&self.happened);
        Ok(stream::unfold(happened, |happened| async {
            happened.notified().await;
            let event = Event {
                at: None,
                group: None,
                foreign: None,
                kind: EventKind::App,
            };
            Some((Ok(event), happened))
        })
        .boxed())
    }
}
