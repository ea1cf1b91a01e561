//! Options of `docker run`, as far as the sandbox knows them.

use std::collections::HashMap;
use std::str::FromStr;

use bollard::models::{ContainerCreateBody, DeviceMapping, HostConfig, ResourcesUlimits};

/// Puts the options into a container's body, or says which of them makes no sense.
pub(super) fn apply(
    parameters: &[(String, String)],
    body: &mut ContainerCreateBody,
) -> Result<(), String> {
    let mut host = body.host_config.take().unwrap_or_default();
    for (key, value) in parameters {
        one(key, value, body, &mut host)?;
    }
    body.host_config = Some(host);
    Ok(())
}

fn one(
    key: &str,
    value: &str,
    body: &mut ContainerCreateBody,
    host: &mut HostConfig,
) -> Result<(), String> {
    let text = || Some(value.to_owned());
    match key {
        "add-host" => push(&mut host.extra_hosts, value),
        "cap-add" => push(&mut host.cap_add, value),
        "cap-drop" => push(&mut host.cap_drop, value),
        "cpuset-cpus" => host.cpuset_cpus = text(),
        "device" => host.devices.get_or_insert_default().push(device(value)),
        "dns" => push(&mut host.dns, value),
        "dns-option" => push(&mut host.dns_options, value),
        "dns-search" => push(&mut host.dns_search, value),
        "domainname" => body.domainname = text(),
        "entrypoint" => body.entrypoint = Some(vec![value.to_owned()]),
        "env" => push(&mut body.env, value),
        "group-add" => push(&mut host.group_add, value),
        "hostname" => body.hostname = text(),
        "init" => host.init = Some(read(key, value)?),
        "ipc" => host.ipc_mode = text(),
        "label" => {
            let (name, value) = pair(value);
            // What tells whose container it is cannot be told otherwise.
            let labels = body.labels.get_or_insert_default();
            labels.entry(name).or_insert(value);
        }
        "memory-swappiness" => host.memory_swappiness = Some(read(key, value)?),
        "oom-score-adj" => host.oom_score_adj = Some(read(key, value)?),
        "pid" => host.pid_mode = text(),
        "pids-limit" => host.pids_limit = Some(read(key, value)?),
        "privileged" => host.privileged = Some(read(key, value)?),
        "read-only" => host.readonly_rootfs = Some(read(key, value)?),
        "security-opt" => push(&mut host.security_opt, value),
        "stop-signal" => body.stop_signal = text(),
        "sysctl" => insert(&mut host.sysctls, value),
        "tmpfs" => {
            let (path, options) = value.split_once(':').unwrap_or((value, ""));
            let mounts = host.tmpfs.get_or_insert_default();
            mounts.insert(path.to_owned(), options.to_owned());
        }
        "ulimit" => host.ulimits.get_or_insert_default().push(ulimit(value)?),
        "user" => body.user = text(),
        "volume" => push(&mut host.binds, value),
        "workdir" => body.working_dir = text(),
        _ => return Err(format!("the sandbox knows no option {key:?} of docker run")),
    }
    Ok(())
}

fn push(list: &mut Option<Vec<String>>, value: &str) {
    list.get_or_insert_default().push(value.to_owned());
}

fn insert(map: &mut Option<HashMap<String, String>>, value: &str) {
    let (name, value) = pair(value);
    map.get_or_insert_default().insert(name, value);
}

fn pair(value: &str) -> (String, String) {
    let (name, value) = value.split_once('=').unwrap_or((value, ""));
    (name.to_owned(), value.to_owned())
}

fn read<T: FromStr>(key: &str, value: &str) -> Result<T, String> {
    let read = value.parse();
    read.map_err(|_| format!("the option {key} of docker run cannot be {value:?}"))
}

/// `/dev/here:/dev/there:rwm`, of which the end may be left out.
fn device(value: &str) -> DeviceMapping {
    let mut parts = value.split(':');
    let here = parts.next().unwrap_or_default();
    DeviceMapping {
        path_on_host: Some(here.to_owned()),
        path_in_container: Some(parts.next().unwrap_or(here).to_owned()),
        cgroup_permissions: Some(parts.next().unwrap_or("rwm").to_owned()),
    }
}

/// `nofile=1024:2048`, or one number for both.
fn ulimit(value: &str) -> Result<ResourcesUlimits, String> {
    let (name, limits) = pair(value);
    let (soft, hard) = limits.split_once(':').unwrap_or((&limits, &limits));
    Ok(ResourcesUlimits {
        name: Some(name),
        soft: Some(read("ulimit", soft)?),
        hard: Some(read("ulimit", hard)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(parameters: &[(&str, &str)]) -> Result<ContainerCreateBody, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let parameters: Vec<_> = parameters.iter().map(owned).collect();
        let mut body = ContainerCreateBody {
            labels: Some(HashMap::from([("theseus.sandbox".into(), "mine".into())])),
            ..ContainerCreateBody::default()
        };
        apply(&parameters, &mut body).map(|()| body)
    }

    #[test]
    fn options_of_docker_run_are_understood() {
        let body = applied(&[
            ("hostname", "web"),
            ("cap-add", "NET_ADMIN"),
            ("cap-add", "SYS_PTRACE"),
            ("ulimit", "nofile=1024:2048"),
            ("device", "/dev/null"),
            ("label", "theseus.sandbox=yours"),
            ("init", "true"),
        ]);
        let body = body.unwrap();
        let host = body.host_config.unwrap();
        assert_eq!(body.hostname.as_deref(), Some("web"));
        assert_eq!(host.cap_add.unwrap(), ["NET_ADMIN", "SYS_PTRACE"]);
        assert_eq!(host.ulimits.unwrap()[0].hard, Some(2048));
        assert_eq!(
            host.devices.unwrap()[0].path_in_container.as_deref(),
            Some("/dev/null")
        );
        assert_eq!(host.init, Some(true));
        assert_eq!(body.labels.unwrap()["theseus.sandbox"], "mine");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(
            applied(&[("restart", "always")])
                .unwrap_err()
                .contains("restart")
        );
        assert!(
            applied(&[("init", "perhaps")])
                .unwrap_err()
                .contains("perhaps")
        );
    }
}
