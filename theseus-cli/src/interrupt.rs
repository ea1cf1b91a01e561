//! Ctrl-C: once to stop cleanly, twice to stop at once.

use std::process::exit;

/// Ready when the process is asked to stop (SIGINT or SIGTERM). From then on another Ctrl-C ends it
/// at once, with the shell's code for that.
pub(crate) async fn requested() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        exit(130);
    });
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
