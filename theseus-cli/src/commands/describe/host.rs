//! `theseus describe host`

use std::fmt::Write as _;

use jiff::Timestamp;
use theseus_core::causes::chain;
use theseus_core::cluster::{Container, HostState, Scope, Tenant};
use theseus_core::fullness::Fullness;
use theseus_core::hosts::{
    Beside, ContainerThere, GroupThere, HostDescription, Share, UnknownHost, describe,
};
use theseus_core::model::GroupId;
use theseus_core::registry;

use super::super::hosts::{attributes, bytes, number, ports, state};
use super::super::ps::{health, state as state_of};
use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, FAINT, STRONG, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::wrap::wrap;
use crate::output::{human, print, print_json, say, width};

/// Show a machine in full: what it has, what is taken of it, and what runs there
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name, as theseus hosts tells it
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let (inventory, observed, others) = tokio::join!(
        connection.cluster.hosts(),
        connection.engine.observe(&Scope::Everything),
        connection.cluster.tenants(&args.name),
    );
    let (inventory, observed) = (inventory?, observed?);
    let name = args.name.as_str();
    let is_there = |_: &GroupId, it: &Container| it.host.as_deref() == Some(name);
    let beside = Beside {
        since: registry::unreachable_since(&*connection.store, &observed, is_there).await?,
        others: Some(others.map_err(|error| chain(&error))),
    };
    let told = describe(name, &inventory, &observed, beside).map_err(unknown)?;
    match global.format {
        Format::Json => print_json(&told)?,
        Format::Text => print(&text(&told, Timestamp::now(), width()))?,
    }
    if !inventory.is_complete && global.format == Format::Text {
        say("The Mesos master is out of reach; this is what Marathon knows of the host.\n");
    }
    Ok(Code::Done)
}

fn unknown(error: UnknownHost) -> Failure {
    let failure = Failure::usage(inert(&error.to_string()));
    match error.near {
        Some(near) => failure.hint(format!("did you mean {}?", inert(&near))),
        None if error.complete => failure.hint("theseus hosts lists them"),
        None => failure.hint(
            "theseus hosts lists those that are known; the Mesos master, which knows all, is out of reach",
        ),
    }
}

fn text(told: &HostDescription, now: Timestamp, width: Option<u16>) -> String {
    let host = &told.status;
    let mut text = String::new();
    let running = human::count(host.count() as usize, "container");
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}  {}, {running} of {}",
        paint(STRONG, &inert(&host.host)),
        meaning(host.state),
        human::count(told.groups.len(), "group"),
    );
    text.push('\n');
    text.push_str(&resources(told, width));
    if host.free_ports.as_ref().is_some_and(|it| !it.is_empty()) {
        text.push_str(&wrap("  free ports  ", &ports(host), width));
    }
    if !host.attributes.is_empty() {
        text.push_str(&wrap("  attributes  ", &attributes(host), width));
    }
    let _ = writeln!(text, "\n{}", paint(STRONG, "Containers"));
    if told.groups.is_empty() {
        let _ = writeln!(text, "  {}", paint(FAINT, "none"));
    } else {
        text.push_str(&containers(&told.groups, now, width));
    }
    text.push_str(&slots(told, now));
    text.push_str(&others(told));
    text
}

fn meaning(host: HostState) -> String {
    let word = state(host);
    match host {
        HostState::Active => word,
        HostState::Draining => format!("{word}: what runs there goes on, nothing new is to come"),
        HostState::Gone => format!("{word}: it has not been heard of for a while"),
    }
}

fn resources(told: &HostDescription, width: Option<u16>) -> String {
    let host = &told.status;
    let columns = [
        Column("", Align::Left),
        Column("TOTAL", Align::Right),
        Column("USED", Align::Right),
        Column("FREE", Align::Right),
        Column("", Align::Right),
    ];
    let row = |name: &str, share: &Share, say: fn(f64) -> String| {
        let amount = |amount: Option<f64>| amount.map_or_else(|| "-".to_owned(), say);
        vec![
            format!("  {name}"),
            amount(share.total),
            amount(share.used),
            amount(share.free),
            share.used.and(share.ratio()).map_or_else(String::new, full),
        ]
    };
    let rows = [
        row("cpus", &host.cpus, number),
        row("memory", &host.mem, bytes),
        row("disk", &host.disk, bytes),
        row("ports", &host.ports, number),
    ];
    render(&columns, &rows, width)
}

/// Which part of all is taken.
fn full(ratio: f64) -> String {
    let text = format!("{:.0}%", ratio * 100.0);
    match Fullness::of(ratio, 1.0) {
        Fullness::Full => paint(BAD, &text),
        Fullness::Filling => paint(CHANGE, &text),
        Fullness::Roomy => text,
    }
}

fn containers(groups: &[GroupThere], now: Timestamp, width: Option<u16>) -> String {
    let columns = [
        Column("GROUP", Align::Left),
        Column("PORTS", Align::Left),
        Column("STATE", Align::Left),
        Column("HEALTH", Align::Left),
        Column("REV", Align::Right),
        Column("AGE", Align::Right),
        Column("CONTAINER", Align::Left),
    ];
    let row = |group: &GroupThere, there: &ContainerThere| {
        let container = &there.status;
        let ports = container.ports.iter();
        let ports: Vec<String> = ports
            .map(|(name, port)| format!("{}={port}", inert(name)))
            .collect();
        let since = there.unreachable_since.map(|since| {
            let age = human::age(Some(since), now);
            paint(BAD, &format!(" for {age}"))
        });
        vec![
            group.group.to_string(),
            if ports.is_empty() {
                "-".to_owned()
            } else {
                ports.join(" ")
            },
            format!("{}{}", state_of(container.state), since.unwrap_or_default()),
            health(container.health),
            container.revision.to_string(),
            human::age(container.started_at, now),
            inert(&container.id.0),
        ]
    };
    let rows: Vec<_> = groups
        .iter()
        .flat_map(|group| group.containers.iter().map(move |it| row(group, it)))
        .collect();
    render(&columns, &rows, width)
}

/// The slots that belong to it.
fn slots(told: &HostDescription, now: Timestamp) -> String {
    if told.slots.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(STRONG, "Slots that belong to it"));
    for slot in &told.slots {
        let lost = slot.lost_since.map_or_else(String::new, |since| {
            let age = human::age(Some(since), now);
            paint(BAD, &format!("  lost for {age}"))
        });
        let _ = writeln!(text, "  {} {}{lost}", slot.group, slot.slot);
    }
    text
}

/// Who else is there.
fn others(told: &HostDescription) -> String {
    let mut text = String::new();
    let mut lines = Vec::new();
    if told.foreign > 0 {
        let count = human::count(told.foreign as usize, "container");
        lines.push(format!("{count} of apps that no group accounts for"));
    }
    let tasks = |it: &Tenant| {
        let count = human::count(it.tasks as usize, "task");
        format!("{count} of {}", inert(&it.name))
    };
    lines.extend(told.others.iter().flatten().map(tasks));
    if let Some(reason) = &told.others_unknown {
        lines.push(format!(
            "{} {}",
            paint(BAD, "what other frameworks run is not known:"),
            inert(reason)
        ));
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{}", paint(STRONG, "What else runs there"));
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use theseus_core::cluster::{ContainerId, ContainerState};
    use theseus_core::hosts::{HostStatus, PortRange, Running, SlotThere};
    use theseus_core::status::ContainerStatus;

    use super::*;

    fn told() -> HostDescription {
        let share = Share {
            total: Some(4096.0),
            used: Some(3900.0),
            free: Some(196.0),
        };
        let container = ContainerStatus {
            id: ContainerId("web_dev_r1.1".to_owned()),
            host: Some("agent-1".into()),
            ports: [("http".to_owned(), 31_000)].into_iter().collect(),
            state: ContainerState::Unreachable,
            health: theseus_core::cluster::HealthState::Unknown,
            revision: 1,
            started_at: Some(Timestamp::UNIX_EPOCH),
        };
        HostDescription {
            format_version: 1,
            status: HostStatus {
                host: "agent-1".into(),
                state: HostState::Draining,
                attributes: [("rack".to_owned(), "a\u{1b}".to_owned())].into(),
                cpus: Share {
                    total: Some(4.0),
                    used: Some(1.25),
                    free: Some(2.75),
                },
                mem: share,
                disk: Share::default(),
                ports: Share {
                    total: Some(1000.0),
                    ..Share::default()
                },
                free_ports: Some(vec![PortRange(31_001..=31_999)]),
                containers: vec![Running {
                    group: "web:dev".parse().unwrap(),
                    count: 1,
                }],
            },
            groups: vec![GroupThere {
                group: "web:dev".parse().unwrap(),
                containers: vec![ContainerThere {
                    status: container,
                    unreachable_since: Timestamp::from_second(60).ok(),
                }],
            }],
            slots: vec![SlotThere {
                group: "db:dev".parse().unwrap(),
                slot: 2,
                lost_since: Timestamp::from_second(60).ok(),
            }],
            foreign: 2,
            others: Some(vec![Tenant {
                name: "chronos".to_owned(),
                tasks: 1,
            }]),
            others_unknown: None,
        }
    }

    fn plain(told: &HostDescription) -> String {
        let text = text(told, Timestamp::from_second(300).unwrap(), None);
        console::strip_ansi_codes(&text).into_owned()
    }

    #[test]
    fn a_host_in_full() {
        insta::assert_snapshot!(plain(&told()));
    }

    #[test]
    fn a_host_of_which_little_is_known() {
        let full = told();
        let told = HostDescription {
            status: HostStatus {
                state: HostState::Gone,
                attributes: BTreeMap::default(),
                cpus: Share::default(),
                mem: Share::default(),
                ports: Share::default(),
                free_ports: None,
                containers: Vec::new(),
                ..full.status
            },
            groups: Vec::new(),
            slots: Vec::new(),
            foreign: 0,
            others: None,
            others_unknown: Some("the agent does not answer".to_owned()),
            ..full
        };
        insta::assert_snapshot!(plain(&told));
    }
}
