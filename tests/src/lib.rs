//! What the stories across the crates of Theseus share. All of it is for tests: whatever goes wrong
//! panics.

pub mod fleet;
pub mod ground;
pub mod program;
pub mod reader;
pub mod simulated;
pub mod simulation;
pub mod watcher;
pub mod world;

use std::time::Duration;

use theseus_core::manifest::{Manifest, Source};
use theseus_core::plan::Desired;

/// The manifest of the original README.
pub const INGESTOR: &str = include_str!("../../examples/ingestor.yaml");

/// The same group, in a manifest that removes it.
pub const INGESTOR_REMOVE: &str = include_str!("../../examples/ingestor-remove.yaml");

/// A token that a viewer may have.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// How long anything may take that happens soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a manifest wants.
///
/// # Panics
///
/// When it has faults.
pub fn desired(manifest: &str) -> Desired {
    let manifest = Manifest::parse(&[Source::new("test.yaml", manifest)]);
    Desired::from(manifest.expect("the manifest has no fault"))
}

/// A client for addresses without TLS.
///
/// # Panics
///
/// When there can be none.
pub fn client() -> reqwest::Client {
    // An error only says that the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().tls_certs_only([]);
    builder.build().expect("a client")
}
