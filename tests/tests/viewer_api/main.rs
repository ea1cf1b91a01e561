//! The viewer's API, with the program, over a sandbox: what it does, and that it tells what its own
//! description says.

mod schema;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use theseus_tests::program::{Home, SandboxProgram};
use theseus_tests::{INGESTOR, TOKEN};

use crate::schema::Document;

const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox whose viewer allows changes, and who has its token.
struct World {
    home: Home,
    sandbox: SandboxProgram,
    token: String,
    document: Document,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    body: Value,
    place: Option<String>,
}

impl World {
    async fn new() -> Self {
        let home = Home::new();
        let sandbox = home.sandbox_with(&["--start-delay", "200ms", "--allow-changes"]);
        let token = home.viewer_token();
        let url = format!("{}/api/v1/openapi.json", sandbox.viewer);
        let told = theseus_tests::client().get(url).bearer_auth(&token).send();
        let document = told.await.unwrap().json().await.unwrap();
        Self {
            home,
            sandbox,
            token,
            document: Document(document),
        }
    }

    /// Asks as whoever has the token, and finds the answer to be as it is described. `path` is the
    /// described one, `with` what stands in the place of its variables.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: &[(&str, &str)],
        query: &str,
        body: Option<(&str, String)>,
    ) -> Answer {
        let mut address = path.to_owned();
        for (name, value) in with {
            address = address.replace(&format!("{{{name}}}"), value);
        }
        let url = format!("{}{address}{query}", self.sandbox.viewer);
        let mut request = theseus_tests::client()
            .request(method.clone(), url)
            .bearer_auth(&self.token);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let place = response.headers().get("location");
        let place = place.map(|place| place.to_str().unwrap().to_owned());
        let body: Value = response.json().await.unwrap();
        let wrong = self
            .document
            .differences(&method, path, status.as_u16(), &body);
        assert!(
            wrong.is_empty(),
            "{method} {address}{query}: {status}: {wrong:#?}: {body:#}"
        );
        Answer {
            status,
            body,
            place,
        }
    }

    async fn get(&self, path: &str, with: &[(&str, &str)], query: &str) -> Value {
        let answer = self.ask(Method::GET, path, with, query, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    async fn deploy(&self, manifest: &str) -> Answer {
        let body = Some(("application/yaml", manifest.to_owned()));
        self.ask(Method::POST, "/deploy", &[], "", body).await
    }

    async fn change(&self, what: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/groups/{{group}}/{what}");
        let body = body.map(|body| ("application/json", body.to_string()));
        self.ask(Method::POST, &path, &[("group", "ingestor:dev")], "", body)
            .await
    }

    /// Waits until what was begun is over, and gives how that went.
    async fn over(&self, answer: &Answer) -> Value {
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        let id = answer.body["id"].as_str().unwrap();
        assert_eq!(answer.place, Some(format!("/api/v1/deploys/{id}")));
        let began = Instant::now();
        loop {
            let told = self.get("/api/v1/deploys/{id}", &[("id", id)], "").await;
            if !told["ended_at"].is_null() {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {told:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the group's status satisfies the condition.
    async fn until(&self, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let path = "/api/v1/groups/{group}";
            let told = self.get(path, &[("group", "ingestor:dev")], "").await;
            if is(&told) {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "{told:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn what_programs_deploy_is_carried_out_and_told_as_it_is_described() {
    let world = World::new().await;
    let plan = Some(("application/yaml", INGESTOR.to_owned()));
    let plan = world.ask(Method::POST, "/api/v1/plan", &[], "", plan).await;
    assert_eq!(plan.body["summary"]["create"], 1);
    assert_eq!(
        world.get("/api/v1/groups", &[], "").await["groups"],
        json!([])
    );

    let deployed = world.over(&world.deploy(INGESTOR).await).await;
    assert_eq!(deployed["result"], "ok", "{deployed:#}");
    assert!(deployed["by"].as_str().unwrap().contains(" (viewer) (pid "));
    assert!(!deployed["happened"].as_array().unwrap().is_empty());
    let again = world.deploy(INGESTOR).await;
    assert_eq!(
        (again.status, &again.body["result"]),
        (StatusCode::OK, &json!("unchanged"))
    );
    world.until(|group| group["healthy"] == 4).await;

    let next = INGESTOR.replace("flask", "flask:2");
    assert_eq!(world.over(&world.deploy(&next).await).await["result"], "ok");
    let scaled = world.change("scale", Some(json!({"instances": 6}))).await;
    assert_eq!(world.over(&scaled).await["deed"], "scale");
    let back = world.over(&world.change("rollback", None).await).await;
    assert_eq!(back["result"], "ok", "{back:#}");
    let restarted = world.change("restart", None).await;

    // One that is under way is paused, which it is a moment after it was asked for, and taken back by
    // whoever carries it out.
    let began = Instant::now();
    loop {
        let reason = json!({"reason": "let me see"});
        let paused = world.change("pause", Some(reason)).await;
        if paused.body["result"] == "paused" {
            break;
        }
        assert_eq!(paused.status, StatusCode::CONFLICT, "{}", paused.body);
        assert!(began.elapsed() < PATIENCE, "{}", paused.body);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let group = world
        .until(|group| !group["rollout"]["halted"].is_null())
        .await;
    assert_eq!(group["rollout"]["halted"]["reason"], "let me see");
    assert_eq!(group["condition"], "paused");
    let halted = world.over(&restarted).await;
    assert_eq!(halted["result"], "failed", "{halted:#}");
    let rollouts = world.get("/api/v1/rollouts", &[], "").await;
    assert_eq!(rollouts["rollouts"][0]["group"], "ingestor:dev");
    let of_group = [("group", "ingestor:dev")];
    let look = world
        .get("/api/v1/groups/{group}/rollout", &of_group, "")
        .await;
    assert_eq!(look["rollout"]["action"], "deploy");
    let aborted = world.change("abort", None).await;
    assert_eq!(world.over(&aborted).await["result"], "ok");
    let nothing = world.change("resume", None).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.body);
    let nothing = world.change("promote", None).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.body);

    everything_is_told(&world).await;
    mistakes_are_told(&world).await;
}

/// Everything that is only read, as it is described.
async fn everything_is_told(world: &World) {
    let group = [("group", "ingestor:dev")];
    let status = world.get("/api/v1/status", &[], "").await;
    let container = status["groups"][0]["containers"][0].clone();
    let id = container["id"].as_str().unwrap();
    let one = world
        .get("/api/v1/containers/{container}", &[("container", id)], "")
        .await;
    assert_eq!(one["group"], "ingestor:dev");
    let hosts = world.get("/api/v1/hosts", &[], "").await;
    assert_eq!(
        (
            hosts["complete"].clone(),
            hosts["hosts"].as_array().unwrap().len()
        ),
        (json!(true), 4)
    );
    let host = container["host"].as_str().unwrap();
    let machine = world
        .get("/api/v1/hosts/{host}", &[("host", host)], "")
        .await;
    assert!(
        machine["running"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["id"] == id)
    );
    let query = format!("?host={host}&state=running&group=ingestor&label=dev");
    let here = world.get("/api/v1/containers", &[], &query).await;
    assert!(
        here["containers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["id"] == id)
    );
    let none = world.get("/api/v1/groups", &[], "?state=down").await;
    assert_eq!(none["groups"], json!([]));
    let history = world
        .get("/api/v1/groups/{group}/history", &group, "")
        .await;
    let revisions = history["revisions"].as_array().unwrap();
    assert!(
        revisions.iter().filter(|it| it["current"] == true).count() == 1,
        "{history:#}"
    );
    let path = "/api/v1/groups/{group}/history/{revision}";
    let first = world.get(path, &[group[0], ("revision", "1")], "").await;
    assert!(first["spec"]["image"].is_string(), "{first:#}");
    let trail = world
        .get("/api/v1/audit", &[], "?since=1h&group=ingestor")
        .await;
    let deeds: Vec<&str> = trail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["deed"].as_str())
        .collect();
    for deed in ["deploy", "scale", "rollback", "restart", "pause", "abort"] {
        assert!(deeds.contains(&deed), "{deed} in {deeds:?}");
    }
    world
        .get("/api/v1/usage", &[], "?group=ingestor:dev&span=week")
        .await;
    let serving = world
        .get("/api/v1/endpoints", &[], "?group=ingestor&port=api")
        .await;
    assert_eq!(serving["kept"], true);
    assert!(
        world.get("/api/v1/deploys", &[], "").await["deploys"]
            .as_array()
            .unwrap()
            .len()
            >= 5
    );
}

/// What there is not, and what cannot be meant.
async fn mistakes_are_told(world: &World) {
    for (path, with, query, expected) in [
        ("/api/v1/groups/{group}", ("group", "ingestor:dve"), "", 404),
        (
            "/api/v1/groups/{group}",
            ("group", "..%2F..%2Fetc"),
            "",
            404,
        ),
        (
            "/api/v1/groups/{group}/history",
            ("group", "no:body"),
            "",
            404,
        ),
        (
            "/api/v1/containers/{container}",
            ("container", "none"),
            "",
            404,
        ),
        ("/api/v1/hosts/{host}", ("host", "none"), "", 404),
        ("/api/v1/deploys/{id}", ("id", "none"), "", 404),
        ("/api/v1/usage", ("", ""), "", 400),
        ("/api/v1/usage", ("", ""), "?group=a:b&span=year", 400),
        ("/api/v1/audit", ("", ""), "?since=yesterday", 400),
        ("/api/v1/endpoints", ("", ""), "", 400),
        // What would otherwise be passed over.
        ("/api/v1/groups", ("", ""), "?service=a", 400),
        ("/api/v1/usage", ("", ""), "?group=a:b&spna=week", 400),
        ("/api/v1/audit", ("", ""), "?sinec=1h", 400),
        ("/api/v1/endpoints", ("", ""), "?group=a&prot=api", 400),
    ] {
        let answer = world.ask(Method::GET, path, &[with], query, None).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}{query}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_and_no_secret_with_it() {
    let world = World::new().await;
    let faulty = "deploy:\n  web: {imgae: x, labels: [a], environment: {DB_PASSWORD: hunter2}}\n";
    let refused = world.deploy(faulty).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let file = world.home.write("faulty.yaml", faulty);
    let told = world.home.run(&["deploy", file, "--yes"]).exits(2).stderr;
    let told = told
        .trim_start_matches("error: ")
        .trim()
        .replace("faulty.yaml", "manifest");
    assert_eq!(refused.body["error"], told, "as the command tells it");

    let secret = "deploy:\n  web: {image: x, labels: [a], environment: {DB_PASSWORD: hunter2}}\n";
    let _ = world.over(&world.deploy(secret).await).await;
    let group = [("group", "web:a")];
    let mut all = String::new();
    for (path, with) in [
        ("/api/v1/status", &[][..]),
        ("/api/v1/groups/{group}", &group),
        (
            "/api/v1/groups/{group}/history/{revision}",
            &[group[0], ("revision", "1")],
        ),
        ("/api/v1/deploys", &[]),
        ("/api/v1/audit", &[]),
    ] {
        all += &world.get(path, with, "").await.to_string();
    }
    let changed = secret.replace("hunter2", "hunter3");
    let plan = Some(("application/yaml", changed));
    all += &world
        .ask(Method::POST, "/api/v1/plan", &[], "", plan)
        .await
        .body
        .to_string();
    assert!(
        all.contains("DB_PASSWORD") && !all.contains("hunter"),
        "{all}"
    );
}

#[test]
fn a_viewer_that_others_could_reach_is_not_started_without_a_token_and_tls() {
    let home = Home::new();
    let _sandbox = home.sandbox("1s");
    home.write("token", &format!("{TOKEN}\n"));
    home.write("weak", "secret\n");
    for (arguments, told) in [
        (
            &["--listen", "0.0.0.0:0"][..],
            "only served there with a token",
        ),
        (
            &["--listen", "0.0.0.0:0", "--token-file", "token"],
            "only served there over TLS",
        ),
        (
            &[
                "--listen",
                "0.0.0.0:0",
                "--token-file",
                "token",
                "--behind-tls-proxy",
            ],
            "say by which names",
        ),
        (&["--token-file", "weak"], "128 bits"),
        (&["--allow-changes"], "--token-file"),
        (
            &[
                "--token-file",
                "token",
                "--cert-file",
                "token",
                "--key-file",
                "token",
            ],
            "the certificate cannot be read",
        ),
    ] {
        let mut all = vec!["viewer"];
        all.extend(arguments);
        let ran = home.run(&all).exits(2);
        assert!(ran.stderr.contains(told), "{told} in {}", ran.stderr);
        assert!(!ran.stderr.contains(" is at "), "{}", ran.stderr);
    }
}
