//! `theseus ps`

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::cluster::{ContainerState, HealthState};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::status::{ContainerStatus, Status};
use theseus_core::told::Tone;

use super::status::look;
use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, FAINT, GOOD, inert, paint, toned};
use crate::output::table::{Align, Column, render};
use crate::output::{human, print, print_json, width};

/// Show every container: where it runs, on which ports, and how it is doing
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services; everything when none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<GroupSelector>,
}

#[derive(Serialize)]
struct Containers<'a> {
    format_version: u32,
    containers: Vec<Container<'a>>,
}

#[derive(Serialize)]
struct Container<'a> {
    group: &'a GroupId,
    #[serde(flatten)]
    container: &'a ContainerStatus,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let status = look(&connection, &args.groups).await?;
    let containers = all(&status);
    match global.format {
        Format::Json => print_json(&Containers {
            format_version: 1,
            containers,
        })?,
        Format::Text if containers.is_empty() => print("Nothing runs.\n")?,
        Format::Text => print(&table(&containers, Timestamp::now(), width()))?,
    }
    Ok(Code::Done)
}

fn all(status: &Status) -> Vec<Container<'_>> {
    status
        .groups
        .iter()
        .flat_map(|group| {
            group.containers.iter().map(|container| Container {
                group: &group.group,
                container,
            })
        })
        .collect()
}

fn table(containers: &[Container<'_>], now: Timestamp, width: Option<u16>) -> String {
    let mut columns = vec![Column("GROUP", Align::Left)];
    columns.extend(container_columns());
    let rows: Vec<_> = containers
        .iter()
        .map(|Container { group, container }| {
            let mut row = vec![group.to_string()];
            row.extend(container_row(container, now));
            row
        })
        .collect();
    render(&columns, &rows, width)
}

/// The columns that tell a container.
pub(super) fn container_columns() -> [Column; 7] {
    [
        Column("HOST", Align::Left),
        Column("PORTS", Align::Left),
        Column("STATE", Align::Left),
        Column("HEALTH", Align::Left),
        Column("REV", Align::Right),
        Column("AGE", Align::Right),
        Column("CONTAINER", Align::Left),
    ]
}

/// A container under those columns.
pub(super) fn container_row(container: &ContainerStatus, now: Timestamp) -> Vec<String> {
    let ports: Vec<String> = container
        .ports
        .iter()
        .map(|(name, port)| format!("{}={port}", inert(name)))
        .collect();
    vec![
        container
            .host
            .as_deref()
            .map_or_else(|| "-".to_owned(), inert),
        if ports.is_empty() {
            "-".to_owned()
        } else {
            ports.join(" ")
        },
        state(container.state),
        health(container.health),
        container.revision.to_string(),
        human::age(container.started_at, now),
        inert(&container.id.0),
    ]
}

pub(super) fn state(state: ContainerState) -> String {
    toned(tone_of(state), state.as_str())
}

/// What it means for a container to be in that state.
pub(super) fn tone_of(state: ContainerState) -> Tone {
    match state {
        ContainerState::Staging | ContainerState::Starting | ContainerState::Stopping => {
            Tone::Change
        }
        ContainerState::Running => Tone::Good,
        ContainerState::Unreachable => Tone::Bad,
        ContainerState::Ended => Tone::Faint,
    }
}

pub(super) fn health(health: HealthState) -> String {
    let style = match health {
        HealthState::Healthy => GOOD,
        HealthState::Unhealthy => BAD,
        HealthState::Unknown => FAINT,
    };
    paint(style, health.as_str())
}
