//! `/metrics`, in the shape of the version. The names are those of a few gauges of every Marathon;
//! nobody may depend on them.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Answer, Ctx, ok};
use crate::behaviour::{self, Metrics};
use crate::cluster::Cluster;
use crate::time::Stamp;

const PREFIX: &str = "service.mesosphere.marathon.";

fn gauges(cluster: &Cluster) -> [(&'static str, usize); 5] {
    let totals = cluster.totals();
    [
        ("app.count", totals.apps),
        ("group.count", totals.groups),
        ("deployment.count", totals.deployments),
        ("task.staged.count", totals.staged),
        ("task.running.count", totals.running),
    ]
}

pub(super) async fn metrics(State(engine): Ctx) -> Answer {
    engine.read(|cluster, now| {
        let gauges: serde_json::Map<String, Value> = gauges(cluster)
            .into_iter()
            .map(|(name, value)| (format!("{PREFIX}{name}"), json!({ "value": value })))
            .collect();
        let start = Stamp::from_timestamp(engine.config.start_time);
        ok(&match engine.config.version.pick(behaviour::METRICS) {
            Metrics::Dropwizard => json!({
                "version": "3.0.0", "gauges": gauges, "counters": {}, "histograms": {},
                "meters": {}, "timers": {},
            }),
            Metrics::Kamon => json!({
                "start": start, "end": now, "counters": {}, "gauges": gauges, "histograms": {},
                "min-max-counters": {},
            }),
        })
    })
}

pub(super) async fn prometheus(State(engine): Ctx) -> Response {
    let lines: String = engine.read(|cluster, _| {
        let lines = gauges(cluster).into_iter().map(|(name, value)| {
            let name = format!("{PREFIX}{name}").replace('.', "_");
            format!("# TYPE {name} gauge\n{name} {value}\n")
        });
        lines.collect()
    });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], lines).into_response()
}
