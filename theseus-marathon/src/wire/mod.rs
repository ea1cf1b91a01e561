//! Marathon's JSON, as much of it as is used, and a little of Mesos's. What is read and what is
//! written have types of their own: answers are read leniently, and requests say exactly what is
//! meant.

pub(crate) mod deployment;
pub(crate) mod mesos;
pub(crate) mod queue;
pub(crate) mod read;
pub(crate) mod tolerant;
pub(crate) mod write;
