//! Looks at a cluster whenever something happens there.

use futures_util::StreamExt as _;
use reqwest::Client;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client;
use crate::world::tasks;

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
    /// Begins to look at the cluster at this address; the first look is over when this returns.
    ///
    /// # Panics
    ///
    /// When the cluster does not answer.
    pub async fn start(url: String) -> Self {
        let client = client();
        let request = client
            .get(format!("{url}/v2/events"))
            .header("accept", "text/event-stream");
        let mut events = request.send().await.expect("events").bytes_stream();
        let mut extremes = Extremes {
            fewest_ready: usize::MAX,
            most: 0,
            looks: 0,
        };
        look(&client, &url, &mut extremes).await;
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => return extremes,
                    event = events.next() => {
                        event.expect("the stream goes on").expect("the stream is whole");
                        look(&client, &url, &mut extremes).await;
                    }
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

async fn look(client: &Client, url: &str, extremes: &mut Extremes) {
    let tasks = tasks(client, url).await;
    let ready = tasks.iter().filter(|task| task.ready).count();
    extremes.fewest_ready = extremes.fewest_ready.min(ready);
    extremes.most = extremes.most.max(tasks.len());
    extremes.looks += 1;
}
