//! What a container is to be, in the engine's words.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, PortBinding, PortMap};

use super::parameters;
use super::{SANDBOX, TASK};
use crate::definition::{Published, Run, RunNetwork};
use crate::snapshot::SavedTask;

/// Microseconds of a period in which a container may use its share of the processors.
const PERIOD: i64 = 100_000;
/// The engine takes no less memory than this for a container.
const LEAST_MEM: f64 = 6.0;

/// The container of a task, or what about it no engine understands.
pub(super) fn body(
    sandbox: &str,
    task: &SavedTask,
    run: &Run,
) -> Result<ContainerCreateBody, String> {
    let label = serde_json::to_string(task).map_err(|error| error.to_string())?;
    let (entrypoint, cmd) = match (&run.shell, run.args.is_empty()) {
        (Some(line), _) => (
            Some(vec!["/bin/sh".into()]),
            Some(vec!["-c".into(), line.clone()]),
        ),
        (None, false) => (None, Some(run.args.clone())),
        (None, true) => (None, None),
    };
    let variables = run.environment.iter();
    let mut body = ContainerCreateBody {
        image: Some(run.image.clone()),
        entrypoint,
        cmd,
        env: Some(
            variables
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        exposed_ports: Some(exposed(run)),
        labels: Some(HashMap::from([
            (SANDBOX.to_owned(), sandbox.to_owned()),
            (TASK.to_owned(), label),
        ])),
        host_config: Some(HostConfig {
            cpu_shares: Some(whole(run.cpus * 1024.0).max(2)),
            cpu_period: Some(PERIOD),
            cpu_quota: Some(whole(run.cpus * 100_000.0).max(1000)),
            memory: Some(whole(run.mem.max(LEAST_MEM) * 1_048_576.0)),
            network_mode: Some(match &run.network {
                RunNetwork::Host => "host".into(),
                RunNetwork::Bridge => "bridge".into(),
                RunNetwork::Named(name) => name.clone(),
            }),
            port_bindings: Some(bindings(run, &task.host)),
            binds: Some(run.binds.clone()),
            privileged: Some(run.privileged),
            // The sandbox copies what is written; the engine's own copy is bounded.
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".into()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "32m".to_owned()),
                    ("max-file".to_owned(), "2".to_owned()),
                ])),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    parameters::apply(&run.parameters, &mut body)?;
    Ok(body)
}

fn exposed(run: &Run) -> Vec<String> {
    let each: BTreeSet<String> = run.ports.iter().flat_map(inside).collect();
    each.into_iter().collect()
}

/// A port inside of the container, once for each of its protocols.
fn inside(port: &Published) -> impl Iterator<Item = String> {
    let protocols = port.protocols.iter();
    protocols.map(move |protocol| format!("{}/{protocol}", port.container))
}

/// Each virtual host is an address of this machine's loopback, so that their ports never clash.
fn bindings(run: &Run, host: &str) -> PortMap {
    let mut bindings = PortMap::new();
    for port in &run.ports {
        for key in inside(port) {
            let bound = bindings.entry(key).or_default().get_or_insert_default();
            bound.push(PortBinding {
                host_ip: Some(host.to_owned()),
                host_port: Some(port.host.to_string()),
            });
        }
    }
    bindings
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn whole(amount: f64) -> i64 {
    amount.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    #[test]
    fn a_container_is_bounded_labelled_and_bound_to_its_host() {
        let task = SavedTask {
            id: "web.1".into(),
            app: "/web".into(),
            version: Stamp::default(),
            host: "127.0.0.3".into(),
            ports: vec![31_005],
            staged_at: Stamp::default(),
            started_at: None,
            healthy: None,
        };
        let run = Run {
            image: "web:1".into(),
            force_pull: false,
            privileged: false,
            shell: Some("exec serve".into()),
            args: Vec::new(),
            environment: vec![("A".into(), "b=c".into())],
            cpus: 0.25,
            mem: 64.0,
            network: RunNetwork::Bridge,
            ports: vec![Published {
                container: 80,
                host: 31_005,
                protocols: &["tcp", "udp"],
            }],
            binds: Vec::new(),
            parameters: vec![("hostname".into(), "web".into())],
        };
        let body = body("/tmp/a", &task, &run).unwrap();
        assert_eq!(body.entrypoint.unwrap(), ["/bin/sh"]);
        assert_eq!(body.cmd.unwrap(), ["-c", "exec serve"]);
        assert_eq!(body.env.unwrap(), ["A=b=c"]);
        assert_eq!(body.hostname.as_deref(), Some("web"));
        let host = body.host_config.unwrap();
        assert_eq!((host.cpu_shares, host.cpu_quota), (Some(256), Some(25_000)));
        assert_eq!(host.memory, Some(64 << 20));
        let bound = &host.port_bindings.unwrap()["80/udp"].clone().unwrap()[0];
        assert_eq!(bound.host_ip.as_deref(), Some("127.0.0.3"));
        assert_eq!(bound.host_port.as_deref(), Some("31005"));
        let labels = body.labels.unwrap();
        assert_eq!(labels[SANDBOX], "/tmp/a");
        let back: SavedTask = serde_json::from_str(&labels[TASK]).unwrap();
        assert_eq!((back.id, back.ports), (task.id, task.ports));
    }
}
