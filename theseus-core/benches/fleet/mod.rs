//! Many groups alike, as a manifest and as what is known of them once they are deployed.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use theseus_core::cluster::{
    App, AppId, Container, ContainerId, ContainerState, HealthState, Part, Revision, Snapshot,
};
use theseus_core::manifest::{Manifest, Source};
use theseus_core::model::GroupId;
use theseus_core::plan::Desired;
use theseus_core::records::{GroupRecord, RevisionCounter, Stored};
use theseus_core::state::{Observed, Records};
use theseus_core::store;

/// How many containers each group has.
pub(crate) const INSTANCES: u32 = 5;

/// A manifest of so many groups, each as large as people's usually are.
pub(crate) fn source(groups: usize) -> Source {
    let mut text = String::from("deploy:\n");
    for number in 0..groups {
        let _ = write!(
            text,
            "  service-{number:05}:
    image: registry.example.com/flask:1
    labels: [bench]
    ports: {{ssh: 22, api: 5000}}
    environment: {{APP_NAME: service-{number:05}, BATCH_SIZE: 100}}
    instances: {INSTANCES}
    cpus: 0.1
    mem: 128
"
        );
    }
    Source::new("bench.yaml", text)
}

/// What such a manifest asks for.
pub(crate) fn desired(groups: usize) -> Desired {
    let manifest = Manifest::parse(&[source(groups)]).expect("it has no faults");
    Desired::from(manifest)
}

/// What is known once that is deployed.
pub(crate) fn deployed(desired: &Desired) -> Observed {
    let mut records = Records::default();
    let mut snapshot = Snapshot::default();
    for (group, spec) in &desired.deploy {
        records.groups.push(Stored {
            record: GroupRecord {
                group: group.clone(),
                revision: 1,
                // Read from a store, it is not the very spec of the manifest.
                spec: Arc::new((**spec).clone()),
                deployed_at: Timestamp::UNIX_EPOCH,
                adopted: None,
            },
            modified: store::Revision(1),
        });
        records.counters.push(RevisionCounter {
            group: group.clone(),
            last: 1,
        });
        snapshot.apps.push(app(group, 1, INSTANCES));
    }
    Observed::new(records, snapshot)
}

/// An app all of whose containers run.
pub(crate) fn app(group: &GroupId, revision: Revision, instances: u32) -> App {
    let id = AppId(format!("/{group}/r{revision}"));
    App {
        containers: (0..instances)
            .map(|number| container(&id, number))
            .collect(),
        id,
        group: group.clone(),
        revision,
        instances,
        part: Part::Whole,
        pinned_to: None,
        checked: false,
        operations: Vec::new(),
        last_failure: None,
        unread: None,
    }
}

fn container(app: &AppId, number: u32) -> Container {
    Container {
        id: ContainerId(format!("{app}.{number}")),
        host: Some("host-1".into()),
        ports: vec![31_000, 31_001],
        state: ContainerState::Running,
        health: HealthState::Unknown,
        staged_at: Some(Timestamp::UNIX_EPOCH),
        started_at: Some(Timestamp::UNIX_EPOCH),
        healthy_since: None,
        outdated: false,
    }
}
