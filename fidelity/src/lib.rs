//! What must hold of every Marathon: one list of probes of its HTTP API, to be tried on any, be it a
//! sandbox or a real one.
//!
//! A [`Probe`] is a request, or a few that lead up to it, and what must hold of the answer; with the
//! versions for which it must, and where that is known from. [`probes::all`] is the list.
//! [`Suite::run`] tries them on one Marathon and tells which hold. Whatever they make lives under one
//! group of their own, which is gone afterwards.
//!
//! This is a reading of the protocol for itself: it shares no code with the client and none with the
//! sandbox, so that a mistake of one of them shows here.

mod answer;
mod callback;
pub mod check;
mod inbox;
mod names;
pub mod probe;
pub mod probes;
pub mod report;
mod stream;
mod suite;
mod trial;
mod version;
mod wire;

pub use answer::Answer;
pub use probe::Probe;
pub use report::{Difference, Report, Trial, Verdict};
pub use suite::{Refusal, Suite};
pub use version::Version;
pub use wire::{ByteStream, HttpWire, Lost, Wire};
