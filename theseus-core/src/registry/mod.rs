//! Who runs where, on which ports: the store's live record of containers.
//!
//! A [`Registrar`] keeps it equal to what the cluster runs. Everybody else reads it: discovery needs
//! the store alone, and works while the cluster's engine is away.

mod batch;
mod desk;
mod endpoints;
mod guest;
mod happening;
mod held;
mod hints;
mod listener;
mod parts;
mod picture;
mod record;
mod recorded;
mod registrar;
mod restarts;
mod shapes;
#[cfg(test)]
mod testing;
mod watch;

pub(crate) use batch::batches;
pub use endpoints::{
    Endpoint, Found, RegistryError, Standing, containers, each_endpoint, endpoints, is_known,
    standing,
};
pub use guest::{Guest, GuestError, etcd_endpoints};
pub use happening::{Happening, Settled};
pub use record::{
    AppCount, CONTAINERS, COUNTS, ContainerRecord, CountsRecord, REGISTRAR_LOCK, REGISTRY,
    RegistryRecord, container_key, containers_prefix, counts_key,
};
pub use recorded::{Detail, counts, status, unreachable_since};
pub use registrar::{Registrar, Tell};
pub use watch::{Change, Watch, watch};
