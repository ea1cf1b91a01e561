//! Taking what is shared. Nothing here is left half done by whoever panics while he holds it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes it.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
