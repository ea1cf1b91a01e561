//! The web viewer of Theseus: which groups there are, how they are, and where their containers run.
//!
//! ```text
//! cluster, store --> Viewer: one task that looks --> View --> pages, /api/v1/…
//!                                                      \---> /live: what changed since
//! ```
//!
//! A [`Viewer`] looks at cluster and store on behalf of everybody; a request reads the last
//! view and never waits for either. It reads through core's traits; where an [`Access`] allows
//! changes, they go through core's planner and engine. [`router`] can be mounted by whoever has a
//! server; [`serve`] is a server of its own, which is as safe as its [`Exposure`] has to be.

mod access;
mod actions;
mod api;
mod assets;
mod exposure;
mod guard;
mod interest;
mod links;
mod live;
mod lock;
mod logs;
mod metrics;
mod named;
mod nudge;
mod openmetrics;
mod pages;
mod reads;
mod refusal;
mod routes;
mod serve;
mod sign_in;
mod telling;
mod tls;
mod view;
mod viewer;

pub use access::{Access, AllowedHosts, Changes, Token, WeakToken};
pub use exposure::{Exposure, ExposureError};
pub use links::{Links, UnfitLink};
pub use openmetrics::{OpenMetrics, Seconds, signed};
pub use routes::{Answers, Needs, Route, router, routes};
pub use serve::{ServeError, serve};
pub use tls::{Tls, TlsError};
pub use viewer::Viewer;
