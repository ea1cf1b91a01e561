//! The `theseus` command, as a user runs it, against the sandbox that it brings along.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use theseus_tests::program::{Home, Ran, assert_well, deployed, status};
use theseus_tests::{INGESTOR, INGESTOR_REMOVE, PATIENCE};

/// The README's group with another image, and two more containers.
fn next() -> String {
    INGESTOR
        .replace("5000/flask", "5000/flask:2")
        .replace("instances: 4", "instances: 6")
}

#[test]
fn the_machines_and_what_runs_on_them() {
    let (home, _sandbox) = deployed("10ms");
    let told = home.run(&["hosts", "--format", "json"]).exits(0).json();
    assert_eq!(
        (&told["format_version"], &told["complete"]),
        (&json!(1), &json!(true))
    );
    let hosts = told["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 4);
    let mut containers = 0;
    for host in hosts {
        assert_eq!(host["state"], "active");
        assert!(host["attributes"]["rack"].is_string(), "{host}");
        let part = |name: &str, key: &str| host[name][key].as_f64().unwrap();
        for name in ["cpus", "mem", "disk", "ports"] {
            let sum = part(name, "used") + part(name, "free");
            assert!((sum - part(name, "total")).abs() < 0.001, "{host}");
        }
        for running in host["containers"].as_array().unwrap() {
            assert_eq!(running["group"], "ingestor:dev");
            containers += running["count"].as_u64().unwrap();
        }
    }
    assert_eq!(containers, 4);
    let text = home
        .run(&["hosts", "--wide", "--sort", "mem"])
        .exits(0)
        .stdout;
    assert!(
        text.starts_with("HOST ") && text.contains("rack=a"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 5, "{text}");
    let _ = home.run(&["hosts", "--sort", "nothing"]).exits(2);
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_group_from_its_plan_to_its_end() {
    let home = Home::new();
    let _sandbox = home.sandbox("50ms");
    home.write("ingestor.yaml", INGESTOR);
    home.write("remove.yaml", INGESTOR_REMOVE);
    let plan = ["plan", "ingestor.yaml", "--exit-code"];
    let planned = home.run(&plan).exits(10);
    assert!(
        planned.stdout.contains("+ create ingestor:dev"),
        "{planned:?}"
    );

    let deploy = ["deploy", "ingestor.yaml", "--yes", "--format", "json"];
    let told = home.run(&deploy).exits(0).lines();
    assert_eq!(
        told[0],
        json!({"event": "started", "group": "ingestor:dev", "action": "create"})
    );
    let last = told.last().unwrap();
    assert_eq!(
        (&last["event"], &last["result"]),
        (&json!("finished"), &json!("ok"))
    );
    assert_eq!(last["groups"][0]["result"], "ok");
    assert!(last["groups"][0]["seconds"].is_number());
    assert_well(&home, 1, 4);

    let again = home.run(&deploy).exits(0).lines();
    let last = again.last().unwrap();
    assert_eq!(
        (&last["event"], &last["result"]),
        (&json!("finished"), &json!("unchanged"))
    );
    let _ = home.run(&plan).exits(0);

    home.write("ingestor.yaml", &next());
    let _ = home.run(&plan).exits(10);
    let _ = home.run(&deploy).exits(0);
    assert_well(&home, 2, 6);
    let _ = home.run(&["scale", "ingestor:dev", "3", "--yes"]).exits(0);
    assert_well(&home, 2, 3);

    let _ = home.run(&["deploy", "remove.yaml", "--yes"]).exits(0);
    assert_eq!(status(&home)["groups"], json!([]));
    let gone = home.run(&["status"]).exits(0);
    assert_eq!(gone.stdout, "Nothing is deployed.\n");
}

#[test]
fn all_faults_of_a_manifest_are_told_and_nothing_is_sent() {
    let home = Home::new();
    let bad = "deploy:\n  web:\n    image: a:1\n    instnces: 3\n    labels: []\n    ports: {api: 70000}\n    health: {http: {port: apu}}\n";
    home.write("bad.yaml", bad);
    for command in [
        &["validate", "bad.yaml"][..],
        &["deploy", "bad.yaml", "--yes"],
        &["plan", "bad.yaml"],
    ] {
        let Ran { stdout, stderr, .. } = home.run(command).exits(2);
        assert_eq!(stdout, "", "{command:?}");
        for told in [
            "bad.yaml:4:5",
            "instances",
            "bad.yaml:5:13",
            "bad.yaml:6:18",
            "bad.yaml:7:27",
        ] {
            assert!(stderr.contains(told), "{command:?} {told}: {stderr}");
        }
    }
    let absent = home.run(&["validate", "absent.yaml"]).exits(2);
    assert!(absent.stderr.contains("absent.yaml"), "{absent:?}");
    home.write("good.yaml", INGESTOR);
    let good = home.run(&["validate", "good.yaml"]).exits(0);
    assert_eq!(
        good.stdout,
        "Valid: 1 group to deploy, 0 groups to remove.\n"
    );
}

#[test]
fn what_the_cluster_cannot_run_is_told_where_it_is_written_and_nothing_is_sent() {
    let home = Home::new();
    let sandbox = home.sandbox("50ms");
    home.write(
        "mesos.yaml",
        &format!(
            "marathon: {{urls: ['{}'], version: '0.7.6'}}\n",
            sandbox.url
        ),
    );
    let text = "deploy:\n  web:\n    image: a:1\n    labels: [dev]\n    force-pull: true\n    metadata: {team: shop}\n";
    home.write("web.yaml", text);
    for command in [
        &["plan", "web.yaml"][..],
        &["plan", "web.yaml", "--rehearse"],
        &["deploy", "web.yaml", "--yes"],
    ] {
        let Ran { stdout, stderr, .. } = home.run(command).exits(2);
        assert_eq!(stdout, "", "{command:?}");
        for told in [
            "web.yaml:5:17: deploy.web.force-pull: this is Marathon 0.7.6; it takes Marathon 0.8.2 or later",
            "web.yaml:6:22: deploy.web.metadata.team: this is Marathon 0.7.6; it takes Marathon 0.8.0 or later",
            "is spoken to as 0.7.6, as configured",
        ] {
            assert!(stderr.contains(told), "{command:?} {told}: {stderr}");
        }
        assert_eq!(stderr.matches("as configured").count(), 1, "{stderr}");
    }
    assert_eq!(status(&home)["groups"], json!([]));
    home.write(
        "mesos.yaml",
        &format!("marathon: {{urls: ['{}'], version: new}}\n", sandbox.url),
    );
    let unknown = home.run(&["plan", "web.yaml"]).exits(2);
    assert!(
        unknown.stderr.contains("\"new\" is no version"),
        "{unknown:?}"
    );
}

#[test]
fn without_a_cluster_nothing_is_guessed() {
    let home = Home::new();
    let Ran { stderr, .. } = home.run(&["status"]).exits(2);
    assert!(
        stderr.contains("no cluster is configured") && stderr.contains("theseus sandbox"),
        "{stderr}"
    );
    let _ = home.run(&["no-such-command"]).exits(2);
}

#[test]
fn the_json_of_a_plan_is_stable() {
    let (home, _sandbox) = deployed("50ms");
    let changed = next() + "remove:\n  web: {labels: [beta]}\n";
    home.write("ingestor.yaml", &changed);
    let plan = ["plan", "ingestor.yaml", "--format", "json"];
    let first = home.run(&plan).exits(0);
    assert_eq!(first.stdout, home.run(&plan).exits(0).stdout);
    // What is expected of it is an estimate.
    insta::assert_json_snapshot!(first.json(), {".groups[0].outlook" => "[outlook]"});
}

#[test]
fn a_kept_plan_is_carried_out_as_it_was_shown_or_not_at_all() {
    let (home, _sandbox) = deployed("50ms");
    home.write("ingestor.yaml", &next());
    let keep = ["plan", "ingestor.yaml", "--out", "plan.json"];
    let _ = home.run(&keep).exits(0);
    let _ = home.run(&["deploy", "plan.json", "--yes"]).exits(0);
    assert_well(&home, 2, 6);

    let stale = home.run(&["deploy", "plan.json", "--yes"]).exits(4);
    assert!(
        stale
            .stderr
            .contains("out of date: what is deployed has changed"),
        "{stale:?}"
    );
    home.write("ingestor.yaml", INGESTOR);
    let stale = home.run(&["deploy", "plan.json", "--yes"]).exits(4);
    assert!(
        stale.stderr.contains("ingestor.yaml has changed"),
        "{stale:?}"
    );
    assert_well(&home, 2, 6);
}

#[test]
fn what_runs_is_shown_to_people_and_programs() {
    let (home, sandbox) = deployed("50ms");
    let text = home.run(&["status"]).exits(0).stdout;
    let row = text
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>();
    assert_eq!(row[..3], ["ingestor:dev", "well", "4/4"]);
    assert!(["-", "0"].contains(&row[3]), "perhaps nobody has counted");
    assert_eq!(row[4..6], ["1", "54.189.193.228:5000/flask"]);

    let text = home.run(&["ps", "ingestor"]).exits(0).stdout;
    assert_eq!(text.lines().count(), 5, "{text}");
    for line in text.lines().skip(1) {
        let told = ["ingestor:dev", "host-", "ssh=31", "api=31", "running"];
        assert!(told.iter().all(|word| line.contains(word)), "{line}");
    }
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    let containers = ps["containers"].as_array().unwrap();
    let ports = &containers[0]["ports"];
    assert!(ports["ssh"].is_number() && ports["api"].is_number(), "{ps}");
    assert_eq!(containers.len(), 4);

    let text = home.run(&["describe", "ingestor:dev"]).exits(0).stdout;
    for told in [
        "ingestor:dev  well, 4 of 4 ready",
        "revision 1",
        "environment.APP_NAME",
        "Ingestor",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let described = home
        .run(&["describe", "ingestor:dev", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(
        (&described["revision"], &described["spec"]["ports.api"]),
        (&json!(1), &json!(5000))
    );
    let unknown = home.run(&["describe", "ingestor:de"]).exits(2);
    assert!(
        unknown.stderr.contains("did you mean ingestor:dev?"),
        "{unknown:?}"
    );

    get_with(&sandbox.viewer, &["/groups/ingestor:dev", "4 running"]);
    get_with(
        &format!("{}/groups/ingestor:dev", sandbox.viewer),
        &[
            "54.189.193.228:5000/flask",
            containers[0]["id"].as_str().unwrap(),
        ],
    );
}

/// The text at an address.
fn get(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = theseus_tests::client().get(url).send().await.unwrap();
        answer.text().await.unwrap()
    })
}

/// The text at an address, once these words are in it.
fn get_with(url: &str, words: &[&str]) -> String {
    let began = Instant::now();
    loop {
        let text = get(url);
        if words.iter().all(|word| text.contains(word)) {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "{words:?} not in {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn when_marathon_is_away_its_address_is_told_in_time() {
    let home = Home::new();
    home.write("ingestor.yaml", INGESTOR);
    let address = nowhere();
    let (host, port) = address.split_once(':').unwrap();
    home.write(
        "mesos.yaml",
        &format!("marathon: {{host: {host}, port: {port}}}\n"),
    );
    for command in [
        &["status"][..],
        &["plan", "ingestor.yaml"],
        &["deploy", "ingestor.yaml", "--yes"],
    ] {
        let away = home.run(command).exits(5);
        assert!(away.took < Duration::from_secs(5), "{away:?}");
        let told = ["cannot reach marathon at", &address, "curl"];
        assert!(
            told.iter().all(|word| away.stderr.contains(word)),
            "{away:?}"
        );
    }
}

#[test]
fn faults_of_a_large_manifest_come_before_what_is_wrong_with_the_cluster() {
    let home = Home::new();
    home.write(
        "mesos.yaml",
        &format!("marathon: {{urls: ['http://{}']}}\n", nowhere()),
    );
    // So large that the cluster is looked at while it is checked.
    let services = (0..2000).map(|n| format!("  s{n}: {{image: 'a:1', labels: [dev]}}\n"));
    let good: String = std::iter::once("deploy:\n".to_owned())
        .chain(services)
        .collect();
    assert!(good.len() > 64 << 10);
    home.write("good.yaml", &good);
    home.write("bad.yaml", &good.replace("s1999: {image", "s1999: {imgae"));
    let bad = home.run(&["plan", "bad.yaml"]).exits(2);
    assert!(bad.stderr.contains("bad.yaml:2001:11"), "{bad:?}");
    assert!(!bad.stderr.contains("cannot reach"), "{bad:?}");
    assert_eq!(bad.stdout, "");
    let away = home.run(&["plan", "good.yaml"]).exits(5);
    assert!(away.stderr.contains("cannot reach marathon"), "{away:?}");
    // Nor is a cluster missed that nobody named.
    home.write("mesos.yaml", "{}\n");
    let bad = home.run(&["plan", "bad.yaml"]).exits(2);
    assert!(bad.stderr.contains("bad.yaml:2001:11"), "{bad:?}");
}

#[test]
fn when_etcd_is_away_its_address_is_told_in_time() {
    let (home, sandbox) = deployed("50ms");
    let address = nowhere();
    home.write(
        "mesos.yaml",
        &format!(
            "marathon: {{urls: ['{}']}}\netcd: {{endpoints: ['{address}']}}\n",
            sandbox.url
        ),
    );
    let away = home.run(&["status"]).exits(5);
    assert!(away.took < Duration::from_secs(5), "{away:?}");
    let told = ["cannot reach the store at", &address];
    assert!(
        told.iter().all(|word| away.stderr.contains(word)),
        "{away:?}"
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let (home, sandbox) = deployed("50ms");
    let address = nowhere();
    let (host, _) = address.split_once(':').unwrap();
    home.write(
        "mesos.yaml",
        &format!("marathon: {{host: {host}, port: 1}}\n"),
    );
    let port = sandbox.url.rsplit(':').next().unwrap();
    let _ = home.run(&["status"]).exits(5);
    let _ = home.run_with("MARATHON_PORT", port, &["status"]).exits(0);
    let _ = home.run(&["status", "--context", "sandbox"]).exits(0);
}

#[test]
fn a_reader_that_goes_away_is_no_trouble() {
    let (home, _sandbox) = deployed("50ms");
    for arguments in [
        &["ps"][..],
        &["status", "--format", "json"],
        &["describe", "ingestor:dev"],
        &["completions", "bash"],
    ] {
        let mut command = home.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*stderr),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_interrupted_deploy_says_how_to_go_on_and_goes_on() {
    let (home, _sandbox) = deployed("300ms");
    home.write("ingestor.yaml", &next());
    let deploy = ["deploy", "ingestor.yaml", "--yes", "--format", "json"];
    let mut running = home.start(&deploy);
    running.wait_for("changed");
    running.signal("INT");
    let stopped = running.end();
    assert!(stopped.took < Duration::from_secs(5), "{stopped:?}");
    let stopped = stopped.exits(1);
    assert!(
        stopped.stderr.contains("the same command again goes on"),
        "{stopped:?}"
    );
    let last = stopped.lines().pop().unwrap();
    assert_eq!(
        (&last["event"], &last["result"]),
        (&json!("finished"), &json!("failed"))
    );

    let status = status(&home);
    assert_eq!(status["groups"][0]["rollout"]["revision"], 2, "{status}");
    let resumed = home.run(&deploy).exits(0);
    assert_eq!(resumed.lines()[0]["action"], "resume");
    assert_well(&home, 2, 6);
}

#[test]
fn a_killed_deploy_is_gone_on_with() {
    let (home, _sandbox) = deployed("200ms");
    home.write("ingestor.yaml", &next());
    // Nobody knows that it is dead before its lock has run out.
    let deploy = [
        "deploy",
        "ingestor.yaml",
        "--yes",
        "--wait",
        "--format",
        "json",
    ];
    for _ in 0..2 {
        let mut running = home.start(&deploy);
        running.wait_for("changed");
        running.signal("KILL");
        assert_eq!(running.end().status.code(), None);
    }
    let done = home.run(&deploy).exits(0);
    assert!(
        done.stderr.contains("deploys ingestor:dev, for"),
        "{done:?}"
    );
    assert_well(&home, 2, 6);
    // It came to run for the first time, whoever brought it there.
    let history = ["history", "ingestor:dev", "--format", "json"];
    let history = home.run(&history).exits(0).json();
    let outcomes = [0, 1].map(|n| &history["revisions"][n]["outcome"]);
    assert_eq!(outcomes, ["deployed", "deployed"], "{history}");
}

#[test]
fn secrets_are_never_shown() {
    const CANARY: &str = "hunter2-canary";
    let home = Home::new();
    let sandbox = home.sandbox("50ms");
    let secret = |value: &str| {
        INGESTOR.replace(
            "    environment:\n",
            &format!("    environment:\n      DB_PASSWORD: {value}\n"),
        )
    };
    home.write("ingestor.yaml", &secret(CANARY));
    let mut told = Vec::new();
    let mut run = |arguments: &[&str], code| {
        let Ran { stdout, stderr, .. } = home.run(arguments).exits(code);
        told.push((arguments.join(" "), stdout + &stderr));
    };
    for format in ["text", "json"] {
        run(&["plan", "ingestor.yaml", "-vv", "--format", format], 0);
    }
    run(&["plan", "ingestor.yaml", "--out", "plan.json"], 0);
    run(&["deploy", "ingestor.yaml", "--yes", "-vv"], 0);
    home.write("another.yaml", &secret("hunter2-canary-another"));
    for format in ["text", "json"] {
        run(&["plan", "another.yaml", "--format", format], 0);
        run(&["describe", "ingestor:dev", "--format", format], 0);
        run(&["status", "--format", format], 0);
        run(&["ps", "--format", format], 0);
    }
    home.write(
        "bad.yaml",
        &secret(CANARY).replace("instances: 4", "instances: [4"),
    );
    run(&["validate", "bad.yaml"], 2);
    home.write("bad.yaml", &secret(&format!("[{CANARY}]")));
    run(&["validate", "bad.yaml"], 2);
    told.push(("the kept plan".to_owned(), home.read("plan.json")));
    for path in ["/", "/groups/ingestor:dev", "/api/v1/status"] {
        let page = get_with(&format!("{}{path}", sandbox.viewer), &["ingestor:dev"]);
        told.push((path.to_owned(), page));
    }
    for (what, text) in &told {
        assert!(!text.contains("hunter2"), "{what}: {text}");
    }
    // Marathon, and with it the container, did get it.
    let app = get(&format!("{}/v2/apps/theseus/ingestor/dev/r1", sandbox.url));
    assert!(app.contains(CANARY), "{app}");
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let (home, _sandbox) = deployed("50ms");
    let coloured = |ran: Ran| ran.exits(0).stdout.contains('\u{1b}');
    assert!(!coloured(home.run(&["status"])));
    assert!(coloured(home.run(&["status", "--color", "always"])));
    assert!(!coloured(home.run(&["status", "--color", "never"])));
    assert!(!coloured(home.run_with("NO_COLOR", "1", &["status"])));
    assert!(!coloured(
        home.run(&["status", "--color", "always", "--format", "json"])
    ));
}
