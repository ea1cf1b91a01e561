//! The task that looks at cluster and store, and the handle on what it saw last.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::cluster::{Cluster, Scope};
use theseus_core::engine::Engine;
use theseus_core::status::{Status, status};
use theseus_core::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::nudge::Nudges;
use crate::view::View;

/// How long the viewer rests between two looks at least.
const REST: Duration = Duration::from_millis(200);
/// How long it waits for a hint before it looks without one.
const POLL: Duration = Duration::from_secs(10);
/// The same after a look that failed.
const RETRY: Duration = Duration::from_secs(2);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many event streams may be open at once.
const MAX_STREAMS: usize = 512;

/// Knows how all groups are doing, as of a moment ago.
///
/// Clones share one task, which ends with the last of them.
#[derive(Clone)]
pub struct Viewer {
    shared: Arc<Shared>,
}

struct Shared {
    views: watch::Receiver<Arc<View>>,
    streams: Arc<Semaphore>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("version", &self.view().version)
            .finish_non_exhaustive()
    }
}

impl Viewer {
    /// Begins to look, through `engine` and whenever `cluster` or `store` tell of a change; these
    /// are the two that the engine works over.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(engine: Engine, cluster: Arc<dyn Cluster>, store: Arc<dyn Store>) -> Self {
        let (sender, views) = watch::channel(Arc::new(View::first(Timestamp::now())));
        let task = tokio::spawn(async move {
            let nudges = Nudges::listen(cluster, &store);
            follow(&engine, &nudges, &sender).await;
        });
        Self {
            shared: Arc::new(Shared {
                views,
                streams: Arc::new(Semaphore::new(MAX_STREAMS)),
                task: task.abort_handle(),
            }),
        }
    }

    /// Stops looking, and ends all event streams. What was seen last stays.
    pub fn stop(&self) {
        self.shared.task.abort();
    }

    /// What was seen last.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.shared.views.borrow())
    }

    /// Room for one event stream and what it follows, unless too many are open.
    pub(crate) fn subscribe(&self) -> Option<Subscription> {
        let permit = Arc::clone(&self.shared.streams).try_acquire_owned().ok()?;
        let mut views = self.shared.views.clone();
        views.mark_changed();
        Some(Subscription {
            views,
            _permit: permit,
        })
    }
}

/// Follows the views. Whoever is slow skips some, and never holds more than one.
pub(crate) struct Subscription {
    views: watch::Receiver<Arc<View>>,
    _permit: OwnedSemaphorePermit,
}

impl Subscription {
    /// The latest view: at once at first, then when there is a newer one. `None` once the viewer
    /// has stopped.
    pub(crate) async fn next(&mut self) -> Option<Arc<View>> {
        self.views.changed().await.ok()?;
        Some(Arc::clone(&self.views.borrow_and_update()))
    }
}

async fn follow(engine: &Engine, nudges: &Nudges, views: &watch::Sender<Arc<View>>) {
    loop {
        let began = Instant::now();
        let looked = look(engine).await;
        let took = began.elapsed();
        let pause = if looked.is_ok() { POLL } else { RETRY };
        views.send_modify(|view| {
            let now = Timestamp::now();
            *view = Arc::new(match looked {
                Ok(status) => view.seen(status, now),
                Err(message) => view.failed(message, now),
            });
        });
        // A big cluster is looked at half of the time at most.
        tokio::time::sleep(REST.max(took)).await;
        // Hints that came meanwhile count, so the last change is always seen. None is fine too.
        let _ = tokio::time::timeout(pause, nudges.next()).await;
    }
}

async fn look(engine: &Engine) -> Result<Status, String> {
    match tokio::time::timeout(PATIENCE, engine.observe(&Scope::All)).await {
        Ok(Ok(observed)) => Ok(status(&observed)),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!(
            "cluster and store gave no answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}

/// An error and its causes, as one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
