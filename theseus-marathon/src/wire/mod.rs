//! Marathon's JSON, as much of it as is used. What is read and what is written have types of their
//! own: answers are read leniently, and requests say exactly what is meant.

pub(crate) mod read;
pub(crate) mod write;
