//! Who leads, and what becomes of the work when that ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use theseus_core::registry::Happening;
use theseus_core::store::Store;
use theseus_tests::INGESTOR;
use tokio::time::{Instant, sleep};

use super::troubled::{Troubled, Wrong};
use super::world::{Running, World, answered, until};

#[tokio::test(start_paused = true)]
async fn one_that_dies_is_replaced_within_ten_seconds() {
    let world = World::new();
    let first = world.registrar("first");
    until("the first leads", || first.leads()).await;
    let second = world.registrar("second");
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    assert!(!second.leads());
    first.kill();
    let began = Instant::now();
    // What happens meanwhile is not lost.
    world
        .site
        .deploy(&INGESTOR.replace("instances: 4", "instances: 2"))
        .await;
    until("the second leads", || second.leads()).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    world.until_true().await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(world.held().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_lets_the_other_lead_at_once() {
    let world = World::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = world.registrar_over("first", world.store(), answered());
    let task = tokio::spawn(async move {
        first
            .run(&|_| (), async {
                let _ = stopped.await;
            })
            .await;
    });
    sleep(Duration::from_secs(2)).await;
    let second = world.registrar("second");
    sleep(Duration::from_secs(2)).await;
    assert!(!second.leads());
    let began = Instant::now();
    drop(stop);
    task.await.expect("it ends");
    until("the second leads", || second.leads()).await;
    assert!(
        began.elapsed() <= Duration::from_millis(1100),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn killed_at_each_write_another_one_finishes() {
    for number in 0..12 {
        let world = World::new();
        world.site.deploy(INGESTOR).await;
        let troubled = Troubled::new(&world.site.store, move |n| {
            if n >= number {
                Wrong::Dead
            } else {
                Wrong::Nothing
            }
        });
        let first = Running::start(world.registrar_over("first", Arc::new(troubled), answered()));
        sleep(Duration::from_secs(3)).await;
        first.kill();
        world
            .site
            .deploy(&INGESTOR.replace("/flask", "/flask:2"))
            .await;
        let second = world.registrar("second");
        until("the second leads", || second.leads()).await;
        world.until_true().await;
        assert!(world.held().await.values().all(|it| it.revision == 2));
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_lock_passed_on_stops_at_once() {
    let world = World::new();
    world.site.deploy(INGESTOR).await;
    let troubled = Arc::new(Troubled::new(&world.site.store, |n| {
        if n == 2 {
            Wrong::Fenced
        } else {
            Wrong::Nothing
        }
    }));
    let store: Arc<dyn Store> = Arc::clone(&troubled) as _;
    let registrar = Running::start(world.registrar_over("one", store, answered()));
    let has_yielded = || registrar.count(|it| matches!(it, Happening::Yielded { .. })) > 0;
    until("it yields", has_yielded).await;
    // Those that were under way with it, and no more: it stands by first.
    assert!(troubled.commits.load(Ordering::Relaxed) <= 6);
    world.until_true().await;
    assert_eq!(registrar.count(|it| matches!(it, Happening::Leads)), 2);
}
