//! Rollouts that are paused, resumed and aborted.

use std::time::Duration;
use theseus_core::engine::{ControlError, Outcome, Progress};
use theseus_core::model::GroupId;
use theseus_core::plan::{self, Action};
use theseus_core::records::HaltKind;
use theseus_sandbox::Script;
use theseus_tests::PATIENCE;
use theseus_tests::ground::Ground;
use theseus_tests::world::World;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{carry_out, deploy_and, deploys, group, state, web};

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

theseus_tests::every_dialect!(
    a_rollout_is_paused_and_resumed,
    what_is_paused_is_free_while_others_are_still_worked_on,
    who_carries_a_rollout_out_takes_it_back_when_it_is_aborted,
);
