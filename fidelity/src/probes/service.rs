//! What a Marathon tells of itself: `/v2/info`, `/v2/leader`, `/ping`, `/metrics`, and which endpoints
//! there are.

use serde_json::{Value, json};

use crate::Version;
use crate::check::{
    Check, body, body_says, boolean, fits, has_key, header, is, lacks, like, list, object, refused,
    status, text,
};
use crate::probe::{Probe, get, head, post};

pub(super) fn probes() -> Vec<Probe> {
    info()
        .into_iter()
        .chain(others())
        .chain(endpoints())
        .collect()
}

fn info() -> Vec<Probe> {
    vec![
        Probe::new("info-name-and-version", "§0", "v0.7.0:InfoResource.scala")
            .send(get("/v2/info"))
            .holds(status(200))
            .holds(header("content-type", "application/json"))
            .holds(is("/name", "marathon"))
            .holds(like(
                "/version",
                "1.5.11, or with a suffix",
                starts_as_version,
            )),
        Probe::new(
            "info-version-counts-builds",
            "§0",
            "v1.6.590:InfoResource.scala",
        )
        .since(1, 6, 590)
        .send(get("/v2/info"))
        .holds(like("/version", "1.8.244 or 1.8.244-word", is_late_version)),
        Probe::new("info-framework-id", "§10.1", "v0.7.0:InfoResource.scala")
            .send(get("/v2/info"))
            .holds(has_key("/frameworkId"))
            .holds(object("/zookeeper_config"))
            .holds(object("/http_config"))
            .holds(has_key("/http_config/http_port"))
            .holds(text("/marathon_config/master")),
        Probe::new("info-leader", "§10.1", "v0.8.0:InfoResource.scala")
            .since(0, 8, 0)
            .send(get("/v2/info"))
            .holds(boolean("/elected"))
            .holds(like("/leader", "host:port", is_host_port)),
        Probe::new("info-framework-name", "§10.1", "v0.9.0:InfoResource.scala")
            .since(0, 9, 0)
            .send(get("/v2/info"))
            .holds(text("/marathon_config/framework_name")),
        Probe::new("info-mesos-ui", "§10.1", "v0.11.0:InfoResource.scala")
            .since(0, 11, 0)
            .send(get("/v2/info"))
            .holds(text("/marathon_config/mesos_leader_ui_url")),
        Probe::new(
            "info-no-mesos-ui-yet",
            "§10.1",
            "v0.10.0:InfoResource.scala",
        )
        .before(0, 11, 0)
        .send(get("/v2/info"))
        .holds(lacks("/marathon_config/mesos_leader_ui_url")),
        Probe::new("info-features", "§10.1", "v1.1.1:InfoResource.scala")
            .since(1, 1, 0)
            .send(get("/v2/info"))
            .holds(list("/marathon_config/features")),
        Probe::new(
            "info-event-subscriber",
            "§10.1",
            "v1.4.0:InfoResource.scala",
        )
        .before(1, 5, 0)
        .send(get("/v2/info"))
        .holds(has_key("/event_subscriber")),
        Probe::new(
            "info-no-event-subscriber",
            "§10.1",
            "v1.5.0:InfoResource.scala",
        )
        .since(1, 5, 0)
        .send(get("/v2/info"))
        .holds(lacks("/event_subscriber")),
        Probe::new("info-buildref", "§10.1", "v1.4.0:InfoResource.scala")
            .since(1, 4, 0)
            .send(get("/v2/info"))
            .holds(text("/buildref")),
        Probe::new(
            "info-ports-for-services",
            "§10.1",
            "v0.7.0:InfoResource.scala",
        )
        .send(get("/v2/info"))
        .holds(fits(
            "/marathon_config/local_port_min",
            "is a number",
            Value::is_u64,
        ))
        .holds(fits(
            "/marathon_config/local_port_max",
            "is a number",
            Value::is_u64,
        )),
    ]
}

fn others() -> Vec<Probe> {
    vec![
        Probe::new("leader", "§1.7", "v0.8.0:LeaderResource.scala")
            .since(0, 8, 0)
            .send(get("/v2/leader"))
            .holds(status(200))
            .holds(like("/leader", "host:port", is_host_port)),
        Probe::new("ping", "§1.7", "v1.4.0:SystemResource.scala")
            .send(get("/ping").accepting("*/*"))
            .holds(status(200))
            .holds(header("content-type", "text/plain"))
            .holds(body_says("pong")),
        Probe::new("ping-in-json", "§1.7", "v1.5.0:SystemResource.scala")
            .since(1, 5, 0)
            .send(get("/ping"))
            .holds(status(200))
            .holds(body("\"pong\"")),
        Probe::new("ping-in-neither", "§1.7", "v1.5.0:SystemResource.scala")
            .since(1, 5, 0)
            .send(get("/ping").accepting("image/png"))
            .holds(status(204))
            .holds(body("")),
        Probe::new(
            "metrics-of-dropwizard",
            "§1.7",
            "v1.4.0:SystemResource.scala",
        )
        .before(1, 5, 0)
        .with(metrics(&[
            "version",
            "gauges",
            "counters",
            "histograms",
            "meters",
            "timers",
        ])),
        Probe::new("metrics-of-kamon", "§1.7", "v1.5.0:SystemResource.scala")
            .since(1, 5, 0)
            .before(1, 7, 50)
            .with(metrics(&[
                "start",
                "end",
                "counters",
                "gauges",
                "histograms",
                "min-max-counters",
            ])),
        Probe::new(
            "metrics-of-dropwizard-again",
            "§1.7",
            "v1.7.149:newMetrics.raml",
        )
        .since(1, 7, 149)
        .with(metrics(&[
            "version",
            "gauges",
            "counters",
            "histograms",
            "meters",
            "timers",
        ])),
        Probe::new(
            "metrics-for-prometheus",
            "§1.1",
            "v1.7.50:SystemResource.scala",
        )
        .since(1, 7, 50)
        .send(get("/metrics/prometheus").accepting("text/plain"))
        .holds(status(200)),
        Probe::new(
            "answers-are-not-kept",
            "§1.0",
            "v0.8.1:CacheDisablingFilter.scala",
        )
        .since(0, 8, 1)
        .send(get("/v2/apps"))
        .holds(header(
            "cache-control",
            "no-cache, no-store, must-revalidate",
        ))
        .holds(header("pragma", "no-cache"))
        .holds(header("expires", "0")),
        Probe::new(
            "answers-of-the-leader-name-it",
            "§9",
            "v0.9.0:LeaderProxyFilter.scala",
        )
        .since(0, 9, 0)
        .send(get("/v2/apps"))
        .holds(header("x-marathon-leader", "http")),
    ]
}

fn endpoints() -> Vec<Probe> {
    vec![
        Probe::new(
            "unknown-uri",
            "§1.11",
            "v1.6.352:MarathonExceptionMapper.scala",
        )
        .before(1, 6, 353)
        .send(get("/v2/theseus-fidelity-asks-for-nothing"))
        .holds(status(404))
        .holds(body_says("URI not found")),
        Probe::new(
            "unknown-uri-is-an-error",
            "§1.11",
            "v1.6.486:MarathonExceptionMapper.scala",
        )
        .since(1, 6, 486)
        .send(get("/v2/theseus-fidelity-asks-for-nothing"))
        .holds(status(500))
        .holds(is("/message", "URI not found")),
        Probe::new("pods-are-supported", "§1.10", "v1.4.0:PodsResource.scala")
            .since(1, 4, 0)
            .send(head("/v2/pods"))
            .holds(status(200)),
        Probe::new("pods-are-listed", "§1.10", "v1.4.0:PodsResource.scala")
            .since(1, 4, 0)
            .send(get("/v2/pods"))
            .holds(status(200))
            .holds(list("")),
        Probe::new("pods-have-states", "§1.10", "v1.4.0:PodsResource.scala")
            .since(1, 4, 0)
            .send(get("/v2/pods/::status"))
            .holds(status(200))
            .holds(list("")),
        Probe::new("an-unknown-pod", "§1.10", "v1.4.0:PodsResource.scala")
            .since(1, 4, 0)
            .send(get("/v2/pods{g}/nobody"))
            .holds(status(404))
            .holds(text("/message")),
        Probe::new("no-pods-yet", "§1.1", "v1.3.0:MarathonRestModule.scala")
            .before(1, 4, 0)
            .send(get("/v2/pods"))
            .holds(status(404)),
        Probe::new("plugins", "§1.1", "v1.1.1:PluginsResource.scala")
            .since(1, 1, 0)
            .send(get("/v2/plugins"))
            .holds(status(200)),
        Probe::new(
            "no-callbacks-any-more",
            "§1.9",
            "v1.5.0:MarathonRestModule.scala",
        )
        .since(1, 5, 0)
        .send(get("/v2/eventSubscriptions"))
        .holds(gone()),
        Probe::new(
            "no-artifacts-any-more",
            "§1.1",
            "v1.5.0:MarathonRestModule.scala",
        )
        .since(1, 5, 0)
        .send(get("/v2/artifacts/theseus-fidelity"))
        .holds(gone()),
        Probe::new("no-stream-yet", "§1.8", "v0.8.2:MarathonRestModule.scala")
            .before(0, 9, 0)
            .send(get("/v2/events").accepting("text/event-stream"))
            .holds(refused()),
        Probe::new("no-leader-yet", "§1.1", "v0.7.6:MarathonRestModule.scala")
            .before(0, 8, 0)
            .send(get("/v2/leader"))
            .holds(refused()),
        Probe::new("no-bulk-kills-yet", "§1.1", "v0.7.6:TasksResource.scala")
            .before(0, 8, 1)
            .send(post("/v2/tasks/delete", json!({"ids": []})))
            .holds(refused()),
    ]
}

fn metrics(keys: &'static [&'static str]) -> impl FnOnce(Probe) -> Probe {
    move |probe| {
        let asked = probe.send(get("/metrics")).holds(status(200));
        keys.iter()
            .fold(asked, |probe, key| probe.holds(has_key(&format!("/{key}"))))
    }
}

/// Where nothing is: 404, or 500 as newer versions say it.
fn gone() -> Check {
    body_says("URI not found").about_status()
}

fn starts_as_version(text: &str) -> bool {
    Version::parse(text).is_some()
}

fn is_late_version(text: &str) -> bool {
    let (numbers, suffix) = text.split_once('-').unwrap_or((text, "x"));
    let parts: Vec<&str> = numbers.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|it| it.parse::<u32>().is_ok())
        && !suffix.is_empty()
        && suffix.chars().all(char::is_alphanumeric)
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
