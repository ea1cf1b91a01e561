//! The shapes of what is told, for the description of the API. What is told is core's own JSON, and a
//! test finds every answer to be as it is described here; so core knows nothing of `OpenAPI`.

#![expect(dead_code, reason = "most of these only describe what others are")]
#![expect(
    clippy::struct_field_names,
    reason = "the fields are called so in the JSON"
)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A point in time, in UTC.
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-01-02T03:04:05Z"))]
pub(super) struct Time(String);

/// A group's name: `ingestor:dev`.
#[derive(ToSchema)]
#[schema(value_type = String, examples("ingestor:canary,dev"))]
pub(super) struct Name(String);

/// How all groups are doing.
#[derive(ToSchema)]
pub(super) struct Status {
    format_version: u32,
    groups: Vec<GroupStatus>,
    /// How many apps run that no group accounts for; left out when there are none.
    #[schema(required = false)]
    foreign: usize,
}

/// How one group is doing.
#[derive(ToSchema)]
pub(super) struct GroupStatus {
    group: Name,
    service: String,
    labels: Vec<String>,
    /// The revision that it is, or is on its way to be; null where no record tells.
    #[schema(required)]
    revision: Option<u32>,
    /// The image of that revision.
    #[schema(required)]
    image: Option<String>,
    /// How many containers it is to have.
    instances: u32,
    /// How many run, of whatever revision.
    running: u32,
    /// How many of those do their work.
    healthy: u32,
    /// The deploy or removal that is not done.
    #[schema(required)]
    rollout: Option<RolloutStatus>,
    containers: Vec<ContainerStatus>,
    /// Apps that no record accounts for; left out when there are none.
    #[schema(required = false)]
    drift: Vec<Drift>,
    /// Why nobody knows what runs of it.
    #[schema(required = false, nullable = false)]
    unread: Option<String>,
}

/// A deploy or removal that is not done.
#[derive(ToSchema)]
pub(super) struct RolloutStatus {
    /// The revision that it leads to; null for a removal.
    #[schema(required)]
    revision: Option<u32>,
    started_at: Time,
    action: RolloutAction,
    /// Who began it.
    by: String,
    /// Why nobody is to carry it out for now.
    #[schema(required)]
    halted: Option<Halt>,
    /// Why it takes the group back to what it was, when it does.
    #[schema(required)]
    rolled_back: Option<String>,
}

/// What a rollout does.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum RolloutAction {
    Deploy,
    Remove,
}

/// Why a rollout stands still.
#[derive(ToSchema)]
pub(super) struct Halt {
    kind: HaltKind,
    reason: String,
    at: Time,
    /// Who stopped it; left out where nobody said so.
    #[schema(required = false)]
    by: String,
}

/// What kind of stop it is: by a person, or because it has failed.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum HaltKind {
    Paused,
    Failed,
    Kept,
}

/// How one container is doing.
#[derive(ToSchema)]
pub(super) struct ContainerStatus {
    id: String,
    /// The host that it runs on; null before it is placed.
    #[schema(required)]
    host: Option<String>,
    /// The host's ports, by their names.
    ports: BTreeMap<String, u16>,
    state: ContainerState,
    health: HealthState,
    revision: u32,
    /// When it began to run.
    #[schema(required)]
    started_at: Option<Time>,
}

/// How far a container is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum ContainerState {
    Staging,
    Starting,
    Running,
    Stopping,
    Unreachable,
    Ended,
}

/// What its health checks say.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum HealthState {
    Healthy,
    Unhealthy,
    Unknown,
}

/// Something that runs and that no record accounts for.
#[derive(ToSchema)]
pub(super) struct Drift {
    group: Name,
    revision: u32,
    app: String,
    containers: usize,
}

/// The groups, without their containers.
#[derive(ToSchema)]
pub(super) struct Groups {
    format_version: u32,
    groups: Vec<Summary>,
}

/// A group without its containers.
#[derive(ToSchema)]
pub(super) struct Summary {
    group: Name,
    condition: Condition,
    #[schema(required)]
    revision: Option<u32>,
    #[schema(required)]
    image: Option<String>,
    instances: u32,
    running: u32,
    healthy: u32,
    #[schema(required)]
    rollout: Option<RolloutStatus>,
    /// How many apps there are that no record accounts for.
    drift: usize,
    /// When the last deploy of it was done.
    #[schema(required)]
    deployed_at: Option<Time>,
}

/// How a group is doing, in one word.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Condition {
    Down,
    Degraded,
    Failed,
    Paused,
    Drifted,
    Deploying,
    Removing,
    Well,
}

/// One group in full.
#[derive(ToSchema)]
pub(super) struct Description {
    format_version: u32,
    #[schema(inline)]
    #[serde(flatten)]
    status: GroupStatus,
    condition: Condition,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// What it is to be, as in a manifest.
    #[schema(required)]
    spec: Option<BTreeMap<String, Value>>,
    /// Where the slots of a fixed-host group are.
    slots: Vec<Slot>,
    last_failures: Vec<Failure>,
}

/// Where a slot of a fixed-host group is.
#[derive(ToSchema)]
pub(super) struct Slot {
    group: Name,
    slot: u32,
    host: String,
    since: Time,
    #[schema(required = false, nullable = false)]
    moved_from: Option<String>,
    #[schema(required = false, nullable = false)]
    lost_since: Option<Time>,
}

/// A container that failed.
#[derive(ToSchema)]
pub(super) struct Failure {
    message: String,
    #[schema(required)]
    host: Option<String>,
    #[schema(required)]
    at: Option<Time>,
}

/// What is under way, in all groups.
#[derive(ToSchema)]
pub(super) struct Rollouts {
    format_version: u32,
    rollouts: Vec<UnderWay>,
}

/// What is under way in a group.
#[derive(ToSchema)]
pub(super) struct UnderWay {
    group: Name,
    instances: u32,
    healthy: u32,
    #[serde(flatten)]
    rollout: RolloutStatus,
}

/// The containers of all groups.
#[derive(ToSchema)]
pub(super) struct Containers {
    format_version: u32,
    containers: Vec<Placed>,
}

/// A container, and whose it is.
#[derive(ToSchema)]
pub(super) struct Placed {
    group: Name,
    #[serde(flatten)]
    container: ContainerStatus,
}

/// The machines.
#[derive(ToSchema)]
pub(super) struct Hosts {
    format_version: u32,
    /// Whether these are all there are.
    complete: bool,
    hosts: Vec<Host>,
}

/// A machine.
#[derive(ToSchema)]
pub(super) struct Host {
    host: String,
    state: HostState,
    attributes: BTreeMap<String, String>,
    /// Processors.
    cpus: Share,
    /// Memory in MiB.
    mem: Share,
    /// Disk in MiB.
    disk: Share,
    /// Ports, counted.
    ports: Share,
    /// The ports that are free: `31000-31004`, or `31000`.
    #[schema(required)]
    free_ports: Option<Vec<String>>,
    /// How many containers of each group run there.
    containers: Vec<Running>,
}

/// Whether a machine takes containers.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum HostState {
    Active,
    Draining,
    Gone,
}

/// One of the things that a machine has; null where it is not known.
#[derive(ToSchema)]
pub(super) struct Share {
    #[schema(required)]
    total: Option<f64>,
    #[schema(required)]
    used: Option<f64>,
    #[schema(required)]
    free: Option<f64>,
}

/// Containers of one group.
#[derive(ToSchema)]
pub(super) struct Running {
    group: Name,
    count: u32,
}

/// One machine, with its containers.
#[derive(ToSchema)]
pub(super) struct Machine {
    format_version: u32,
    #[serde(flatten)]
    status: Host,
    running: Vec<Placed>,
}

/// What one look at a group's rollout found.
#[derive(ToSchema)]
pub(super) struct Look {
    format_version: u32,
    group: Name,
    /// What is under way.
    #[schema(required)]
    rollout: Option<Advance>,
    /// How the last one ended, when nothing is.
    #[schema(required)]
    last: Option<Last>,
}

/// How far a rollout is.
#[derive(ToSchema)]
pub(super) struct Advance {
    action: RolloutAction,
    #[schema(required)]
    revision: Option<u32>,
    #[schema(required)]
    image: Option<String>,
    started_at: Time,
    by: String,
    /// Who carries it out.
    #[schema(required)]
    holder: Option<Holder>,
    #[schema(required)]
    halted: Option<Halt>,
    #[schema(required)]
    rolled_back: Option<String>,
    /// What is being waited for, in words.
    waiting: String,
    instances: u32,
    containers: Census,
    #[schema(required)]
    canary: Option<Trial>,
}

/// Who deploys.
#[derive(ToSchema)]
pub(super) struct Holder {
    by: String,
    since: Time,
}

/// How many containers a group has, by what they are good for.
#[derive(ToSchema)]
pub(super) struct Census {
    new: u32,
    new_ready: u32,
    old: u32,
    old_ready: u32,
}

/// New containers that are being tried out.
#[derive(ToSchema)]
pub(super) struct Trial {
    count: u32,
    stage: Stage,
    /// Until when they are watched.
    #[schema(required = false, nullable = false)]
    until: Option<Time>,
}

/// How far a trial is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Stage {
    Starting,
    Baking,
    Asking,
}

/// How a rollout ended.
#[derive(ToSchema)]
pub(super) struct Last {
    revision: u32,
    outcome: Ended,
    #[schema(required)]
    reason: Option<String>,
    at: Time,
}

/// What became of a revision.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Ended {
    Deployed,
    Adopted,
    Restored,
    RolledBack,
    Failed,
    Superseded,
    Removed,
}

/// The revisions of a group, the latest first.
#[derive(ToSchema)]
pub(super) struct History {
    format_version: u32,
    group: Name,
    revisions: Vec<Past>,
}

/// One revision.
#[derive(ToSchema)]
pub(super) struct Past {
    revision: u32,
    image: String,
    instances: u32,
    created_at: Time,
    by: String,
    /// How its last rollout ended; null while that goes on.
    #[schema(required)]
    outcome: Option<Ended>,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required)]
    ended_at: Option<Time>,
    /// Whether it is the one that runs.
    current: bool,
}

/// One revision, with its spec.
#[derive(ToSchema)]
pub(super) struct Detailed {
    format_version: u32,
    group: Name,
    #[serde(flatten)]
    past: Past,
    /// What it is, as in a manifest.
    spec: BTreeMap<String, Value>,
}

/// Who did what.
#[derive(ToSchema)]
pub(super) struct Trail {
    format_version: u32,
    /// Whether there is more: ask again since the time of the last one.
    more: bool,
    entries: Vec<Entry>,
}

/// One thing that was done to a group.
#[derive(ToSchema)]
pub(super) struct Entry {
    at: Time,
    #[schema(required = false)]
    by: String,
    group: Name,
    deed: Deed,
    #[schema(required = false, nullable = false)]
    action: Option<Action>,
    #[schema(required = false, nullable = false)]
    revision: Option<u32>,
    outcome: Came,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
}

/// What was asked for.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Deed {
    Deploy,
    Remove,
    Scale,
    Restart,
    Rollback,
    Resume,
    Pause,
    Promote,
    Abort,
    Adopt,
    Export,
}

/// What is done to a group.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Action {
    Create,
    Scale,
    Roll,
    Resume,
    Remove,
    None,
}

/// What came of it.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Came {
    Begun,
    Done,
    TurnedBack,
    RolledBack,
    Failed,
}

/// How far back.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Span {
    /// The last hour, every few seconds.
    Hour,
    /// The last week, every quarter of an hour.
    Week,
}

/// What was used, the oldest first.
#[derive(ToSchema)]
pub(super) struct Usage {
    format_version: u32,
    points: Vec<Point>,
}

/// What was used in one step of time; null where it is not known.
#[derive(ToSchema)]
pub(super) struct Point {
    /// When the step began.
    at: Time,
    /// How long it is, in seconds.
    step: u32,
    /// How many processors were busy on the average.
    #[schema(required)]
    cpu: Option<f64>,
    #[schema(required)]
    cpu_limit: Option<f64>,
    /// How many more there would have been, but for the limits.
    #[schema(required)]
    throttled: Option<f64>,
    /// The most memory that was held, in bytes.
    #[schema(required)]
    memory: Option<u64>,
    #[schema(required)]
    memory_limit: Option<u64>,
}

/// Where containers listen that do their work.
#[derive(ToSchema)]
pub(super) struct Endpoints {
    format_version: u32,
    /// Whether a registrar keeps this true at the moment.
    kept: bool,
    /// Up to when it is known to be true.
    #[schema(required)]
    as_of: Option<Time>,
    endpoints: Vec<Endpoint>,
}

/// Where a container listens on one of its ports.
#[derive(ToSchema)]
pub(super) struct Endpoint {
    group: Name,
    container: String,
    revision: u32,
    host: String,
    port: String,
    number: u16,
    /// `host:number`.
    address: String,
}

/// What will change.
#[derive(ToSchema)]
pub(super) struct Plan {
    format_version: u32,
    groups: Vec<GroupPlan>,
    /// How many groups get which action.
    summary: BTreeMap<String, usize>,
    /// What runs that no record accounts for; left out when there is none.
    #[schema(required = false)]
    drift: Vec<Drift>,
}

/// What will change in one group.
#[derive(ToSchema)]
pub(super) struct GroupPlan {
    group: Name,
    service: String,
    labels: Vec<String>,
    action: Action,
    reason: String,
    changes: Vec<FieldChange>,
    steps: Vec<Step>,
    #[schema(required = false)]
    notices: Vec<String>,
    #[schema(required = false, nullable = false)]
    obstacle: Option<Obstacle>,
    /// The groups that come first.
    #[schema(required = false)]
    after: Vec<Name>,
    #[schema(required = false, nullable = false)]
    outlook: Option<Outlook>,
}

/// A field that differs. Values that look secret are masked.
#[derive(ToSchema)]
pub(super) struct FieldChange {
    field: String,
    from: Value,
    to: Value,
}

/// One thing that will be done: `start`, `scale`, `replace` or `stop`, with its numbers.
#[derive(ToSchema)]
pub(super) struct Step {
    step: StepKind,
    #[schema(required = false, nullable = false)]
    revision: Option<u32>,
    #[schema(required = false, nullable = false)]
    containers: Option<u32>,
    #[schema(required = false, nullable = false)]
    from: Option<u32>,
    #[schema(required = false, nullable = false)]
    to: Option<u32>,
    #[schema(required = false, nullable = false)]
    surge: Option<u32>,
    #[schema(required = false, nullable = false)]
    unavailable: Option<u32>,
}

/// What kind of step it is.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum StepKind {
    Start,
    Scale,
    Replace,
    Stop,
}

/// Why nothing can be done to a group.
#[derive(ToSchema)]
pub(super) struct Obstacle {
    kind: ObstacleKind,
    message: String,
}

/// What stands in the way.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum ObstacleKind {
    Paused,
    Dependency,
    Placement,
    Unread,
}

/// What is to be expected.
#[derive(ToSchema)]
pub(super) struct Outlook {
    #[schema(required = false, nullable = false)]
    room: Option<Room>,
    forecast: Forecast,
}

/// Whether a group finds the room that it needs.
#[derive(ToSchema)]
pub(super) struct Room {
    group: Name,
    wanted: u32,
    fits: u32,
    per_host: Vec<HostRoom>,
    /// Whether that is all there is to know; otherwise at least so many fit.
    known: bool,
}

/// What one host takes.
#[derive(ToSchema)]
pub(super) struct HostRoom {
    host: String,
    fits: u32,
    /// Why it takes no more.
    #[schema(required)]
    short_of: Option<String>,
}

/// How a rollout goes when all goes well. Times are in seconds.
#[derive(ToSchema)]
pub(super) struct Forecast {
    end: End,
    turns: u32,
    fewest_serving: u32,
    most_created: u32,
    takes: f64,
    #[schema(required)]
    promotion: Option<f64>,
    timeline: Vec<Moment>,
}

/// How a forecast ends.
#[derive(ToSchema)]
pub(super) struct End {
    kind: EndKind,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
}

/// In which way.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum EndKind {
    Reached,
    Stalled,
    Beyond,
}

/// What is there from one time on.
#[derive(ToSchema)]
pub(super) struct Moment {
    after: f64,
    old: u32,
    new: u32,
    serving: u32,
}

/// There is nothing to do.
#[derive(ToSchema)]
pub(super) struct Unchanged {
    /// `unchanged`.
    result: String,
    plan: Plan,
}

/// How far something is that is carried out.
#[derive(ToSchema)]
pub(super) struct Progress {
    id: String,
    /// Where this is told anew.
    status: String,
    /// Where people look at it.
    page: String,
    deed: Deed,
    by: String,
    started_at: Time,
    /// When it ended; null while it goes on.
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    result: Option<Outcome>,
    #[schema(required)]
    error: Option<String>,
    groups: Vec<GroupProgress>,
    /// What happened lately, as `theseus deploy --format json` tells it, each with its time.
    #[schema(required = false)]
    happened: Vec<BTreeMap<String, Value>>,
}

/// How far it is in one group.
#[derive(ToSchema)]
pub(super) struct GroupProgress {
    group: Name,
    action: Action,
    /// What is being waited for.
    #[schema(required)]
    waiting: Option<String>,
    /// How it ended.
    #[schema(required)]
    report: Option<Report>,
}

/// How work on one group ended.
#[derive(ToSchema)]
pub(super) struct Report {
    group: Name,
    action: Action,
    result: Outcome,
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
    seconds: f64,
}

/// How something ended.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Unchanged,
    Ok,
    RolledBack,
    Failed,
}

/// What this viewer carries out, and has.
#[derive(ToSchema)]
pub(super) struct Deploys {
    format_version: u32,
    deploys: Vec<Progress>,
}

/// What a rollout was told.
#[derive(ToSchema)]
pub(super) struct Heard {
    format_version: u32,
    group: Name,
    /// `paused`, `promoted` or `aborted`.
    result: String,
    /// Who carries it out, where somebody else does.
    #[schema(required = false, nullable = false)]
    holder: Option<Holder>,
}

/// Another number of containers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    /// How many the group is to have.
    pub(super) instances: u32,
}

/// An earlier revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// Which; the last one that ran before, unless it is said.
    pub(super) to: Option<u32>,
}

/// A stop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    /// Why, for others to read.
    pub(super) reason: Option<String>,
}
