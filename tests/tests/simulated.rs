//! The real engine and the real client on a cluster in memory, on paused time.

use std::time::{Duration, Instant};

use theseus_core::engine::Outcome;
use theseus_sandbox::{FaultAction, HttpFault};
use theseus_tests::INGESTOR;
use theseus_tests::simulated::{Sent, Simulated};

fn next() -> String {
    INGESTOR.replace("5000/flask", "5000/flask:2")
}

#[tokio::test(start_paused = true)]
async fn the_readmes_group_is_rolled_in_no_time() {
    let began = Instant::now();
    let world = Simulated::new(1);
    for manifest in [INGESTOR, &next()] {
        let report = world.deploy(manifest).await;
        assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    }
    assert_eq!(world.sandbox.task_ids("/theseus/ingestor/dev/r1"), [""; 0]);
    assert_eq!(world.sandbox.task_ids("/theseus/ingestor/dev/r2").len(), 4);
    // One start, and four more that wait for each other: two seconds each.
    assert!(world.age() >= Duration::from_secs(10), "{:?}", world.age());
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A deploy and a roll in which much goes wrong.
async fn story(seed: u64) -> Vec<Sent> {
    let world = Simulated::new(seed);
    world.deploy(INGESTOR).await;
    let manifest = next();
    let trouble = async {
        let patience = Duration::from_millis(700);
        for action in [
            FaultAction::DropConnection,
            FaultAction::CutBody,
            FaultAction::Status(503),
            FaultAction::Delay(Duration::from_millis(300)),
        ] {
            tokio::time::sleep(patience).await;
            world.sandbox.add_fault(HttpFault::next(2, action));
        }
        world.sandbox.cut_event_streams();
    };
    let (report, ()) = tokio::join!(world.deploy(&manifest), trouble);
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    world.sent()
}

/// On a clock of its own.
fn told(seed: u64) -> Vec<Sent> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(story(seed))
}

#[test]
fn one_seed_sends_the_same_requests_at_the_same_moments() {
    let first = told(7);
    assert!(first.len() > 20, "{first:#?}");
    for _ in 0..5 {
        assert_eq!(told(7), first);
    }
    assert_ne!(told(8), first);
}
