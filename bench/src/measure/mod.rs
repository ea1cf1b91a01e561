//! What is measured, one module each.

mod apps;
mod create;
mod events;
mod fleet_plan;
mod group_plan;
mod logs;
mod registry;
mod replace;
mod roll;
mod sandbox;
mod start;
mod viewer;

use std::pin::Pin;

use crate::Failure;
use crate::table::Row;

pub(crate) use apps::{READ, read};
pub(crate) use events::{LISTEN, listen};

type Measurement = fn() -> Pin<Box<dyn Future<Output = Result<Vec<Row>, Failure>>>>;

/// Everything that can be measured, by name.
pub(crate) const MEASUREMENTS: [(&str, Measurement); 12] = [
    ("start", || Box::pin(start::measure())),
    ("group-plan", || Box::pin(group_plan::measure())),
    ("fleet-plan", || Box::pin(fleet_plan::measure())),
    ("apps", || Box::pin(apps::measure())),
    ("events", || Box::pin(events::measure())),
    ("sandbox", || Box::pin(sandbox::measure())),
    ("create", || Box::pin(create::measure())),
    ("roll", || Box::pin(roll::measure())),
    ("registry", || Box::pin(registry::measure())),
    ("logs", || Box::pin(logs::measure())),
    ("replace", || Box::pin(replace::measure())),
    ("viewer", || Box::pin(viewer::measure())),
];
