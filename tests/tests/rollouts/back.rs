//! Back to what there was, the same once more, and what fails for good.

use theseus_core::engine::Outcome;
use theseus_core::plan::{self, Action};
use theseus_core::records::{Ended, HaltKind};
use theseus_sandbox::Script;
use theseus_tests::PATIENCE;
use theseus_tests::ground::Ground;
use theseus_tests::watcher::Watcher;
use theseus_tests::world::World;
use tokio::time::timeout;

use super::{carry_out, deploys, deploys_nothing, endings, group, state, web};

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

theseus_tests::every_dialect!(
    a_group_goes_back_and_forth_between_its_revisions,
    a_restart_replaces_every_container_by_one_of_the_same_spec,
    what_fails_stands_still_when_its_spec_says_so,
);
