//! Containers, their networks and ports: what may be sent, and how it comes back.

use serde_json::{Value, json};

use super::{app, app_with, given, with};
use crate::check::{body_says, fits, includes, is, lacks, len, port, status};
use crate::probe::{Probe, get, post, put};

/// An app of an image, without a command.
fn docker(more: Value) -> Value {
    let definition = json!({"id": "{g}/a", "cpus": 0.01, "mem": 32, "instances": 0,
        "container": {"type": "DOCKER", "docker": {"image": "busybox"}}});
    with(definition, more)
}

pub(super) fn probes() -> Vec<Probe> {
    bridged()
        .into_iter()
        .chain(containers())
        .chain(ports())
        .collect()
}

/// Mappings without a network of the container's own are no fault, and are not kept.
fn passed_over(name: &'static str, sent: Value) -> Probe {
    Probe::new(name, "§2.3", "v1.5.0:AppNormalization.scala")
        .since(1, 5, 0)
        .with(given(docker(sent)))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/networks", json!([{"mode": "host"}])))
        .holds(len("/app/portDefinitions", 1))
        .holds(lacks("/app/container/portMappings"))
}

fn bridged() -> Vec<Probe> {
    let old = docker(json!({"container": {"docker": {
        "network": "BRIDGE", "portMappings": [{"containerPort": 80}, {"containerPort": 53, "protocol": "udp"}]}}}));
    let new = docker(json!({"networks": [{"mode": "container/bridge"}],
        "container": {"portMappings": [{"containerPort": 80, "name": "web"}]}}));
    vec![
        Probe::new("bridge-of-docker", "§2.2", "v0.7.1:Container.scala")
            .since(0, 7, 1)
            .before(1, 5, 0)
            .with(given(old.clone()))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/docker/network", "BRIDGE"))
            .holds(includes(
                "/app/container/docker/portMappings",
                json!([{"containerPort": 80, "hostPort": 0, "protocol": "tcp"},
                    {"containerPort": 53, "hostPort": 0, "protocol": "udp"}]),
            ))
            .holds(port("/app/container/docker/portMappings/0/servicePort"))
            .holds(port("/app/container/docker/portMappings/1/servicePort"))
            .holds(len("/app/ports", 2)),
        Probe::new("bridge-of-docker-is-translated", "§2.2", "v1.5.0:AppNormalization.scala")
            .since(1, 5, 0)
            .with(given(old))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/networks", json!([{"mode": "container/bridge"}])))
            .holds(includes(
                "/app/container/portMappings",
                json!([{"containerPort": 80, "hostPort": 0, "protocol": "tcp"},
                    {"containerPort": 53, "hostPort": 0, "protocol": "udp"}]),
            ))
            .holds(port("/app/container/portMappings/0/servicePort"))
            .holds(lacks("/app/container/docker/network"))
            .holds(lacks("/app/container/docker/portMappings")),
        Probe::new("bridge-of-networks", "§2.3", "v1.5.0:NetworkValidation.scala")
            .since(1, 5, 0)
            .with(given(new))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/networks", json!([{"mode": "container/bridge"}])))
            .holds(is("/app/container/portMappings/0/name", "web"))
            .holds(is("/app/container/portMappings/0/hostPort", 0))
            .holds(port("/app/container/portMappings/0/servicePort"))
            .holds(lacks("/app/portDefinitions")),
        Probe::new("host-of-docker-is-translated", "§2.3", "v1.5.0:AppNormalization.scala")
            .since(1, 5, 0)
            .with(given(docker(json!({"container": {"docker": {"network": "HOST"}}}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/networks", json!([{"mode": "host"}]))),
        passed_over(
            "mappings-without-a-network",
            json!({"container": {"docker": {"portMappings": [{"containerPort": 80}]}}}),
        ),
        passed_over(
            "mappings-on-the-host",
            json!({"networks": [{"mode": "host"}], "container": {"portMappings": [{"containerPort": 80}]}}),
        ),
        Probe::new("definitions-become-mappings", "§2.3", "v1.5.0:AppNormalization.scala")
            .since(1, 5, 0)
            .with(given(docker(json!({"networks": [{"mode": "container/bridge"}],
                "portDefinitions": [{"port": 0}, {"port": 0}],
                "container": {"portMappings": [{"containerPort": 80}]}}))))
            .send(get("/v2/apps{g}/a"))
            .holds(len("/app/container/portMappings", 2))
            .holds(is("/app/container/portMappings/1/containerPort", 0))
            .holds(lacks("/app/portDefinitions")),
        Probe::new("a-mapping-by-default", "§2.3", "v1.5.0:AppNormalization.scala")
            .since(1, 5, 0)
            .with(given(docker(json!({"networks": [{"mode": "container/bridge"}]}))))
            .send(get("/v2/apps{g}/a"))
            .holds(len("/app/container/portMappings", 1))
            .holds(is("/app/container/portMappings/0/name", "default")),
        Probe::new("no-host-port-on-a-named-network", "§2.2", "v1.5.0:AppConversion.scala")
            .since(1, 5, 0)
            .with(given(docker(json!({"networks": [{"mode": "container", "name": "dcos"}],
                "container": {"portMappings": [{"containerPort": 80}]}}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/networks/0/name", "dcos"))
            .holds(lacks("/app/container/portMappings/0/hostPort")),
        Probe::new("named-network-of-docker", "§2.3", "v1.3.0:AppDefinition.scala")
            .since(1, 3, 0)
            .before(1, 5, 0)
            .with(given(docker(json!({"ipAddress": {"networkName": "dcos"},
                "container": {"docker": {"network": "USER", "portMappings": [{"containerPort": 80}]}}}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/docker/network", "USER"))
            .holds(is("/app/ipAddress/networkName", "dcos"))
            .holds(lacks("/app/ports"))
            .holds(lacks("/app/portDefinitions"))
            .holds(lacks("/app/container/docker/portMappings/0/hostPort")),
    ]
}

fn containers() -> Vec<Probe> {
    let image = |more: Value| docker(json!({"container": {"docker": more}}));
    let volume = json!([{"containerPath": "/b", "hostPath": "/a", "mode": "RO"}]);
    vec![
        Probe::new("image", "§2.2", "v0.7.0:Container.scala")
            .with(given(docker(json!({"container": {"volumes": volume}}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/type", "DOCKER"))
            .holds(is("/app/container/docker/image", "busybox"))
            .holds(is("/app/container/volumes", volume)),
        Probe::new(
            "docker-is-the-default-container",
            "§2.2",
            "v0.7.0:Container.scala",
        )
        .with(given(
            json!({"id": "{g}/a", "cpus": 0.01, "mem": 32, "instances": 0,
                "container": {"docker": {"image": "busybox"}}}),
        ))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/container/type", "DOCKER")),
        Probe::new("docker-parameters", "§2.2", "v0.8.0:Container.scala")
            .since(0, 8, 0)
            .with(given(image(
                json!({"parameters": [{"key": "hostname", "value": "a.corp"}]}),
            )))
            .send(get("/v2/apps{g}/a"))
            .holds(is(
                "/app/container/docker/parameters",
                json!([{"key": "hostname", "value": "a.corp"}]),
            )),
        Probe::new(
            "docker-parameters-as-a-map",
            "§2.2",
            "v0.7.6:Container.scala",
        )
        .since(0, 7, 6)
        .before(0, 8, 0)
        .with(given(image(json!({"parameters": {"hostname": "a.corp"}}))))
        .send(get("/v2/apps{g}/a"))
        .holds(is(
            "/app/container/docker/parameters",
            json!({"hostname": "a.corp"}),
        )),
        Probe::new("docker-privileged", "§2.2", "v0.7.6:Container.scala")
            .since(0, 7, 6)
            .with(given(image(json!({"privileged": true}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/docker/privileged", true)),
        Probe::new("docker-pulls-if-it-must", "§2.2", "v0.8.2:Container.scala")
            .since(0, 8, 2)
            .with(given(image(json!({}))))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/docker/forcePullImage", false)),
        Probe::new(
            "docker-always-pulls-when-told",
            "§2.2",
            "v0.8.2:Container.scala",
        )
        .since(0, 8, 2)
        .with(given(image(json!({"forcePullImage": true}))))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/container/docker/forcePullImage", true)),
        Probe::new("image-run-by-mesos", "§2.2", "v1.3.0:Container.scala")
            .since(1, 3, 0)
            .with(given(
                json!({"id": "{g}/a", "cmd": "sleep 1000", "cpus": 0.01, "mem": 32, "instances": 0,
                "container": {"type": "MESOS", "docker": {"image": "busybox"}}}),
            ))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/container/type", "MESOS"))
            .holds(is("/app/container/docker/image", "busybox")),
    ]
}

fn ports() -> Vec<Probe> {
    vec![
        Probe::new(
            "service-ports-are-given-out",
            "§4",
            "v0.7.0:GroupManager.scala",
        )
        .before(1, 5, 0)
        .with(given(app_with("a", json!({"ports": [0, 0]}))))
        .send(get("/v2/apps{g}/a"))
        .holds(len("/app/ports", 2))
        .holds(port("/app/ports/0"))
        .holds(port("/app/ports/1")),
        Probe::new(
            "service-ports-become-definitions",
            "§2.6",
            "v1.5.0:AppNormalization.scala",
        )
        .since(1, 5, 0)
        .with(given(app_with("a", json!({"ports": [0, 0]}))))
        .send(get("/v2/apps{g}/a"))
        .holds(len("/app/portDefinitions", 2))
        .holds(port("/app/portDefinitions/0/port"))
        .holds(port("/app/portDefinitions/1/port"))
        .holds(lacks("/app/ports")),
        Probe::new(
            "service-ports-and-definitions",
            "§2.6",
            "v1.1.1:Formats.scala",
        )
        .since(1, 1, 0)
        .before(1, 5, 0)
        .with(given(app_with(
            "a",
            json!({"portDefinitions": [{"port": 0, "name": "web"}]}),
        )))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/portDefinitions/0/name", "web"))
        .holds(len("/app/ports", 1))
        .holds(fits("/app", "has one number in both", |app| {
            app["ports"][0] == app["portDefinitions"][0]["port"]
        })),
        Probe::new(
            "service-ports-of-ones-own",
            "§4",
            "v0.8.0:GroupManager.scala",
        )
        .before(1, 5, 0)
        .with(given(app_with("a", json!({"ports": [28_123]}))))
        .send(get("/v2/apps{g}/a"))
        .holds(is("/app/ports", json!([28_123]))),
        Probe::new(
            "service-ports-of-ones-own-in-definitions",
            "§4",
            "v1.5.0:AssignDynamicServiceLogic.scala",
        )
        .since(1, 5, 0)
        .with(given(app_with(
            "a",
            json!({"portDefinitions": [{"port": 28_123, "protocol": "udp"}]}),
        )))
        .send(get("/v2/apps{g}/a"))
        .holds(includes(
            "/app/portDefinitions",
            json!([{"port": 28_123, "protocol": "udp"}]),
        )),
        Probe::new("service-ports-are-kept", "§4", "v0.8.0:GroupManager.scala")
            .since(0, 8, 0)
            .before(1, 5, 0)
            .with(given(app_with("a", json!({"ports": [0]}))))
            .send(get("/v2/apps{g}/a"))
            .keep("port", "/app/ports/0")
            .send(put("/v2/apps{g}/a", json!({"ports": [0]})))
            .send(get("/v2/apps{g}/a"))
            .holds(body_says("\"ports\":[{port}]")),
        Probe::new(
            "service-ports-of-two-are-two",
            "§4",
            "v0.8.0:GroupManager.scala",
        )
        .before(1, 5, 0)
        .with(given(app_with("a", json!({"ports": [0]}))))
        .with(given(app_with("b", json!({"ports": [0]}))))
        .send(get("/v2/groups{g}"))
        .holds(fits("/apps", "have two numbers", |apps| {
            apps[0]["ports"][0] != apps[1]["ports"][0]
        })),
        Probe::new("no-ports", "§2.1", "v0.8.0:AppDefinition.scala")
            .before(1, 5, 0)
            .send(post("/v2/apps", app_with("a", json!({"ports": []}))))
            .holds(status(201))
            .holds(len("/ports", 0)),
        Probe::new("ports-are-required", "§2.1", "v0.7.0:AppDefinition.scala")
            .with(given(app_with(
                "a",
                json!({"ports": [28_124], "requirePorts": true}),
            )))
            .send(get("/v2/apps{g}/a"))
            .holds(is("/app/requirePorts", true)),
        Probe::new(
            "an-app-may-do-without-a-container",
            "§2.2",
            "v0.7.0:AppDefinition.scala",
        )
        .with(given(app("a")))
        .send(get("/v2/apps{g}/a"))
        .holds(lacks("/app/container")),
    ]
}
