//! What containers use and what machines have, as the program tells it of a sandbox: once, as JSON,
//! and while an agent is lost.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use theseus_tests::program::{Home, SandboxProgram, deployed, status};
use theseus_tests::{PATIENCE, client};

/// What `theseus top` tells programs at once.
fn top(home: &Home, arguments: &[&str]) -> Value {
    let mut all = vec!["top", "--once", "--every", "500ms", "--format", "json"];
    all.extend(arguments);
    home.run(&all).exits(0).json()
}

fn rows(told: &Value) -> &Vec<Value> {
    told["rows"].as_array().expect("rows")
}

/// Waits until something is told.
fn until<T>(what: &str, mut told: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(told) = told() {
            return told;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Tells the sandbox's Marathon something.
fn tell(sandbox: &SandboxProgram, method: Method, path: &str, body: &Value) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let request = client().request(method, format!("{}{path}", sandbox.url));
    let answer = runtime.block_on(request.json(body).send());
    let status = answer.expect("an answer").status();
    assert!(status.is_success(), "{path}: {status}");
}

/// The host of the group's first container.
fn a_host(home: &Home) -> String {
    let status = status(home);
    let host = status["groups"][0]["containers"][0]["host"].as_str();
    host.expect("it is placed").to_owned()
}

#[test]
fn top_tells_what_containers_groups_and_hosts_use() {
    let (home, _sandbox) = deployed("10ms");
    let told = top(&home, &[]);
    assert_eq!(
        json!([told["format_version"], told["by"], told["quiet"]]),
        json!([1, "container", []])
    );
    assert_eq!(rows(&told).len(), 4);
    for row in rows(&told) {
        assert_eq!(row["group"], "ingestor:dev");
        assert_eq!(row["state"], "running");
        let number = |name: &str| {
            row[name]
                .as_f64()
                .unwrap_or_else(|| panic!("{name}: {row}"))
        };
        assert!(number("cpu") <= number("cpu_limit"));
        assert!(number("memory") <= number("memory_limit"));
    }
    let cpus: Vec<f64> = rows(&told)
        .iter()
        .filter_map(|it| it["cpu"].as_f64())
        .collect();
    assert!(cpus.is_sorted_by(|a, b| a >= b), "{cpus:?}");

    let told = top(&home, &["ingestor", "--by", "group", "--sort", "restarts"]);
    let [group] = rows(&told).as_slice() else {
        panic!("{told}")
    };
    assert_eq!(
        json!([group["name"], group["containers"], group["restarts"]]),
        json!(["ingestor:dev", 4, 0])
    );
    assert_eq!(told["total"]["memory"], group["memory"]);
    let told = top(&home, &["--by", "host"]);
    let containers = rows(&told)
        .iter()
        .filter_map(|it| it["containers"].as_u64());
    assert_eq!(containers.sum::<u64>(), 4);

    let text = home.run(&["top", "--once", "--every", "500ms"]).exits(0);
    assert!(text.stdout.starts_with("4 containers, cpu 0."), "{text:?}");
    assert_eq!(text.stdout.lines().count(), 6, "{text:?}");
}

#[test]
fn top_says_what_it_cannot_do() {
    let (home, _sandbox) = deployed("10ms");
    let text = home.run(&["top"]).exits(2);
    assert!(text.stderr.contains("--once"), "{text:?}");
    let text = home.run(&["top", "--once", "ingestor:dv"]).exits(2);
    assert!(text.stderr.contains("did you mean"), "{text:?}");
    let text = home.run(&["top", "--once", "--every", "10ms"]).exits(2);
    assert!(text.stderr.contains("500ms or longer"), "{text:?}");
}

#[test]
fn top_as_json_tells_a_line_for_each_look() {
    let (home, _sandbox) = deployed("10ms");
    let mut program = home.start(&["top", "--format", "json", "--every", "500ms"]);
    let mut told = || program.next_json().expect("a line");
    let (first, second) = (told(), told());
    assert!(first["at"].as_str() < second["at"].as_str());
    assert_eq!(rows(&second).len(), 4);
    program.signal("INT");
    let _ = program.end().exits(0);
}

#[test]
fn an_agent_that_is_lost_is_told_with_its_containers() {
    let (home, sandbox) = deployed("10ms");
    let before = jiff::Timestamp::now().to_string();
    // Marathon is to wait before it gives up what it does not hear of.
    let patient =
        json!({"unreachableStrategy": {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}});
    let app = "/v2/apps//theseus/ingestor/dev/r1";
    tell(&sandbox, Method::PUT, app, &patient);
    until("all of it runs anew", || {
        let group = status(&home)["groups"][0].clone();
        let is_new = |it: &Value| it["started_at"].as_str() > Some(before.as_str());
        let containers = group["containers"].as_array().expect("containers");
        (containers.len() == 4 && containers.iter().all(is_new)).then_some(())
    });
    let host = a_host(&home);
    let told = home.run(&["describe", "host", &host, "--format", "json"]);
    let told = told.exits(0).json();
    assert_eq!(
        json!([told["host"], told["state"], told["foreign"], told["others"]]),
        json!([host, "active", 0, []])
    );
    let there = told["groups"][0]["containers"]
        .as_array()
        .expect("containers");
    assert_eq!(told["containers"][0]["count"], there.len());
    assert!(there.iter().all(|it| it["host"] == *host), "{told}");

    tell(
        &sandbox,
        Method::POST,
        &format!("/sandbox/hosts/{host}/lose"),
        &Value::Null,
    );
    // The registrar knows since when; Marathon does not tell.
    let row = until("it is out of reach", || {
        let told = top(&home, &["--sort", "name"]);
        let mut lost = rows(&told).iter().filter(|it| it["out_of_reach"] == 1);
        let lost = lost.find(|it| !it["out_of_reach_since"].is_null());
        lost.cloned()
    });
    assert_eq!(
        json!([row["host"], row["state"], row["cpu"]]),
        json!([host, "unreachable", null])
    );
    let text = home.run(&["top", "--once", "--every", "500ms"]).exits(0);
    assert!(text.stdout.contains("out of reach"), "{text:?}");
    assert!(text.stdout.contains("unreachable"), "{text:?}");
    let text = home.run(&["describe", "host", &host]).exits(0).stdout;
    assert!(
        text.contains("gone") && text.contains("unreachable for"),
        "{text}"
    );
    assert!(
        text.contains("what other frameworks run is not known"),
        "{text}"
    );
}

#[test]
fn an_agent_that_does_not_answer_is_told_with_its_containers_and_since_when() {
    let (home, sandbox) = deployed("10ms");
    let mut program = home.start(&["top", "--format", "json", "--every", "500ms"]);
    let first = program.next_json().expect("a line");
    assert_eq!(first["total"]["out_of_reach"], 0);
    let fault = json!({"path": "/monitor/statistics", "action": "loseRequest"});
    tell(&sandbox, Method::POST, "/sandbox/faults", &fault);
    let told = until("nobody answers", || {
        let told = program.next_json().expect("a line");
        (told["total"]["out_of_reach"] == 4).then_some(told)
    });
    for row in rows(&told) {
        assert_eq!(json!([row["state"], row["cpu"]]), json!(["running", null]));
        let since = row["out_of_reach_since"].as_str();
        assert!(
            since < told["at"].as_str() && since >= first["at"].as_str(),
            "{told}"
        );
    }
    let quiet = told["quiet"].as_array().expect("hosts");
    assert!(
        !quiet.is_empty() && quiet.iter().all(|it| it["reason"] != ""),
        "{told}"
    );
    let text = home.run(&["top", "--once", "--every", "500ms"]).exits(0);
    assert!(text.stdout.contains("no answer"), "{text:?}");
    assert!(
        text.stderr
            .contains("does not tell what its containers use"),
        "{text:?}"
    );
    // It comes back.
    tell(&sandbox, Method::DELETE, "/sandbox/faults", &Value::Null);
    until("they answer", || {
        let told = program.next_json().expect("a line");
        let is_told = |row: &Value| row["cpu"].is_number() && row["out_of_reach"] == 0;
        rows(&told).iter().all(is_told).then_some(())
    });
}

#[test]
fn a_host_that_is_not_there_is_told_with_the_one_that_is() {
    let (home, _sandbox) = deployed("10ms");
    let host = a_host(&home);
    let text = home
        .run(&["describe", "host", &format!("{host}0")])
        .exits(2);
    assert!(text.stderr.contains("did you mean"), "{text:?}");
    let text = home.run(&["describe", "host", "elsewhere"]).exits(2);
    assert!(text.stderr.contains("theseus hosts"), "{text:?}");
    let _ = home.run(&["describe"]).exits(2);
    let text = home.run(&["describe", "ingestor:dev"]).exits(0).stdout;
    assert!(text.starts_with("ingestor:dev"), "{text}");
}

#[test]
fn what_restarts_is_counted_until_the_next_revision() {
    let (home, sandbox) = deployed("10ms");
    let restarts = |home: &Home| status(home)["groups"][0]["restarts"].as_u64();
    until("it counts", || (restarts(&home) == Some(0)).then_some(()));
    let status = status(&home);
    let first = status["groups"][0]["containers"][0]["id"].as_str();
    let path = format!("/sandbox/tasks/{}/fail", first.expect("an id"));
    tell(
        &sandbox,
        Method::POST,
        &path,
        &json!({"message": "it is out of memory"}),
    );
    until("it is counted", || {
        (restarts(&home) == Some(1)).then_some(())
    });
    // Less of it is no restart.
    let _ = home.run(&["scale", "ingestor:dev", "2", "--yes"]).exits(0);
    let told = top(&home, &["--by", "group"]);
    assert_eq!(rows(&told)[0]["restarts"], 1);
    let text = home.run(&["describe", "ingestor:dev"]).exits(0).stdout;
    assert!(text.contains("1 restart, the last"), "{text}");
    let _ = home.run(&["restart", "ingestor:dev", "--yes"]).exits(0);
    until("it begins anew", || {
        (restarts(&home) == Some(0)).then_some(())
    });
}
