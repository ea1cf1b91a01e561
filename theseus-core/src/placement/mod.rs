//! Where containers may run: the custom constraints of a spec, the hosts of slots, and whether
//! there is room.
//!
//! Three questions, each a pure function of the [`Terrain`], which is what is known of the hosts:
//!
//! - [`Rules::rule`]: what do the custom constraints of a spec mean today? Most come to
//!   [constraints](crate::model::Constraint) that the engine itself enforces. They are decided when
//!   a revision's app is made and stay with it: a later change of them would restart every one of
//!   its containers.
//! - [`slots::assign`]: which host belongs to each slot of a fixed-host group? What has a host
//!   keeps it; only the others are placed.
//! - [`room::check`]: would so many containers find a place now?
//!
//! The last two look at hosts through the same eyes: `spread` knows what constraints admit, what
//! a container takes, and which host is the best.

mod builtin;
mod conditions;
pub mod room;
mod rule;
pub mod slots;
mod spread;
mod stock;
mod terrain;

pub use rule::{Answer, Case, Rule, Rules, Ruling, Unsatisfiable};
pub use stock::ShortOf;
pub use terrain::Terrain;

#[cfg(test)]
mod testing;
