//! Two who deploy one group at the same time: the second is refused, and one who has lost the lock
//! lets go before it changes anything more.

use std::sync::Arc;
use std::time::Duration;

use theseus_core::engine::{Engine, EngineError, Outcome, Progress, Report};
use theseus_core::records::LOCKS;
use theseus_core::store::{Store, Txn, Write, list_all};
use theseus_sandbox::Script;
use theseus_store::MemoryStore;
use theseus_tests::ground::Ground;
use theseus_tests::world::World;
use theseus_tests::{INGESTOR, PATIENCE};
use tokio::sync::Notify;
use tokio::time::timeout;

fn with_image(image: &str) -> String {
    INGESTOR.replace("54.189.193.228:5000/flask", image)
}

/// Two worlds are one cluster and one store, used in two names.
struct Story {
    world: World,
    store: Arc<MemoryStore>,
    begun: Notify,
}

impl Story {
    /// A group of which a revision exists that never comes up.
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let world = World::with(Ground::Sockets, Arc::clone(&store) as Arc<dyn Store>).await;
        world.deploy(INGESTOR).await;
        world.sandbox().add_script(Script {
            start_delay: Some(Duration::from_secs(3600)),
            ..Script::for_image("slow")
        });
        Self {
            world,
            store,
            begun: Notify::new(),
        }
    }

    fn engine(&self, who: &str) -> Engine {
        self.world.engine.clone().in_the_name_of(who)
    }

    async fn deploy_slowly(&self) -> Result<Report, EngineError> {
        let tell = |progress: Progress| {
            if matches!(progress, Progress::Changed { .. }) {
                self.begun.notify_one();
            }
        };
        let engine = self.engine("ana@ci-7");
        let plan = engine
            .plan(&theseus_tests::desired(&with_image("slow:2")))
            .await?;
        let to_the_end = std::future::pending();
        engine
            .carry_out(
                &plan,
                &theseus_core::engine::Options::default(),
                &tell,
                to_the_end,
            )
            .await
    }
}

#[tokio::test]
async fn the_second_is_refused_and_told_who_holds_the_group() {
    let story = Story::new().await;
    let second = async {
        story.begun.notified().await;
        story.world.sandbox().clear_requests();
        story.world.deploy(&with_image("quick:3")).await
    };
    let report = tokio::select! {
        first = story.deploy_slowly() => panic!("it never ends: {first:?}"),
        report = timeout(PATIENCE, second) => report.expect("it ends"),
    };
    assert_eq!(report.outcome(), Outcome::Held);
    let reason = report.groups[0].reason.as_deref().expect("it says who");
    assert!(
        reason.starts_with("ana@ci-7 deploys it since 20"),
        "{reason}"
    );
    assert!(reason.contains("--wait"), "{reason}");
    let requests = story.world.sandbox().requests();
    let writes = requests.iter().filter(|it| it.method != "GET").count();
    assert_eq!(writes, 0, "{requests:?}");
    // Once the first is gone, and its lock with it, there is nothing in the way.
    story.world.until_free("ingestor:dev").await;
    let report = story.world.deploy(&with_image("quick:3")).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{report:?}");
    story.world.assert_serves(3, 4).await;
}

#[tokio::test]
async fn one_who_has_lost_the_lock_lets_go() {
    let story = Story::new().await;
    let later = async {
        story.begun.notified().await;
        let (locks, _) = list_all(&*story.store, LOCKS).await.expect("in memory");
        let stolen = Txn {
            compares: Vec::new(),
            writes: vec![Write::Delete(locks[0].key.clone())],
        };
        story.store.commit(stolen).await.expect("in memory");
        story.world.deploy(&with_image("quick:3")).await
    };
    let both = async { tokio::join!(story.deploy_slowly(), later) };
    let (earlier, later) = timeout(PATIENCE, Box::pin(both)).await.expect("both end");
    let earlier = earlier.expect("nothing is out of reach");
    assert_eq!(earlier.outcome(), Outcome::Overtaken);
    assert_eq!(later.outcome(), Outcome::Ok);
    story.world.assert_serves(3, 4).await;
}
