//! Where cluster and store are: `mesos.yaml`, overridden by the environment, overridden by flags.

mod file;
mod resolve;

pub(crate) use file::{Context, Etcd, Marathon, Mesos, Subscriber};
pub(crate) use resolve::{Resolved, Target, resolve, resolve_store};
