//! What happens, as the program tells it on a Marathon without an event stream; and the one address at
//! which a registrar answers and takes in what such a Marathon sends.

use std::time::Instant;

use serde_json::Value;
use theseus_tests::program::{Home, Running, SandboxProgram, free_port};
use theseus_tests::{INGESTOR, PATIENCE, client};

/// The last that had no event stream.
const OLD: [&str; 4] = ["--start-delay", "50ms", "--marathon-version", "0.8"];

fn get(url: &str) -> Option<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let answer = client().get(url).send().await.ok()?;
        answer.text().await.ok()
    })
}

fn get_json(url: &str) -> Option<Value> {
    serde_json::from_str(&get(url)?).ok()
}

/// Waits until something is so.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A home that knows the sandbox's Marathon by its address, and where that may send what happens.
fn configured(sandbox: &SandboxProgram, port: u16) -> Home {
    let home = Home::new();
    let text = format!(
        "marathon: {{urls: ['{}']}}\nsubscriber: {{host: 127.0.0.1, port: {port}}}\n",
        sandbox.url
    );
    home.write("mesos.yaml", &text);
    home.write("ingestor.yaml", INGESTOR);
    home
}

/// Reads on until so many containers are told to be in a state; gives their ids.
fn told(program: &mut Running, state: &str, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    while ids.len() < count {
        let told = program.next_json().expect("it is told before the end");
        assert_ne!(told["event"], "attached", "it was told before");
        if told["event"] == "container" && told["state"] == state {
            assert_eq!(told["group"], "ingestor:dev");
            assert!(told["at"].is_string(), "{told}");
            let id = told["container"].as_str().expect("an id").to_owned();
            assert!(!ids.contains(&id), "it is told once: {told}");
            ids.push(id);
        }
    }
    ids
}

/// A deploy and a removal, as they are told.
fn story(home: &Home) -> String {
    let mut program = home.start(&["events", "--format", "json"]);
    let first = program.next_json().expect("a line");
    assert_eq!(first["event"], "attached");
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let mut run = told(&mut program, "running", 4);
    let _ = home.run(&["remove", "ingestor:dev", "--yes"]).exits(0);
    let mut over = told(&mut program, "ended", 4);
    run.sort();
    over.sort();
    assert_eq!(run, over);
    program.signal("INT");
    program.end().exits(0).stderr
}

#[test]
fn without_an_event_stream_it_is_looked_now_and_then() {
    let home = Home::new();
    let _sandbox = home.sandbox_with(&OLD);
    let said = story(&home);
    assert!(said.contains("looked at every few seconds"), "{said}");
    assert!(said.contains("no subscriber"), "{said}");
}

#[test]
fn without_an_event_stream_marathon_sends_what_happens_to_the_subscriber() {
    let elsewhere = Home::new();
    let sandbox = elsewhere.sandbox_with(&OLD);
    let port = free_port();
    let home = configured(&sandbox, port);
    let said = story(&home);
    let address = format!("it sends what happens to http://127.0.0.1:{port}/");
    assert!(said.contains(&address), "{said}");
    let left = get_json(&format!("{}/v2/eventSubscriptions", sandbox.url));
    let left = left.expect("an answer")["callbackUrls"].to_string();
    assert!(!left.contains(&port.to_string()), "{left}");
}

#[test]
fn a_registrar_takes_in_what_marathon_sends_where_it_tells_how_it_fares() {
    let elsewhere = Home::new();
    let sandbox = elsewhere.sandbox_with(&OLD);
    let port = free_port();
    let home = configured(&sandbox, port);
    let program = home.start(&["registrar"]);
    let health = || get_json(&format!("http://127.0.0.1:{port}/health"));
    until("it hears what happens", || {
        health().is_some_and(|it| it["attached"] == true && it["status"] == "leading")
    });
    let subscriptions = || {
        let told = get_json(&format!("{}/v2/eventSubscriptions", sandbox.url));
        told.expect("an answer")["callbackUrls"].to_string()
    };
    assert!(subscriptions().contains(&port.to_string()));
    let metric = |name: &str| {
        let text = get(&format!("http://127.0.0.1:{port}/metrics")).expect("metrics");
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix(name).map(str::to_owned));
        line.and_then(|it| it.trim().parse::<f64>().ok())
    };
    assert_eq!(metric("theseus_registrar_events_total"), Some(0.0));
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    until("it holds all", || {
        health().is_some_and(|it| it["containers"] == 4)
    });
    assert!(metric("theseus_registrar_events_total") > Some(3.0));
    program.signal("INT");
    let _ = program.end().exits(0);
    assert!(!subscriptions().contains(&port.to_string()));
}

#[test]
fn the_registrar_of_a_sandbox_tells_how_it_fares() {
    for version in ["0.8", "1.11"] {
        let home = Home::new();
        let sandbox = home.sandbox_with(&["--marathon-version", version]);
        until("it leads and hears what happens", || {
            let health = get_json(&format!("{}/health", sandbox.registrar));
            health.is_some_and(|it| it["attached"] == true && it["status"] == "leading")
        });
        let metrics = get(&format!("{}/metrics", sandbox.registrar)).expect("metrics");
        assert!(metrics.contains("theseus_registrar_leading 1"), "{metrics}");
    }
}
