//! Groups that mind their hosts, or their app.

use std::time::Duration;
use theseus_core::engine::Outcome;
use theseus_core::model::GroupId;
use theseus_core::plan::Action;
use theseus_sandbox::Script;
use theseus_tests::ground::Ground;
use theseus_tests::watcher::Watcher;
use theseus_tests::world::World;
use theseus_tests::{PATIENCE, desired};
use tokio::time::timeout;

use super::{deploys, deploys_nothing, group, state, web};

async fn each_slot_keeps_its_host_through_everything(ground: Ground) {
    let fixed = |image: &str, instances: usize| {
        web(
            image,
            &format!("instances: {instances}, custom-constraints: fixed-host"),
        )
    };
    let world = World::new(ground).await;
    deploys(&world, &fixed("a:1", 3), Action::Create).await;
    let hosts = slots(&world).await;
    assert_eq!(hosts.len(), 3);
    // Killed while nobody looks, it comes back where it was.
    let state_before = state(&world, &group()).await;
    let victim = &state_before.apps[1].containers[0];
    assert!(world.sandbox().fail_task(&victim.id.0, "killed"));
    let back = async {
        loop {
            let now = state(&world, &group()).await;
            let container = now.apps[1].containers.first();
            if let Some(it) = container.filter(|it| it.id != victim.id && it.started_at.is_some()) {
                return it.host.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(
        timeout(PATIENCE, back).await.expect("it comes back"),
        victim.host
    );
    // Through a roll, a scale up and a scale down.
    let watcher = Watcher::start(world.reader()).await;
    deploys(&world, &fixed("a:2", 3), Action::Roll).await;
    let seen = watcher.seen().await;
    assert!(seen.fewest_ready >= 3 && seen.most <= 4, "{seen:?}");
    assert_eq!(slots(&world).await, hosts);
    deploys(&world, &fixed("a:2", 4), Action::Scale).await;
    assert_eq!(slots(&world).await[..3], hosts);
    deploys(&world, &fixed("a:2", 2), Action::Scale).await;
    assert_eq!(slots(&world).await, hosts[..2]);
    deploys_nothing(&world, &fixed("a:2", 2)).await;
}

async fn a_slot_moves_only_when_its_host_is_gone_for_long_enough(ground: Ground) {
    let fixed =
        |image: &str, rest: &str| web(image, &format!("instances: 2, custom-constraints: {rest}"));
    let world = World::new(ground).await;
    deploys(&world, &fixed("a:1", "fixed-host"), Action::Create).await;
    let hosts = slots(&world).await;
    assert!(world.sandbox().lose_host(&hosts[0]));
    // It waits, and the plan says so.
    let plan = world
        .engine
        .plan(&desired(&fixed("a:1", "fixed-host")))
        .await;
    let plan = plan.expect("it is there");
    assert_eq!(plan.groups[0].action, Action::None, "{plan:?}");
    if !ground.tells_of_mesos() {
        // And so nobody tells that the host is gone.
        return;
    }
    // With leave to move, it does: what follows is noticed by the first, and done by the second.
    let movable = fixed("a:1", "{fixed-host: {relocate-after: 1ms}}");
    let moved = async {
        loop {
            let report = world.deploy(&movable).await;
            assert!(report.outcome().is_well(), "{report:?}");
            let known = state(&world, &group()).await;
            let slot = &known.slots[&0].record;
            if slot.moved_from.as_deref() == Some(&hosts[0]) {
                return slot.host.to_string();
            }
            // A paused clock goes on only while somebody waits.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let now = timeout(PATIENCE, moved).await.expect("it moves");
    assert_ne!(now, hosts[0]);
    assert_eq!(slots(&world).await, [now, hosts[1].clone()]);
}

/// The hosts on which the slots' containers run.
async fn slots(world: &World) -> Vec<String> {
    let known = state(world, &group()).await;
    let mut found: Vec<_> = known
        .apps
        .iter()
        .map(|app| {
            let host = app.containers[0].host.as_deref().expect("it runs");
            assert_eq!(app.pinned_to.as_deref(), Some(host));
            (app.part, host.to_owned())
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, host)| host).collect()
}

async fn a_native_group_keeps_its_app(ground: Ground) {
    let native = |image: &str| {
        web(
            image,
            "instances: 4, update: {strategy: native, max-surge: 2}",
        )
    };
    let world = World::new(ground).await;
    if let Ground::Memory("0.7.6") = ground {
        // There the engine cannot go over what is wanted, and nobody is left to find that out later.
        let report = world.deploy(&native("a:1")).await;
        assert_eq!(report.outcome(), Outcome::Failed, "{report:?}");
        let reason = report.groups[0].reason.as_deref().expect("it says why");
        assert!(reason.contains("update.max-surge"), "{reason}");
        return;
    }
    deploys(&world, &native("a:1"), Action::Create).await;
    let apps = world.apps().await;
    let watcher = Watcher::start(world.reader()).await;
    deploys(&world, &native("a:2"), Action::Roll).await;
    let seen = watcher.seen().await;
    assert!(seen.fewest_ready >= 4 && seen.most <= 6, "{seen:?}");
    assert_eq!(world.apps().await, apps);
    world.assert_runs("web:dev", 2, 4).await;
    deploys_nothing(&world, &native("a:2")).await;
    // One that fails is taken back by the engine itself.
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("bad")
    });
    let bad = native("bad:3").replace("max-surge: 2", "max-surge: 2, max-failed-starts: 2");
    let report = timeout(PATIENCE, world.deploy(&bad))
        .await
        .expect("it ends");
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    assert_eq!(world.apps().await, apps);
    world.assert_runs("web:dev", 2, 4).await;
}

async fn a_group_keeps_away_from_another_or_stays_near_it(ground: Ground) {
    let one = |name: &str, rest: &str| {
        format!("{name}: {{labels: [dev], image: 'a:1', cpus: 0.1, mem: 32, {rest}}}")
    };
    let manifest = format!(
        "deploy: {{{}, {}, {}}}",
        one("db", "instances: 2, custom-constraints: fixed-host"),
        one(
            "web",
            "instances: 2, custom-constraints: {away-from: 'db:dev'}"
        ),
        one(
            "cache",
            "instances: 2, custom-constraints: {near: 'db:dev'}"
        ),
    );
    let world = World::new(ground).await;
    let report = timeout(PATIENCE, world.deploy(&manifest))
        .await
        .expect("it ends");
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let homes = |name: &str| {
        let group: GroupId = format!("{name}:dev").parse().expect("a group");
        let world = &world;
        async move {
            let known = state(world, &group).await;
            let containers = known.apps.iter().flat_map(|app| &app.containers);
            let hosts = containers.filter_map(|it| it.host.as_deref().map(str::to_owned));
            hosts.collect::<std::collections::BTreeSet<_>>()
        }
    };
    let (db, web, cache) = (homes("db").await, homes("web").await, homes("cache").await);
    assert!(db.is_disjoint(&web), "{db:?} {web:?}");
    assert!(cache.is_subset(&db), "{db:?} {cache:?}");
}

async fn what_no_host_can_take_is_told_by_the_plan(ground: Ground) {
    let world = World::new(ground).await;
    let manifest = web("a:1", "custom-constraints: {near: 'nobody:dev'}");
    let plan = world
        .engine
        .plan(&desired(&manifest))
        .await
        .expect("it is there");
    let obstacle = plan.groups[0].obstacle.as_ref().expect("there is one");
    assert!(obstacle.message.contains("nobody:dev"), "{obstacle:?}");
    // There are 4 hosts of 16 processors.
    let manifest = web("a:1", "instances: 3").replace("cpus: 0.1", "cpus: 30");
    let plan = world
        .engine
        .plan(&desired(&manifest))
        .await
        .expect("it is there");
    let outlook = plan.groups[0].outlook.as_ref().expect("it looks ahead");
    if !ground.tells_of_mesos() {
        assert_eq!(outlook.room, None);
        return;
    }
    let room = outlook.room.as_ref().expect("the hosts are known");
    assert!(room.is_short(), "{room:?}");
    assert_eq!((room.wanted, room.fits, room.per_host.len()), (3, 0, 4));
}

theseus_tests::every_dialect!(
    each_slot_keeps_its_host_through_everything,
    a_slot_moves_only_when_its_host_is_gone_for_long_enough,
    a_native_group_keeps_its_app,
    a_group_keeps_away_from_another_or_stays_near_it,
    what_no_host_can_take_is_told_by_the_plan,
);
