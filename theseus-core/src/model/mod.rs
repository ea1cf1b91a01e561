//! What people talk about: services, labeled groups, and the spec of a group.

mod amount;
pub mod duration;
mod environment;
mod group;
mod name;
mod resources;
mod spec;
mod update;

pub use amount::{Amount, AmountError};
pub use environment::{EnvValue, Environment, looks_secret};
pub use group::{GroupId, GroupIdError, GroupSelector, Labels};
pub use name::{Label, NameError, ServiceName};
pub use resources::Resources;
pub use spec::{
    Access, Constraint, CustomConstraint, Fetch, Health, Network, Operator, Port, Probe, Protocol,
    Spec, Volume, VolumeError,
};
pub use update::{OnFailure, Order, Strategy, Update};
