//! What a container of an app is to be: everything that a definition says about running one task,
//! put into the terms of a container engine. Pure; whoever has an engine carries it out.

use std::time::Duration;

use super::AppSpec;
use super::container::{NetworkMode, PortProtocol, VolumeMode};
use super::spec::EnvValue;
use crate::behaviour;
use crate::version::MarathonVersion;

/// How long a task that is asked to end may take, unless its app says otherwise.
const KILL_GRACE: Duration = Duration::from_secs(3);

/// Values of labels from this length on are not told to containers.
const LONGEST_LABEL: usize = 512;

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) image: String,
    pub(crate) force_pull: bool,
    pub(crate) privileged: bool,
    /// A line for a shell, instead of the image's entry point.
    pub(crate) shell: Option<String>,
    /// For the image's entry point.
    pub(crate) args: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) cpus: f64,
    /// In MiB.
    pub(crate) mem: f64,
    pub(crate) network: RunNetwork,
    pub(crate) ports: Vec<Published>,
    /// `/host/path:/container/path:ro`.
    pub(crate) binds: Vec<String>,
    /// Options of `docker run`, without their dashes.
    pub(crate) parameters: Vec<(String, String)>,
}

/// The network of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RunNetwork {
    Host,
    Bridge,
    Named(String),
}

/// A port of the host that leads to one of the container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    pub(crate) container: u16,
    pub(crate) host: u16,
    pub(crate) protocols: &'static [&'static str],
}

/// Whose container it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer<'a> {
    pub(crate) task: &'a str,
    pub(crate) host: &'a str,
    /// The host ports of the task, in the order of the definition.
    pub(crate) ports: &'a [u16],
    pub(crate) version: MarathonVersion,
}

impl AppSpec {
    /// How long a task of it may take to end.
    pub(crate) fn kill_grace(&self) -> Duration {
        self.task_kill_grace_period_seconds
            .map_or(KILL_GRACE, |seconds| Duration::from_secs(seconds.into()))
    }

    /// The container of one task, or what of it a container engine alone cannot do.
    pub(crate) fn run(&self, bearer: Bearer<'_>) -> Result<Run, String> {
        let docker = self.container.as_ref().and_then(|it| it.docker.as_ref());
        let docker = docker.ok_or("the app names no image, and the sandbox runs images only")?;
        if !self.fetch.is_empty() {
            return Err("the sandbox fetches no files: leave out `fetch`".into());
        }
        Ok(Run {
            image: docker.image.clone(),
            force_pull: docker.force_pull_image,
            privileged: docker.privileged,
            shell: self.cmd.clone(),
            args: self.args.clone(),
            environment: self.environment(bearer)?,
            cpus: self.cpus,
            mem: self.mem,
            network: self.run_network(),
            ports: self.published(bearer.ports),
            binds: self.binds()?,
            parameters: docker
                .parameters
                .iter()
                .map(|it| (it.key.clone(), it.value.clone()))
                .collect(),
        })
    }

    fn run_network(&self) -> RunNetwork {
        let name = self.networks.first().and_then(|it| it.name.clone());
        match (self.mode(), name) {
            (NetworkMode::Host, _) => RunNetwork::Host,
            (NetworkMode::Container, Some(name)) => RunNetwork::Named(name),
            (NetworkMode::Bridge | NetworkMode::Container, _) => RunNetwork::Bridge,
        }
    }

    /// The port inside and, where there is one, the port outside of each mapping or definition.
    fn wiring(&self, ports: &[u16]) -> Vec<(u16, Option<u16>, PortProtocol)> {
        if self.mode() == NetworkMode::Host {
            let defined = self.port_definitions.iter().zip(ports);
            return defined
                .map(|(it, port)| (*port, Some(*port), it.protocol))
                .collect();
        }
        let mut outside = ports.iter().copied();
        let mappings = self.port_mappings().iter();
        mappings
            .map(|it| {
                let host = it.host_port.and_then(|_| outside.next());
                let inside = match it.container_port {
                    0 => host.unwrap_or(0),
                    port => port,
                };
                (inside, host, it.protocol)
            })
            .collect()
    }

    fn published(&self, ports: &[u16]) -> Vec<Published> {
        if self.mode() == NetworkMode::Host {
            return Vec::new();
        }
        let wiring = self.wiring(ports).into_iter();
        wiring
            .filter_map(|(container, host, protocol)| {
                Some(Published {
                    container,
                    host: host?,
                    protocols: match protocol {
                        PortProtocol::Tcp => &["tcp"],
                        PortProtocol::Udp => &["udp"],
                        PortProtocol::Both => &["tcp", "udp"],
                    },
                })
            })
            .collect()
    }

    /// The host port that a check by index asks.
    pub(super) fn checked_port(&self, index: usize, ports: &[u16]) -> Option<u16> {
        self.wiring(ports).get(index)?.1
    }

    fn binds(&self) -> Result<Vec<String>, String> {
        let volumes = self.container.iter().flat_map(|it| &it.volumes);
        volumes
            .map(|volume| match &volume.host_path {
                Some(host) if host.starts_with('/') => {
                    let mode = match volume.mode {
                        Some(VolumeMode::Rw) => "rw",
                        Some(VolumeMode::Ro) | None => "ro",
                    };
                    Ok(format!("{host}:{}:{mode}", volume.container_path))
                }
                Some(host) => Err(format!("the volume {host} must be an absolute path")),
                None => Err(format!(
                    "the volume at {} is no path of the host, and the sandbox makes no others",
                    volume.container_path
                )),
            })
            .collect()
    }

    /// What Marathon tells a task in its environment, and what the app itself says.
    fn environment(&self, bearer: Bearer<'_>) -> Result<Vec<(String, String)>, String> {
        let own = self.env.iter().map(|(name, value)| match value {
            EnvValue::Text(text) => Ok((name.clone(), text.clone())),
            EnvValue::Secret { secret } => Err(format!(
                "{name} is to hold the secret {secret:?}, and the sandbox keeps no secrets"
            )),
        });
        let own = own.collect::<Result<Vec<_>, String>>()?;
        let injected = self.injected(bearer);
        let (mut first, then) = if bearer.version.has(behaviour::OWN_ENVIRONMENT_WINS) {
            (injected, own)
        } else {
            (own, injected)
        };
        first.retain(|(name, _)| then.iter().all(|(other, _)| other != name));
        first.extend(then);
        Ok(first)
    }

    fn injected(&self, bearer: Bearer<'_>) -> Vec<(String, String)> {
        let has = |what| bearer.version.has(what);
        let mut all: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: String| all.push((name.to_owned(), value));
        put("MESOS_TASK_ID", bearer.task.to_owned());
        put("MARATHON_APP_ID", self.id.to_string());
        if has(behaviour::ENVIRONMENT_VERSION) {
            put("MARATHON_APP_VERSION", self.version.to_string());
        }
        if let (true, Some(image)) = (has(behaviour::ENVIRONMENT_IMAGE), self.image()) {
            put("MARATHON_APP_DOCKER_IMAGE", image.to_owned());
        }
        if has(behaviour::ENVIRONMENT_RESOURCES) {
            put("MARATHON_APP_RESOURCE_CPUS", self.cpus.to_string());
            put("MARATHON_APP_RESOURCE_MEM", self.mem.to_string());
            put("MARATHON_APP_RESOURCE_DISK", self.disk.to_string());
            let mut keys = Vec::new();
            for (key, value) in &self.labels {
                let key = shouted(key);
                if value.len() < LONGEST_LABEL {
                    put(&format!("MARATHON_APP_LABEL_{key}"), value.clone());
                    keys.push(key);
                }
            }
            put("MARATHON_APP_LABELS", keys.join(" "));
        }
        if has(behaviour::ENVIRONMENT_HOST) {
            put("HOST", bearer.host.to_owned());
        }
        let wiring = self.wiring(bearer.ports);
        let outside = wiring
            .iter()
            .map(|(inside, host, _)| host.unwrap_or(*inside));
        let outside: Vec<u16> = outside.collect();
        let names = self.port_names();
        for (index, port) in outside.iter().enumerate() {
            put(&format!("PORT{index}"), port.to_string());
            let asked = if self.mode() == NetworkMode::Host {
                self.port_definitions[index].port
            } else {
                wiring[index].0
            };
            put(&format!("PORT_{asked}"), port.to_string());
            if let (true, Some(name)) = (has(behaviour::ENVIRONMENT_PORT_NAMES), names[index]) {
                put(&format!("PORT_{}", shouted(name)), port.to_string());
            }
        }
        if let Some(first) = outside.first() {
            put("PORT", first.to_string());
            let all: Vec<String> = outside.iter().map(ToString::to_string).collect();
            put("PORTS", all.join(","));
        }
        all
    }

    fn port_names(&self) -> Vec<Option<&str>> {
        if self.mode() == NetworkMode::Host {
            let defined = self.port_definitions.iter();
            return defined.map(|it| it.name.as_deref()).collect();
        }
        let mappings = self.port_mappings().iter();
        mappings.map(|it| it.name.as_deref()).collect()
    }
}

/// As the name of a variable.
fn shouted(name: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
        _ => '_',
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{AppUpdate, Manner};
    use crate::path_id::PathId;
    use serde_json::json;

    fn run(app: serde_json::Value) -> Result<Run, String> {
        let version = MarathonVersion::default();
        let update: AppUpdate = serde_json::from_value(app).unwrap();
        let blank = AppSpec::blank(PathId::absolute("/shop/web").unwrap(), version);
        let spec = update.apply(blank, Manner::whole(version)).unwrap();
        spec.run(Bearer {
            task: "shop_web.1",
            host: "127.0.0.2",
            ports: &[31_005, 31_006],
            version,
        })
    }

    fn app() -> serde_json::Value {
        json!({
            "args": ["serve"], "cpus": 0.5, "mem": 64, "env": {"A": "b", "HOST": "mine"},
            "labels": {"tier-1": "gold"},
            "networks": [{"mode": "container/bridge"}],
            "container": {
                "type": "DOCKER",
                "docker": {"image": "web:1", "parameters": [{"key": "init", "value": "true"}]},
                "volumes": [{"containerPath": "/logs", "hostPath": "/var/log", "mode": "RW"}],
                "portMappings": [
                    {"containerPort": 80, "hostPort": 0, "name": "http"},
                    {"containerPort": 0, "hostPort": 0, "protocol": "udp"},
                ],
            },
        })
    }

    #[test]
    fn a_container_is_what_its_app_says() {
        let run = run(app()).unwrap();
        assert_eq!(run.image, "web:1");
        assert_eq!(run.network, RunNetwork::Bridge);
        assert_eq!(run.binds, ["/var/log:/logs:rw"]);
        assert_eq!(run.parameters, [("init".into(), "true".into())]);
        let ports: Vec<_> = run.ports.iter().map(|it| (it.container, it.host)).collect();
        assert_eq!(ports, [(80, 31_005), (31_006, 31_006)]);
        assert_eq!(run.ports[1].protocols, ["udp"]);
        let told = |name: &str| {
            let mut found = run.environment.iter().filter(|(it, _)| it == name);
            let value = found.next().map(|(_, value)| value.as_str());
            assert!(found.next().is_none(), "{name} is told twice");
            value
        };
        for (name, value) in [
            ("A", "b"),
            ("HOST", "mine"),
            ("PORT", "31005"),
            ("PORT1", "31006"),
            ("PORTS", "31005,31006"),
            ("PORT_80", "31005"),
            ("PORT_HTTP", "31005"),
            ("MARATHON_APP_ID", "/shop/web"),
            ("MARATHON_APP_LABEL_TIER_1", "gold"),
            ("MESOS_TASK_ID", "shop_web.1"),
        ] {
            assert_eq!(told(name), Some(value), "{name}");
        }
    }

    #[test]
    fn what_an_engine_alone_cannot_do_is_said() {
        let mut secret = app();
        secret["env"]["KEY"] = json!({"secret": "db"});
        assert!(run(secret).unwrap_err().contains("keeps no secrets"));
        let mut volume = app();
        volume["container"]["volumes"][0]["hostPath"] = json!("data");
        assert!(run(volume).unwrap_err().contains("absolute"));
        assert!(
            run(json!({"cmd": "sleep 1"}))
                .unwrap_err()
                .contains("image")
        );
    }
}
