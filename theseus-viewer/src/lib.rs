//! The web viewer of Theseus: which groups there are, how they are, and where their containers run.
//!
//! ```text
//! cluster, store --> Viewer: one task that looks --> View --> pages, /api/v1/status
//!                                                      \---> /live: what changed since
//! ```
//!
//! A [`Viewer`] looks at cluster and store on behalf of everybody; a request reads the last
//! view and never waits for either. It reads only, through core's traits. [`router`] can be
//! mounted by whoever has a server; [`serve`] is a server of its own, on loopback.

mod api;
mod assets;
mod guard;
mod interest;
mod links;
mod live;
mod nudge;
mod pages;
mod reads;
mod routes;
mod serve;
mod view;
mod viewer;

pub use guard::AllowedHosts;
pub use links::Links;
pub use routes::router;
pub use serve::{ServeError, serve};
pub use viewer::Viewer;
