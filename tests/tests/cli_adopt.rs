//! `theseus adopt` and `theseus export`, as their users run them.

use serde_json::{Value, json};
use theseus_tests::program::{Home, SandboxProgram, status};
use theseus_tests::{INGESTOR, PATIENCE, client};

/// Takes an app over under a name of its own, and writes the manifest that describes it.
const ADOPT: [&str; 6] = [
    "adopt",
    "/shop/web",
    "--as",
    "web:shop",
    "--out",
    "web.yaml",
];

fn app(id: &str) -> Value {
    json!({
        "id": id, "instances": 2, "cpus": 0.1, "mem": 32,
        "env": {"MODE": "prod", "DB_PASSWORD": "hunter2"},
        "container": {"type": "DOCKER", "docker": {"image": "web:1"}},
    })
}

/// Makes apps by hand, and waits until all of their containers run.
fn made(sandbox: &SandboxProgram, apps: &[Value]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client();
        for app in apps {
            let url = format!("{}/v2/apps", sandbox.url);
            let answer = client.post(url).json(app).send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
        }
        let url = format!("{}/v2/deployments", sandbox.url);
        let done = async {
            while client.get(&url).send().await.unwrap().text().await.unwrap() != "[]" {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, done)
            .await
            .expect("they run");
    });
}

#[test]
fn an_app_is_found_taken_over_and_exported() {
    let home = Home::new();
    let sandbox = home.sandbox("50ms");
    let mut picky = app("/prod/picky");
    picky["user"] = json!("root");
    made(&sandbox, &[app("/shop/web"), picky]);

    // They are told of, and left alone.
    let told = home.run(&["status"]).exits(0);
    assert!(
        told.stderr
            .contains("2 apps run that no group accounts for"),
        "{told:?}"
    );
    assert_eq!(status(&home)["foreign"], 2);
    let listed = home.run(&["adopt", "--list"]).exits(0);
    insta::assert_snapshot!(listed.stdout);

    // What would be lost is not adopted without a word.
    let refused = home.run(&["adopt", "/prod/picky", "--yes"]).exits(1);
    assert!(
        refused.stderr.contains("--lossy") && refused.stderr.contains("user: root"),
        "{refused:?}"
    );
    let _ = home.run(&["adopt", "/prod/nobody", "--as", "a:b"]).exits(2);
    let _ = home.run(&["adopt", "--all", "--list"]).exits(2);
    let _ = home.run(&["adopt"]).exits(2);
    let tried = home
        .run(&["adopt", "--all", "--dry-run", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(tried["adopted"].as_array().unwrap().len(), 1, "{tried}");
    assert_eq!(status(&home)["groups"], json!([]), "nothing was written");

    // A secret is not in the file unless it is asked for, and then nobody deploys it unawares.
    let adopted = home.run(&ADOPT).exits(0);
    assert_eq!(adopted.stdout, "");
    assert!(
        adopted.stderr.contains("DB_PASSWORD of web:shop"),
        "{adopted:?}"
    );
    assert!(!home.read("web.yaml").contains("hunter2"));
    let masked = home.run(&["validate", "web.yaml"]).exits(2);
    assert!(masked.stderr.contains("stands for a value"), "{masked:?}");
    let export = ["export", "web:shop", "--out", "web.yaml", "--show-secrets"];
    let _ = home.run(&export).exits(0);
    assert!(home.read("web.yaml").contains("DB_PASSWORD: hunter2"));
    let _ = home.run(&["validate", "web.yaml"]).exits(0);
    let _ = home.run(&["plan", "web.yaml", "--exit-code"]).exits(0);
    // Who did that is written down; that somebody has seen what is shown anyway is not.
    let _ = home.run(&["export", "web:shop"]).exits(0);
    let trail = home.run(&["events", "--since", "1h"]).exits(0).stdout;
    for (deed, times) in [("has adopted what ran already", 1), ("with its secrets", 1)] {
        assert_eq!(trail.matches(deed).count(), times, "{trail}");
    }
    assert!(trail.contains("it is /shop/web"), "{trail}");
    let group = &status(&home)["groups"][0];
    assert_eq!(
        json!([group["group"], group["revision"], group["healthy"]]),
        json!(["web:shop", 1, 2])
    );
    let again = home.run(&ADOPT).exits(1);
    assert!(again.stderr.contains("it is web:shop already"), "{again:?}");

    // It has a history and a future.
    let history = home.run(&["history", "web:shop"]).exits(0);
    assert!(history.stdout.contains("adopted"), "{history:?}");
    let _ = home.run(&["scale", "web:shop", "3", "--yes"]).exits(0);
    let _ = home.run(&["describe", "web:shop"]).exits(0);
    let _ = home.run(&["restart", "web:shop", "--yes"]).exits(0);
    assert_eq!(status(&home)["groups"][0]["revision"], 2);

    let all = home
        .run(&["adopt", "--all", "--lossy", "--yes", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(all["adopted"][0]["group"], "picky:prod");
    assert_eq!(
        all["adopted"][0]["unsaid"],
        json!([{"field": "user", "value": "root"}])
    );
    let none = home.run(&["adopt", "--list"]).exits(0);
    assert_eq!(none.stdout, "Every app that runs is a group's.\n");
}

/// Kills all containers of an app.
fn killed(sandbox: &SandboxProgram, app: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("{}/v2/apps{app}/tasks", sandbox.url);
    let answer = runtime.block_on(client().delete(url).send()).unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

#[test]
fn what_happens_to_an_adopted_app_is_heard_by_everybody() {
    let home = Home::new();
    let sandbox = home.sandbox("50ms");
    made(&sandbox, &[app("/shop/web"), app("/shop/other")]);
    let _ = home.run(&ADOPT).exits(0);
    let containers = |status: Value| {
        let told = status["groups"][0]["containers"].as_array().cloned();
        let ids = told.into_iter().flatten().map(|it| it["id"].to_string());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    let recorded = || {
        containers(
            home.run(&["status", "--recorded", "--format", "json"])
                .exits(0)
                .json(),
        )
    };
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let began = std::time::Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "never: {what}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    until("the registrar knows them", &|| recorded().len() == 2);
    let before = recorded();

    let mut program = home.start(&["events", "--format", "json"]);
    assert_eq!(program.next_json().expect("a line")["event"], "attached");
    killed(&sandbox, "/shop/other");
    killed(&sandbox, "/shop/web");
    let told = loop {
        let told = program.next_json().expect("it is told before the end");
        if told["event"] == "container" {
            break told;
        }
    };
    assert_eq!(told["group"], "web:shop", "and never of what is nobody's");
    // The registrar looks at everything every three minutes only.
    until("the registrar knows the others", &|| {
        let now = recorded();
        now.len() == 2 && now.is_disjoint(&before)
    });
    assert_eq!(recorded(), containers(status(&home)));
}

#[test]
fn what_is_deployed_can_be_exported() {
    let home = Home::new();
    let _sandbox = home.sandbox("50ms");
    let _ = home.run(&["export"]).exits(1);
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let exported = home.run(&["export", "ingestor"]).exits(0);
    insta::assert_snapshot!(exported.stdout);
    home.write("exported.yaml", &exported.stdout);
    let _ = home.run(&["plan", "exported.yaml", "--exit-code"]).exits(0);
    let _ = home.run(&["export", "ingesto"]).exits(2);
    let json = home.run(&["export", "--format", "json"]).exits(0).json();
    assert_eq!(json["groups"], json!(["ingestor:dev"]));
}
