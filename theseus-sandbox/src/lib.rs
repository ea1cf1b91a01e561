//! A Marathon-compatible server for a laptop, a demo or a test: hosts, offers, tasks, health checks,
//! back-off, rolling upgrades and deployments as any Marathon from 0.7 to 1.11 does them
//! ([`SandboxConfig::version`]), with nothing behind it but this process and tokio's clock; or, with
//! [`SandboxConfig::docker`], with a container of the local Docker Engine for each task.
//!
//! A [`Sandbox`] is a handle to one such cluster. Its [`router`](Sandbox::router) can be called in
//! memory, also under a paused clock; [`SandboxServer`] puts it on a socket. Trouble is made from
//! Rust (methods of [`Sandbox`]) or over HTTP:
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /sandbox/hosts` | the hosts with their attributes and number of tasks |
//! | `POST /sandbox/hosts/{name}/lose`, `…/return` | a host goes away, or comes back |
//! | `POST /sandbox/hosts/{name}/drain`, `…/undrain` | a host gets no more tasks, or gets them again |
//! | `POST /sandbox/tasks/{id}/fail` | the task fails; body `{"message"}` or empty |
//! | `POST /sandbox/tasks/{id}/unhealthy`, `…/healthy` | its health checks fail, or succeed, from now on |
//! | `POST /sandbox/tasks/{id}/unready`, `…/ready` | its readiness checks fail, or succeed, from now on |
//! | `GET`, `POST`, `DELETE /sandbox/scripts` | how images behave: [`Script`] |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | how requests are answered: [`HttpFault`] |
//! | `POST /sandbox/events/cut` | every open event stream breaks off |
//! | `POST /sandbox/events/silence`, `…/resume` | event streams stay open and say nothing, not even the heartbeat |
//! | `GET`, `DELETE /sandbox/requests` | the log of requests: [`RequestRecord`] |
//!
//! It also answers as the Mesos master behind that Marathon: `/state`, `/slaves` and `/redirect`,
//! with `/master` before them or without, and `/metrics/snapshot`. `/v2/info` names it under
//! `mesos_leader_ui_url`. The agents answer `/state`, `/monitor/statistics`, `/containers` and
//! `/files/browse`, `/files/read`, `/files/download`, each at the address that the master tells
//! ([`SandboxServer`]) or in memory ([`Sandbox::agent_router`]). What tasks write and use is made
//! up from their ids whenever somebody asks: it goes on for as long as they run, is rotated, and
//! takes no memory.
//!
//! Admin requests are neither logged nor subject to faults.
//!
//! What is no fault for Marathon is none here: since 1.5 an app whose port mappings have no network of the
//! container's own, be it that none is named, runs on the host's network, and the mappings are dropped
//! without a word. `task_killing` is on, and told among the features.
//!
//! Where it knowingly differs from Marathon: there are no pods, and no store of artifacts; events are
//! posted to plain `http` only, and those who want them are not part of a snapshot; the plans in heavy
//! deployment events hold the affected apps only; an id has at most 512 characters; a host that is
//! lost is unreachable at once, not after some missed pings; `/v2/info` shows the configuration of 1.5
//! in every version. With Docker, health checks are asked every second until one succeeds, all hosts
//! are one machine, whose ports tasks on its own network share, and readiness checks are taken as passed.

mod behaviour;
mod callbacks;
mod cluster;
mod config;
mod definition;
mod docker;
mod engine;
mod faults;
mod http;
mod hub;
mod millis;
mod path_id;
mod random;
mod requests;
mod sandbox;
mod script;
mod server;
mod snapshot;
mod time;
mod version;

pub use config::{HostConfig, SandboxConfig};
pub use docker::{Docker, DockerConfig, DockerError, Machine, sandboxes, sweep};
pub use faults::{FaultAction, HttpFault};
pub use requests::RequestRecord;
pub use sandbox::Sandbox;
pub use script::{Exit, Rotation, Script};
pub use server::SandboxServer;
pub use snapshot::{Snapshot, SnapshotError, TaskState};
pub use version::{MarathonVersion, UnknownVersion};
