//! Many groups alike, as a manifest.

use std::fmt::Write as _;

use theseus_core::manifest::{Manifest, Source};
use theseus_core::plan::Desired;

use crate::Failure;

/// A manifest of so many groups of so many containers, each as large as people's usually are.
pub(crate) fn manifest(groups: usize, instances: u32) -> String {
    let mut text = String::from("deploy:\n");
    for number in 0..groups {
        let _ = write!(
            text,
            "  service-{number:05}:
    image: registry.example.com/flask:1
    labels: [bench]
    ports: {{ssh: 22, api: 5000}}
    environment: {{APP_NAME: service-{number:05}, BATCH_SIZE: 100}}
    instances: {instances}
    cpus: 0.1
    mem: 128
"
        );
    }
    text
}

/// What a manifest asks for.
pub(crate) fn desired(manifest: &str) -> Result<Desired, Failure> {
    let source = Source::new("bench.yaml", manifest);
    let manifest = Manifest::parse(&[source]).map_err(|faults| faults.to_string())?;
    Ok(Desired::from(&manifest))
}
