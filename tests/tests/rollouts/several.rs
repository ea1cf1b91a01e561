//! Several groups of one plan.

use std::future::pending;
use std::time::Duration;
use theseus_core::cluster::Change;
use theseus_core::engine::{Options, Outcome, Progress};
use theseus_sandbox::Script;
use theseus_tests::ground::Ground;
use theseus_tests::world::World;
use theseus_tests::{PATIENCE, desired};
use tokio::time::timeout;

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
            // Longer than it takes to notice, where that is only looked for now and then.
            start_delay: Some(Duration::from_secs(4)),
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
    groups_come_after_those_that_they_depend_on_and_go_before_them,
    one_failure_stops_the_others_only_when_asked_to,
    so_many_groups_are_worked_on_at_once,
);
