//! One container: a sign among others, or a row of its group's table.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::cluster::{ContainerState, HealthState};
use theseus_core::status::ContainerStatus;

use super::{Column, words};

/// What the table tells of a container.
pub(super) const COLUMNS: [Column; 7] = [
    Column::text("Container"),
    Column::text("Host"),
    Column::text("Ports"),
    Column::text("State"),
    Column::text("Health"),
    Column::number("Revision"),
    Column::number("Running for"),
];

/// The row of a container.
pub(super) fn row(id: &str, container: &ContainerStatus, now: Timestamp) -> Markup {
    html! {
        tr id=(id) role="row" {
            th.code scope="row" role="rowheader" { (container.id) }
            td role="cell" data-label="Host" { (words::or_dash(container.host.as_deref())) }
            td role="cell" data-label="Ports" { (ports(container)) }
            td role="cell" data-label="State" { (state(container)) }
            td role="cell" data-label="Health" { (health(container.health)) }
            td.number role="cell" data-label="Revision" { (container.revision) }
            td.number role="cell" data-label="Running for" {
                @if let Some(at) = container.started_at { (words::age(at, now)) } @else { (words::dash()) }
            }
        }
    }
}

fn ports(container: &ContainerStatus) -> Markup {
    html! {
        @if container.ports.is_empty() { (words::dash()) }
        ul.ports { @for (name, port) in &container.ports { li { (name) " " b { (port) } } } }
    }
}

fn state(container: &ContainerStatus) -> Markup {
    let (class, sign, word) = look_of_state(container.state);
    words::signed(class, sign, word)
}

fn health(health: HealthState) -> Markup {
    match health {
        HealthState::Healthy => words::signed("good", "✓", "healthy"),
        HealthState::Unhealthy => words::signed("bad", "▲", "unhealthy"),
        HealthState::Unknown => words::signed("idle", "·", "unknown"),
    }
}

/// The container as one sign, which tells the worse of its state and its health.
pub(super) fn sign(container: &ContainerStatus) -> Markup {
    let (class, sign, word) = match (container.state, container.health) {
        (ContainerState::Running, HealthState::Unhealthy) => ("bad", "▲", "unhealthy"),
        (state, _) => look_of_state(state),
    };
    let host = container.host.as_deref().unwrap_or("no host");
    let label = format!("{word}, {host}, revision {}", container.revision);
    html! { span.sign.(class) role="img" aria-label=(label) title=(label) { (sign) } }
}

fn look_of_state(state: ContainerState) -> (&'static str, &'static str, &'static str) {
    match state {
        ContainerState::Staging => ("busy", "◌", "staging"),
        ContainerState::Starting => ("busy", "◔", "starting"),
        ContainerState::Running => ("good", "●", "running"),
        ContainerState::Stopping => ("busy", "◑", "stopping"),
        ContainerState::Unreachable => ("bad", "?", "unreachable"),
        ContainerState::Ended => ("idle", "✕", "ended"),
    }
}
