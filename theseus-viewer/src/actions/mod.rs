//! What the viewer changes, where it is allowed to: deploys, and what is asked for of one group.
//!
//! Everything goes through core's planner and engine, as the commands' doings do. People are shown a
//! plan first, which is kept on the [`Shelf`]; only that very plan is carried out. Programs deploy
//! what they send. Either way the engine's loop runs here in the background, as one of the
//! [`Works`].

mod asked;
mod form;
mod kinds;
mod markup;
mod pages;
mod program;
mod shelf;
mod works;

pub(crate) use asked::{Asked, out_of_reach};
pub(crate) use form::forms;
pub(crate) use kinds::{Control, Kind};
pub(crate) use program::{Aborted, Begun, abort, body, deploy, engine_for, not_told, planned};
pub(crate) use shelf::Shelf;
pub(crate) use works::{Happened, Work, Works};

use crate::routes::Entry;

/// The pages of actions, and where their forms go.
pub(crate) fn table() -> Vec<Entry> {
    pages::table()
}
