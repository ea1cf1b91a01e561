//! Mesos beside it, where `/v2/info` tells where its master is.

use serde_json::{Value, json};

use super::running;
use crate::check::{
    Check, boolean, fits, has, header, is, like, list, number, object, refused, status, text,
};
use crate::probe::{Probe, get};

/// Steps that find the master, which is `{mesos}`.
fn master() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .since(0, 11, 0)
            .send(get("/v2/info"))
            .only_where(
                text("/marathon_config/mesos_leader_ui_url"),
                "this Marathon does not tell where its Mesos master is",
            )
            .send(get("/v2/info"))
            .keep_by("mesos", "the address of the Mesos master", |info, _| {
                let url = info.at("/marathon_config/mesos_leader_ui_url")?.as_str()?;
                Some(url.trim_end_matches('/').to_owned())
            })
    }
}

/// Steps that find a running task on its agent, which is `{agent}` (`slave(1)@ip:port`).
fn agent() -> impl FnOnce(Probe) -> Probe {
    |probe| {
        probe
            .with(master())
            .with(running(json!({})))
            .keep("slave", "/app/tasks/0/slaveId")
            .send(get("{mesos}/master/slaves"))
            .keep_by(
                "agent",
                "the address of the task's agent",
                |slaves, names| {
                    let pid = slaves
                        .at(&names.fill("/slaves[id={slave}]/pid"))?
                        .as_str()?;
                    Some(pid.split_once('@')?.1.to_owned())
                },
            )
    }
}

pub(super) fn probes() -> Vec<Probe> {
    let read = "apache/mesos src/slave/http.cpp";
    vec![
        Probe::new("mesos-agents", "§10.2", "apache/mesos src/master/http.cpp")
            .with(master())
            .send(get("{mesos}/master/slaves"))
            .holds(status(200))
            .holds(text("/slaves/0/id"))
            .holds(like("/slaves/0/pid", "slave(1)@ip:port", |pid| {
                pid.split_once('@')
                    .and_then(|(_, address)| address.rsplit_once(':'))
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
            }))
            .holds(text("/slaves/0/hostname"))
            .holds(boolean("/slaves/0/active"))
            .holds(object("/slaves/0/attributes"))
            .holds(number("/slaves/0/resources/cpus"))
            .holds(number("/slaves/0/resources/mem"))
            .holds(object("/slaves/0/used_resources"))
            .holds(number("/slaves/0/registered_time")),
        Probe::new(
            "mesos-agents-by-the-short-way",
            "§10.2",
            "apache/mesos src/master/http.cpp",
        )
        .with(master())
        .send(get("{mesos}/slaves"))
        .holds(status(200))
        .holds(list("/slaves")),
        Probe::new("mesos-leader", "§10.1", "apache/mesos src/master/http.cpp")
            .with(master())
            .send(get("{mesos}/master/redirect"))
            .holds(
                Check::new("a redirect to the leader", |answer, _| {
                    let place = answer.headers.contains_key("location");
                    if answer.status.is_redirection() && place {
                        Ok(())
                    } else {
                        Err(answer.to_string())
                    }
                })
                .about_status()
                .about_status(),
            )
            .holds(header("location", "//")),
        Probe::new("mesos-state", "§10.1", "apache/mesos src/master/http.cpp")
            .with(master())
            .send(get("{mesos}/master/state"))
            .holds(text("/leader"))
            .holds(list("/slaves")),
        Probe::new("mesos-agent-state", "§10.2", read)
            .with(agent())
            .send(get("http://{agent}/state"))
            .holds(is("/id", "{slave}"))
            .holds(list("/completed_frameworks"))
            .holds(fits(
                "/frameworks",
                "have executors with directories",
                |all| {
                    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
                    let executors = |it: &Value| {
                        it["executors"].as_array().is_some_and(|it| {
                            it.iter()
                                .any(|it| it["directory"].is_string() && it["id"].is_string())
                        })
                    };
                    all.iter().any(executors)
                },
            )),
        Probe::new("mesos-usage", "§10.3", read)
            .with(agent())
            .send(get("http://{agent}/monitor/statistics"))
            .holds(has("[executor_id={task}]"))
            .holds(text("[executor_id={task}]/framework_id"))
            .holds(number("[executor_id={task}]/statistics/timestamp")),
        Probe::new(
            "mesos-files-without-a-path",
            "§10.2",
            "apache/mesos src/files/files.cpp",
        )
        .with(agent())
        .send(get("http://{agent}/files/browse"))
        .holds(status(400)),
        Probe::new(
            "mesos-files-that-are-not",
            "§10.2",
            "apache/mesos src/files/files.cpp",
        )
        .with(agent())
        .send(get(
            "http://{agent}/files/browse?path=/theseus/fidelity/nothing",
        ))
        .holds(status(404))
        .send(get(
            "http://{agent}/files/read?path=/theseus/fidelity/nothing",
        ))
        .holds(refused()),
        Probe::new(
            "mesos-files-of-a-task",
            "§10.2",
            "apache/mesos src/files/files.cpp",
        )
        .with(agent())
        .send(get("http://{agent}/state"))
        .keep_by("directory", "the directory of the task", |state, names| {
            let lists = |value: &'_ Value, key| value[key].as_array().cloned().unwrap_or_default();
            let frameworks = lists(state.at("")?, "frameworks");
            let mut executors = frameworks.iter().flat_map(|it| lists(it, "executors"));
            let task = names.fill("{task}");
            let executor = executors.find(|it| it["id"] == task.as_str())?;
            Some(executor["directory"].as_str()?.to_owned())
        })
        .send(get("http://{agent}/files/browse?path={directory}"))
        .holds(list(""))
        .holds(has("[path={directory}/stdout]"))
        .holds(number("[path={directory}/stdout]/size"))
        .send(get("http://{agent}/files/read?path={directory}/stdout"))
        .holds(is("/data", ""))
        .holds(number("/offset"))
        .send(get(
            "http://{agent}/files/read?path={directory}/stdout&offset=0&length=100",
        ))
        .holds(fits("/data", "is a text", Value::is_string))
        .holds(is("/offset", 0))
        .send(get("http://{agent}/files/download?path={directory}/stdout"))
        .holds(status(200)),
    ]
}
