//! The program itself, killed again and again while it deploys: whoever goes on comes to what was
//! wanted, and there never are too few containers.

use theseus_store::testing::EtcdServer;
use theseus_tests::program::{Home, SandboxProgram};
use theseus_tests::reader::Reader;
use theseus_tests::simulation::dice::Dice;
use theseus_tests::watcher::Watcher;
use theseus_tests::{INGESTOR, client};

/// How often the program is killed.
const KILLS: u32 = 20;
/// How many containers the group has.
const INSTANCES: usize = 4;

async fn killed_again_and_again(home: &Home, sandbox: &SandboxProgram, context: &str) {
    let images = ["ingestor:1", "ingestor:2"];
    let manifest = |image| INGESTOR.replace("54.189.193.228:5000/flask", image);
    let files = [
        home.write("one.yaml", &manifest(images[0])),
        home.write("two.yaml", &manifest(images[1])),
    ];
    let deploy = |file| ["--context", context, "deploy", file, "--yes", "--wait=60s"];
    let _ = home.run(&deploy(files[0])).exits(0);
    let reader = Reader::There(client(), sandbox.url.clone());
    let watcher = Watcher::start(reader.clone()).await;
    let mut dice = Dice::new(20);
    for number in 0..KILLS {
        let file = files[(number as usize + 1) % 2];
        let program = home.start(&deploy(file));
        tokio::time::sleep(dice.millis(20, 1500)).await;
        program.signal("KILL");
        let ended = program.end();
        // One that was done already is not killed.
        assert!(
            ended.status.code().is_none_or(|code| code == 0),
            "{ended:#?}"
        );
    }
    let last = files[1];
    let _ = home.run(&deploy(last)).exits(0);
    let seen = watcher.seen().await;
    assert!(seen.fewest_ready >= INSTANCES, "{seen:?}");
    assert!(seen.most <= INSTANCES + 1, "{seen:?}");

    let tasks = reader.tasks().await;
    assert!(tasks.iter().all(|task| task.ready), "{tasks:?}");
    assert_eq!(tasks.len(), INSTANCES, "{tasks:?}");
    let apps: std::collections::BTreeSet<&str> = tasks.iter().map(|task| &*task.app).collect();
    assert_eq!(apps.len(), 1, "one revision is left: {apps:?}");
    let planned = home.run(&["--context", context, "plan", last, "--exit-code"]);
    let _ = planned.exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployer_that_is_killed_is_gone_on_from_with_sqlite() {
    let home = Home::new();
    let sandbox = home.sandbox("200ms");
    killed_again_and_again(&home, &sandbox, "sandbox").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd"]
async fn a_deployer_that_is_killed_is_gone_on_from_with_etcd() {
    let home = Home::new();
    let sandbox = home.sandbox("200ms");
    let etcd = EtcdServer::start();
    let contexts = format!(
        "contexts:\n  real:\n    marathon: {{urls: ['{}']}}\n    etcd: {{endpoints: ['{}']}}\n",
        sandbox.url,
        etcd.endpoint()
    );
    home.write("mesos.yaml", &contexts);
    killed_again_and_again(&home, &sandbox, "real").await;
}
