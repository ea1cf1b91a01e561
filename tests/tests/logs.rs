//! What containers write, as people and programs read it with `theseus logs`, from the sandbox's agents.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use theseus_tests::program::{Home, Running, SandboxProgram, deployed, theseus};
use theseus_tests::{INGESTOR, PATIENCE};

/// The README's group with another image.
fn next() -> String {
    INGESTOR.replace("5000/flask", "5000/flask:2")
}

/// Tells a sandbox something.
fn post(sandbox: &SandboxProgram, path: &str, body: &Value) {
    let url = format!("{}/sandbox/{path}", sandbox.url);
    let body = body.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let sent = runtime.block_on(async {
        let request = theseus_tests::client().post(url).body(body);
        request
            .header("content-type", "application/json")
            .send()
            .await
    });
    let status = sent.expect("it answers").status();
    assert!(status.is_success(), "{path}: {status}");
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Reads on until a line is as wanted.
fn until(running: &mut Running, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let told = running
            .next_json()
            .unwrap_or_else(|| panic!("it ends before: {what}"));
        if is_so(&told) {
            return told;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
    }
}

#[test]
fn what_containers_write_is_told_as_asked() {
    let (home, _sandbox) = deployed("20ms");
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    let one = text(&ps["containers"][0]["id"]);
    let short = one.split('.').nth(1).expect("its number");
    let short = short.trim_start_matches("instance-").split('-').next();
    let short = short.expect("a part");

    // Of each container the last lines of both outputs, marked, by who has written them.
    let plain = home.run(&["logs", "ingestor:dev", "--tail", "1"]).exits(0);
    assert_eq!(plain.stderr, "");
    let lines: Vec<&str> = plain.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{plain:?}");
    let marks = |mark: &str| lines.iter().filter(|it| it.contains(mark)).count();
    assert_eq!((marks(" | "), marks(" ! ")), (4, 4), "{plain:?}");
    assert!(lines.iter().any(|it| it.starts_with(short)), "{plain:?}");
    assert!(lines.iter().all(|it| it.contains(" host-")), "{plain:?}");
    assert!(!plain.stdout.contains('\u{1b}'), "colours in a pipe");
    let coloured = home
        .run(&["logs", "ingestor", "--tail", "1", "--color", "always"])
        .exits(0)
        .stdout;
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    assert!(coloured.contains("ingestor:dev "), "{coloured}");

    // In the order in which they were written.
    let told = home
        .run(&["logs", "ingestor:dev", "--tail=all", "--format=json"])
        .exits(0)
        .lines();
    let last = told.last().expect("a line");
    assert_eq!(*last, json!({"event": "caught-up"}));
    let lines: Vec<&Value> = told.iter().filter(|it| it["event"] == "line").collect();
    let times: Vec<String> = lines.iter().map(|it| text(&it["time"])).collect();
    assert!(times.is_sorted(), "{times:?}");
    let containers: BTreeSet<String> = lines.iter().map(|it| text(&it["container"])).collect();
    assert_eq!(containers.len(), 4);
    let first = lines
        .iter()
        .find(|it| it["output"] == "stdout" && it["container"] == one.as_str())
        .expect("a line of stdout");
    assert!(text(&first["text"]).contains("starting 54.189.193.228:5000/flask"));
    assert_eq!(
        json!([first["group"], first["revision"]]),
        json!(["ingestor:dev", 1])
    );
    assert!(text(&first["host"]).starts_with("host-"));

    // Less of it.
    let run = |more: &[&str]| {
        let mut arguments = vec!["logs", "ingestor:dev"];
        arguments.extend(more);
        home.run(&arguments).exits(0).stdout
    };
    let errors = run(&["--stderr", "--no-prefix", "--grep", "the task (runs|walks)"]);
    assert_eq!(errors.lines().count(), 4, "{errors}");
    assert!(
        errors
            .lines()
            .all(|it| it.ends_with("executor: the task runs")),
        "{errors}"
    );
    assert_eq!(run(&["--tail", "3", "--in-all"]).lines().count(), 3);
    assert_eq!(run(&["--stdout", "--tail", "0"]), "");
    assert_eq!(run(&["--since", "2100-01-01T00:00:00Z"]), "");
    assert_ne!(run(&["--since", "1h"]), "");
    let stamped = run(&["--tail", "1", "--timestamps", "--stderr"]);
    let shows_time = |line: &str| {
        let (_, rest) = line.split_once(" ! ").expect("a line of stderr");
        rest[..24] == rest[25..49]
    };
    assert!(stamped.lines().all(shows_time), "{stamped}");

    // One container, by its name or as it is shown.
    for name in [&*one, short] {
        let told = home.run(&["logs", name, "--tail", "1"]).exits(0).stdout;
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(told.starts_with("20"), "no prefix: {told}");
    }
}

#[test]
fn what_is_not_there_is_told_so() {
    let (home, _sandbox) = deployed("20ms");
    for (arguments, expected) in [
        (&["ingestro:dev"][..], "did you mean ingestor:dev?"),
        (
            &["nothing.like.that"],
            "there is no group or container nothing.like.that",
        ),
        (&["ingestor:dev", "--grep", "("], "unclosed group"),
        (
            &["ingestor:dev", "--tail", "some"],
            "expected a number of lines, or all",
        ),
        (&["ingestor:dev", "--since", "soon"], "or a time such as"),
        (
            &["ingestor:dev", "--follow", "--previous"],
            "cannot be used with",
        ),
        (&[], "GROUP|CONTAINER"),
    ] {
        let mut all = vec!["logs"];
        all.extend(arguments);
        let told = home.run(&all).exits(2);
        assert!(told.stderr.contains(expected), "{told:?}");
        assert_eq!(told.stdout, "");
    }
    // What runs is not among what is over.
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    let running = text(&ps["containers"][0]["id"]);
    let told = home.run(&["logs", &running, "--previous"]).exits(2);
    assert!(told.stderr.contains("leave out --previous"), "{told:?}");
    let told = home.run(&["logs", "ingestor:dev", "--previous"]).exits(1);
    assert!(
        told.stderr.contains("no host knows a container"),
        "{told:?}"
    );
}

#[test]
fn a_group_is_followed_through_a_rollout_to_its_end() {
    let (home, _sandbox) = deployed("20ms");
    let mut logs = home.start(&["logs", "ingestor:dev", "--follow", "--format", "json"]);
    until(&mut logs, "all of the first", |it| {
        it["event"] == "caught-up"
    });
    until(&mut logs, "a new line", |it| it["revision"] == 1);
    home.write("next.yaml", &next());
    let _ = home.run(&["deploy", "next.yaml", "--yes"]).exits(0);
    let mut joined = BTreeSet::new();
    let mut ended = BTreeSet::new();
    let mut first_words = BTreeMap::new();
    let began = Instant::now();
    while joined.len() < 4 || ended.len() < 4 {
        assert!(began.elapsed() < PATIENCE, "{joined:?} {ended:?}");
        let told = logs.next_json().expect("it goes on");
        let container = text(&told["container"]);
        match told["event"].as_str() {
            Some("joined") => assert!(joined.insert(container)),
            Some("ended") => assert!(ended.insert(container)),
            Some("line") => {
                assert!(!ended.contains(&container), "a line after the end: {told}");
                let key = (container, text(&told["output"]));
                first_words
                    .entry(key)
                    .or_insert_with(|| text(&told["text"]));
            }
            _ => {}
        }
    }
    assert!(joined.is_disjoint(&ended));
    let beginnings = |container: &String| {
        let said = |output: &str| first_words.get(&(container.clone(), output.to_owned()));
        (said("stdout").cloned(), said("stderr").cloned())
    };
    for container in &joined {
        // Told from its first line on.
        let (stdout, stderr) = beginnings(container);
        assert!(stderr.is_some_and(|it| it.contains("registered on")));
        assert!(stdout.is_none_or(|it| it.contains("flask:2")));
    }
    // Of what is over everything is known for a while.
    let over = home
        .run(&[
            "logs",
            "ingestor:dev",
            "--previous",
            "--stderr",
            "--format",
            "json",
        ])
        .exits(0)
        .lines();
    let containers: BTreeSet<String> = over
        .iter()
        .filter(|it| it["event"] == "line")
        .map(|it| text(&it["container"]))
        .collect();
    assert_eq!(containers, ended);
    let asked = over.iter().filter(|it| {
        it["text"]
            .as_str()
            .is_some_and(|it| it.contains("asked to kill"))
    });
    assert_eq!(asked.count(), 4);
    let one = containers.first().expect("one");
    let told = home.run(&["logs", one, "--tail", "1"]).exits(0).stdout;
    assert_eq!(told.lines().count(), 2, "{told}");

    let _ = home.run(&["remove", "ingestor:dev", "--yes"]).exits(0);
    let ended = logs.end().exits(0);
    assert!(ended.took < Duration::from_secs(60), "{ended:?}");
}

#[test]
fn an_agent_that_is_lost_is_told_and_the_others_go_on() {
    let (home, sandbox) = deployed("20ms");
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    let lost = text(&ps["containers"][0]["host"]);
    let mut logs = home.start(&["logs", "ingestor:dev", "--follow", "--format", "json"]);
    until(&mut logs, "all", |it| it["event"] == "caught-up");
    post(&sandbox, &format!("hosts/{lost}/lose"), &json!(null));
    let away = until(&mut logs, "it is away", |it| it["event"] == "out-of-reach");
    assert_eq!(away["host"], lost.as_str());
    assert!(away["since"].is_string(), "{away}");
    assert!(text(&away["reason"]).contains(&lost), "{away}");
    until(&mut logs, "another goes on", |it| {
        it["event"] == "line" && it["host"] != lost.as_str()
    });
    post(&sandbox, &format!("hosts/{lost}/return"), &json!(null));
    until(&mut logs, "it is back", |it| {
        (it["event"] == "in-reach" || it["event"] == "ended") && it["host"] == lost.as_str()
    });
    logs.signal("INT");
    let _ = logs.end().exits(0);
}

#[test]
fn nothing_is_lost_or_told_twice_while_logs_are_rotated() {
    let home = Home::new();
    let sandbox = home.sandbox("20ms");
    let rotation = json!({"lines": 1500, "keep": 6, "compress": true});
    post(
        &sandbox,
        "scripts",
        &json!({"logEveryMs": 1, "logBacklog": 4000, "logRotation": rotation}),
    );
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let mut logs = home.start(&[
        "logs",
        "ingestor:dev",
        "--tail=all",
        "--stdout",
        "-f",
        "--grep=GET",
        "--format=json",
    ]);
    let mut last: BTreeMap<String, (i64, usize)> = BTreeMap::new();
    while last.len() < 4 || last.values().any(|(_, count)| *count < 12_000) {
        let told = logs.next_json().expect("it goes on");
        if told["event"] == "caught-up" {
            continue;
        }
        assert_eq!(told["event"], "line", "{told}");
        let time: jiff::Timestamp = text(&told["time"]).parse().expect("a time");
        let (before, count) = last.entry(text(&told["container"])).or_default();
        if *count > 0 {
            assert_eq!(time.as_millisecond(), *before + 1, "after {count}: {told}");
        }
        *before = time.as_millisecond();
        *count += 1;
    }
}

/// The most memory that a process has held, in MiB.
fn peak(running: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|it| it.trim().strip_suffix(" kB"));
    kibibytes
        .and_then(|it| it.trim().parse::<u64>().ok())
        .expect("a number")
        / 1024
}

#[test]
fn logs_of_50_gb_take_neither_time_nor_memory() {
    let home = Home::new();
    let sandbox = home.sandbox("20ms");
    let rotation = json!({"lines": 1_000_000_000, "keep": 1});
    post(
        &sandbox,
        "scripts",
        &json!({"logBacklog": 700_000_000, "logRotation": rotation}),
    );
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let told = home
        .run(&["logs", "ingestor:dev", "--stdout", "--tail=1000"])
        .exits(0);
    assert_eq!(told.stdout.lines().count(), 4000);
    assert!(told.took < Duration::from_secs(20), "{:?}", told.took);
    // Nobody reads for a while, then somebody reads a little.
    let mut logs = home.start(&["logs", "ingestor:dev", "--tail=all", "--format=json"]);
    for _ in 0..200_000 {
        assert_eq!(logs.next_json().expect("it goes on")["event"], "line");
    }
    assert!(peak(&logs) < 100, "{} MiB", peak(&logs));
}

#[test]
fn whoever_has_seen_enough_ends_it_quietly() {
    let (home, _sandbox) = deployed("20ms");
    let command = format!(
        "{} logs ingestor:dev --follow --tail=all | head -n 1",
        theseus().display()
    );
    let shell = home.command(&[]);
    let mut piped = Command::new("sh");
    piped
        .args(["-c", &command])
        .env_clear()
        .current_dir(home.path());
    for (name, value) in shell.get_envs() {
        if let Some(value) = value {
            piped.env(name, value);
        }
    }
    let output = piped.stdin(Stdio::null()).output().expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);

    // Ctrl-C ends it, also while nobody reads what it has to tell.
    for arguments in [
        &["logs", "ingestor:dev", "--follow"][..],
        &[
            "logs",
            "ingestor:dev",
            "--follow",
            "--tail=all",
            "--format=json",
        ],
    ] {
        let mut logs = home.start(arguments);
        assert_ne!(logs.next_line(), "");
        let began = Instant::now();
        logs.signal("INT");
        let _ = logs.end().exits(0);
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}
