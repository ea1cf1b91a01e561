//! The program on Marathons of several generations: the same manifest, the same commands.

use serde_json::json;
use theseus_tests::INGESTOR;
use theseus_tests::program::{Home, assert_well, status};

/// A group is deployed, found unchanged, scaled, rolled and removed.
fn a_group_lives(version: &str) {
    let home = Home::new();
    let sandbox = ["--marathon-version", version, "--start-delay", "50ms"];
    let _sandbox = home.sandbox_with(&sandbox);
    home.write("ingestor.yaml", INGESTOR);
    let deploy = ["deploy", "ingestor.yaml", "--yes"];
    let plan = ["plan", "ingestor.yaml", "--exit-code"];

    let _ = home.run(&plan).exits(10);
    let _ = home.run(&deploy).exits(0);
    assert_well(&home, 1, 4);
    let _ = home.run(&plan).exits(0);

    home.write(
        "ingestor.yaml",
        &INGESTOR.replace("instances: 4", "instances: 3"),
    );
    let _ = home.run(&deploy).exits(0);
    assert_well(&home, 1, 3);

    home.write("ingestor.yaml", &INGESTOR.replace("/flask", "/flask:2"));
    let rolled = home
        .run(&[&deploy[..], &["--format", "json"]].concat())
        .exits(0);
    let last = rolled.lines().pop().expect("it says how it ended");
    assert_eq!(last["groups"][0]["action"], "roll", "{last}");
    assert_well(&home, 2, 4);

    let _ = home.run(&["remove", "ingestor:dev", "--yes"]).exits(0);
    assert_eq!(status(&home)["groups"], json!([]));
}

#[test]
fn on_0_7() {
    a_group_lives("0.7");
}

#[test]
fn on_0_10() {
    a_group_lives("0.10");
}

#[test]
fn on_0_15() {
    a_group_lives("0.15");
}

#[test]
fn on_1_3() {
    a_group_lives("1.3");
}

#[test]
fn on_1_4() {
    a_group_lives("1.4");
}

#[test]
fn on_1_5() {
    a_group_lives("1.5");
}

#[test]
fn on_1_11() {
    a_group_lives("1.11");
}

/// Before 0.11 Marathon does not tell where Mesos is.
#[test]
fn where_mesos_is_may_be_configured() {
    let home = Home::new();
    let sandbox = home.sandbox_with(&["--marathon-version", "0.10", "--start-delay", "50ms"]);
    let marathon = format!("marathon: {{urls: ['{}']}}\n", sandbox.url);
    home.write("mesos.yaml", &marathon);
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("write mesos: {host"), "{doctor}");
    let all = || home.run(&["hosts", "--format", "json"]).exits(0).json()["complete"].clone();
    assert_eq!(all(), false);

    let mesos = format!("mesos: {{url: '{}'}}\n", sandbox.url);
    home.write("mesos.yaml", &format!("{marathon}{mesos}"));
    let doctor = home.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("hosts") && !doctor.contains("write mesos:"),
        "{doctor}"
    );
    assert_eq!(all(), true);
}

/// Before 0.9 there is no event stream, and callbacks need an address of this machine.
#[test]
fn who_deploys_is_told_why_it_is_slow() {
    let home = Home::new();
    let _sandbox = home.sandbox_with(&["--marathon-version", "0.8", "--start-delay", "50ms"]);
    home.write("ingestor.yaml", INGESTOR);
    let deployed = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let note = "nobody tells what happens, so it is looked now and then";
    assert_eq!(deployed.stderr.matches(note).count(), 1, "{deployed:?}");
    assert!(deployed.stderr.contains("subscriber"), "{deployed:?}");
}
