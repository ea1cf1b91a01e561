//! Rollouts that are tried out on canaries first.

use theseus_core::engine::{ControlError, Outcome};
use theseus_core::plan::{self, Action};
use theseus_core::records::Ended;
use theseus_sandbox::Script;
use theseus_tests::PATIENCE;
use theseus_tests::ground::Ground;
use theseus_tests::watcher::Watcher;
use theseus_tests::world::World;
use tokio::time::timeout;

use super::{carry_out, deploy_and, deploys, endings, group, state, web};

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

theseus_tests::every_dialect!(
    canaries_are_promoted_by_a_person,
    canaries_that_have_baked_are_followed_by_the_others,
    a_bad_canary_is_taken_back_while_all_others_serve,
    nobody_tries_out_on_canaries_what_has_run_before,
);
