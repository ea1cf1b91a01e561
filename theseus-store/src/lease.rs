//! How long leases may be asked for.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The time to live that is granted to whoever asks for this one.
pub(crate) fn granted(ttl: Duration) -> Duration {
    ttl.clamp(SHORTEST, LONGEST)
}
