//! What people talk about: services, labeled groups, and the spec of a group.

mod amount;
mod constraint;
mod custom;
pub mod duration;
pub(crate) mod environment;
mod group;
mod health;
mod name;
mod resources;
mod spec;
mod update;
mod volume;

pub use amount::{Amount, AmountError};
pub use constraint::{Constraint, Operator};
pub use custom::CustomConstraint;
pub use environment::{EnvValue, Environment, looks_secret};
pub use group::{GroupId, GroupIdError, GroupSelector, Labels};
pub use health::{Health, Probe};
pub use name::{Label, NameError, ServiceName};
pub use resources::Resources;
pub use spec::{Fetch, MAX_INSTANCES, Network, Port, Protocol, Spec};
pub use update::{OnFailure, Order, Promote, Strategy, Update};
pub use volume::{Access, Volume, VolumeError};
