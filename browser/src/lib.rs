//! A real Chromium, as tests and benchmarks of the viewer look at it.
//!
//! The crates that have all of `WebDriver` ask `serde_json` to keep the order of keys. Cargo would then
//! build everything so that is tested, and other JSON would be tested than is written by what people
//! build. So this has the few commands that are needed, and no more.

mod chromium;
mod driver;

pub use chromium::Chromium;
pub use driver::{Driver, DriverError, ENTER, TAB, Tab};
