//! Those who read the registry: a process inside a container, and who follows what changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use theseus_core::registry::{self, Change, Guest};
use theseus_tests::INGESTOR;
use tokio::time::timeout;

use super::troubled::{Troubled, Wrong};
use super::world::{LONG, World};

#[tokio::test(start_paused = true)]
async fn a_process_inside_a_container_finds_itself_and_the_others() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let _registrar = world.registrar("one");
    world.until_true().await;
    let me = world.held().await.into_values().next().expect("it runs");
    let variables = [
        ("SERVICE_NAME", "ingestor"),
        ("THESEUS_GROUP", "ingestor:dev"),
        ("THESEUS_REVISION", "1"),
        ("MESOS_TASK_ID", &me.id.0),
        ("WATCHES", "ingestor"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let guest = Guest::new(world.store(), variables.clone());
    let service = guest.get_service_name().expect("it is set");
    assert_eq!(guest.get_port("api").await.expect("it has one"), 5000);
    let missing = guest.get_port("web").await.expect_err("it has none");
    assert!(
        missing.to_string().ends_with("has no port \"web\""),
        "{missing}"
    );
    let id = guest.get_container_name().expect("it is set");
    let outer = guest.get_specific_port(&service, &id, "api").await;
    assert_eq!(outer.expect("it has one"), me.ports["api"]);
    let inner = guest.get_specific_exposed_port(&service, &id, "ssh").await;
    assert_eq!(inner.expect("it has one"), 22);
    assert_eq!(guest.get_specific_host(&service, &id).await.ok(), me.host);

    let dev = ["dev".parse().expect("a label")];
    let nodes = guest
        .get_node_list(&service, &["ssh", "api"], &dev, 4)
        .await;
    let nodes = nodes.expect("there are four");
    let host = me.host.as_deref().expect("it is placed");
    assert!(nodes.contains(&format!("{host}:{}:{}", me.ports["ssh"], me.ports["api"])));
    let too_few = guest
        .get_node_list(&service, &[], &dev, 5)
        .await
        .expect_err("there are four");
    assert_eq!(
        too_few.to_string(),
        "ingestor has 4 containers that do their work, and 5 are needed"
    );
    let other = ["prod".parse().expect("a label")];
    let nodes = guest.get_node_list(&service, &[], &other, 0).await;
    assert_eq!(nodes.expect("none is fine"), [""; 0]);

    // One that the registry does not know yet is told from another one of its revision.
    let newcomer = variables.map(|(name, value)| match name.as_str() {
        "MESOS_TASK_ID" => (name, "a-new-one".to_owned()),
        _ => (name, value),
    });
    let newcomer = Guest::new(world.store(), newcomer);
    assert_eq!(newcomer.get_port("api").await.expect("it has one"), 5000);
}

#[tokio::test(start_paused = true)]
async fn who_follows_sees_every_change_however_often_the_watch_breaks() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let _registrar = world.registrar("one");
    world.until_true().await;
    let breaking = Troubled {
        watched: 2,
        ..Troubled::new(&world.site.store, |_| Wrong::Nothing)
    };
    let mut watch = registry::watch(
        Arc::new(breaking),
        &["ingestor".parse().expect("a service")],
    );
    let mut up = BTreeSet::new();
    let mut follow = |changes: Vec<Change>| {
        for change in changes {
            match change {
                Change::Up(record) => assert!(up.insert(record.id)),
                Change::Changed(record) => assert!(up.contains(&record.id)),
                Change::Down(record) => assert!(up.remove(&record.id)),
            }
        }
        up.clone()
    };
    let first = watch.next().await.expect("it is there");
    assert_eq!(follow(first).len(), 4);
    world
        .site
        .deploy(&INGESTOR.replace("/flask", "/flask:2"))
        .await;
    world.until_true().await;
    let ready = world.held().await.into_values().filter(|it| it.ready);
    let ready: BTreeSet<_> = ready.map(|it| it.id).collect();
    let followed = async {
        loop {
            let changes = watch.next().await.expect("it is there");
            if follow(changes) == ready {
                return;
            }
        }
    };
    timeout(LONG, followed).await.expect("it is seen");
    let held: BTreeSet<_> = watch.containers().map(|it| it.id.clone()).collect();
    assert_eq!(held, ready);
}
