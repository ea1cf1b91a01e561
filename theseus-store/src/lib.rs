//! Where Theseus keeps its records: three implementations of [`theseus_core::store::Store`].
//!
//! - [`EtcdStore`] keeps them in an etcd cluster (feature `etcd`, on by default);
//! - [`SqliteStore`] keeps them in a file that several processes may use at once;
//! - [`MemoryStore`] keeps them in this process, on tokio's clock, for tests and simulations.
//!
//! With feature `testing`, the module `contract` holds the properties that every implementation
//! must have, as functions that other implementers can run too, and `testing` starts real etcd
//! servers.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod memory;
pub mod sqlite;

#[cfg(feature = "testing")]
pub mod contract;
#[cfg(feature = "testing")]
pub mod testing;

mod keys;
mod lease;
mod txn;

#[cfg(feature = "etcd")]
pub use etcd::{EtcdConfig, EtcdStore};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// How many changes the stores that keep their own history remember for watches.
const HISTORY: usize = 10_000;

/// How many operations the stores that set their own limit take in one transaction.
const MAX_TXN_OPERATIONS: usize = 10_000;
