//! Takes the cluster's orders and lets each container live; notices when the engine is gone.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Docker, life, probe, remove};
use crate::cluster::{Happening, Order};
use crate::engine::Engine;

/// From one question whether the engine is there to the next, and how long it may take to answer.
const PULSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the cluster what happens, for as long as there is one.
#[derive(Clone, Debug)]
pub(super) struct Voice(Weak<Engine>);

impl Voice {
    pub(super) fn tell(&self, task: &Arc<str>, happening: Happening) {
        if let Some(engine) = self.0.upgrade() {
            engine.act(|cluster, now| cluster.happens(task, happening, now));
        }
    }

    pub(super) fn ended(&self, task: &Arc<str>, success: bool, message: String) {
        self.tell(task, Happening::Ended { success, message });
    }

    fn reached(&self, reached: bool) {
        if let Some(engine) = self.0.upgrade() {
            engine.act(|cluster, now| cluster.engine_reached(reached, now));
        }
    }
}

/// Removes the containers that were found and that nobody knows any more.
async fn remove_strays(docker: Docker, known: Vec<Arc<str>>) -> Option<Arc<str>> {
    for task in docker.found_tasks() {
        if !known.iter().any(|known| **known == *task.id)
            && let Err(error) = remove(docker.client(), &task.id).await
        {
            tracing::warn!(%error, task = %task.id, "a container of an earlier time stays");
        }
    }
    None
}

/// Carries orders out until there is nobody to give any, or containers are to be left alone.
pub(crate) async fn drive(
    engine: Weak<Engine>,
    docker: Docker,
    known: Vec<Arc<str>>,
    mut orders: UnboundedReceiver<Order>,
) {
    let voice = Voice(engine);
    let mut closed = docker.inner.closed.subscribe();
    let mut stops: HashMap<Arc<str>, watch::Sender<Option<Duration>>> = HashMap::new();
    // All of it ends with this function.
    let mut lives: JoinSet<Option<Arc<str>>> = JoinSet::new();
    lives.spawn(remove_strays(docker.clone(), known));
    lives.spawn(feel_pulse(docker.clone(), voice.clone()));
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => obey(order, &docker, &voice, &mut stops, &mut lives),
                None => return,
            },
            Some(ended) = lives.join_next() => {
                if let Ok(Some(task)) = ended {
                    stops.remove(&task);
                }
            }
            _ = closed.wait_for(|closed| *closed) => return,
        }
    }
}

fn obey(
    order: Order,
    docker: &Docker,
    voice: &Voice,
    stops: &mut HashMap<Arc<str>, watch::Sender<Option<Duration>>>,
    lives: &mut JoinSet<Option<Arc<str>>>,
) {
    let (docker, voice) = (docker.clone(), voice.clone());
    match order {
        Order::Start(launch) => {
            let task = Arc::clone(&launch.task);
            let (sender, stop) = watch::channel(None);
            stops.insert(Arc::clone(&task), sender);
            lives.spawn(async move {
                life::start(docker, voice, *launch, stop).await;
                Some(task)
            });
        }
        Order::Resume(task) => {
            let (sender, stop) = watch::channel(None);
            stops.insert(Arc::clone(&task), sender);
            lives.spawn(async move {
                life::resume(docker, voice, Arc::clone(&task), stop).await;
                Some(task)
            });
        }
        Order::Stop(task, grace) => {
            if let Some(stop) = stops.get(&task) {
                stop.send_replace(Some(grace));
            }
        }
        Order::Check {
            task,
            illness,
            host,
            probes,
            timeout,
        } => {
            lives.spawn(async move {
                let outcome = probe::ask(&docker, &task, &host, &probes, timeout).await;
                voice.tell(&task, Happening::Checked { illness, outcome });
                None
            });
        }
        Order::Forget(task) => {
            // It takes room, and nothing else.
            let _ = std::fs::remove_dir_all(docker.directory(&task));
        }
    }
}

async fn feel_pulse(docker: Docker, voice: Voice) -> Option<Arc<str>> {
    let mut reached = true;
    loop {
        sleep(PULSE).await;
        let answer = timeout(PATIENCE, docker.client().ping()).await;
        let answers = matches!(answer, Ok(Ok(_)));
        if answers != reached {
            reached = answers;
            tracing::debug!(reached, "the Docker Engine");
            voice.reached(reached);
        }
    }
}
