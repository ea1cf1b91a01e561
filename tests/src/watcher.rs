//! Looks at a cluster whenever something happens there.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::reader::Reader;

/// The most extreme things that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extremes {
    /// The fewest containers that were ready.
    pub fewest_ready: usize,
    /// The most containers that there were, however far they were.
    pub most: usize,
    /// How many times it was looked.
    pub looks: usize,
}

/// Looks at a cluster at every event, until it is asked what it saw.
#[derive(Debug)]
pub struct Watcher {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Extremes>,
}

impl Watcher {
    /// Begins to look at a cluster; the first look is over when this returns.
    pub async fn start(reader: Reader) -> Self {
        let mut events = reader.events().await;
        let mut extremes = Extremes {
            fewest_ready: usize::MAX,
            most: 0,
            looks: 0,
        };
        look(&reader, &mut extremes).await;
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => return extremes,
                    () = something_happens(&mut events) => look(&reader, &mut extremes).await,
                }
            }
        });
        Self { stop, task }
    }

    /// What was seen.
    ///
    /// # Panics
    ///
    /// When the cluster broke off.
    pub async fn seen(self) -> Extremes {
        // Who ended early has panicked, which shows below.
        let _ = self.stop.send(());
        self.task.await.expect("the watcher did not panic")
    }
}

/// Waits for an event; for a moment, where there are none.
///
/// # Panics
///
/// When the cluster breaks off.
async fn something_happens(events: &mut Option<BoxStream<'static, ()>>) {
    match events {
        Some(events) => events.next().await.expect("the stream goes on"),
        None => sleep(Duration::from_millis(10)).await,
    }
}

async fn look(reader: &Reader, extremes: &mut Extremes) {
    let tasks = reader.tasks().await;
    let ready = tasks.iter().filter(|task| task.ready).count();
    extremes.fewest_ready = extremes.fewest_ready.min(ready);
    extremes.most = extremes.most.max(tasks.len());
    extremes.looks += 1;
}
