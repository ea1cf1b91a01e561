//! Work that can stand still, as a process does that is stopped or swapped out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Until when somebody stands still.
#[derive(Debug, Clone, Default)]
pub(super) struct Frost(Arc<Mutex<Option<Instant>>>);

impl Frost {
    pub(super) fn freeze(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that does nothing while there is frost, whatever it waits for.
pub(super) struct Freezing<F> {
    work: Pin<Box<F>>,
    frost: Frost,
    thaw: Option<Pin<Box<Sleep>>>,
}

impl<F> Freezing<F> {
    pub(super) fn new(work: F, frost: Frost) -> Self {
        Self {
            work: Box::pin(work),
            frost,
            thaw: None,
        }
    }
}

impl<F: Future> Future for Freezing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(until) = self.frost.until().filter(|until| *until > Instant::now()) {
            let mut thaw = Box::pin(sleep_until(until));
            let waits = thaw.as_mut().poll(cx).is_pending();
            self.thaw = waits.then_some(thaw);
            if waits {
                return Poll::Pending;
            }
        }
        self.work.as_mut().poll(cx)
    }
}
