//! Stories between the client and servers that take Marathon's part: which requests are made, and
//! what becomes of each answer.

mod apply;
mod callbacks;
mod connections;
mod events;
mod hosts;
mod logs;
mod observe;
mod parts;
mod server;
mod trust;
mod usage;
