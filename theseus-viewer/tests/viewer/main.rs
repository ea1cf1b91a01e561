//! The viewer as a browser meets it, over a cluster that the tests speak for.

mod router;
mod serve;
mod world;
