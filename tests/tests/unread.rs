//! One app of which Marathon tells nonsense spoils no other: its group is left alone, and told of, until
//! it is understood again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use theseus_core::cluster::Scope;
use theseus_core::engine::{Engine, Options, Outcome, Progress, Report};
use theseus_core::plan::{self, Action, Plan};
use theseus_core::status::status;
use theseus_tests::desired;
use theseus_tests::simulated::{Fate, Fates, Simulated};
use tokio::time::sleep;
use tower::ServiceExt as _;

const WEB: &str = "/theseus/web/dev/r1";
const DB: &str = "/theseus/db/dev/r1";

fn manifest(image: &str) -> String {
    let group = |name| format!("{name}: {{labels: [dev], image: '{image}', cpus: 0.1, mem: 32}}");
    format!("deploy: {{{}, {}}}", group("web"), group("db"))
}

/// As long as the flag is up, nonsense is told of this app.
fn nonsense(app: &'static str, flag: &Arc<AtomicBool>) -> Fates {
    let flag = Arc::clone(flag);
    Arc::new(move |_, sent| {
        if sent.what.starts_with("GET /v2/apps") && flag.load(Ordering::Relaxed) {
            Fate::Nonsense(app)
        } else {
            Fate::Answered
        }
    })
}

async fn carry_out(engine: &Engine, plan: &Plan) -> Report {
    let options = Options::default();
    let done = engine.carry_out(plan, &options, &|_| (), std::future::pending());
    done.await.expect("cluster and store are there")
}

async fn deploy(engine: &Engine, manifest: &str) -> Report {
    let plan = engine.plan(&desired(manifest)).await;
    carry_out(engine, &plan.expect("cluster and store are there")).await
}

/// How each group fared, and why.
fn results(report: &Report) -> Vec<(String, Outcome, &str)> {
    let groups = report.groups.iter();
    let told = groups.map(|it| {
        let reason = it.reason.as_deref().unwrap_or_default();
        (it.group.to_string(), it.result, reason)
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn its_group_is_left_alone_and_others_are_deployed() {
    let site = Simulated::new(3);
    let flag = Arc::new(AtomicBool::new(false));
    let engine = site.fated_engine(nonsense(WEB, &flag));
    let report = deploy(&engine, &manifest("a:1")).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    let before = site.sandbox.task_ids(WEB);

    flag.store(true, Ordering::Relaxed);
    let report = deploy(&engine, &manifest("a:2")).await;
    let [(db, Outcome::Ok, ""), (web, Outcome::Failed, reason)] = &results(&report)[..] else {
        panic!("{report:?}");
    };
    assert_eq!((db.as_str(), web.as_str()), ("db:dev", "web:dev"));
    let expected = format!("what is told of {WEB} is not understood: invalid type");
    assert!(reason.starts_with(&expected), "{reason}");
    assert_eq!(site.sandbox.task_ids(DB), [""; 0]);
    assert_eq!(site.sandbox.task_ids("/theseus/db/dev/r2").len(), 1);

    // Nothing that a person may ask for is done to it either, and it is told why.
    let observed = engine.observe(&Scope::All).await.unwrap();
    let group = "web:dev".parse().unwrap();
    let restart = plan::restart(&group, &observed.groups[&group]).unwrap();
    let removal = engine
        .plan(&desired("remove: {web: {labels: [dev]}}"))
        .await;
    let restart = Plan {
        groups: vec![restart],
        ..Plan::default()
    };
    for plan in [restart, removal.unwrap()] {
        let report = carry_out(&engine, &plan).await;
        let [(_, Outcome::Failed, reason)] = results(&report)[..] else {
            panic!("{report:?}");
        };
        assert!(reason.starts_with(&expected), "{reason}");
    }
    let status = status(&observed);
    let told = status.groups.iter();
    let told: Vec<_> = told
        .map(|it| (it.group.to_string(), it.unread.as_deref(), it.running))
        .collect();
    let [(db, None, 1), (web, Some(reason), 0)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((db.as_str(), web.as_str()), ("db:dev", "web:dev"));
    assert!(
        reason.starts_with(&format!("{WEB}: invalid type")),
        "{reason}"
    );
    assert_eq!(site.sandbox.task_ids(WEB), before, "it was left alone");

    flag.store(false, Ordering::Relaxed);
    let report = deploy(&engine, &manifest("a:2")).await;
    let actions: Vec<_> = report.groups.iter().map(|it| it.action).collect();
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert_eq!(actions, [Action::None, Action::Roll]);
}

#[tokio::test(start_paused = true)]
async fn a_roll_waits_until_it_is_understood_again() {
    let site = Simulated::new(4);
    let flag = Arc::new(AtomicBool::new(false));
    let engine = site.fated_engine(nonsense(WEB, &flag));
    deploy(&engine, &manifest("a:1")).await;
    let before = site.sandbox.task_ids(WEB);
    let writes = || {
        let sent = site.sent().into_iter();
        sent.filter(|it| !it.what.starts_with("GET ")).count()
    };
    let trouble = async {
        // Long enough to begin, and too short to be done.
        sleep(Duration::from_millis(500)).await;
        flag.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(30)).await;
        let by_then = writes();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(writes(), by_then, "nobody acts on what is not known");
        assert_eq!(site.sandbox.task_ids(WEB), before);
        flag.store(false, Ordering::Relaxed);
    };
    let roll = manifest("a:2");
    let (report, ()) = tokio::join!(deploy(&engine, &roll), trouble);
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    assert_eq!(site.sandbox.task_ids("/theseus/web/dev/r2").len(), 1);
    assert_eq!(site.sandbox.task_ids(WEB), [""; 0]);
}

/// A group that may stand still for a minute.
fn hurried(image: &str) -> String {
    format!(
        "deploy: {{web: {{labels: [dev], image: '{image}', cpus: 0.1, mem: 32, update: {{deadline: 1m}}}}}}"
    )
}

/// The work on a group ends like this, when nothing of it is understood for too long: nothing more is
/// done to it, not even turned back, and it is told what was waited for.
async fn ends_where_it_stands(first: &str, then: &str, patience: u64) -> Simulated {
    let site = Simulated::new(6);
    let flag = Arc::new(AtomicBool::new(false));
    let engine = site.fated_engine(nonsense(WEB, &flag));
    deploy(&engine, first).await;
    let before = site.sandbox.task_ids(WEB);
    let plan = engine.plan(&desired(then)).await.unwrap();
    let waited = Mutex::new(Vec::new());
    let tell = |progress: Progress| {
        if let Progress::Waiting { waiting, .. } = progress {
            waited.lock().unwrap().push(waiting);
        }
    };
    flag.store(true, Ordering::Relaxed);
    let began = tokio::time::Instant::now();
    let options = Options::default();
    let report = engine.carry_out(&plan, &options, &tell, std::future::pending());
    let report = report.await.unwrap();
    let took = began.elapsed().as_secs();
    assert!((patience..patience + 10).contains(&took), "{took}");
    let [(_, Outcome::Failed, reason)] = results(&report)[..] else {
        panic!("{report:?}");
    };
    let expected = format!("what is told of {WEB} has not been understood for ");
    assert!(reason.starts_with(&expected), "{reason}");
    let waited = waited.into_inner().unwrap();
    let expected = format!("what is told of {WEB} to be understood: invalid type");
    assert!(
        waited.iter().any(|it| it.starts_with(&expected)),
        "{waited:?}"
    );
    assert_eq!(site.sandbox.task_ids(WEB), before, "it was left alone");

    // Once it is understood again, whoever wants the same goes on.
    flag.store(false, Ordering::Relaxed);
    let report = deploy(&engine, then).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    site
}

#[tokio::test(start_paused = true)]
async fn a_roll_is_over_when_it_is_not_understood_for_too_long() {
    let site = ends_where_it_stands(&hurried("a:1"), &hurried("a:2"), 60).await;
    assert_eq!(site.sandbox.task_ids("/theseus/web/dev/r2").len(), 1);
    assert_eq!(site.sandbox.task_ids(WEB), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_over_when_it_is_not_understood_for_too_long() {
    let removal = "remove: {web: {labels: [dev]}}";
    let site = ends_where_it_stands(&hurried("a:1"), removal, 600).await;
    assert_eq!(site.sandbox.task_ids(WEB), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn others_are_listed_and_adopted_beside_it() {
    let site = Simulated::new(5);
    for id in ["/shop/odd", "/shop/web"] {
        let app = json!({
            "id": id, "instances": 1, "cpus": 0.1, "mem": 32,
            "container": {"type": "DOCKER", "docker": {"image": "a:1"}},
        });
        let request = Request::post("/v2/apps")
            .header("content-type", "application/json")
            .body(Body::from(app.to_string()))
            .unwrap();
        let answer = site.sandbox.router().oneshot(request).await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
    sleep(Duration::from_secs(30)).await;
    let flag = Arc::new(AtomicBool::new(true));
    let engine = site.fated_engine(nonsense("/shop/odd", &flag));
    let strays = engine.strays().await.unwrap();
    let [odd, web] = &strays[..] else {
        panic!("{strays:?}");
    };
    assert_eq!((odd.app.0.as_str(), &odd.spec), ("/shop/odd", &None));
    let obstacle = odd.obstacle.as_deref().unwrap();
    assert!(
        obstacle.starts_with("it cannot be read: invalid type"),
        "{obstacle}"
    );
    assert_eq!(web.obstacle, None);
    let adopted = engine.adopt(&strays, false).await.unwrap();
    let adopted: Vec<_> = adopted.iter().map(|it| it.group.to_string()).collect();
    assert_eq!(adopted, ["web:shop"]);

    // One that was adopted is a group's like any other.
    let engine = site.fated_engine(nonsense("/shop/web", &flag));
    let status = status(&engine.observe(&Scope::All).await.unwrap());
    let reason = status.groups[0].unread.as_deref().unwrap();
    assert!(reason.starts_with("/shop/web: invalid type"), "{reason}");
}
