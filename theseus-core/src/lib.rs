//! The heart of Theseus: what services and groups are, how a manifest becomes a plan, and how a
//! plan is carried out, over whatever runs the containers.

pub mod attribution;
pub mod audit;
pub mod causes;
pub mod cluster;
pub mod engine;
pub mod fullness;
pub mod hearsay;
pub mod history;
mod hold;
pub mod hosts;
pub mod logs;
pub mod manifest;
pub mod model;
pub mod placement;
pub mod plan;
pub mod records;
pub mod registry;
pub mod rollout;
pub mod state;
pub mod status;
pub mod store;
pub mod suggest;
pub mod told;
pub mod usage;
