//! Many groups alike: as a manifest, and running.

use std::fmt::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;
use theseus_core::manifest::{Manifest, Source};
use theseus_core::plan::Desired;

use crate::Failure;
use crate::marathon::{Pace, Sandbox, deploy};
use crate::program;

/// Groups that run in a sandbox of their own.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    /// Where `theseus` finds its configuration and its records.
    pub(crate) directory: TempDir,
    /// The manifest from which the groups were deployed.
    pub(crate) file: PathBuf,
}

impl Fleet {
    /// 10,000 groups of five containers.
    pub(crate) async fn large() -> Result<Self, Failure> {
        Self::deployed(&manifest(10_000, 5)).await
    }

    /// What this manifest describes.
    pub(crate) async fn deployed(manifest: &str) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let sandbox = Sandbox::start(Pace::INSTANT).await?;
        let file = directory.path().join("bench.yaml");
        std::fs::write(&file, manifest)?;
        let store = program::store(directory.path());
        let (engine, _) = sandbox.engine(&store).await?;
        deploy(&engine, &desired(manifest)?).await?;
        Ok(Self {
            sandbox,
            directory,
            file,
        })
    }
}

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
    Ok(Desired::from(manifest))
}
