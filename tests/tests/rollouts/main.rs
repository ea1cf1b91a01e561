//! Rollouts that take another course than the straight one: tried out on canaries, paused, aborted,
//! taken back, failed; and groups that have to mind others, or their hosts.

mod back;
mod canaries;
mod places;
mod several;
mod told;

use std::future::pending;
use theseus_core::cluster::Scope;
use theseus_core::engine::{Options, Outcome, Progress, Report};
use theseus_core::model::GroupId;
use theseus_core::plan::{Action, GroupPlan, Plan};
use theseus_core::records::Ended;
use theseus_core::state::GroupState;
use theseus_tests::PATIENCE;
use theseus_tests::world::World;
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

async fn deploys_nothing(world: &World, manifest: &str) {
    let report = world.deploy(manifest).await;
    assert_eq!(report.outcome(), Outcome::Unchanged, "{report:?}");
}
