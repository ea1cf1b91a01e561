//! The task that looks at cluster and store, and the handle on what it saw last.
//!
//! Between two looks it shows what events tell. So thousands of them a second cost the cluster
//! nothing, and what they got wrong is put right by the next look.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::cluster::{Cluster, Scope};
use theseus_core::engine::Engine;
use theseus_core::hearsay::Heard;
use theseus_core::state::Observed;
use theseus_core::status::status;
use theseus_core::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::nudge::{Nudge, Nudges};
use crate::view::View;

/// How long the viewer rests between two looks, or before it shows something else, at least.
const REST: Duration = Duration::from_millis(200);
/// How long it relies on what it is told before it looks all the same.
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
            let mut nudges = Nudges::listen(cluster, &store);
            follow(&engine, &mut nudges, &sender).await;
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

async fn follow(engine: &Engine, nudges: &mut Nudges, views: &watch::Sender<Arc<View>>) {
    loop {
        let began = Instant::now();
        let looked = look(engine).await;
        // A big cluster is looked at half of the time at most.
        let rest = REST.max(began.elapsed());
        match looked {
            Ok(observed) => Shown::new(observed, views).listen(nudges, rest).await,
            Err(message) => {
                views.send_modify(|view| *view = Arc::new(view.failed(message, Timestamp::now())));
                tokio::time::sleep(rest).await;
                // Whether it rang or not.
                let _ = tokio::time::timeout(RETRY, nudges.bell()).await;
            }
        }
    }
}

async fn look(engine: &Engine) -> Result<Observed, String> {
    match tokio::time::timeout(PATIENCE, engine.observe(&Scope::All)).await {
        Ok(Ok(observed)) => Ok(observed),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!(
            "cluster and store gave no answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}

/// What a look saw, with what was told since.
struct Shown<'a> {
    observed: Observed,
    looked_at: Timestamp,
    views: &'a watch::Sender<Arc<View>>,
    /// When it may be shown anew, so that this takes half of the time at most.
    next: Instant,
}

impl<'a> Shown<'a> {
    fn new(observed: Observed, views: &'a watch::Sender<Arc<View>>) -> Self {
        let mut shown = Self {
            observed,
            looked_at: Timestamp::now(),
            views,
            next: Instant::now(),
        };
        shown.show();
        shown
    }

    fn show(&mut self) {
        let began = Instant::now();
        let status = status(&self.observed);
        self.views
            .send_modify(|view| *view = Arc::new(view.seen(status, self.looked_at)));
        self.next = Instant::now() + REST.max(began.elapsed());
    }

    /// Shows what is told, until it is time for another look; not before `rest` is over.
    async fn listen(mut self, nudges: &mut Nudges, rest: Duration) {
        let earliest = Instant::now() + rest;
        let mut look = Instant::now() + POLL.max(rest);
        let mut is_new = false;
        loop {
            let show = self.next;
            tokio::select! {
                biased;
                () = sleep_until(look) => return,
                () = sleep_until(show), if is_new => {
                    self.show();
                    is_new = false;
                }
                nudge = nudges.next() => match nudge {
                    Nudge::Event(event) => match self.observed.hear(&event) {
                        Heard::Nothing => {}
                        Heard::Change => is_new = true,
                        Heard::Gap => look = look.min(earliest),
                    },
                    Nudge::Look => look = look.min(earliest),
                },
            }
        }
    }
}

/// An error and its causes, as one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
