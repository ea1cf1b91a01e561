//! The viewer as a browser meets it, over a cluster that the tests speak for.

mod filters;
mod live;
mod logs;
mod pages;
mod router;
mod serve;
mod sizes;
mod world;
