//! What Prometheus is told.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use theseus_core::model::GroupId;
use theseus_core::registry::{CountsRecord, Happening, Settled};
use theseus_viewer::{OpenMetrics, Seconds, signed};

use super::samples::Samples;

/// The bounds of what takes time, in seconds.
const SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0, 60.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Group {
    group: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Scope {
    scope: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct With {
    with: &'static str,
}

/// The metrics of one registrar.
pub(super) struct Metrics {
    registry: Registry,
    leading: Gauge,
    attached: Gauge,
    containers: Gauge,
    as_of: Seconds,
    events: Counter,
    looks: Family<Scope, Counter>,
    look_seconds: Histogram,
    writes: Counter,
    transactions: Counter,
    event_to_record: Histogram,
    troubles: Family<With, Counter>,
    samples: Samples,
    running: Family<Group, Gauge>,
    healthy: Family<Group, Gauge>,
    unreachable: Family<Group, Gauge>,
    restarts: Family<Group, Gauge>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("theseus");
        let metrics = Self {
            leading: Gauge::default(),
            attached: Gauge::default(),
            containers: Gauge::default(),
            as_of: Seconds::default(),
            events: Counter::default(),
            looks: Family::default(),
            look_seconds: Histogram::new(SECONDS),
            writes: Counter::default(),
            transactions: Counter::default(),
            event_to_record: Histogram::new(SECONDS),
            troubles: Family::default(),
            samples: Samples::default(),
            running: Family::default(),
            healthy: Family::default(),
            unreachable: Family::default(),
            restarts: Family::default(),
            registry: Registry::default(),
        };
        let own = registry.sub_registry_with_prefix("registrar");
        own.register("leading", "Whether it leads", metrics.leading.clone());
        own.register(
            "attached",
            "Whether the cluster tells it what happens",
            metrics.attached.clone(),
        );
        own.register(
            "containers",
            "How many containers the registry holds",
            metrics.containers.clone(),
        );
        own.register_with_unit(
            "as_of_timestamp",
            "When the registry was last seen to be true",
            Unit::Seconds,
            metrics.as_of.clone(),
        );
        own.register("events", "Events of the cluster", metrics.events.clone());
        own.register("looks", "Looks at the cluster", metrics.looks.clone());
        own.register_with_unit(
            "look",
            "How long a look at the cluster takes",
            Unit::Seconds,
            metrics.look_seconds.clone(),
        );
        own.register(
            "writes",
            "Keys that were written or removed",
            metrics.writes.clone(),
        );
        own.register(
            "transactions",
            "Transactions in which that was done",
            metrics.transactions.clone(),
        );
        own.register_with_unit(
            "event_to_record",
            "How long after an event its records are written",
            Unit::Seconds,
            metrics.event_to_record.clone(),
        );
        own.register("troubles", "What went wrong", metrics.troubles.clone());
        metrics.samples.register(own);
        let groups = registry.sub_registry_with_prefix("group");
        groups.register("running", "Containers that run", metrics.running.clone());
        groups.register(
            "healthy",
            "Containers that do their work",
            metrics.healthy.clone(),
        );
        groups.register(
            "unreachable",
            "Containers that cannot be reached",
            metrics.unreachable.clone(),
        );
        groups.register(
            "restarts",
            "Containers of what runs now that ended though they were wanted",
            metrics.restarts.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    pub(super) fn note(&self, happening: &Happening) {
        match happening {
            Happening::Leads => drop(self.leading.set(1)),
            Happening::StandsBy { .. } | Happening::Yielded { .. } => self.yield_the_lead(),
            Happening::Attached => drop(self.attached.set(1)),
            Happening::Detached => drop(self.attached.set(0)),
            Happening::Event => drop(self.events.inc()),
            Happening::Looked { groups, took } => {
                let scope = if groups.is_some() { "groups" } else { "all" };
                self.looks.get_or_create(&Scope { scope }).inc();
                self.look_seconds.observe(took.as_secs_f64());
            }
            Happening::Settled(settled) => self.settle(settled),
            Happening::Trouble { with, .. } => {
                self.troubles.get_or_create(&With { with }).inc();
            }
            Happening::Sampled { .. } | Happening::Unsampled { .. } => self.samples.note(happening),
            _ => {}
        }
    }

    fn settle(&self, settled: &Settled) {
        self.containers.set(signed(settled.containers));
        self.as_of.set(settled.as_of.as_duration().as_secs_f64());
        self.writes.inc_by(settled.writes as u64);
        self.transactions.inc_by(settled.transactions as u64);
        if let Some(since) = settled.since_event.filter(|_| settled.writes > 0) {
            self.event_to_record.observe(since.as_secs_f64());
        }
        for (group, counts) in &settled.counts {
            self.count(group, counts.as_ref());
        }
    }

    fn count(&self, group: &GroupId, counts: Option<&CountsRecord>) {
        let label = Group {
            group: group.to_string(),
        };
        let families = [
            &self.running,
            &self.healthy,
            &self.unreachable,
            &self.restarts,
        ];
        match counts {
            Some(counts) => {
                let numbers = [
                    counts.running,
                    counts.healthy,
                    counts.unreachable,
                    counts.restarts(),
                ];
                for (family, number) in families.into_iter().zip(numbers) {
                    family.get_or_create(&label).set(i64::from(number));
                }
            }
            None => {
                for family in families {
                    family.remove(&label);
                }
            }
        }
    }

    /// What only the one who leads knows is not told by the others.
    fn yield_the_lead(&self) {
        self.leading.set(0);
        self.attached.set(0);
        self.containers.set(0);
        self.samples.clear();
        for family in [
            &self.running,
            &self.healthy,
            &self.unreachable,
            &self.restarts,
        ] {
            family.clear();
        }
    }

    pub(super) fn render(&self) -> OpenMetrics {
        OpenMetrics::from(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_is_told_in_full() {
        let metrics = Metrics::new();
        let group: GroupId = "ingestor:dev".parse().unwrap();
        let counts = CountsRecord {
            running: 4,
            healthy: 3,
            unreachable: 1,
            ..CountsRecord::none(group.clone())
        };
        for happening in [
            Happening::Leads,
            Happening::Attached,
            Happening::Event,
            Happening::Looked {
                groups: Some(1),
                took: Duration::from_millis(30),
            },
            Happening::Settled(Settled {
                as_of: Timestamp::from_second(1_000).unwrap(),
                writes: 5,
                transactions: 1,
                since_event: Some(Duration::from_millis(60)),
                counts: BTreeMap::from([(group.clone(), Some(counts))]),
                containers: 5,
            }),
            Happening::Trouble {
                with: "store",
                message: "it is away".to_owned(),
            },
        ] {
            metrics.note(&happening);
        }
        insta::assert_snapshot!(metrics.render().0);
        metrics.note(&Happening::Yielded { reason: "" });
        let told = metrics.render().0;
        assert!(told.contains("theseus_registrar_leading 0"), "{told}");
        assert!(!told.contains("ingestor"), "{told}");
    }
}
