//! Rollouts that take another course than the straight one: tried out on canaries, paused, aborted,
//! taken back, failed; and groups that have to mind others, or their hosts.

use std::future::pending;
use std::time::Duration;

use theseus_core::cluster::{Change, Scope};
use theseus_core::engine::{ControlError, Options, Outcome, Progress, Report};
use theseus_core::model::GroupId;
use theseus_core::plan::{self, Action, GroupPlan, Plan};
use theseus_core::records::{Ended, HaltKind};
use theseus_core::state::GroupState;
use theseus_sandbox::Script;
use theseus_tests::ground::Ground;
use theseus_tests::watcher::Watcher;
use theseus_tests::world::World;
use theseus_tests::{PATIENCE, desired};
use tokio::sync::Notify;
use tokio::time::timeout;

/// A manifest of `web:dev` in one line, with more about it.
fn web(image: &str, rest: &str) -> String {
    format!(
        "deploy: {{web: {{labels: [dev], image: '{image}', cpus: 0.1, mem: 32, ports: {{api: 5000}}, {rest}}}}}"
    )
}

fn group() -> GroupId {
    "web:dev".parse().expect("a group")
}

async fn state(world: &World, group: &GroupId) -> GroupState {
    let scope = Scope::Groups(vec![group.clone()]);
    let observed = world.engine.observe(&scope).await.expect("it is there");
    observed.groups.get(group).cloned().unwrap_or_default()
}

async fn carry_out(world: &World, group: GroupPlan) -> Report {
    let plan = Plan {
        groups: vec![group],
        ..Plan::default()
    };
    let options = Options::default();
    let done = world.engine.carry_out(&plan, &options, &|_| (), pending());
    timeout(PATIENCE, done)
        .await
        .expect("it ends")
        .expect("cluster and store are there")
}

async fn deploys(world: &World, manifest: &str, action: Action) {
    let report = timeout(PATIENCE, world.deploy(manifest))
        .await
        .expect("it ends");
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert_eq!(report.groups[0].action, action);
}

/// How the revisions of the group ended, the latest first.
async fn endings(world: &World) -> Vec<(u32, Option<Ended>)> {
    let history = world.engine.history(&group()).await.expect("it is there");
    history
        .iter()
        .map(|past| (past.revision, past.ending.as_ref().map(|it| it.outcome)))
        .collect()
}

/// Deploys, and does something once this is waited for.
async fn deploy_and<F: Future<Output = ()>>(
    world: &World,
    manifest: &str,
    awaited: &str,
    then: impl FnOnce() -> F,
) -> Report {
    let seen = Notify::new();
    let tell = |progress: Progress| {
        if let Progress::Waiting { waiting, .. } = progress
            && waiting.contains(awaited)
        {
            seen.notify_one();
        }
    };
    let deploy = world.deploy_telling(manifest, &tell);
    let other = async {
        seen.notified().await;
        then().await;
    };
    let both = async { tokio::join!(deploy, other) };
    let (report, ()) = timeout(PATIENCE, both).await.expect("both end");
    report.expect("cluster and store are there")
}

async fn canaries_are_promoted_by_a_person(ground: Ground) {
    let manual = "instances: 4, update: {canary: 1, promote: manual, max-surge: 2}";
    let world = World::new(ground).await;
    deploys(&world, &web("a:1", manual), Action::Create).await;
    let watcher = Watcher::start(world.reader()).await;
    let report = deploy_and(&world, &web("a:2", manual), "to promote", || async {
        let state = state(&world, &group()).await;
        let new = state.app(2).expect("the canary is there");
        assert_eq!(new.instances, 1);
        world.engine.promote(&group()).await.expect("it waits");
        let twice = world.engine.promote(&group()).await;
        assert!(matches!(twice, Err(ControlError::NoCanaries { .. })));
    })
    .await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let seen = watcher.seen().await;
    assert!(seen.fewest_ready >= 4 && seen.most <= 6, "{seen:?}");
}

async fn canaries_that_have_baked_are_followed_by_the_others(ground: Ground) {
    let auto = "instances: 4, update: {canary: 50%, bake: 200ms}";
    let world = World::new(ground).await;
    deploys(&world, &web("a:1", auto), Action::Create).await;
    deploys(&world, &web("a:2", auto), Action::Roll).await;
    assert_eq!(world.ids("/theseus/web/dev/r2").len(), 4);
}

async fn a_bad_canary_is_taken_back_while_all_others_serve(ground: Ground) {
    let canary = "instances: 4, update: {canary: 1, bake: 1h, max-failed-starts: 1, deadline: 5m}";
    let world = World::new(ground).await;
    deploys(&world, &web("a:1", canary), Action::Create).await;
    let former = world.ids("/theseus/web/dev/r1");
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("a:2")
    });
    let report = timeout(PATIENCE, world.deploy(&web("a:2", canary)))
        .await
        .expect("it ends");
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    let reason = report.groups[0].reason.as_deref().expect("it says why");
    assert!(
        reason.contains("failed") || reason.contains("ended"),
        "{reason}"
    );
    assert_eq!(world.ids("/theseus/web/dev/r1"), former);
    assert_eq!(
        endings(&world).await,
        [(2, Some(Ended::RolledBack)), (1, Some(Ended::Restored))]
    );
}

/// A group on its way to a revision that never comes up.
async fn stuck(world: &World) -> String {
    deploys(world, &web("a:1", "instances: 2"), Action::Create).await;
    world.sandbox().add_script(Script {
        start_delay: Some(Duration::from_secs(3600)),
        ..Script::for_image("slow")
    });
    web("slow:2", "instances: 2")
}

async fn a_rollout_is_paused_and_resumed(ground: Ground) {
    let world = World::new(ground).await;
    let slow = stuck(&world).await;
    let report = deploy_and(&world, &slow, "new containers", || async {
        let engine = world.engine.clone().in_the_name_of("ana@ci-7");
        engine
            .pause(&group(), "looks odd")
            .await
            .expect("it is under way");
        let twice = engine.pause(&group(), "looks odd").await;
        assert!(matches!(twice, Err(ControlError::AlreadyHalted { .. })));
    })
    .await;
    assert_eq!(report.outcome(), Outcome::Paused);
    assert_eq!(
        report.groups[0].reason.as_deref(),
        Some("ana@ci-7 has paused it: looks odd")
    );
    // Nobody goes on with it by deploying, be it the same or something else.
    for manifest in [&slow, &web("a:3", "instances: 2")] {
        let report = world.deploy(manifest).await;
        assert_eq!(report.outcome(), Outcome::Held, "{report:?}");
        let reason = report.groups[0].reason.as_deref().expect("it says why");
        assert!(reason.contains("rollout resume web:dev"), "{reason}");
    }
    world.sandbox().clear_scripts();
    for id in world.ids("/theseus/web/dev/r2") {
        world.sandbox().fail_task(&id, "try again");
    }
    let halted = state(&world, &group()).await;
    let rollout = &halted.rollout.as_ref().expect("it is under way").record;
    assert_eq!(
        rollout.halted.as_ref().map(|it| it.kind),
        Some(HaltKind::Paused)
    );
    let resumed = plan::resume(&group(), &halted).expect("it is under way");
    let report = carry_out(&world, resumed).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert!(plan::resume(&group(), &state(&world, &group()).await).is_none());
}

async fn what_is_paused_is_free_while_others_are_still_worked_on(ground: Ground) {
    let world = World::new(ground).await;
    let slow = stuck(&world).await;
    let both = slow.replacen(
        "deploy: {",
        "deploy: {db: {labels: [dev], image: 'slow:1', cpus: 0.1, mem: 32}, ",
        1,
    );
    let begun = Notify::new();
    let tell = |progress: Progress| {
        if let Progress::Waiting { group: waiting, .. } = progress
            && waiting == group()
        {
            begun.notify_one();
        }
    };
    let story = async {
        begun.notified().await;
        let paused = world.engine.pause(&group(), "looks odd").await;
        paused.expect("it is under way");
        world.until_free("web:dev").await;
        let db: GroupId = "db:dev".parse().expect("a group");
        let holders = world.engine.holders(std::slice::from_ref(&db)).await;
        assert!(holders.expect("it is there").contains_key(&db));
    };
    tokio::select! {
        report = world.deploy_telling(&both, &tell) => panic!("it never ends: {report:?}"),
        free = timeout(PATIENCE, story) => free.expect("it is let go"),
    }
}

async fn nobody_tries_out_on_canaries_what_has_run_before(ground: Ground) {
    let manual = "instances: 2, update: {canary: 1, promote: manual}";
    let world = World::new(ground).await;
    deploys(&world, &web("a:1", manual), Action::Create).await;
    deploy_and(&world, &web("a:2", manual), "to promote", || async {
        world.engine.promote(&group()).await.expect("it waits");
    })
    .await;
    world.assert_runs("web:dev", 2, 2).await;
    let history = world.engine.history(&group()).await.expect("it is there");
    let known = state(&world, &group()).await;
    let back = plan::rollback(&group(), &known, &history, None).expect("there is a way");
    assert_eq!(carry_out(&world, back).await.outcome(), Outcome::Ok);
    world.assert_runs("web:dev", 1, 2).await;
}

async fn who_carries_a_rollout_out_takes_it_back_when_it_is_aborted(ground: Ground) {
    let world = World::new(ground).await;
    let slow = stuck(&world).await;
    let former = world.ids("/theseus/web/dev/r1");
    let report = deploy_and(&world, &slow, "new containers", || async {
        let engine = world.engine.clone().in_the_name_of("ana@ci-7");
        let abort = engine.abort(&group()).await.expect("it is under way");
        assert!(abort.holder.is_some());
        let twice = engine.abort(&group()).await;
        assert!(matches!(
            twice,
            Err(ControlError::AlreadyTurningBack { .. })
        ));
    })
    .await;
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    assert_eq!(
        report.groups[0].reason.as_deref(),
        Some("aborted by ana@ci-7")
    );
    assert_eq!(world.ids("/theseus/web/dev/r1"), former);
    assert_eq!(world.ids("/theseus/web/dev/r2"), [""; 0]);
    let nothing = world.engine.abort(&group()).await;
    assert!(matches!(nothing, Err(ControlError::NothingUnderWay { .. })));
}

async fn a_group_goes_back_and_forth_between_its_revisions(ground: Ground) {
    let world = World::new(ground).await;
    let none = plan::rollback(&group(), &state(&world, &group()).await, &[], None);
    assert!(none.is_err());
    for (image, action) in [("a:1", Action::Create), ("a:2", Action::Roll)] {
        deploys(&world, &web(image, "instances: 2"), action).await;
    }
    let history = world.engine.history(&group()).await.expect("it is there");
    let known = state(&world, &group()).await;
    let back = plan::rollback(&group(), &known, &history, None).expect("there is a way");
    assert_eq!(carry_out(&world, back).await.outcome(), Outcome::Ok);
    world.assert_runs("web:dev", 1, 2).await;
    assert_eq!(
        endings(&world).await,
        [(2, Some(Ended::Deployed)), (1, Some(Ended::Restored))]
    );
    let known = state(&world, &group()).await;
    let wrong = plan::rollback(&group(), &known, &history, Some(7)).expect_err("there is no 7");
    assert!(wrong.to_string().contains("it has 1, 2"), "{wrong}");
    let forth = plan::rollback(&group(), &known, &history, Some(2)).expect("there is one");
    assert_eq!(carry_out(&world, forth).await.outcome(), Outcome::Ok);
    world.assert_runs("web:dev", 2, 2).await;
    // And what is deployed next has a number of its own.
    deploys(&world, &web("a:3", "instances: 2"), Action::Roll).await;
    world.assert_runs("web:dev", 3, 2).await;
}

async fn a_restart_replaces_every_container_by_one_of_the_same_spec(ground: Ground) {
    let world = World::new(ground).await;
    deploys(&world, &web("a:1", "instances: 3"), Action::Create).await;
    let watcher = Watcher::start(world.reader()).await;
    let known = state(&world, &group()).await;
    let restart = plan::restart(&group(), &known).expect("it is deployed");
    assert_eq!(restart.changes, []);
    assert_eq!(carry_out(&world, restart).await.outcome(), Outcome::Ok);
    let seen = watcher.seen().await;
    assert_eq!((seen.fewest_ready, seen.most), (3, 4), "{seen:?}");
    world.assert_runs("web:dev", 2, 3).await;
    deploys_nothing(&world, &web("a:1", "instances: 3")).await;
}

async fn deploys_nothing(world: &World, manifest: &str) {
    let report = world.deploy(manifest).await;
    assert_eq!(report.outcome(), Outcome::Unchanged, "{report:?}");
}

async fn what_fails_stands_still_when_its_spec_says_so(ground: Ground) {
    for (policy, kind) in [("pause", HaltKind::Failed), ("keep", HaltKind::Kept)] {
        let rest = format!("instances: 2, update: {{on-failure: {policy}, deadline: 300ms}}");
        let world = World::new(ground).await;
        deploys(&world, &web("a:1", "instances: 2"), Action::Create).await;
        world.sandbox().add_script(Script {
            fail_start: true,
            ..Script::for_image("bad")
        });
        let bad = web("bad:2", &rest);
        let report = timeout(PATIENCE, world.deploy(&bad))
            .await
            .expect("it ends");
        assert_eq!(report.outcome(), Outcome::Failed, "{report:?}");
        let halted = state(&world, &group()).await;
        let halt = halted.rollout.expect("it is there").record.halted;
        assert_eq!(halt.map(|it| it.kind), Some(kind));
        assert_eq!(endings(&world).await[0], (2, Some(Ended::Failed)));
        if kind == HaltKind::Failed {
            assert_eq!(world.deploy(&bad).await.outcome(), Outcome::Held);
        }
        // A deploy of something else is a decision.
        deploys(&world, &web("a:3", "instances: 2"), Action::Roll).await;
        world.assert_runs("web:dev", 3, 2).await;
    }
}

async fn groups_come_after_those_that_they_depend_on_and_go_before_them(ground: Ground) {
    let manifest = "deploy: {\
        web: {labels: [dev], image: 'w:1', cpus: 0.1, mem: 32, instances: 2, depends-on: ['db:dev']}, \
        db: {labels: [dev], image: 'd:1', cpus: 0.1, mem: 32, instances: 2}}";
    let world = World::new(ground).await;
    let order = std::sync::Mutex::new(Vec::new());
    let tell = |progress: Progress| {
        let mut order = order.lock().expect("nobody panics");
        match progress {
            Progress::Started { group, .. } => order.push(format!("+{group}")),
            Progress::Done(report) => order.push(format!("={}", report.group)),
            _ => {}
        }
    };
    let report = world
        .deploy_telling(manifest, &tell)
        .await
        .expect("it is there");
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let removal = "remove: {web: {labels: [dev]}, db: {labels: [dev]}}";
    let report = world
        .deploy_telling(removal, &tell)
        .await
        .expect("it is there");
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert_eq!(
        *order.lock().expect("nobody panics"),
        [
            "+db:dev", "=db:dev", "+web:dev", "=web:dev", "+web:dev", "=web:dev", "+db:dev",
            "=db:dev"
        ]
    );
    // Without what it depends on, it is not begun.
    let alone = manifest
        .split(", db:")
        .next()
        .expect("it has a first part")
        .to_owned()
        + "}";
    let report = world.deploy(&alone).await;
    assert_eq!(report.outcome(), Outcome::Failed, "{report:?}");
    let reason = report.groups[0].reason.as_deref().expect("it says why");
    assert!(reason.contains("depends on db:dev"), "{reason}");
    assert_eq!(world.apps().await, [""; 0]);
}

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
    if let Ground::Memory("0.10.1") = ground {
        // It does not tell where Mesos is, and so nobody that the host is gone.
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
    if let Ground::Memory("0.10.1") = ground {
        // It does not tell where Mesos is.
        assert_eq!(outlook.room, None);
        return;
    }
    let room = outlook.room.as_ref().expect("the hosts are known");
    assert!(room.is_short(), "{room:?}");
    assert_eq!((room.wanted, room.fits, room.per_host.len()), (3, 0, 4));
}

async fn one_failure_stops_the_others_only_when_asked_to(ground: Ground) {
    let manifest = "deploy: {\
        bad: {labels: [dev], image: 'bad:1', cpus: 0.1, mem: 32, update: {max-failed-starts: 0}}, \
        web: {labels: [dev], image: 'slow:1', cpus: 0.1, mem: 32}}";
    for (fail_fast, expected) in [(false, Outcome::Ok), (true, Outcome::Stopped)] {
        let world = World::new(ground).await;
        world.sandbox().add_script(Script {
            fail_start: true,
            ..Script::for_image("bad")
        });
        world.sandbox().add_script(Script {
            start_delay: Some(Duration::from_secs(2)),
            ..Script::for_image("slow")
        });
        let plan = world
            .engine
            .plan(&desired(manifest))
            .await
            .expect("it is there");
        let options = Options {
            fail_fast,
            ..Options::default()
        };
        let done = world.engine.carry_out(&plan, &options, &|_| (), pending());
        let report = timeout(PATIENCE, done)
            .await
            .expect("it ends")
            .expect("it is there");
        assert_eq!(report.groups[0].result, Outcome::Failed, "{report:?}");
        assert_eq!(report.groups[1].result, expected, "{report:?}");
    }
}

async fn so_many_groups_are_worked_on_at_once(ground: Ground) {
    let groups: Vec<String> = (0..4)
        .map(|n| format!("{{labels: [g{n}], image: 'a:1', cpus: 0.1, mem: 32}}"))
        .collect();
    let manifest = format!("deploy: {{web: [{}]}}", groups.join(", "));
    let world = World::new(ground).await;
    let plan = world
        .engine
        .plan(&desired(&manifest))
        .await
        .expect("it is there");
    let options = Options {
        parallel: 2.try_into().expect("it is not 0"),
        ..Options::default()
    };
    let (active, most) = (std::sync::Mutex::new(0_i32), std::sync::Mutex::new(0_i32));
    let tell = |progress: Progress| {
        let mut active = active.lock().expect("nobody panics");
        match progress {
            Progress::Started { .. } => *active += 1,
            Progress::Done(_) => *active -= 1,
            _ => {}
        }
        let mut most = most.lock().expect("nobody panics");
        *most = (*most).max(*active);
    };
    let report = world
        .engine
        .carry_out(&plan, &options, &tell, pending())
        .await;
    assert_eq!(report.expect("it is there").outcome(), Outcome::Ok);
    assert_eq!(*most.lock().expect("nobody panics"), 2);
}

#[test]
fn a_change_tells_its_app() {
    let app = theseus_core::cluster::AppId("a".to_owned());
    assert_eq!(Change::Delete { app: app.clone() }.app(), Some(&app));
}

theseus_tests::every_dialect!(
    canaries_are_promoted_by_a_person,
    canaries_that_have_baked_are_followed_by_the_others,
    a_bad_canary_is_taken_back_while_all_others_serve,
    a_rollout_is_paused_and_resumed,
    what_is_paused_is_free_while_others_are_still_worked_on,
    nobody_tries_out_on_canaries_what_has_run_before,
    who_carries_a_rollout_out_takes_it_back_when_it_is_aborted,
    a_group_goes_back_and_forth_between_its_revisions,
    a_restart_replaces_every_container_by_one_of_the_same_spec,
    what_fails_stands_still_when_its_spec_says_so,
    groups_come_after_those_that_they_depend_on_and_go_before_them,
    each_slot_keeps_its_host_through_everything,
    a_slot_moves_only_when_its_host_is_gone_for_long_enough,
    a_native_group_keeps_its_app,
    a_group_keeps_away_from_another_or_stays_near_it,
    what_no_host_can_take_is_told_by_the_plan,
    one_failure_stops_the_others_only_when_asked_to,
    so_many_groups_are_worked_on_at_once,
);
