//! Rollouts as a user steers them: two at once, in the background, paused, promoted, taken back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use theseus_tests::program::{Home, SandboxProgram, assert_well, deployed, status};
use theseus_tests::{INGESTOR, PATIENCE, client};

const GROUP: &str = "ingestor:dev";

/// The README's group with another image, written where the first one was.
fn write_next(home: &Home) {
    home.write("ingestor.yaml", &INGESTOR.replace("/flask", "/flask:2"));
}

/// What is under way, for programs.
fn rollout(home: &Home) -> Value {
    let arguments = ["rollout", "status", GROUP, "--format", "json"];
    home.run(&arguments).exits(0).json()
}

/// Looks until what is under way is as it should be.
fn until(home: &Home, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let seen = rollout(home);
        if is_so(&seen) {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "{seen}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Rolls to the next image in the background.
fn roll_detached(home: &Home) {
    write_next(home);
    let detached = home.run(&["deploy", "ingestor.yaml", "--yes", "--detach"]);
    let detached = detached.exits(0);
    let follow = format!("theseus rollout status {GROUP} --watch");
    assert!(detached.stdout.contains(&follow), "{detached:?}");
}

#[test]
fn the_second_of_two_deployers_is_told_of_the_first_and_may_wait() {
    let (home, _sandbox) = deployed("300ms");
    write_next(&home);
    let deploy = ["deploy", "ingestor.yaml", "--yes", "--format", "json"];
    let mut first = home.start(&deploy);
    first.wait_for("changed");

    let second = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(4);
    let holder = format!("(pid {}) deploys it since", first.id());
    for told in [holder.as_str(), "--wait", "within 10s"] {
        assert!(second.stderr.contains(told), "{told}: {second:?}");
    }
    let impatient = ["deploy", "ingestor.yaml", "--yes", "--wait=100ms"];
    let impatient = home.run(&impatient).exits(4);
    let holder = format!("(pid {}) deploys {GROUP}, for", first.id());
    assert!(impatient.stderr.contains(&holder), "{impatient:?}");

    let waited = ["deploy", "ingestor.yaml", "--yes", "--wait"];
    let waited = home.run(&waited).exits(0);
    assert!(waited.stderr.contains("waiting:"), "{waited:?}");
    assert!(waited.stdout.contains("1 unchanged"), "{waited:?}");
    let _ = first.end().exits(0);
    assert_well(&home, 2, 4);
}

#[test]
fn what_is_begun_in_the_background_can_be_followed_to_its_end() {
    let (home, _sandbox) = deployed("200ms");
    roll_detached(&home);
    let watched = home.run(&["rollout", "status", GROUP, "--watch"]).exits(0);
    assert!(watched.stdout.contains("to revision 2"), "{watched:?}");
    assert!(
        watched.stdout.contains("revision 2 was deployed"),
        "{watched:?}"
    );
    assert_well(&home, 2, 4);

    let stdin = home.run(&["deploy", "-", "--detach"]).exits(2);
    assert!(stdin.stderr.contains("standard input"), "{stdin:?}");
    // What cannot begin is told from there.
    home.write(
        "stuck.yaml",
        "deploy:\n  web: {image: 'a:1', labels: [a], custom-constraints: {near: 'nobody:here'}}\n",
    );
    let stuck = home.run(&["deploy", "stuck.yaml", "--yes", "--detach"]);
    let stuck = stuck.exits(1);
    assert!(
        stuck.stderr.contains("it ended in the background"),
        "{stuck:?}"
    );
    assert!(stuck.stderr.contains("nobody:here"), "{stuck:?}");
}

/// Somebody else changes the group's app together with one that fits on no host.
fn hold(sandbox: &SandboxProgram) {
    let app = json!({"id": "/theseus/ingestor/dev/r1", "instances": 4, "mem": 129});
    let never = json!({"id": "/cart", "cmd": "sleep 1", "instances": 1, "cpus": 1000, "mem": 32});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("{}/v2/apps", sandbox.url);
        let answer = client().put(url).json(&json!([app, never])).send().await;
        let status = answer.unwrap().status();
        assert!(status.is_success(), "{status}");
    });
}

#[test]
fn in_the_background_others_are_broken_off_when_that_is_asked_for() {
    let (home, sandbox) = deployed("50ms");
    hold(&sandbox);
    home.write(
        "ingestor.yaml",
        &INGESTOR.replace("instances: 4", "instances: 5"),
    );
    let deploy = ["deploy", "ingestor.yaml", "--yes", "--detach", "--force"];
    let _ = home.run(&deploy).exits(0);
    let began = Instant::now();
    while status(&home)["groups"][0]["healthy"] != 5 {
        assert!(began.elapsed() < PATIENCE, "{}", status(&home));
        std::thread::sleep(Duration::from_millis(20));
    }
    let history = home.run(&["events", "--since", "1h"]).exits(0);
    assert!(history.stdout.contains("begins to scale it"), "{history:?}");
}

#[test]
fn a_paused_rollout_waits_for_a_person_to_resume_it() {
    let (home, _sandbox) = deployed("300ms");
    roll_detached(&home);
    let pause = ["rollout", "pause", GROUP, "--reason", "lunch"];
    let _ = home.run(&pause).exits(0);
    let again = home.run(&pause).exits(1);
    assert!(
        again.stderr.contains("stands still already: lunch"),
        "{again:?}"
    );

    let text = home.run(&["rollout", "status", GROUP]).exits(0).stdout;
    for told in [
        "stands still",
        "paused by",
        "lunch",
        "theseus rollout resume ingestor:dev",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let table = home.run(&["status"]).exits(0).stdout;
    assert!(table.contains("paused"), "{table}");
    assert_eq!(
        status(&home)["groups"][0]["rollout"]["halted"]["reason"],
        "lunch"
    );
    let described = home.run(&["describe", GROUP]).exits(0).stdout;
    assert!(described.contains("it stands still: lunch"), "{described}");
    let plan = home.run(&["plan", "ingestor.yaml"]).exits(0).stdout;
    assert!(
        plan.contains("not possible: its rollout is paused"),
        "{plan}"
    );
    let deploy = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(4);
    assert!(deploy.stderr.contains("lunch"), "{deploy:?}");
    let _ = home.run(&["rollout", "status", GROUP, "--watch"]).exits(1);

    // Who carried it out may need a moment to let go.
    let resume = ["rollout", "resume", GROUP, "--yes", "--wait"];
    let _ = home.run(&resume).exits(0);
    assert_well(&home, 2, 4);
    let nothing = home.run(&resume).exits(1);
    assert!(
        nothing.stderr.contains("nothing is under way"),
        "{nothing:?}"
    );
    for command in ["pause", "abort", "promote"] {
        let nothing = home.run(&["rollout", command, GROUP]).exits(1);
        assert!(
            nothing.stderr.contains("nothing is under way"),
            "{command}: {nothing:?}"
        );
    }
}

#[test]
fn an_aborted_rollout_is_taken_back_by_whoever_carries_it_out() {
    let (home, _sandbox) = deployed("500ms");
    roll_detached(&home);
    let abort = ["rollout", "abort", GROUP, "--yes", "--format", "json"];
    let mut aborting = home.start(&abort);
    let seen = aborting.next_json().unwrap();
    assert_eq!(seen["rollout"]["revision"], 1, "{seen}");
    let twice = home.run(&abort).exits(1);
    assert!(twice.stderr.contains("taken back already"), "{twice:?}");
    let _ = aborting.end().exits(0);
    assert_well(&home, 1, 4);

    let history = ["history", GROUP, "--format", "json"];
    let history = home.run(&history).exits(0).json();
    let outcome = |n: usize| &history["revisions"][n]["outcome"];
    assert_eq!(
        (outcome(0), outcome(1)),
        (&json!("rolled-back"), &json!("restored"))
    );
    let watched = home.run(&["rollout", "status", GROUP, "--watch"]).exits(3);
    assert!(watched.stdout.contains("aborted by"), "{watched:?}");
}

#[test]
fn a_paused_rollout_can_be_aborted_by_anybody() {
    let (home, _sandbox) = deployed("300ms");
    roll_detached(&home);
    let _ = home.run(&["rollout", "pause", GROUP]).exits(0);
    let _ = home.run(&["rollout", "abort", GROUP, "--yes"]).exits(0);
    assert_well(&home, 1, 4);
}

#[test]
fn canaries_wait_for_somebody_to_promote_them() {
    let (home, _sandbox) = deployed("100ms");
    let canary =
        INGESTOR.replace("/flask", "/flask:2") + "    update: {canary: 1, promote: manual}\n";
    home.write("ingestor.yaml", &canary);
    let deploy = ["deploy", "ingestor.yaml", "--yes", "--detach"];
    let _ = home.run(&deploy).exits(0);
    let asking = until(&home, |it| it["rollout"]["canary"]["stage"] == "asking");
    assert_eq!(asking["rollout"]["containers"]["new"], 1, "{asking}");
    let text = home.run(&["rollout", "status", GROUP]).exits(0).stdout;
    assert!(
        text.contains("theseus rollout promote ingestor:dev"),
        "{text}"
    );

    let _ = home.run(&["rollout", "promote", GROUP]).exits(0);
    let _ = home.run(&["rollout", "status", GROUP, "--watch"]).exits(0);
    assert_well(&home, 2, 4);
}

#[test]
fn a_group_goes_back_starts_anew_and_leaves_its_history() {
    let (home, _sandbox) = deployed("50ms");
    let first = home.run(&["rollback", GROUP, "--yes"]).exits(1);
    assert!(first.stderr.contains("no earlier revision"), "{first:?}");
    write_next(&home);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let _ = home.run(&["rollback", GROUP, "--yes"]).exits(0);
    assert_well(&home, 1, 4);
    let _ = home
        .run(&["rollback", GROUP, "--to", "2", "--yes"])
        .exits(0);
    assert_well(&home, 2, 4);
    let unknown = home.run(&["rollback", GROUP, "--to", "9"]).exits(2);
    assert!(unknown.stderr.contains("it has 1, 2"), "{unknown:?}");
    let _ = home.run(&["restart", GROUP, "--yes"]).exits(0);
    assert_well(&home, 3, 4);

    let history = home.run(&["history", GROUP]).exits(0).stdout;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let history: Vec<String> = history.lines().map(words).collect();
    let filters = [(r"\b\d+s\b", "[age]"), (r"somebody@\S+", "[who]")];
    insta::with_settings!({filters => filters}, {
        insta::assert_snapshot!(history.join("\n"));
    });
    let _ = home.run(&["remove", GROUP, "--yes"]).exits(0);
    let removed = ["history", GROUP, "--format", "json"];
    let removed = home.run(&removed).exits(0).json();
    assert_eq!(removed["format_version"], 1);
    assert_eq!(removed["revisions"][0]["outcome"], "removed", "{removed}");
    let current = |past: &Value| past["current"] == true;
    assert!(!removed["revisions"].as_array().unwrap().iter().any(current));
    let unknown = home.run(&["history", "ingestor:de"]).exits(2);
    assert!(unknown.stderr.contains("there is no group"), "{unknown:?}");
}

#[test]
fn a_plan_looks_ahead_and_can_be_rehearsed() {
    let (home, _sandbox) = deployed("100ms");
    write_next(&home);
    let plan = home.run(&["plan", "ingestor.yaml"]).exits(0).stdout;
    for told in [
        "at least 4 of 4 serving, at most 5 containers",
        "room: 1 of 1 more container fits",
    ] {
        assert!(plan.contains(told), "{told}: {plan}");
    }
    let rehearse = ["plan", "ingestor.yaml", "--rehearse"];
    let text = home.run(&rehearse).exits(0).stdout;
    for told in [
        "Rehearsal on a copy of 4 hosts",
        "create revision 2 with 1 container",
        "delete /theseus/ingestor/dev/r1",
        "at least 4 of 4 serving, at most 5 containers",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let json = ["plan", "ingestor.yaml", "--rehearse", "--format", "json"];
    let json = home.run(&json).exits(0).json();
    assert_eq!(json["groups"][0]["action"], "roll");
    let rehearsed = &json["rehearsal"]["groups"][0];
    assert_eq!(
        [&rehearsed["result"], &rehearsed["fewest_serving"]],
        [&json!("ok"), &json!(4)]
    );
    // Nothing real has come of it.
    assert_well(&home, 1, 4);
    assert_eq!(rollout(&home)["rollout"], Value::Null);

    let large = INGESTOR.replace("mem: 128", "mem: 60000");
    home.write("large.yaml", &large.replace("instances: 4", "instances: 9"));
    let short = home.run(&["plan", "large.yaml"]).exits(0).stdout;
    assert!(short.contains("too little memory"), "{short}");
}

#[test]
fn a_rehearsal_gives_back_the_ports_that_containers_leave() {
    const LEDGER: &str = include_str!("../../examples/fixed-host.yaml");
    let home = Home::new();
    let _sandbox = home.sandbox("50ms");
    home.write("ledger.yaml", LEDGER);
    let _ = home.run(&["deploy", "ledger.yaml", "--yes"]).exits(0);
    let described = home.run(&["describe", "ledger:dev"]).exits(0).stdout;
    assert!(described.contains("MOVED FROM"), "{described}");
    home.write("ledger.yaml", &LEDGER.replace("ledger:1.0", "ledger:1.1"));
    let rehearsed = home.run(&["plan", "ledger.yaml", "--rehearse"]).exits(0);
    let told = "at least 2 of 3 serving, at most 3 containers";
    assert!(rehearsed.stdout.contains(told), "{rehearsed:?}");
}
