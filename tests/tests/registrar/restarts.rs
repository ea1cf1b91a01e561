//! What ends though it is wanted is counted, and once, whoever hears of it and whatever is in the way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Duration;

use theseus_core::cluster::{ContainerState, Scope};
use theseus_core::records;
use theseus_core::registry::{COUNTS, CountsRecord};
use theseus_core::store::list_all;
use theseus_tests::INGESTOR;
use theseus_tests::simulated::{Fate, Fates};
use tokio::time::{sleep, timeout};

use super::troubled::{Troubled, Wrong};
use super::world::{LONG, Running, World};

impl World {
    async fn running(&self) -> BTreeSet<String> {
        let observed = self.engine().observe(&Scope::All).await;
        let observed = observed.expect("it is there");
        let apps = observed.groups.values().flat_map(|state| &state.apps);
        apps.flat_map(|app| &app.containers)
            .filter(|it| it.state == ContainerState::Running)
            .map(|it| it.id.0.clone())
            .collect()
    }

    /// One of the containers fails, and then the one that comes in its place, and so on; waits until
    /// the last one runs.
    async fn fail_in_a_row(&self, times: u32) {
        let mut before = self.running().await;
        let mut failing = before.first().expect("some run").clone();
        for _ in 0..times {
            assert!(self.site.sandbox.fail_task(&failing, "oops"));
            let replaced = async {
                loop {
                    let now = self.running().await;
                    if let Some(new) = now.difference(&before).next() {
                        return new.clone();
                    }
                    sleep(Duration::from_millis(50)).await;
                }
            };
            failing = timeout(LONG, replaced).await.expect("it is replaced");
            before.insert(failing.clone());
        }
    }

    /// So many containers fail at the same time; waits until others run in their places.
    async fn fail_at_once(&self, count: usize) {
        let before = self.running().await;
        for failing in before.iter().take(count) {
            assert!(self.site.sandbox.fail_task(failing, "oops"));
        }
        let replaced = async {
            while self.running().await.difference(&before).count() < count {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LONG, replaced).await.expect("they are replaced");
    }

    async fn restarts(&self) -> u32 {
        let (entries, _) = list_all(&self.site.store, COUNTS)
            .await
            .expect("it is there");
        let counts = entries.iter().map(|entry| {
            let record: CountsRecord = records::decode(entry).expect("a record").record;
            record.restarts()
        });
        counts.sum()
    }
}

/// Requests that have this fate for as long as that is so.
fn while_so(fate: Fate) -> (Arc<AtomicBool>, Fates) {
    let is_so = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_so);
    let fates: Fates = Arc::new(move |_, sent| {
        if asked.load(Ordering::Relaxed) && sent.what.starts_with("GET /v2/apps") {
            fate.clone()
        } else {
            Fate::Answered
        }
    });
    (is_so, fates)
}

#[tokio::test(start_paused = true)]
async fn one_that_no_look_has_shown_is_counted_without_events() {
    let world = World::new();
    let _registrar = world.registrar("one");
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    // What events told of is looked at once more.
    sleep(Duration::from_secs(5)).await;
    world.streams.silence(true);
    world.fail_in_a_row(2).await;
    assert_eq!(world.restarts().await, 0, "nobody has looked");
    world.until_true().await;
    assert_eq!(world.restarts().await, 2);
}

/// Containers fail while the registrar hears of them and does not see them, and then one of its writes
/// goes wrong. There are this many restarts in the end.
async fn restarts_in_the_end(fail: &impl AsyncFn(&World), wrong: Wrong, nth: isize) -> u32 {
    let world = World::new();
    let (is_away, fates) = while_so(Fate::Refused);
    // How many writes go well from now on; below zero, all.
    let left = Arc::new(AtomicIsize::new(-1));
    let armed = Arc::clone(&left);
    let store = Troubled::new(&world.site.store, move |_| {
        if armed.load(Ordering::Relaxed) >= 0 && armed.fetch_sub(1, Ordering::Relaxed) == 0 {
            wrong
        } else {
            Wrong::Nothing
        }
    });
    let first = Running::start(world.registrar_over("one", Arc::new(store), fates));
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    is_away.store(true, Ordering::Relaxed);
    fail(&world).await;
    left.store(nth, Ordering::Relaxed);
    is_away.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(60)).await;
    let second = (wrong == Wrong::Dead).then(|| {
        first.kill();
        world.registrar("two")
    });
    sleep(Duration::from_secs(60)).await;
    world.until_true().await;
    drop(second);
    world.restarts().await
}

/// Whatever goes wrong at whichever of its first writes, there are this many restarts in the end.
async fn whatever_goes_wrong(writes: isize, restarts: u32, fail: impl AsyncFn(&World)) {
    for wrong in [Wrong::Away, Wrong::Lost, Wrong::Unheard, Wrong::Dead] {
        for nth in 0..writes {
            let found = restarts_in_the_end(&fail, wrong, nth).await;
            assert_eq!(found, restarts, "{wrong:?} at {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_a_write_each_is_counted_once() {
    whatever_goes_wrong(4, 2, async |world| world.fail_in_a_row(2).await).await;
}

/// More go at once than one transaction removes.
#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_a_write_those_that_end_at_once_are_counted_once() {
    whatever_goes_wrong(8, 3, async |world| world.fail_at_once(3).await).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_a_write_those_that_are_told_to_go_are_not_counted() {
    let smaller = INGESTOR.replace("instances: 4", "instances: 1");
    let scaled = async |world: &World| {
        world.site.deploy(&smaller).await;
        assert_eq!(world.running().await.len(), 1);
    };
    whatever_goes_wrong(8, 0, scaled).await;
}

#[tokio::test(start_paused = true)]
async fn what_events_tell_of_a_group_that_is_doubtful_is_counted_later() {
    let world = World::new();
    let (is_spoiled, fates) = while_so(Fate::Nonsense("/theseus/ingestor/dev/r1"));
    let _registrar = Running::start(world.registrar_over("one", world.store(), fates));
    world.site.deploy(INGESTOR).await;
    world.until_true().await;
    is_spoiled.store(true, Ordering::Relaxed);
    world.fail_in_a_row(3).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.restarts().await, 0, "nobody can tell");
    is_spoiled.store(false, Ordering::Relaxed);
    world.until_true().await;
    assert_eq!(world.restarts().await, 3);
}
