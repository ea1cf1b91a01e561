//! Whom the viewer serves, and what its server takes: every route, asked by every kind of caller.

mod callers;
mod server;
mod sessions;
mod world;
