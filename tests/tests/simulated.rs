//! The real engine and the real client on a cluster in memory, on paused time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use theseus_core::cluster::{Change, Cluster, ClusterError, EventKind, NewApp, Scope};
use theseus_core::engine::Outcome;
use theseus_core::store::{Store, Txn, Write, list_all};
use theseus_sandbox::{FaultAction, HttpFault, SandboxConfig, TaskState};
use theseus_tests::INGESTOR;
use theseus_tests::simulated::{Fate, Sent, Simulated};

fn next() -> String {
    INGESTOR.replace("5000/flask", "5000/flask:2")
}

#[tokio::test(start_paused = true)]
async fn the_readmes_group_is_rolled_in_no_time() {
    let began = Instant::now();
    let world = Simulated::new(1);
    for manifest in [INGESTOR, &next()] {
        let report = world.deploy(manifest).await;
        assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    }
    assert_eq!(world.sandbox.task_ids("/theseus/ingestor/dev/r1"), [""; 0]);
    assert_eq!(world.sandbox.task_ids("/theseus/ingestor/dev/r2").len(), 4);
    // One start, and four more that wait for each other: two seconds each.
    assert!(world.age() >= Duration::from_secs(10), "{:?}", world.age());
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A deploy and a roll in which much goes wrong.
async fn story(seed: u64) -> Vec<Sent> {
    let world = Simulated::new(seed);
    world.deploy(INGESTOR).await;
    let manifest = next();
    let trouble = async {
        let patience = Duration::from_millis(700);
        for action in [
            FaultAction::DropConnection,
            FaultAction::CutBody,
            FaultAction::Status(503),
            FaultAction::Delay(Duration::from_millis(300)),
        ] {
            tokio::time::sleep(patience).await;
            world.sandbox.add_fault(HttpFault::next(2, action));
        }
        world.sandbox.cut_event_streams();
    };
    let (report, ()) = tokio::join!(world.deploy(&manifest), trouble);
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    world.sent()
}

/// On a clock of its own.
fn told(seed: u64) -> Vec<Sent> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(story(seed))
}

#[test]
fn one_seed_sends_the_same_requests_at_the_same_moments() {
    let first = told(7);
    assert!(first.len() > 20, "{first:#?}");
    for _ in 0..5 {
        assert_eq!(told(7), first);
    }
    assert_ne!(told(8), first);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_not_waited_for_longer_than_said() {
    let world = Simulated::new(1);
    let marathon = world.marathon(Arc::new(|_, _| Fate::Answered));
    marathon.engine().await.unwrap();
    let hours = Duration::from_secs(7200);
    world
        .sandbox
        .add_fault(HttpFault::next(1, FaultAction::Delay(hours)).with_path("/v2/apps"));
    let error = marathon.observe(&Scope::All).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(world.age().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_attached_anew() {
    let world = Simulated::new(1);
    let marathon = world.marathon(Arc::new(|_, _| Fate::Answered));
    let mut events = marathon.events().await.unwrap();
    world.sandbox.silence_events(true);
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let event = events.next().await.unwrap().unwrap();
        kinds.push((event.kind, world.age().as_secs()));
        if kinds.len() == 2 {
            world.sandbox.silence_events(false);
        }
    }
    assert!(
        matches!(
            kinds[..],
            [
                (EventKind::Attached, 0),
                (EventKind::Detached, 30),
                (EventKind::Attached, 30..33)
            ]
        ),
        "{kinds:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployer_that_is_killed_anywhere_is_gone_on_from() {
    for last in 0.. {
        let mut finished = false;
        for served in [false, true] {
            let world = Simulated::new(1);
            let report = world.deploy_until(INGESTOR, last, served).await;
            finished |= report.is_some();
            // Until its lock has run out.
            tokio::time::sleep(Duration::from_secs(60)).await;
            let report = world.deploy(INGESTOR).await;
            let outcome = report.outcome();
            assert!(
                matches!(outcome, Outcome::Ok | Outcome::Unchanged),
                "{last} {served}: {report:?}"
            );
            let apps = "/theseus/ingestor/dev/r1";
            assert_eq!(world.sandbox.task_ids(apps).len(), 4, "{last} {served}");
        }
        if finished {
            assert!(last > 5, "it takes more than {last} requests");
            return;
        }
    }
}

/// A copy of a world as Theseus sees it, on the same hosts.
async fn copied(world: &Simulated) -> Simulated {
    let observed = world.engine().observe(&Scope::All).await.unwrap();
    let groups = || observed.groups.values();
    // The client itself writes the definitions, into a cluster that is then put away.
    let scratch = Simulated::new(1);
    let apps: Vec<Change> = groups()
        .flat_map(|group| {
            let spec = &group.record.as_ref().unwrap().record.spec;
            group.apps.iter().map(|app| {
                Change::Create(Box::new(NewApp {
                    group: app.group.clone(),
                    revision: app.revision,
                    part: app.part,
                    pinned_to: app.pinned_to.clone(),
                    spec: Arc::clone(spec),
                    instances: app.instances,
                }))
            })
        })
        .collect();
    let marathon = scratch.marathon(Arc::new(|_, _| Fate::Answered));
    for answer in marathon.apply(&apps).await {
        answer.unwrap();
    }
    let mut state = scratch.sandbox.snapshot();
    for app in groups().flat_map(|group| &group.apps) {
        for container in &app.containers {
            let found = TaskState {
                ports: container.ports.clone(),
                started_at: container.started_at,
                ..TaskState::new(&container.id.0, container.host.as_deref().unwrap())
            };
            state.add_task(&app.id.0, found).unwrap();
        }
    }
    let copy = Simulated::with(SandboxConfig {
        state: Some(state),
        start_time: world.now(),
        ..SandboxConfig::default()
    });
    let (entries, _) = list_all(&world.store, "").await.unwrap();
    let writes = entries
        .into_iter()
        .map(|entry| Write::Put(entry.key, entry.value));
    let txn = Txn {
        writes: writes.collect(),
        ..Txn::default()
    };
    copy.store.commit(txn).await.unwrap();
    copy
}

#[tokio::test(start_paused = true)]
async fn a_roll_can_be_rehearsed_on_what_is_observed() {
    let world = Simulated::new(1);
    world.deploy(INGESTOR).await;
    let before = world.sandbox.task_ids("/theseus/ingestor/dev/r1");

    let rehearsal = copied(&world).await;
    let copied = rehearsal.sandbox.task_ids("/theseus/ingestor/dev/r1");
    assert_eq!(copied, before);
    let report = rehearsal.deploy(INGESTOR).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    let report = rehearsal.deploy(&next()).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let rolled = rehearsal.sandbox.task_ids("/theseus/ingestor/dev/r2");
    assert_eq!(rolled.len(), 4);
    assert_eq!(world.sandbox.task_ids("/theseus/ingestor/dev/r1"), before);
}
