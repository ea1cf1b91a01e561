//! Who works here, as others read it in locks, rollouts and history.

use std::env;

use theseus_core::audit::doer;

/// What a process of this user on this machine is called: `ana@ci-7 (pid 4711)`.
pub(crate) fn of(pid: u32) -> String {
    doer(&whoever(), pid)
}

/// What this process is called while it does something for others: `ana@ci-7 (viewer) (pid 4711)`.
pub(crate) fn own_as(what: &str) -> String {
    doer(&format!("{} ({what})", whoever()), std::process::id())
}

/// What this process is called.
pub(crate) fn own() -> String {
    of(std::process::id())
}

/// This user on this machine.
fn whoever() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned());
    let host = gethostname::gethostname();
    format!("{user}@{}", host.to_string_lossy())
}
