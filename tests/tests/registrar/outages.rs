//! Events, cluster and store go away and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use theseus_core::registry::Happening;
use theseus_tests::INGESTOR;
use theseus_tests::simulated::{Fate, Fates};
use tokio::time::{Instant, sleep};

use super::troubled::{Troubled, Wrong};
use super::world::{Running, World, answered, until};

#[tokio::test(start_paused = true)]
async fn cuts_and_silence_of_the_events_are_made_up_for() {
    let world = World::new();
    let registrar = world.registrar("one");
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    world.streams.silence(true);
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 7"))
        .await;
    world.streams.cut();
    world.streams.silence(false);
    assert!(world.until_true().await < Duration::from_secs(15));
    assert_eq!(world.held().await.len(), 7);
    let attached = || registrar.count(|it| matches!(it, Happening::Attached));
    until("it is attached again", || attached() >= 2).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_cluster_is_away_the_registry_stays_and_says_so() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let fates: Fates = Arc::new(move |_, _| {
        if is_away.load(Ordering::Relaxed) {
            Fate::Refused
        } else {
            Fate::Answered
        }
    });
    let registrar = Running::start(world.registrar_over("one", world.store(), fates));
    world.until_true().await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(world.word().await.expect("it is written").trouble, None);
    let held = world.held().await;
    away.store(true, Ordering::Relaxed);
    world.streams.cut();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(world.held().await, held, "nothing was seen to go");
    let said = world.word().await.expect("it is written");
    assert!(said.trouble.is_some(), "{said:?}");
    let age = world.site.now().duration_since(said.as_of);
    assert!(age > SignedDuration::from_secs(60), "{age:#}");
    away.store(false, Ordering::Relaxed);
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 5"))
        .await;
    world.until_true().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(world.word().await.expect("it is written").trouble, None);
    assert!(registrar.leads());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_forgets_a_deployed_group_is_not_believed_at_once() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    // For some seconds it answers as one that has nothing.
    let empty = Arc::new(AtomicBool::new(false));
    let is_empty = Arc::clone(&empty);
    let fates: Fates = Arc::new(move |_, sent| {
        let is_list = sent.what.starts_with("GET /v2/apps");
        if is_list && is_empty.load(Ordering::Relaxed) {
            Fate::Body(br#"{"apps":[]}"#)
        } else {
            Fate::Answered
        }
    });
    let registrar = Running::start(world.registrar_over("one", world.store(), fates));
    world.until_true().await;
    sleep(Duration::from_secs(3)).await;
    let held = world.held().await;
    empty.store(true, Ordering::Relaxed);
    let looks = registrar.looks();
    world.streams.cut();
    until("it looks again", || registrar.looks() > looks).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.held().await, held, "it may be mistaken");
    empty.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(world.held().await, held);
    // Said for long enough, it is believed.
    empty.store(true, Ordering::Relaxed);
    world.streams.cut();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.held().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_each_write_the_registry_comes_true() {
    for wrong in [Wrong::Away, Wrong::Lost, Wrong::Unheard] {
        for number in 0..12 {
            let world = World::new();
            world.site.deploy(INGESTOR).await;
            let troubled = Troubled::new(&world.site.store, move |n| {
                if n == number { wrong } else { Wrong::Nothing }
            });
            let _registrar =
                Running::start(world.registrar_over("one", Arc::new(troubled), answered()));
            world.until_true().await;
            world
                .site
                .deploy(&INGESTOR.replace("instances: 4", "instances: 2"))
                .await;
            world.until_true().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_for_a_minute_is_waited_for() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let began = Instant::now();
    let troubled = Troubled::new(&world.site.store, move |_| {
        let minute = Duration::from_secs(5)..Duration::from_secs(65);
        if minute.contains(&began.elapsed()) {
            Wrong::Away
        } else {
            Wrong::Nothing
        }
    });
    let registrar = Running::start(world.registrar_over("one", Arc::new(troubled), answered()));
    world.until_true().await;
    sleep(Duration::from_secs(6)).await;
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 6"))
        .await;
    world.until_true().await;
    assert!(
        began.elapsed() < Duration::from_secs(80),
        "{:?}",
        began.elapsed()
    );
    assert!(registrar.count(|it| matches!(it, Happening::Trouble { with: "store", .. })) > 0);
}
