//! Groups on a sandbox, from their manifests to their containers, through every layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use theseus_core::engine::{Outcome, Progress};
use theseus_core::plan::Action;
use theseus_core::store::Store;
use theseus_sandbox::{FaultAction, HttpFault, Script};
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore, SqliteStore};
use theseus_tests::ground::Ground;
use theseus_tests::watcher::{Extremes, Watcher};
use theseus_tests::world::World;
use theseus_tests::{INGESTOR, INGESTOR_REMOVE};
use tokio::sync::Notify;

const FIRST: &str = "/theseus/ingestor/dev/r1";
const SECOND: &str = "/theseus/ingestor/dev/r2";

/// The README's group with another image.
fn next() -> String {
    INGESTOR.replace("5000/flask", "5000/flask:2")
}

fn with_instances(instances: usize) -> String {
    INGESTOR.replace("instances: 4", &format!("instances: {instances}"))
}

/// A manifest of `ingestor:dev` in one line, with more about it.
fn group(image: &str, rest: &str) -> String {
    format!(
        "deploy: {{ingestor: {{labels: [dev], image: '{image}', cpus: 0.1, mem: 32, ports: {{api: 5000}}, {rest}}}}}"
    )
}

async fn deploys(world: &World, manifest: &str, action: Action) {
    let report = world.deploy(manifest).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert_eq!(report.groups[0].action, action);
}

/// Replaces one manifest by another, watching.
async fn roll(world: &World, manifest: &str) -> Extremes {
    let watcher = Watcher::start(world.reader()).await;
    deploys(world, manifest, Action::Roll).await;
    watcher.seen().await
}

/// Everything that can be asked of a group in its life.
async fn the_readmes_group_lives(world: World) {
    deploys(&world, INGESTOR, Action::Create).await;
    world.assert_serves(1, 4).await;
    let four = world.ids(FIRST);

    // The same file again changes nothing, and so sends nothing.
    world.writes();
    let report = world.deploy(INGESTOR).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    assert_eq!(world.writes(), [""; 0]);

    deploys(&world, &with_instances(6), Action::Scale).await;
    world.assert_serves(1, 6).await;
    let six = world.ids(FIRST);
    assert!(four.iter().all(|id| six.contains(id)), "{four:?} {six:?}");
    deploys(&world, INGESTOR, Action::Scale).await;
    world.assert_serves(1, 4).await;
    assert!(world.ids(FIRST).iter().all(|id| six.contains(id)));

    let seen = roll(&world, &next()).await;
    world.assert_serves(2, 4).await;
    assert_eq!((seen.fewest_ready, seen.most), (4, 5), "{seen:?}");

    deploys(&world, INGESTOR_REMOVE, Action::Remove).await;
    world.assert_empty().await;
    let report = world.deploy(INGESTOR_REMOVE).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
}

async fn the_readmes_group_with_records_in_memory(ground: Ground) {
    the_readmes_group_lives(World::new(ground).await).await;
}

#[tokio::test]
async fn the_readmes_group_with_records_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("theseus.db")).await;
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    the_readmes_group_lives(World::with(Ground::Sockets, store).await).await;
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn the_readmes_group_with_records_in_etcd() {
    let server = EtcdServer::start();
    let store = EtcdStore::connect(EtcdConfig::new([server.endpoint()])).await;
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    the_readmes_group_lives(World::with(Ground::Sockets, store).await).await;
}

async fn a_roll_goes_as_far_as_it_may(ground: Ground) {
    let update = "instances: 5, update: {max-surge: 2, max-unavailable: 1}";
    let world = World::new(ground).await;
    deploys(&world, &group("a:1", update), Action::Create).await;
    let seen = roll(&world, &group("a:2", update)).await;
    world.assert_serves(2, 5).await;
    assert!(seen.fewest_ready >= 4 && seen.most <= 7, "{seen:?}");
    assert!(seen.most > 5, "it uses its room: {seen:?}");
}

async fn old_containers_stay_until_new_ones_are_healthy(ground: Ground) {
    let checked = "instances: 3, health: {http: {port: api, path: /health}, grace: 5s, interval: 1s, timeout: 1s}";
    let world = World::new(ground).await;
    deploys(&world, &group("a:1", checked), Action::Create).await;
    let seen = roll(&world, &group("a:2", checked)).await;
    world.assert_serves(2, 3).await;
    assert_eq!((seen.fewest_ready, seen.most), (3, 4), "{seen:?}");
}

async fn what_cannot_run_twice_stops_first(ground: Ground) {
    let update = "instances: 2, update: {order: stop-first, max-surge: 0, max-unavailable: 1}";
    let world = World::new(ground).await;
    deploys(&world, &group("a:1", update), Action::Create).await;
    let seen = roll(&world, &group("a:2", update)).await;
    world.assert_serves(2, 2).await;
    assert_eq!((seen.fewest_ready, seen.most), (1, 2), "{seen:?}");
}

async fn two_groups_go_at_once_and_are_two(ground: Ground) {
    let both = |image: &str| {
        format!(
            "deploy: {{ingestor: [{{labels: [dev], image: '{image}'}}, {{labels: [eu, dev], image: '{image}', instances: 2}}]}}"
        )
    };
    let world = World::new(ground).await;
    for (image, revision) in [("a:1", 1), ("a:2", 2)] {
        let report = world.deploy(&both(image)).await;
        assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
        let mut apps = world.apps().await;
        apps.sort();
        let expected = ["dev.zz.eu", "dev"].map(|it| format!("/theseus/ingestor/{it}/r{revision}"));
        assert_eq!(apps, expected);
        assert_eq!(world.tasks().await.len(), 3);
    }
    // Removing one leaves the other alone.
    let others = world.ids("/theseus/ingestor/dev.zz.eu/r2");
    deploys(&world, INGESTOR_REMOVE, Action::Remove).await;
    assert_eq!(world.ids("/theseus/ingestor/dev.zz.eu/r2"), others);
    assert_eq!(world.tasks().await.len(), 2);
    assert_eq!(world.recorded().await, [("ingestor:dev,eu".to_owned(), 2)]);
}

/// Deploys until the cluster has taken so many changes, and drops everything there.
async fn dies_after(world: &World, manifest: &str, changes: usize) {
    let (taken, reached) = (AtomicUsize::new(0), Notify::new());
    let tell = |progress: Progress| {
        let is_change = matches!(progress, Progress::Changed { .. });
        if is_change && taken.fetch_add(1, Ordering::Relaxed) + 1 == changes {
            reached.notify_one();
        }
    };
    tokio::select! {
        report = world.deploy_telling(manifest, &tell) => panic!("not stopped: {report:?}"),
        () = reached.notified() => {}
    }
    assert!(world.has_rollouts().await);
    world.until_free("ingestor:dev").await;
}

async fn who_dies_in_the_middle_of_a_roll_goes_on_with_it(ground: Ground) {
    let stories = (1..=6).map(|changes| async move {
        let world = World::new(ground).await;
        deploys(&world, INGESTOR, Action::Create).await;
        let watcher = Watcher::start(world.reader()).await;
        dies_after(&world, &next(), changes).await;
        deploys(&world, &next(), Action::Resume).await;
        let seen = watcher.seen().await;
        world.assert_serves(2, 4).await;
        assert_eq!((seen.fewest_ready, seen.most), (4, 5), "{seen:?}");
    });
    join_all(stories).await;
}

async fn another_manifest_in_the_middle_of_a_roll_wins(ground: Ground) {
    let world = World::new(ground).await;
    deploys(&world, INGESTOR, Action::Create).await;
    dies_after(&world, &next(), 2).await;
    // Back to what was there before: there are never too few.
    let watcher = Watcher::start(world.reader()).await;
    deploys(&world, INGESTOR, Action::Roll).await;
    let seen = watcher.seen().await;
    world.assert_serves(1, 4).await;
    assert!(seen.fewest_ready >= 4 && seen.most <= 5, "{seen:?}");
}

/// Faults while a group is replaced change how that goes, and not where it ends. Each fault strikes
/// in a world of its own, all at the same time.
async fn rolls_in_spite_of(ground: Ground, faults: impl IntoIterator<Item = HttpFault>) {
    let stories = faults.into_iter().map(|fault| async {
        let world = World::new(ground).await;
        deploys(&world, INGESTOR, Action::Create).await;
        let watcher = Watcher::start(world.reader()).await;
        world.sandbox().add_fault(fault);
        deploys(&world, &next(), Action::Roll).await;
        let seen = watcher.seen().await;
        world.assert_serves(2, 4).await;
        assert!(seen.fewest_ready >= 4 && seen.most <= 5, "{seen:?}");
    });
    join_all(stories).await;
}

const WRITES: [&str; 4] = ["PUT", "PATCH", "POST", "DELETE"];

async fn a_storm_of_503_on_writes_passes(ground: Ground) {
    let fault = HttpFault::next(2, FaultAction::Status(503));
    rolls_in_spite_of(
        ground,
        WRITES.map(|method| fault.clone().with_method(method)),
    )
    .await;
}

async fn a_change_whose_answer_is_lost_is_not_made_twice(ground: Ground) {
    for action in [FaultAction::CutBody, FaultAction::DropConnection] {
        let fault = HttpFault::next(1, action);
        rolls_in_spite_of(
            ground,
            WRITES.map(|method| fault.clone().with_method(method)),
        )
        .await;
    }
}

async fn reads_that_fail_are_read_again(ground: Ground) {
    let actions = [FaultAction::Status(500), FaultAction::CutBody];
    let fault = |action| HttpFault::next(3, action).with_path("/v2/deployments");
    rolls_in_spite_of(ground, actions.map(fault)).await;
}

async fn a_cut_event_stream_is_attached_again(ground: Ground) {
    let world = World::new(ground).await;
    deploys(&world, INGESTOR, Action::Create).await;
    let tell = |progress: Progress| {
        if matches!(progress, Progress::Changed { .. }) {
            world.sandbox().cut_event_streams();
        }
    };
    let report = world.deploy_telling(&next(), &tell).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Ok);
    world.assert_serves(2, 4).await;
}

async fn a_revision_that_never_gets_healthy_is_taken_back(ground: Ground) {
    let checked = |image: &str, deadline: &str| {
        let health = "{http: {port: api}, grace: 60s, interval: 1s, timeout: 1s}";
        let update = format!("{{deadline: {deadline}}}");
        group(
            image,
            &format!("instances: 3, health: {health}, update: {update}"),
        )
    };
    let world = World::new(ground).await;
    deploys(&world, &checked("a:1", "1m"), Action::Create).await;
    let former = world.ids(FIRST);
    world.sandbox().add_script(Script {
        never_healthy: true,
        ..Script::for_image("a:2")
    });
    let watcher = Watcher::start(world.reader()).await;
    let report = world.deploy(&checked("a:2", "1s")).await;
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    let reason = report.groups[0].reason.as_deref().unwrap();
    assert!(reason.contains("no progress for 1s: 0 of 3"), "{reason}");
    let seen = watcher.seen().await;
    assert_eq!((seen.fewest_ready, seen.most), (3, 4), "{seen:?}");
    world.assert_serves(1, 3).await;
    assert_eq!(world.ids(FIRST), former, "nobody touched the former ones");
    assert_eq!(world.ids(SECOND), [""; 0]);

    // What is tried next has a number of its own.
    deploys(&world, &checked("a:3", "1m"), Action::Roll).await;
    world.assert_serves(3, 3).await;
}

async fn a_first_revision_that_fails_says_why(ground: Ground) {
    let world = World::new(ground).await;
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("a:1")
    });
    let report = world
        .deploy(&group("a:1", "instances: 2, update: {deadline: 1s}"))
        .await;
    assert_eq!(report.outcome(), Outcome::Failed, "{report:?}");
    let reason = report.groups[0].reason.as_deref().unwrap();
    assert!(reason.contains("0 of 2 containers ready"), "{reason}");
    // It can be taken away as it is.
    deploys(&world, INGESTOR_REMOVE, Action::Remove).await;
    world.assert_empty().await;
}

theseus_tests::every_dialect!(
    the_readmes_group_with_records_in_memory,
    a_roll_goes_as_far_as_it_may,
    old_containers_stay_until_new_ones_are_healthy,
    what_cannot_run_twice_stops_first,
    two_groups_go_at_once_and_are_two,
    who_dies_in_the_middle_of_a_roll_goes_on_with_it,
    another_manifest_in_the_middle_of_a_roll_wins,
    a_storm_of_503_on_writes_passes,
    a_change_whose_answer_is_lost_is_not_made_twice,
    reads_that_fail_are_read_again,
    a_cut_event_stream_is_attached_again,
    a_revision_that_never_gets_healthy_is_taken_back,
    a_first_revision_that_fails_says_why,
);
