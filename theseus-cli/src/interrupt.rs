//! Ctrl-C: once to stop cleanly, twice to stop at once.

use std::process::exit;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::output::say;
use crate::output::style::{CHANGE, paint};

/// Ready when the process is asked to stop (SIGINT or SIGTERM). From then on another Ctrl-C ends it
/// at once, with the shell's code for that.
pub(crate) async fn requested() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        exit(130);
    });
}

/// When work is to stop: when somebody asks for it, or when its time is over.
pub(crate) struct Stop {
    requested: watch::Receiver<bool>,
    listening: JoinHandle<()>,
}

impl Stop {
    /// Listens from now on, and says so when it is time.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        let (stop, requested) = watch::channel(false);
        let listening = tokio::spawn(async move {
            let time = async {
                match timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self::requested() => say(&format!(
                    "{} once more to stop at once\n", paint(CHANGE, "stopping cleanly;"),
                )),
                () = time => say(&format!("{}\n", paint(CHANGE, "the time is over; stopping"))),
            }
            // Nobody may be left to be told.
            let _ = stop.send(true);
        });
        Self {
            requested,
            listening,
        }
    }

    /// Ready when it is time, and from then on.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut requested = self.requested.clone();
        async move {
            // The sender lives until it has sent.
            let _ = requested.wait_for(|is_time| *is_time).await;
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the signals do what they do by default: end the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
