//! The health check of an app, of which a spec can have one.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};
use theseus_core::model::{Health, Port, Probe};

use super::fields::{Fields, Remarks};

/// Reads the first check; the others are remarked upon.
pub(super) fn health(
    app: &mut Fields,
    ports: &IndexMap<String, Port>,
    remarks: &mut Remarks,
) -> Option<Health> {
    let mut checks = app.each("healthChecks", remarks).into_iter();
    let first = checks.next();
    let health = first.and_then(|check| one(check, ports, remarks));
    for further in checks {
        further.refuse(remarks);
    }
    health
}

fn one(mut check: Fields, ports: &IndexMap<String, Port>, remarks: &mut Remarks) -> Option<Health> {
    let protocol: Option<String> = check.take("protocol", remarks);
    let protocol = protocol.as_deref().unwrap_or("HTTP");
    let path: Option<String> = check.take("path", remarks);
    let mut command = check.within("command", remarks);
    let line: Option<String> = command
        .as_mut()
        .and_then(|command| command.take("value", remarks));
    let index: Option<usize> = check.take("portIndex", remarks);
    let number: Option<u16> = check.take("port", remarks);
    let port = port(index, number, ports);
    if let (Some(number), None) = (number, &port) {
        check.remark("port", &json!(number), remarks);
    }
    let probe = match (protocol, line, port) {
        ("COMMAND", Some(line), _) => Probe::Command(line),
        ("TCP", _, Some(port)) => Probe::Tcp { port },
        ("HTTP", _, Some(port)) => Probe::Http {
            port,
            path: rooted(path),
        },
        // As near as it comes: what is checked is the same, if not by whom or how well.
        ("MESOS_HTTP", _, Some(port)) => {
            check.remark("protocol", &Value::from(protocol), remarks);
            Probe::Http {
                port,
                path: rooted(path),
            }
        }
        ("MESOS_TCP" | "HTTPS" | "MESOS_HTTPS", _, Some(port)) => {
            let full = path.map_or(protocol.to_owned(), |path| format!("{protocol} {path}"));
            check.remark("protocol", &Value::from(full), remarks);
            Probe::Tcp { port }
        }
        _ => {
            check.refuse(remarks);
            return None;
        }
    };
    let mut health = Health::new(probe);
    let mut seconds = |name: &str, time: &mut Duration, least: u64| {
        let told: Option<u64> = check.take(name, remarks);
        if let Some(told) = told.filter(|told| *told >= least) {
            *time = Duration::from_secs(told);
        }
    };
    seconds("gracePeriodSeconds", &mut health.grace, 0);
    seconds("intervalSeconds", &mut health.interval, 1);
    seconds("timeoutSeconds", &mut health.timeout, 1);
    if let Some(failures) = check.take("maxConsecutiveFailures", remarks) {
        health.failures = failures;
    }
    check.expect("delaySeconds", &json!(15));
    check.expect("ipProtocol", &json!("IPv4"));
    check.finish(remarks);
    Some(health)
}

/// The port that is checked: the first one unless something else is said.
fn port(
    index: Option<usize>,
    number: Option<u16>,
    ports: &IndexMap<String, Port>,
) -> Option<String> {
    let found = match (index, number) {
        (Some(index), _) => ports.get_index(index),
        (None, Some(number)) => ports
            .iter()
            .find(|(_, port)| port.host == Some(number) || port.container == number),
        (None, None) => ports.first(),
    };
    found.map(|(name, _)| name.clone())
}

fn rooted(path: Option<String>) -> String {
    match path {
        Some(path) if path.starts_with('/') => path,
        Some(path) => format!("/{path}"),
        None => "/".to_owned(),
    }
}
