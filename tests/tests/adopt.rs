//! Apps that others have made are taken over as they run, and live on as groups.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use http::Request;
use serde_json::{Value, json};
use theseus_core::cluster::{AppId, ContainerState, Event, EventKind, Events, Scope};
use theseus_core::engine::{Adopted, Candidate, Options, Outcome, Progress};
use theseus_core::manifest::{Secrets, write};
use theseus_core::model::GroupId;
use theseus_core::plan::{self, Action, Plan};
use theseus_core::records::Ended;
use theseus_sandbox::Script;
use theseus_tests::ground::Ground;
use theseus_tests::watcher::Watcher;
use theseus_tests::world::World;
use theseus_tests::{INGESTOR, PATIENCE, desired};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

const WEB: &str = "/shop/prod/web";
const NEXT: &str = "/theseus/web/prod/r2";

/// An app with as many fields as a manifest can say.
fn web() -> Value {
    json!({
        "id": WEB,
        "cmd": "python app.py --port $PORT0",
        "env": {"MODE": "prod", "DB_PASSWORD": "hunter2", "SERVICE_NAME": "web"},
        "instances": 3, "cpus": 0.1, "mem": 32,
        "constraints": [["hostname", "LIKE", ".*"]],
        "container": {
            "type": "DOCKER",
            "docker": {
                "image": "web:1", "forcePullImage": true,
                "parameters": [{"key": "cap-add", "value": "NET_ADMIN"}],
            },
            "volumes": [{"containerPath": "/data", "hostPath": "/srv", "mode": "RO"}],
            "portMappings": [
                {"containerPort": 8080, "hostPort": 0, "name": "http"},
                {"containerPort": 53, "hostPort": 0, "protocol": "udp"},
            ],
        },
        "networks": [{"mode": "container/bridge"}],
        "fetch": [{"uri": "http://x/a.tgz"}],
        "healthChecks": [{"protocol": "HTTP", "path": "/health", "portIndex": 0, "gracePeriodSeconds": 5, "intervalSeconds": 1, "timeoutSeconds": 1}],
        "labels": {"HAPROXY_GROUP": "external"},
        "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.5},
    })
}

/// Makes an app by hand, and waits until it serves.
async fn make(world: &World, app: &Value) {
    let request = Request::post("/v2/apps")
        .header("content-type", "application/json")
        .body(Body::from(app.to_string()))
        .unwrap();
    let answer = world.sandbox().router().oneshot(request).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let instances = app["instances"].as_u64();
    let serves = async {
        loop {
            let tasks = world.tasks().await;
            let ready = tasks.iter().filter(|it| app["id"] == it.app && it.ready);
            if Some(ready.count() as u64) == instances && world.is_quiet().await {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, serves).await.expect("it serves");
    world.writes();
}

async fn candidate(world: &World, app: &str, group: &str) -> Candidate {
    let group = group.parse().unwrap();
    let found = world
        .engine
        .stray(&AppId(app.to_owned()), Some(group))
        .await;
    found.unwrap().expect("it is there")
}

async fn adopt(world: &World, app: &str, group: &str) -> Candidate {
    let candidate = candidate(world, app, group).await;
    let adopted = world
        .engine
        .adopt(std::slice::from_ref(&candidate), false)
        .await;
    let [
        Adopted {
            revision: Ok(1), ..
        },
    ] = &adopted.unwrap()[..]
    else {
        panic!("it is adopted");
    };
    candidate
}

/// The manifest of an app that was adopted, with something else in it.
fn manifest(candidate: &Candidate, change: &[(&str, &str)]) -> String {
    let group = candidate.group.as_ref().unwrap();
    let spec = candidate.spec.as_ref().unwrap();
    let mut text = write([(group, spec)], Secrets::Shown);
    for (from, to) in change {
        assert!(text.contains(from), "{from}\n{text}");
        text = text.replace(from, to);
    }
    text
}

async fn deploys(world: &World, manifest: &str, action: Action) {
    let report = world.deploy(manifest).await;
    let outcome = match action {
        Action::None => Outcome::Unchanged,
        _ => Outcome::Ok,
    };
    assert_eq!(report.outcome(), outcome, "{report:?}");
    assert_eq!(report.groups[0].action, action);
}

#[tokio::test]
async fn an_app_made_by_hand_lives_on_as_a_group() {
    let world = World::new(Ground::Sockets).await;
    make(&world, &web()).await;
    let three = world.ids(WEB);

    // Taking it over sends nothing, and restarts nothing.
    let web = adopt(&world, WEB, "web:prod").await;
    assert_eq!(web.unsaid, [], "a manifest says all of it");
    assert_eq!(world.writes(), [""; 0]);
    let text = manifest(&web, &[]);
    insta::assert_snapshot!(text);
    deploys(&world, &text, Action::None).await;
    assert_eq!(world.writes(), [""; 0]);
    assert_eq!(world.ids(WEB), three);
    world.assert_runs("web:prod", 1, 3).await;

    let group: GroupId = "web:prod".parse().unwrap();
    let history = world.engine.history(&group).await.unwrap();
    let ending = history[0].ending.as_ref().map(|it| it.outcome);
    assert_eq!((history.len(), ending), (1, Some(Ended::Adopted)));

    // It is scaled in place, up and down.
    let more = manifest(&web, &[("instances: 3", "instances: 5")]);
    deploys(&world, &more, Action::Scale).await;
    assert!(three.iter().all(|id| world.ids(WEB).contains(id)));
    world.assert_runs("web:prod", 1, 5).await;
    deploys(&world, &text, Action::Scale).await;
    world.assert_runs("web:prod", 1, 3).await;
    assert_eq!(world.apps().await, [WEB]);

    // Its next revision is an app of Theseus's own, within the bounds that it had.
    let watcher = Watcher::start(world.reader()).await;
    let next = manifest(
        &web,
        &[
            ("web:1", "web:2"),
            ("max-unavailable: 50%", "max-unavailable: 0"),
        ],
    );
    deploys(&world, &next, Action::Roll).await;
    let seen = watcher.seen().await;
    assert!(seen.fewest_ready >= 3 && seen.most <= 4, "{seen:?}");
    assert_eq!(world.apps().await, [NEXT]);
    world.assert_runs("web:prod", 2, 3).await;

    // The way back makes it anew, under a name of Theseus's own.
    let history = world.engine.history(&group).await.unwrap();
    let known = world
        .engine
        .observe(&Scope::Groups(vec![group.clone()]))
        .await
        .unwrap();
    let back = plan::rollback(&group, &known.groups[&group], &history, None).unwrap();
    let plan = Plan {
        groups: vec![back],
        ..Plan::default()
    };
    let options = Options::default();
    let done = world.engine.carry_out(&plan, &options, &|_| (), pending());
    assert_eq!(done.await.unwrap().outcome(), Outcome::Ok);
    assert_eq!(world.apps().await, ["/theseus/web/prod/r1"]);
    world.assert_runs("web:prod", 1, 3).await;
    deploys(&world, "remove: {web: {labels: [prod]}}", Action::Remove).await;
    world.assert_empty().await;

    // And when the like is made again, it can be adopted again.
    make(&world, &self::web()).await;
    let again = candidate(&world, WEB, "web:prod").await;
    let adopted = world.engine.adopt(&[again], false).await.unwrap();
    assert_eq!(adopted[0].revision, Ok(3), "no number means two things");
}

/// The next event that tells of the end of a container.
async fn ending(events: &mut Events) -> Event {
    let told = async {
        loop {
            let event = events.next().await.expect("they go on").unwrap();
            if let EventKind::Container {
                state: ContainerState::Ended,
                ..
            } = event.kind
            {
                return event;
            }
        }
    };
    timeout(PATIENCE, told).await.expect("it is told")
}

/// That of a container which fails now.
async fn failing(world: &World, app: &str, events: &mut Events) -> Event {
    let id = world.ids(app).remove(0);
    assert!(world.sandbox().fail_task(&id, "oops"));
    let event = ending(events).await;
    assert!(matches!(&event.kind, EventKind::Container { id: told, .. } if told.0 == id));
    event
}

#[tokio::test]
async fn what_happens_to_an_adopted_app_is_told_as_its_groups() {
    let world = World::new(Ground::Sockets).await;
    make(&world, &web()).await;
    let mut other = web();
    other["id"] = json!("/shop/prod/other");
    make(&world, &other).await;
    let mut events = world.events().await;
    deploys(&world, INGESTOR, Action::Create).await;

    // Nobody hears of apps that are nobody's, before and after somebody adopts one.
    for (adopted, expected) in [(false, "ingestor:dev"), (true, "web:prod")] {
        if adopted {
            adopt(&world, WEB, "web:prod").await;
        }
        for app in [WEB, "/shop/prod/other"]
            .into_iter()
            .skip(usize::from(adopted))
        {
            assert!(world.sandbox().fail_task(&world.ids(app)[0], "oops"));
        }
        let app = if adopted {
            WEB
        } else {
            "/theseus/ingestor/dev/r1"
        };
        let event = failing(&world, app, &mut events).await;
        let group = event.group.map(|group| group.to_string());
        assert_eq!((group.as_deref(), event.foreign), (Some(expected), None));
    }

    // Once it is replaced, its name means nothing any more.
    deploys(&world, "remove: {web: {labels: [prod]}}", Action::Remove).await;
    make(&world, &web()).await;
    let mut events = world.events().await;
    assert!(world.sandbox().fail_task(&world.ids(WEB)[0], "oops"));
    let event = failing(&world, "/theseus/ingestor/dev/r1", &mut events).await;
    assert_eq!(event.group, "ingestor:dev".parse().ok());
}

#[tokio::test]
async fn an_adopted_app_is_gone_back_to_removed_and_restarted_as_it_is() {
    let world = World::new(Ground::Sockets).await;
    make(&world, &web()).await;
    let web = adopt(&world, WEB, "web:prod").await;
    let three = world.ids(WEB);

    // A roll that fails goes back to what is left of it, and brings that back to strength.
    world.sandbox().add_script(Script {
        fail_start: true,
        ..Script::for_image("web:bad")
    });
    let bad = [
        ("web:1", "web:bad"),
        ("update:\n", "update:\n      max-failed-starts: 1\n"),
    ];
    let report = world.deploy(&manifest(&web, &bad)).await;
    assert_eq!(report.outcome(), Outcome::RolledBack, "{report:?}");
    assert_eq!(world.apps().await, [WEB]);
    world.assert_runs("web:prod", 1, 3).await;
    assert!(world.ids(WEB).iter().any(|id| three.contains(id)));

    // What was adopted is still known to be: nothing is to be done.
    world.writes();
    deploys(&world, &manifest(&web, &[]), Action::None).await;
    assert_eq!(world.writes(), [""; 0]);

    deploys(&world, "remove: {web: {labels: [prod]}}", Action::Remove).await;
    world.assert_empty().await;
}

/// Deploys until the cluster has taken so many changes, and drops everything there; tells whether it
/// came so far.
async fn dies_after(world: &World, manifest: &str, changes: usize) -> bool {
    let (taken, reached) = (AtomicUsize::new(0), Notify::new());
    let tell = |progress: Progress| {
        let is_change = matches!(progress, Progress::Changed { .. });
        if is_change && taken.fetch_add(1, Ordering::Relaxed) + 1 == changes {
            reached.notify_one();
        }
    };
    tokio::select! {
        _ = world.deploy_telling(manifest, &tell) => return false,
        () = reached.notified() => {}
    }
    world.until_free("web:prod").await;
    true
}

#[tokio::test]
async fn who_dies_in_the_middle_of_replacing_it_goes_on() {
    let stories = (1..=5).map(|changes| async move {
        let world = World::new(Ground::Sockets).await;
        make(&world, &web()).await;
        let web = adopt(&world, WEB, "web:prod").await;
        let next = manifest(&web, &[("web:1", "web:2")]);
        if dies_after(&world, &next, changes).await {
            deploys(&world, &next, Action::Resume).await;
        }
        assert_eq!(world.apps().await, [NEXT]);
        world.assert_runs("web:prod", 2, 3).await;
    });
    join_all(stories).await;
}

#[tokio::test]
async fn what_cannot_be_adopted_is_refused_and_left_alone() {
    let world = World::new(Ground::Sockets).await;
    make(&world, &web()).await;
    make(
        &world,
        &json!({"id": "/sleeper", "cmd": "sleep 9", "instances": 1, "cpus": 0.1, "mem": 32}),
    )
    .await;
    deploys(&world, INGESTOR, Action::Create).await;
    world.writes();

    let obstacle = async |app: &str, group: &str| candidate(&world, app, group).await.obstacle;
    assert_eq!(
        obstacle(WEB, "ingestor:dev").await.as_deref(),
        Some("ingestor:dev exists already")
    );
    assert_eq!(
        obstacle("/sleeper", "sleeper:x").await.as_deref(),
        Some("it runs no image")
    );
    let nobody = AppId("/nobody".to_owned());
    assert_eq!(world.engine.stray(&nobody, None).await.unwrap(), None);
    let own = AppId("/theseus/ingestor/dev/r1".to_owned());
    assert_eq!(world.engine.stray(&own, None).await.unwrap(), None);

    // Two who adopt one app at the same time: it becomes one group.
    let (one, two) = (
        candidate(&world, WEB, "web:one").await,
        candidate(&world, WEB, "web:two").await,
    );
    let (one, two) = tokio::join!(
        world.engine.adopt(std::slice::from_ref(&one), false),
        world.engine.adopt(std::slice::from_ref(&two), false),
    );
    let results = [
        one.unwrap().remove(0).revision,
        two.unwrap().remove(0).revision,
    ];
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        1,
        "{results:?}"
    );
    let refused = results
        .iter()
        .find_map(|result| result.as_ref().err())
        .unwrap();
    assert!(
        refused.contains("was adopted by somebody else meanwhile"),
        "{refused}"
    );
    let taken = obstacle(WEB, "web:three").await.unwrap();
    assert!(taken.ends_with("already"), "{taken}");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_whole_cluster_is_taken_over() {
    let world = World::new(Ground::Sockets).await;
    let app = |id: &str, instances: u32| json!({"id": id, "instances": instances, "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": "a:1"}}});
    let with = |id: &str, field: &str, value: Value| {
        let mut app = app(id, 1);
        app[field] = value;
        app
    };
    for app in [
        app("/prod/web", 2),
        app("/db", 1),
        app("/x/y/twin", 1),
        app("/y/x/twin", 1),
        app("/blue/green/old", 0),
        app("/green/blue/old", 1),
        with("/prod/picky", "user", json!("root")),
        json!({"id": "/sleeper", "cmd": "sleep 9", "instances": 1, "cpus": 0.1, "mem": 32}),
    ] {
        make(&world, &app).await;
    }
    deploys(&world, INGESTOR, Action::Create).await;
    let before = world.tasks().await;
    world.writes();

    let strays = world.engine.strays().await.unwrap();
    let told: Vec<_> = strays
        .iter()
        .map(|it| {
            let group = it
                .group
                .as_ref()
                .map_or("-".to_owned(), ToString::to_string);
            let obstacle = it.obstacle.as_deref().unwrap_or("ok");
            format!(
                "{} as {group}: {obstacle} {:?}",
                it.app,
                it.unsaid
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            )
        })
        .collect();
    insta::assert_debug_snapshot!(told);
    let everything = world.engine.observe(&Scope::Everything).await.unwrap();
    assert_eq!(everything.foreign, 8);

    let adopted = world.engine.adopt(&strays, false).await.unwrap();
    assert_eq!(adopted.len(), 4);
    assert!(adopted.iter().all(|it| it.revision == Ok(1)), "{adopted:?}");
    assert_eq!(world.writes(), [""; 0]);
    assert_eq!(world.tasks().await, before);
    for scope in [Scope::All, Scope::Everything] {
        let observed = world.engine.observe(&scope).await.unwrap();
        let groups: Vec<_> = observed
            .groups
            .iter()
            .map(|(group, state)| (group.to_string(), state.apps.len()))
            .collect();
        assert_eq!(
            groups,
            [
                ("db:default", 1),
                ("ingestor:dev", 1),
                ("old:blue,green", 1),
                ("picky:prod", 1),
                ("web:prod", 1)
            ]
            .map(|(group, apps)| (group.to_owned(), apps))
        );
    }
    let left = world.engine.strays().await.unwrap();
    assert_eq!(left.len(), 4, "{left:?}");

    // What no manifest can say is told before it is lost.
    let picky = "picky:prod".parse().unwrap();
    let image = "deploy: {picky: {labels: [prod], image: 'a:2', cpus: 0.1, mem: 32}}";
    let plan = world.engine.plan(&desired(image)).await.unwrap();
    assert_eq!(plan.groups[0].group, picky);
    assert_eq!(
        plan.groups[0].notices,
        ["/prod/picky has user: root, and what follows will not"]
    );
}
