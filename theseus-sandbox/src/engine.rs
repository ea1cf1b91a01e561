//! Drives the cluster by tokio's clock: one lock around the state machine and one task that wakes
//! up whenever something is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::cluster::{Cluster, Order};
use crate::config::SandboxConfig;
use crate::docker;
use crate::faults::Faults;
use crate::hub::Hub;
use crate::requests::RequestLog;
use crate::time::{Clock, Stamp};

/// Everything a sandbox is made of; shared by its handles, its routes and its event streams.
#[derive(Debug)]
pub(crate) struct Engine {
    cluster: Mutex<Cluster>,
    clock: Clock,
    changed: Arc<Notify>,
    driver: Mutex<Option<AbortHandle>>,
    /// To whoever runs real containers, if somebody does.
    orders: Option<mpsc::UnboundedSender<Order>>,
    pub(crate) hub: Hub,
    /// When the leader was, or will be, elected, if that was not at the start.
    pub(crate) elected_at: Mutex<Option<Instant>>,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
    pub(crate) config: SandboxConfig,
}

impl Engine {
    /// Starts the driving task on the current tokio runtime.
    pub(crate) fn start(mut config: SandboxConfig) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        let clock = Clock::starting_at(config.start_time);
        let cluster = Mutex::new(Cluster::new(&config));
        config.state = None;
        let (orders, ordered) = mpsc::unbounded_channel();
        let engine = Arc::new(Self {
            cluster,
            clock,
            changed: Arc::clone(&changed),
            driver: Mutex::new(None),
            orders: config.docker.is_some().then_some(orders),
            hub: Hub::new(config.event_buffer, config.version),
            elected_at: Mutex::default(),
            faults: Faults::default(),
            requests: RequestLog::new(config.request_log),
            config,
        });
        if let Some(docker) = engine.config.docker.clone() {
            let tasks = engine.read(|cluster, _| cluster.task_list());
            docker.keep_files_of(&tasks);
            tokio::spawn(docker::drive(
                Arc::downgrade(&engine),
                docker,
                tasks,
                ordered,
            ));
        }
        let driver = tokio::spawn(drive(Arc::downgrade(&engine), changed));
        *lock(&engine.driver) = Some(driver.abort_handle());
        engine
    }

    /// Runs `action` on the cluster as it is at this moment, and publishes what comes of it.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut Cluster, Stamp) -> T) -> T {
        let result = self.turn(action);
        self.changed.notify_one();
        result
    }

    /// Looks at the cluster as it is at this moment.
    pub(crate) fn read<T>(&self, view: impl FnOnce(&Cluster, Stamp) -> T) -> T {
        self.turn(|cluster, now| view(cluster, now))
    }

    fn turn<T>(&self, action: impl FnOnce(&mut Cluster, Stamp) -> T) -> T {
        let mut cluster = lock(&self.cluster);
        let now = self.clock.now();
        cluster.advance(now);
        let result = action(&mut cluster, now);
        cluster.advance(now);
        // Still under the lock, so that events are told in the order in which they happened.
        self.hub.publish(&cluster.take_events());
        if let Some(orders) = &self.orders {
            for order in cluster.take_orders() {
                // Without anybody to obey, containers are left as they are.
                let _ = orders.send(order);
            }
        }
        result
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(driver) = lock(&self.driver).take() {
            driver.abort();
        }
    }
}

async fn drive(engine: Weak<Engine>, changed: Arc<Notify>) {
    loop {
        let due = {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let due = engine.turn(|cluster, _| cluster.next_due());
            due.map(|due| engine.clock.instant(due))
        };
        match due {
            Some(due) => tokio::select! {
                biased;
                () = tokio::time::sleep_until(due) => {}
                () = changed.notified() => {}
            },
            None => changed.notified().await,
        }
    }
}

/// A panic elsewhere does not take the whole sandbox down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
