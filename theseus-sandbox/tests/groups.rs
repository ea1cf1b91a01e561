//! Groups: nesting, order, versions, and the way back.

mod common;

use axum::http::StatusCode;
use common::{Cluster, cluster, ids, pass};
use serde_json::{Value, json};

fn app(id: &str) -> Value {
    json!({"id": id, "cmd": "x"})
}

async fn refused(cluster: &Cluster, method: &str, path: &str, body: Value) -> (u16, String) {
    let (status, answer) = cluster.send(method, path, body).await;
    (status.as_u16(), answer.to_string())
}

/// `/shop` with an app and two groups, of which one needs the other.
async fn shop(cluster: &Cluster) -> Value {
    let shop = json!({
        "id": "/shop",
        "apps": [app("door")],
        "groups": [
            {"id": "web", "apps": [app("a"), app("b")], "dependencies": ["/shop/db"]},
            {"id": "db", "apps": [app("main")]},
        ],
        "dependencies": ["/base"],
    });
    let accepted = cluster.ok("POST", "/v2/groups", shop).await;
    cluster.settle().await;
    accepted
}

#[tokio::test(start_paused = true)]
async fn what_a_group_depends_on_runs_before_it() {
    let cluster = cluster();
    let whole = json!({
        "id": "/",
        "groups": [
            {"id": "shop", "dependencies": ["/base"], "apps": [app("door")], "groups": [
                {"id": "web", "apps": [{"id": "a", "cmd": "x", "dependencies": ["/shop/web/b"]}, app("b")],
                    "dependencies": ["db"]},
                {"id": "db", "apps": [app("main")]},
            ]},
            {"id": "base", "apps": [app("dns")]},
        ],
    });
    let dry = cluster
        .ok("PUT", "/v2/groups?dryRun=true", whole.clone())
        .await;
    assert_eq!(cluster.get("/v2/groups").await["groups"], json!([]));
    let accepted = cluster.ok("PUT", "/v2/groups", whole).await;
    let deployment = cluster.get("/v2/deployments").await[0].take();
    assert_eq!(deployment["id"], accepted["deploymentId"]);
    assert_eq!(deployment["steps"], dry["steps"]);
    let steps: Vec<Vec<String>> = deployment["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let actions = step["actions"].as_array().unwrap().iter();
            let mut told: Vec<String> = actions
                .map(|it| {
                    format!(
                        "{}{}",
                        it["action"].as_str().unwrap(),
                        it["app"].as_str().unwrap()
                    )
                })
                .collect();
            told.sort_unstable();
            told
        })
        .collect();
    let scale = |apps: &[&str]| -> Vec<String> {
        apps.iter()
            .map(|app| format!("ScaleApplication{app}"))
            .collect()
    };
    assert_eq!(steps[0].len(), 5);
    assert!(steps[0].iter().all(|it| it.starts_with("StartApplication")));
    assert_eq!(
        steps[1..],
        [
            scale(&["/base/dns"]),
            scale(&["/shop/db/main", "/shop/door"]),
            scale(&["/shop/web/b"]),
            scale(&["/shop/web/a"]),
        ]
    );
    // Each layer waits for the one below.
    pass(3000).await;
    let root = cluster
        .get("/v2/groups?embed=group.groups&embed=group.apps.counts&embed=group.apps")
        .await;
    let running = |app: &Value| app["tasksRunning"].clone();
    assert_eq!(running(&root["groups"][0]["apps"][0]), 1, "{root}");
    assert_eq!(running(&root["groups"][1]["apps"][0]), 0, "{root}");
    cluster.settle().await;
    let shop = cluster.get("/v2/groups/shop").await;
    assert_eq!(shop["dependencies"], json!(["/base"]));
    assert_eq!(shop["groups"][1]["dependencies"], json!(["/shop/db"]));
}

#[tokio::test(start_paused = true)]
async fn circles_are_refused_as_a_whole() {
    let cluster = cluster();
    let circle = json!({
        "id": "/shop",
        "groups": [
            {"id": "web", "apps": [app("a")], "dependencies": ["/shop/db"]},
            {"id": "db", "apps": [{"id": "main", "cmd": "x", "dependencies": ["/shop/web/a"]}]},
        ],
    });
    let (status, told) = refused(&cluster, "POST", "/v2/groups", circle).await;
    assert_eq!(status, 422);
    assert!(told.contains("cyclic"), "{told}");
    assert_eq!(cluster.get("/v2/groups").await["groups"], json!([]));
    // Dependencies that are there already count with what is new.
    shop(&cluster).await;
    let back = json!({"apps": [{"id": "main", "cmd": "x", "dependencies": ["/shop/web"]}]});
    let (status, told) = refused(&cluster, "PUT", "/v2/groups/shop/db", back).await;
    assert_eq!(status, 422, "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_group_goes_back_to_any_of_its_versions() {
    let cluster = cluster();
    let first = shop(&cluster).await["version"].take();
    let was = cluster.get("/v2/groups/shop").await;
    assert_eq!(was["version"], first);
    pass(1000).await;
    let other =
        json!({"apps": [{"id": "door", "cmd": "y"}, app("new")], "groups": [], "dependencies": []});
    let second = cluster.ok("PUT", "/v2/groups/shop", other).await["version"].take();
    cluster.settle().await;
    pass(1000).await;
    let scaled = json!({"scaleBy": 2.5});
    let third = cluster.ok("PUT", "/v2/groups/shop", scaled).await["version"].take();
    cluster.settle().await;
    assert_eq!(cluster.app("/shop/new").await["instances"], 3);

    assert_eq!(
        cluster.get("/v2/groups/shop/versions").await,
        json!([third, second, first])
    );
    let root = cluster.get("/v2/groups/versions").await;
    assert_eq!(
        root.as_array().unwrap()[..3],
        [third, second.clone(), first.clone()]
    );
    let path = |version: &Value| format!("/v2/groups/shop/versions/{}", version.as_str().unwrap());
    let told = cluster.get(&path(&first)).await;
    assert_eq!(told, was);
    let middle = cluster.get(&path(&second)).await;
    assert_eq!(ids(&middle["apps"]), ["/shop/door", "/shop/new"]);
    assert_eq!(middle["apps"][1]["instances"], 1);
    assert_eq!(middle["groups"], json!([]));
    let (status, told) = refused(
        &cluster,
        "GET",
        "/v2/groups/shop/versions/2020-01-01T00:00:00.000Z",
        Value::Null,
    )
    .await;
    assert_eq!(status, 404, "{told}");

    let (status, told) = refused(
        &cluster,
        "PUT",
        "/v2/groups/shop",
        json!({"version": first, "scaleBy": 2}),
    )
    .await;
    assert_eq!(status, 422, "{told}");
    let unknown = json!({"version": "2020-01-01T00:00:00.000Z"});
    let (status, told) = refused(&cluster, "PUT", "/v2/groups/shop", unknown).await;
    assert_eq!(status, 422, "{told}");
    let back = json!({"version": first});
    let dry = cluster
        .ok("PUT", "/v2/groups/shop?dryRun=true", back.clone())
        .await;
    assert_eq!(dry["steps"][0]["actions"][0]["action"], "StopApplication");
    cluster.ok("PUT", "/v2/groups/shop", back).await;
    cluster.settle().await;
    let mut now = cluster.get("/v2/groups/shop").await;
    assert_ne!(now["version"], was["version"]);
    let mut then = was.clone();
    for group in [&mut now, &mut then] {
        strip_stamps(group);
    }
    assert_eq!(now, then);
}

/// Takes out what every change writes anew.
fn strip_stamps(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| key != "version" && key != "versionInfo");
            map.values_mut().for_each(strip_stamps);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_stamps),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_versions_are_kept() {
    let cluster = cluster();
    let mut versions = Vec::new();
    for instances in 1..=60 {
        let web = json!({"cmd": "x", "instances": instances % 2});
        let path = "/v2/apps/shop/web?force=true";
        versions.push(cluster.ok("PUT", path, web).await["version"].take());
        pass(10).await;
    }
    versions.reverse();
    let apps = cluster.get("/v2/apps/shop/web/versions").await;
    assert_eq!(apps["versions"], json!(versions[..50]));
    let groups = cluster.get("/v2/groups/shop/versions").await;
    let groups = groups.as_array().unwrap();
    assert!(groups.len() <= 51, "{}", groups.len());
    assert_eq!(groups[..50], versions[..50]);
    for version in groups {
        let path = format!("/v2/groups/shop/versions/{}", version.as_str().unwrap());
        assert_eq!(cluster.get(&path).await["version"], *version);
    }
}

#[tokio::test(start_paused = true)]
async fn groups_and_apps_do_not_share_ids_but_an_empty_group_gives_way() {
    let cluster = cluster();
    shop(&cluster).await;
    for (method, path, body) in [
        ("PUT", "/v2/apps/shop", app("shop")),
        ("PUT", "/v2/groups/shop/door", json!({"apps": []})),
        (
            "PUT",
            "/v2/groups/shop/door/inner",
            json!({"apps": [app("x")]}),
        ),
        (
            "PUT",
            "/v2/groups/shop?dryRun=true",
            json!({"groups": [{"id": "door"}]}),
        ),
    ] {
        let (status, told) = refused(&cluster, method, path, body).await;
        assert_eq!(status, 422, "{method} {path}");
        assert!(told.contains("may not have the same identifier"), "{told}");
    }
    let (status, told) = refused(&cluster, "POST", "/v2/groups", json!({"id": "/shop/door"})).await;
    assert_eq!(
        (status, told.contains("already exists")),
        (409, true),
        "{told}"
    );

    cluster
        .ok(
            "PUT",
            "/v2/groups/empty",
            json!({"groups": [{"id": "inner"}]}),
        )
        .await;
    cluster.ok("PUT", "/v2/apps/empty", app("empty")).await;
    cluster.settle().await;
    let (status, _) = cluster.send("GET", "/v2/groups/empty", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let root = cluster.get("/v2/groups").await;
    assert_eq!(ids(&root["groups"]), ["/shop"]);
    assert_eq!(ids(&root["apps"]), ["/empty"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_app_is_locked_is_not_changed_by_halves() {
    let cluster = cluster();
    shop(&cluster).await;
    cluster
        .ok("PUT", "/v2/apps/shop/db/main", json!({"instances": 3}))
        .await;
    let before = cluster.get("/v2/groups/shop").await;
    let change = json!({"apps": [], "groups": []});
    let (status, answer) = cluster.send("PUT", "/v2/groups/shop", change.clone()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(answer["deployments"].as_array().unwrap().len(), 1);
    let (status, _) = cluster.send("DELETE", "/v2/groups/shop", Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(cluster.get("/v2/groups/shop").await, before);
    cluster
        .ok("PUT", "/v2/groups/shop?force=true", change)
        .await;
    cluster.settle().await;
    let after = cluster.get("/v2/groups/shop").await;
    assert_eq!((&after["apps"], &after["groups"]), (&json!([]), &json!([])));
}

#[tokio::test(start_paused = true)]
async fn dependencies_outlive_the_sandbox() {
    let cluster = cluster();
    shop(&cluster).await;
    let before = cluster.get("/v2/groups/shop/web").await;
    let text = serde_json::to_string(&cluster.sandbox.snapshot()).unwrap();
    let mut config = common::config();
    config.state = Some(serde_json::from_str(&text).unwrap());
    let again = common::with(config);
    assert_eq!(again.get("/v2/groups/shop/web").await, before);
}
