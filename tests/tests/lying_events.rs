//! Events that lie: whatever of them is lost, told twice, told late, in another order or made up, a
//! deploy comes to the same end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use theseus_core::cluster::{
    Accepted, Change, Cluster, ClusterError, ContainerId, ContainerState, Delay, EngineInfo, Event,
    EventKind, Events, HealthState, Inventory, OperationId, Refusal, Scope, Snapshot,
};
use theseus_core::engine::{Options, Outcome};
use theseus_core::model::{GroupId, Spec};
use theseus_sandbox::Script;
use theseus_tests::simulated::{Fate, Simulated};
use theseus_tests::{INGESTOR, INGESTOR_REMOVE, desired};

/// How events are spoiled.
#[derive(Debug, Clone, Copy)]
enum Lie {
    /// None is told.
    Lost,
    /// Every second one is told.
    Gaps,
    /// Each is told three times.
    Tripled,
    /// They are told in fours, the last one first.
    Reversed,
    /// Between any two, things are told that are not so.
    MadeUp,
    /// They come as fast as somebody listens, and are not so.
    Flood,
    /// The stream ends again and again.
    Ends,
    /// There is none.
    None,
}

/// A cluster whose events lie.
struct Liar {
    inner: Arc<dyn Cluster>,
    lie: Lie,
}

fn made_up(number: usize) -> Event {
    let container = ContainerId("theseus_ingestor_dev_r1.nobody".to_owned());
    let kind = match number % 6 {
        0 => EventKind::Container {
            id: container,
            state: ContainerState::Ended,
            failed: None,
        },
        1 => EventKind::Health {
            id: container,
            health: HealthState::Unhealthy,
        },
        2 => EventKind::Operation {
            id: OperationId("nothing".to_owned()),
            succeeded: true,
        },
        3 => EventKind::Detached,
        4 => EventKind::Attached,
        _ => EventKind::App,
    };
    Event {
        at: None,
        group: "ingestor:dev".parse().ok(),
        foreign: None,
        kind,
    }
}

fn spoiled(events: Events, lie: Lie) -> Events {
    match lie {
        Lie::None => events,
        Lie::Lost => events.filter(|_| async { false }).boxed(),
        Lie::Gaps => {
            let numbered = events.enumerate();
            let kept = numbered.filter(|(number, _)| std::future::ready(number % 2 == 0));
            kept.map(|(_, event)| event).boxed()
        }
        Lie::Tripled => events
            .flat_map(|event| match event {
                Ok(event) => stream::iter(vec![Ok(event.clone()), Ok(event.clone()), Ok(event)]),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .boxed(),
        Lie::Reversed => {
            let fours = events.chunks(4);
            fours
                .flat_map(|mut four| {
                    four.reverse();
                    stream::iter(four)
                })
                .boxed()
        }
        Lie::MadeUp => events
            .enumerate()
            .flat_map(|(number, event)| stream::iter(vec![Ok(made_up(number)), event]))
            .boxed(),
        Lie::Flood => stream::unfold(0, |number| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok(made_up(number)), number + 1))
        })
        .boxed(),
        Lie::Ends => events.take(3).boxed(),
    }
}

#[async_trait]
impl Cluster for Liar {
    async fn engine(&self) -> Result<EngineInfo, ClusterError> {
        self.inner.engine().await
    }

    async fn unsupported(
        &self,
        wanted: &BTreeMap<GroupId, Arc<Spec>>,
    ) -> Result<BTreeMap<GroupId, Vec<Refusal>>, ClusterError> {
        self.inner.unsupported(wanted).await
    }

    async fn observe(&self, scope: &Scope) -> Result<Snapshot, ClusterError> {
        self.inner.observe(scope).await
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Result<Accepted, ClusterError>> {
        self.inner.apply(changes).await
    }

    async fn events(&self) -> Result<Events, ClusterError> {
        if matches!(self.lie, Lie::None) {
            return Err(ClusterError::Garbled {
                engine: "nobody".to_owned(),
                address: "nowhere".to_owned(),
                reason: "there are no events".to_owned(),
            });
        }
        Ok(spoiled(self.inner.events().await?, self.lie))
    }

    async fn hosts(&self) -> Result<Inventory, ClusterError> {
        self.inner.hosts().await
    }

    async fn delays(&self, scope: &Scope) -> Result<Vec<Delay>, ClusterError> {
        self.inner.delays(scope).await
    }
}

/// A life of a group; gives how each of its deploys ended, and what runs after it.
async fn life(lie: Lie) -> Vec<(Outcome, Vec<String>)> {
    let simulated = Simulated::new(7);
    simulated.sandbox.add_script(Script {
        fail_start: true,
        ..Script::for_image("bad")
    });
    let inner = simulated.marathon(Arc::new(|_, _| Fate::Answered));
    let inner: Arc<dyn Cluster> = Arc::new(inner);
    let cluster = Arc::new(Liar { inner, lie });
    let engine = simulated.engine_of(cluster, Arc::new(simulated.store.clone()));
    let ended = Mutex::new(Vec::new());
    for manifest in [
        INGESTOR.to_owned(),
        INGESTOR
            .replace("flask", "flask:2")
            .replace("instances: 4", "instances: 6"),
        INGESTOR.replace("54.189.193.228:5000/flask", "bad"),
        INGESTOR
            .replace("flask", "flask:2")
            .replace("instances: 4", "instances: 2"),
        INGESTOR_REMOVE.to_owned(),
    ] {
        let plan = engine.plan(&desired(&manifest)).await.expect("a plan");
        let (options, to_the_end) = (Options::default(), std::future::pending());
        let report = engine.carry_out(&plan, &options, &|_| (), to_the_end).await;
        let outcome = report.expect("the cluster is there").outcome();
        let seen = engine.observe(&Scope::All).await.expect("it is there");
        let apps = seen.groups.values().flat_map(|state| &state.apps);
        let apps = apps.map(|app| {
            let serving = app.containers.iter().filter(|it| app.is_served_by(it));
            format!("{} {} {}", app.id, app.instances, serving.count())
        });
        let apps = apps.collect();
        ended.lock().expect("nobody panics").push((outcome, apps));
    }
    ended.into_inner().expect("nobody panics")
}

#[tokio::test(start_paused = true)]
async fn no_event_decides_how_a_deploy_ends() {
    let expected = life(Lie::None).await;
    let outcomes: Vec<_> = expected.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Ok,
            Outcome::Ok,
            Outcome::RolledBack,
            Outcome::Ok,
            Outcome::Ok
        ]
    );
    for lie in [
        Lie::Lost,
        Lie::Gaps,
        Lie::Tripled,
        Lie::Reversed,
        Lie::MadeUp,
        Lie::Flood,
        Lie::Ends,
    ] {
        assert_eq!(life(lie).await, expected, "{lie:?}");
    }
}
