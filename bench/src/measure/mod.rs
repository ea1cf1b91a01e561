//! What is measured, one module each.

mod create;
mod fleet_plan;
mod group_plan;
mod replace;
mod roll;
mod start;

use std::pin::Pin;

use crate::Failure;
use crate::table::Row;

type Measurement = fn() -> Pin<Box<dyn Future<Output = Result<Vec<Row>, Failure>>>>;

/// Everything that can be measured, by name.
pub(crate) const MEASUREMENTS: [(&str, Measurement); 6] = [
    ("start", || Box::pin(start::measure())),
    ("group-plan", || Box::pin(group_plan::measure())),
    ("fleet-plan", || Box::pin(fleet_plan::measure())),
    ("create", || Box::pin(create::measure())),
    ("roll", || Box::pin(roll::measure())),
    ("replace", || Box::pin(replace::measure())),
];
