//! App definitions as each version of Marathon speaks them: what may come in ([`AppUpdate`]), the
//! checks, what is kept ([`AppSpec`]), and how that is shown.

mod constraint;
mod container;
pub(crate) mod forms;
mod health;
mod run;
mod scheduling;
mod show;
mod spec;
mod update;
mod validate;

pub(crate) use constraint::{Constraint, Operator};
pub(crate) use health::{HealthCheck, Probe};
pub(crate) use run::{Bearer, Published, Run, RunNetwork};
pub(crate) use scheduling::{KillSelection, UnreachableStrategy, UpgradeStrategy};
pub(crate) use show::Shown;
pub(crate) use spec::{AppSpec, VersionInfo};
pub(crate) use update::{AppUpdate, Manner};
pub(crate) use validate::{Fault, validate};

use serde::{Deserialize, Deserializer};

/// Reads `null` as the default: to Marathon a null field is an absent one.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// As [`nullable`], for numbers whose default is not zero.
fn number_or<'de, const N: u32, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(N))
}

fn number<const N: u32>() -> u32 {
    N
}
