//! Two who deploy one group at the same time: the later one wins, and the earlier one lets go
//! before it undoes what the later one does.

use std::time::Duration;

use theseus_core::cluster::Scope;
use theseus_core::engine::{Outcome, Progress};
use theseus_sandbox::Script;
use theseus_tests::world::World;
use theseus_tests::{INGESTOR, PATIENCE};
use tokio::sync::Notify;
use tokio::time::timeout;

fn with_image(image: &str) -> String {
    INGESTOR.replace("54.189.193.228:5000/flask", image)
}

#[tokio::test]
async fn the_later_one_wins_and_the_earlier_one_lets_go() {
    let world = World::new().await;
    world.deploy(INGESTOR).await;
    let forever = Some(Duration::from_secs(3600));
    world.sandbox().add_script(Script {
        start_delay: forever,
        ..Script::for_image("slow")
    });
    let begun = Notify::new();
    let tell = |progress: Progress| {
        if matches!(progress, Progress::Changed { .. }) {
            begun.notify_one();
        }
    };

    let (slow, quick) = (with_image("slow:2"), with_image("quick:3"));
    let earlier = world.deploy_telling(&slow, &tell);
    let later = async {
        begun.notified().await;
        world.deploy(&quick).await
    };
    let both = async { tokio::join!(earlier, later) };
    let (earlier, later) = timeout(PATIENCE, both).await.expect("both end");

    assert_eq!(
        earlier.expect("nothing is out of reach").outcome(),
        Outcome::Overtaken
    );
    assert_eq!(later.outcome(), Outcome::Ok);
    let observed = world
        .engine
        .observe(&Scope::All)
        .await
        .expect("nothing is out of reach");
    let state = observed.groups.values().next().expect("the group is there");
    let record = state.record.as_ref().expect("it has a record");
    assert_eq!((record.record.revision, state.rollout.is_none()), (3, true));
    assert_eq!(record.record.spec.image, "quick:3");
    let apps: Vec<_> = state
        .apps
        .iter()
        .map(|app| (app.revision, app.instances))
        .collect();
    assert_eq!(apps, [(3, 4)], "exactly one revision is left");
}
