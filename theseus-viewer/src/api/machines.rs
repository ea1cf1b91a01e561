//! The machines, and what runs on each.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use theseus_core::hosts::HostStatus;

use super::shapes;
use super::show::Placed;
use super::told::{Refused, Seen, Told};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

#[derive(Serialize)]
struct Machines<'a> {
    format_version: u32,
    complete: bool,
    hosts: Vec<&'a HostStatus>,
}

/// The machines: what each has, what is taken of it, and which groups run there. The same as `theseus
/// hosts --format json`.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts",
    responses((status = 200, body = shapes::Hosts), Refused))]
pub(super) async fn hosts(State(viewer): State<Viewer>) -> Told {
    let seen = Seen::of(viewer.view_with_machines().await)?;
    let machines = &seen.known().machines;
    Ok(seen.tell(&Machines {
        format_version: 1,
        complete: machines.is_complete,
        hosts: machines
            .each()
            .map(|(machine, _)| &machine.status)
            .collect(),
    }))
}

#[derive(Serialize)]
struct Detailed<'a> {
    format_version: u32,
    #[serde(flatten)]
    status: &'a HostStatus,
    running: Vec<Placed<'a>>,
}

/// One machine, with its containers.
#[utoipa::path(get, path = "/api/v1/hosts/{host}", tag = "hosts",
    params(("host" = String, Path, description = "Its name, as containers tell it")),
    responses((status = 200, body = shapes::Machine), Refused))]
pub(super) async fn host(State(viewer): State<Viewer>, Path(name): Path<String>) -> Told {
    let seen = Seen::of(viewer.view_with_machines().await)?;
    let known = seen.known();
    let Some((machine, _)) = known.machines.get(&name) else {
        let reason = format!("there is no host {name:?}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, reason).into());
    };
    let running = machine.cells.iter().map(|cell| {
        let group = &known.status.groups[cell.group];
        Placed {
            group: &group.group,
            container: &group.containers[cell.container],
        }
    });
    Ok(seen.tell(&Detailed {
        format_version: 1,
        status: &machine.status,
        running: running.collect(),
    }))
}
