//! What Prometheus is told of the looks at what containers use.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use theseus_core::registry::Happening;
use theseus_viewer::signed;

/// How the looks at what containers use went.
#[derive(Default)]
pub(super) struct Samples {
    done: Counter,
    containers: Gauge,
    silent: Gauge,
    skipped: Counter,
    failed: Counter,
}

impl Samples {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("samples", "Looks at what containers use", self.done.clone());
        registry.register(
            "sampled_containers",
            "Containers of which it is known what they use",
            self.containers.clone(),
        );
        registry.register(
            "silent_hosts",
            "Hosts that do not tell what their containers use",
            self.silent.clone(),
        );
        registry.register(
            "skipped_samples",
            "Looks that were left out because one before took too long",
            self.skipped.clone(),
        );
        registry.register(
            "failed_samples",
            "Looks at what containers use that told nothing",
            self.failed.clone(),
        );
    }

    pub(super) fn note(&self, happening: &Happening) {
        match happening {
            Happening::Sampled {
                containers,
                silent,
                skipped,
                ..
            } => {
                self.done.inc();
                self.containers.set(signed(*containers));
                self.silent.set(signed(*silent));
                self.skipped.inc_by(*skipped);
            }
            Happening::Unsampled { skipped, .. } => {
                self.failed.inc();
                self.skipped.inc_by(*skipped);
            }
            _ => {}
        }
    }

    /// What only the one who leads knows is not told by the others.
    pub(super) fn clear(&self) {
        self.containers.set(0);
        self.silent.set(0);
    }
}
