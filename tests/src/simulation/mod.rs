//! A search for counter-examples: from one seed a scenario, a script of what up to three deployers
//! do at the same time, and a mix of faults; then quiet, in which everything has to come to rest.
//!
//! What must hold at each moment is checked by `watch`, what must hold in the end by `ending`. The
//! same seed tells the same story each time.

pub mod cases;
pub mod crash;
mod deployer;
pub mod dice;
mod ending;
mod flaky_store;
mod frozen;
mod scenario;
mod site;
mod trouble;
mod watch;
mod weather;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use theseus_core::cluster::Scope;
use theseus_core::model::GroupId;
use theseus_core::records::HaltKind;
use theseus_sandbox::{Exit, HostConfig, SandboxConfig, Script};
use tokio::time::sleep;
use tower::ServiceExt as _;

use self::deployer::Deployer;
use self::dice::Dice;
use self::scenario::{Command, Scenario};
use self::site::Site;
use self::watch::Watch;
use self::weather::{Happening, Weather};
use crate::simulated::{self, Simulated};

/// Longer than a lock outlives its holder.
const LOCKS_ARE_GONE: Duration = Duration::from_secs(15);

/// How many hosts the cluster has.
const HOSTS: usize = 6;
/// Until the last sick container is found to be one and has been replaced.
const RECOVERY: Duration = Duration::from_secs(60);

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// The promises that were broken; none, if all is well.
    pub violations: Vec<String>,
}

/// Lives through the story of a seed.
///
/// # Panics
///
/// When what should hold in the simulation itself does not.
pub fn run(seed: u64) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let (trace, violations) = runtime.expect("a runtime").block_on(story(seed));
    Told { trace, violations }
}

/// Lives through the stories of `count` seeds from the first one, on all processors, and tells each
/// one's violations to `tell`, in the order in which they end.
///
/// # Panics
///
/// When one of the stories does.
pub fn search(first: u64, count: u64, tell: impl Fn(u64, &[String]) + Sync) {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let seed = first.wrapping_add(number);
                    tell(seed, &run(seed).violations);
                }
            });
        }
    });
}

async fn story(seed: u64) -> (Vec<String>, Vec<String>) {
    let mut dice = Dice::new(seed);
    let scenario = Scenario::draw(&mut dice);
    let weather = Weather::new(&mut dice);
    let may_lose_hosts = weather
        .mix
        .happenings
        .iter()
        .any(|(it, _)| *it == Happening::LoseHost);
    let site = Arc::new(Site::new(Simulated::with(cluster(seed)), weather));
    site.note(format_args!("{scenario:#?}"));
    site.note(format_args!("{:?}", site.weather.mix));
    let watch = Arc::new(Watch::new(&site, &scenario.groups, may_lose_hosts));
    let watching = tokio::spawn(Arc::clone(&watch).run());

    let strangers = settle_strangers(&site).await;
    add_scripts(&site);
    storm(&site, &scenario, &watch).await;
    rest(&site, &scenario).await;

    sleep(LOCKS_ARE_GONE).await;
    watching.abort();
    ending::check(&site, &scenario.last, &scenario.groups).await;
    ending::check_requests(&site, &scenario.groups);
    let now = versions_of_strangers(&site).await;
    if now != strangers {
        site.accuse(&format!("I7 strangers were {strangers:?} and are {now:?}"));
    }
    site.told()
}

/// More hosts than a group has containers, so that each finds a port and one host may be lost.
fn cluster(seed: u64) -> SandboxConfig {
    SandboxConfig {
        hosts: HostConfig::several(HOSTS),
        seed,
        start_time: "2026-01-02T03:04:05Z".parse().expect("a time"),
        ..SandboxConfig::default()
    }
}

/// How images behave, by their names.
fn add_scripts(site: &Site) {
    let sandbox = &site.world.sandbox;
    sandbox.add_script(Script {
        start_delay: Some(Duration::from_secs(12)),
        ..Script::for_image("slow")
    });
    sandbox.add_script(Script {
        never_healthy: true,
        ..Script::for_image("sick")
    });
    sandbox.add_script(Script {
        exit: Some(Exit {
            after: Duration::from_secs(1),
            success: false,
        }),
        ..Script::for_image("crash")
    });
    sandbox.add_script(Script {
        fail_start: true,
        ..Script::for_image("broken")
    });
}

/// Puts there what is nobody's business: an app beside Theseus's, and a group of its own.
async fn settle_strangers(site: &Arc<Site>) -> Vec<String> {
    let app = json!({"id": "/other", "cmd": "serve", "instances": 1, "cpus": 0.1, "mem": 32});
    let request = Request::post("/v2/apps").header("content-type", "application/json");
    let request = request
        .body(Body::from(app.to_string()))
        .expect("a request");
    let created = site.world.sandbox.router().oneshot(request).await;
    assert!(created.expect("a router answers").status().is_success());
    let stranger = "deploy: {stranger: {labels: [dev], image: stranger, mem: 32}}";
    let marathon = site.world.client(
        "stranger",
        Arc::new(|_, _| simulated::Fate::Answered),
        Arc::default(),
    );
    let engine = site
        .world
        .engine_over(marathon, Arc::new(site.world.store.clone()));
    let settled = simulated::deploy(&engine, stranger).await;
    assert!(settled.outcome().is_well(), "{settled:?}");
    versions_of_strangers(site).await
}

async fn versions_of_strangers(site: &Site) -> Vec<String> {
    let mut versions = Vec::new();
    for app in ["/other", "/theseus/stranger/dev/r1"] {
        let app = watch::get(site, &format!("/v2/apps/{app}")).await;
        versions.push(format!(
            "{} {}",
            app["app"]["version"], app["app"]["instances"]
        ));
    }
    versions
}

/// Everybody deploys, and much goes wrong, until all have come to an end.
async fn storm(site: &Arc<Site>, scenario: &Scenario, watch: &Arc<Watch>) {
    if let Some(first) = &scenario.first {
        // Nothing goes wrong yet, and somebody has to find the canaries good, if there are any.
        let first_deployer = Deployer::new("first", site);
        first_deployer
            .carry_out(&Command::Apply(first.clone()))
            .await;
    }
    site.begin_storm();
    let scripts = scenario.scripts.iter().cloned().enumerate();
    let (deployers, plays): (Vec<_>, Vec<_>) = scripts
        .map(|(number, script)| {
            let deployer = Arc::new(Deployer::new(format!("d{number}"), site));
            let play = Arc::clone(&deployer);
            (
                deployer,
                tokio::spawn(async move { play.play(script).await }),
            )
        })
        .unzip();
    let trouble = tokio::spawn(trouble::make(
        Arc::clone(site),
        deployers,
        Arc::clone(watch),
    ));
    sleep(scenario.storm).await;
    trouble.abort();
    trouble::end(site);
    let promoting = tokio::spawn(promote_all(Arc::clone(site), scenario.groups.clone()));
    for play in plays {
        play.await.expect("a deployer does not panic");
    }
    promoting.abort();
}

/// People look after what stands still, and what is wanted is deployed once more.
async fn rest(site: &Arc<Site>, scenario: &Scenario) {
    sleep(RECOVERY).await;
    let promoting = tokio::spawn(promote_all(Arc::clone(site), scenario.groups.clone()));
    let person = Deployer::new("person", site);
    let engine = site.engine("looker");
    let scope = Scope::Groups(scenario.groups.clone());
    let observed = engine
        .observe(&scope)
        .await
        .expect("nothing is out of reach");
    for (group, state) in &observed.groups {
        let halted = state
            .rollout
            .as_ref()
            .and_then(|it| it.record.halted.as_ref());
        if halted.is_some_and(|halt| halt.kind != HaltKind::Kept) {
            person.carry_out(&Command::Resume(group.clone())).await;
        }
    }
    let fresh = Deployer::new("fresh", site);
    let report = fresh
        .carry_out(&Command::Apply(scenario.last.clone()))
        .await;
    if report.as_ref().is_none_or(|it| !it.outcome().is_well()) {
        site.accuse(&format!(
            "I21 what is wanted cannot be deployed in the quiet: {report:?}"
        ));
    }
    promoting.abort();
}

/// Somebody finds all canaries good.
async fn promote_all(site: Arc<Site>, groups: Vec<GroupId>) {
    let engine = site.engine("promoter");
    loop {
        sleep(Duration::from_secs(20)).await;
        for group in &groups {
            // Most of the time there is nothing to promote.
            let _ = engine.promote(group).await;
        }
    }
}
