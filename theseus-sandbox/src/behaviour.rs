//! Where the versions of Marathon differ, as data. Everything else asks
//! [`has`](MarathonVersion::has) and [`pick`](MarathonVersion::pick), and compares no versions.
//! The fields of a definition have tables of their own, in `definition::forms`.

use std::time::Duration;

use crate::version::{MarathonVersion, v};

/// The versions that have something: one or two ranges, each without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span([(MarathonVersion, MarathonVersion); 2]);

/// What holds from a version on, oldest first; the first row starts at 0.7.0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since<T: 'static>(pub(crate) &'static [(MarathonVersion, T)]);

const NEVER: MarathonVersion = v(u16::MAX, 0, 0);

pub(crate) const fn since(first: MarathonVersion) -> Span {
    between(first, NEVER)
}

pub(crate) const fn until(end: MarathonVersion) -> Span {
    between(v(0, 0, 0), end)
}

pub(crate) const fn between(first: MarathonVersion, end: MarathonVersion) -> Span {
    Span([(first, end), (NEVER, NEVER)])
}

impl Span {
    /// These versions, and all from `first` on.
    const fn or_since(self, first: MarathonVersion) -> Self {
        Self([self.0[0], (first, NEVER)])
    }
}

impl MarathonVersion {
    /// Whether this version has it.
    pub(crate) fn has(self, what: Span) -> bool {
        let mut ranges = what.0.into_iter();
        ranges.any(|(first, end)| first <= self && self < end)
    }

    /// What holds in this version.
    pub(crate) fn pick<T: Copy>(self, table: Since<T>) -> T {
        let mut rows = table.0.iter();
        let row = rows.rfind(|(first, _)| *first <= self);
        row.or(table.0.first()).expect("no table is empty").1
    }
}

// Endpoints.

pub(crate) const RESTART: Span = since(v(0, 7, 6));
pub(crate) const LEADER: Span = since(v(0, 8, 0));
pub(crate) const TASKS_DELETE: Span = since(v(0, 8, 1));
pub(crate) const EVENT_STREAM: Span = since(v(0, 9, 0));
pub(crate) const QUEUE_DELAY: Span = since(v(0, 10, 0));
/// PATCH of apps, and `partialUpdate`.
pub(crate) const PATCH: Span = since(v(1, 4, 0));

// Headers.

pub(crate) const NEVER_CACHED: Span = since(v(0, 8, 1));
pub(crate) const LEADER_HEADER: Span = since(v(0, 9, 0));
pub(crate) const DEPLOYMENT_HEADER: Span = since(v(1, 4, 0));

// What a container finds in its environment.

/// What an app says of its environment wins over what it is told.
pub(crate) const OWN_ENVIRONMENT_WINS: Span = since(v(0, 8, 2));
pub(crate) const ENVIRONMENT_HOST: Span = since(v(0, 7, 2));
pub(crate) const ENVIRONMENT_VERSION: Span = since(v(0, 7, 6));
pub(crate) const ENVIRONMENT_IMAGE: Span = since(v(0, 11, 0));
/// Resources and labels.
pub(crate) const ENVIRONMENT_RESOURCES: Span = since(v(0, 14, 0));
pub(crate) const ENVIRONMENT_PORT_NAMES: Span = since(v(1, 0, 0));

// Errors.

/// A path that is none is answered with 500 rather than 404.
pub(crate) const UNKNOWN_URI_IS_500: Span = since(v(1, 6, 486));
/// JSON that is none is told apart from what the parser says of it.
pub(crate) const INVALID_JSON: Span = since(v(0, 13, 0));
/// What has a wrong type is told with its place.
pub(crate) const SHAPE_DETAILS: Span = since(v(0, 11, 0));
/// What has a wrong type is refused like what makes no sense.
pub(crate) const SHAPE_IS_422: Span = since(v(1, 5, 0));
/// How a definition is refused that makes no sense.
pub(crate) const INVALID: Since<Invalid> = Since(&[
    (v(0, 7, 0), Invalid::Errors),
    (v(0, 9, 0), Invalid::Bean),
    (v(0, 14, 0), Invalid::Attributes),
    (v(1, 0, 0), Invalid::Paths),
]);

/// The body that names what is wrong with a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// `{"errors": [{"attribute", "error"}]}`
    Errors,
    /// The same, with a message.
    Bean,
    /// `{"message", "details": [{"attribute", "error"}]}`
    Attributes,
    /// `{"message", "details": [{"path", "errors"}]}`
    Paths,
}

// Endpoints that come and go.

pub(crate) const EVENT_SUBSCRIPTIONS: Span = between(v(0, 7, 0), v(1, 5, 0));
pub(crate) const ARTIFACTS: Span = between(v(0, 7, 0), v(1, 5, 0));
/// `/v2/info` tells where the Mesos master is.
pub(crate) const MESOS_LEADER_TOLD: Span = since(v(0, 11, 0));
pub(crate) const SCHEMAS: Span = between(v(0, 8, 2), v(1, 8, 180));
pub(crate) const PLUGINS: Span = since(v(1, 0, 0));
pub(crate) const PODS: Span = since(v(1, 4, 0));
pub(crate) const PROMETHEUS: Span = since(v(1, 7, 50));
/// The shape of `/metrics`.
pub(crate) const METRICS: Since<Metrics> = Since(&[
    (v(0, 7, 0), Metrics::Dropwizard),
    (v(1, 5, 0), Metrics::Kamon),
    (v(1, 7, 149), Metrics::Dropwizard),
]);
/// What `DELETE /v2/leader` says.
pub(crate) const ABDICATED: Since<&str> = Since(&[
    (v(0, 7, 0), "Leadership abdicted"),
    (v(0, 9, 0), "Leadership abdicated"),
]);

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metrics {
    /// `{version, gauges, counters, histograms, meters, timers}`
    Dropwizard,
    /// `{start, end, counters, gauges, histograms, min-max-counters}`
    Kamon,
}

// Groups and versions.

/// Groups are shown with what is asked for, and their apps with what is known of them.
pub(crate) const GROUP_EMBED: Span = since(v(1, 0, 0));
pub(crate) const GROUP_DRY_RUN: Span = since(v(0, 8, 1));
/// A group may say that its apps have to take its role.
pub(crate) const ENFORCE_ROLE: Span = since(v(1, 9, 0));
/// A change of a group restarts every app in it, changed or not.
pub(crate) const GROUP_CHANGE_RESTARTS: Span = between(v(0, 7, 0), v(0, 11, 1));
/// A group is not created where an app is.
pub(crate) const GROUP_YIELDS_TO_APP: Span = since(v(1, 0, 0));
/// A group of apps that is none is told from one without apps.
pub(crate) const UNKNOWN_GROUP_OF_APPS: Span = since(v(1, 0, 0));
/// Versions that are kept.
pub(crate) const KEPT_VERSIONS: Since<usize> = Since(&[(v(0, 7, 0), 25), (v(1, 4, 0), 50)]);

// The queue.

pub(crate) const QUEUE_OVERDUE: Span = since(v(0, 8, 1));
pub(crate) const QUEUE_TIME_LEFT: Span = since(v(0, 10, 0));
/// Since when an app waits, and how the offers fared that it has seen.
pub(crate) const QUEUE_OFFERS: Span = since(v(1, 4, 0));
pub(crate) const QUEUE_ROLE: Span = since(v(1, 9, 0));

// Kills, readiness and loss.

/// Who goes first when an app has too many tasks.
pub(crate) const KILL_RULE: Since<KillRule> = Since(&[
    (v(0, 7, 0), KillRule::Newest),
    (v(0, 10, 0), KillRule::Balanced),
    (v(1, 4, 0), KillRule::LeastStarted),
]);

/// Who goes first when an app has too many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillRule {
    /// The newest.
    Newest,
    /// Of the fullest group of a `GROUP_BY` constraint, the newest.
    Balanced,
    /// Of that group the one least far started, then as the app's `killSelection` has it.
    LeastStarted,
}

/// Deployments wait for readiness checks, and tell their results.
pub(crate) const READINESS: Span = since(v(1, 1, 0));
/// What becomes of a task whose host is gone.
pub(crate) const LOSS: Since<Loss> = Since(&[
    (v(0, 7, 0), Loss::Gone),
    (v(0, 15, 4), Loss::Listed(Duration::from_secs(24 * 3600))),
    (v(1, 3, 0), Loss::Listed(Duration::from_secs(75))),
    (v(1, 4, 0), Loss::Strategy),
]);

/// What becomes of a task whose host is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is lost, and replaced at once.
    Gone,
    /// It is replaced at once, and listed as lost for so long.
    Listed(Duration),
    /// As its app's `unreachableStrategy` has it.
    Strategy,
}

// Definitions.

/// Networks and port mappings have the form of 1.5, empty lists are left out, and nothing is null.
pub(crate) const NATIVE_NETWORKS: Span = since(v(1, 5, 0));
/// A PUT that says ports of both kinds is refused; otherwise the wrong kind is passed over. (The last
/// patches of these series do so, too.)
pub(crate) const PUT_CHECKS_PORTS: Span = between(v(1, 5, 0), v(1, 8, 180));
/// An app with an address of its own is shown without ports of the host, not even as empty lists.
pub(crate) const ADDRESS_HIDES_PORTS: Span = between(v(1, 3, 0), v(1, 5, 0));
pub(crate) const PORT_DEFINITIONS: Span = since(v(1, 0, 0));
/// An app that says nothing of its ports gets none, rather than one.
pub(crate) const NO_DEFAULT_PORT: Span = between(v(0, 7, 6), v(0, 8, 0));
/// The port that it gets has a name.
pub(crate) const DEFAULT_PORT_NAME: Span = since(v(1, 4, 0));
/// Ids that would be mistaken for paths of the API are refused.
pub(crate) const RESERVED_IDS: Span = since(v(1, 8, 180));
/// The values of constraints are looked at when they come in.
pub(crate) const CONSTRAINT_VALUES: Span = since(v(1, 3, 0));
/// Constraints and health checks are sets: their order is no difference.
pub(crate) const SETS: Span = until(v(1, 5, 0));
pub(crate) const SINGLE_INSTANCE: Span = since(v(1, 1, 0));
pub(crate) const DOCKER_CREDENTIAL_REFUSED: Span = since(v(1, 4, 0));
/// At most one health check is carried out by Mesos.
pub(crate) const ONE_MESOS_CHECK: Span = since(v(1, 4, 0));
pub(crate) const ROLE: Span = since(v(1, 9, 0));
/// Roles that the app cannot have are refused, rather than dropped.
pub(crate) const WRONG_ROLES_REFUSED: Span = since(v(1, 10, 0));
/// A partial update clears what it does not say of these.
pub(crate) const CLEARS_EXECUTOR_RESOURCES: Span = since(v(1, 6, 352));
pub(crate) const CLEARS_RESOURCE_LIMITS: Span = since(v(1, 10, 5));
/// `version` alone rolls an app back, also with the id beside it.
pub(crate) const ROLLBACK_WITH_ID: Span = until(v(0, 7, 6)).or_since(v(0, 8, 0));
/// The longest delay of a launch after failures, in seconds.
pub(crate) const MAX_LAUNCH_DELAY: Since<u32> = Since(&[(v(0, 7, 0), 3600), (v(1, 8, 180), 300)]);
/// The least that an app may have of a processor.
pub(crate) const LEAST_CPUS: Since<Least> = Since(&[
    (v(0, 7, 0), Least::AtLeast(0.0)),
    (v(0, 8, 0), Least::MoreThan(0.0)),
    (v(0, 15, 0), Least::AtLeast(0.0)),
    (v(1, 5, 0), Least::AtLeast(0.001)),
]);
/// When a task on a lost host is replaced and when it is forgotten, in seconds.
pub(crate) const UNREACHABLE: Since<(u32, u32)> = Since(&[
    // Not known, and not used.
    (v(0, 7, 0), (0, 0)),
    (v(1, 4, 0), (300, 600)),
    (v(1, 4, 9), (0, 0)),
    (v(1, 5, 0), (300, 600)),
    (v(1, 5, 1), (0, 0)),
]);
/// The same for an app whose data stays on the host; `None` for never.
pub(crate) const UNREACHABLE_RESIDENT: Since<Option<(u32, u32)>> = Since(&[
    (v(0, 7, 0), None),
    (v(1, 4, 0), Some((3600, 604_800))),
    (v(1, 4, 2), None),
]);

/// A bound from below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Least {
    AtLeast(f64),
    MoreThan(f64),
}

// Changes.

/// Other arguments restart the tasks, as any other change does.
pub(crate) const ARGS_RESTART: Span = since(v(0, 7, 6));
/// A definition that differs in nothing restarts the tasks.
pub(crate) const NO_OP_RESTARTS: Span = between(v(0, 7, 6), v(0, 8, 0));

// Apps and tasks as they are shown.

/// `tasksHealthy` and `tasksUnhealthy`.
pub(crate) const HEALTH_COUNTS: Span = since(v(0, 8, 1));
pub(crate) const LAST_TASK_FAILURE: Span = since(v(0, 7, 6));
pub(crate) const TASK_STATS: Span = since(v(0, 11, 0));
/// They are called `tasksStats`.
pub(crate) const TASKS_STATS: Span = since(v(1, 9, 100));
/// `embed` may be given more than once.
pub(crate) const EMBED_SEVERAL: Span = since(v(0, 11, 0));
/// `embed=apps.tasks` embeds nothing.
pub(crate) const EMBED_TASKS_BROKEN: Span = between(v(0, 7, 6), v(0, 8, 0));
/// `id` and `cmd` both have to fit, and not only one of them.
pub(crate) const FILTERS_AND: Span = since(v(0, 8, 0));
pub(crate) const LABEL_FILTER: Span = since(v(0, 8, 2));
/// The answer to a POST of an app holds its deployment.
pub(crate) const POST_TELLS_DEPLOYMENT: Span = since(v(0, 8, 1));
/// It holds its tasks, too, of which there are none.
pub(crate) const POST_TELLS_TASKS: Span = between(v(0, 8, 1), v(1, 10, 0));
/// A POST of an app that is there is refused.
pub(crate) const POST_REFUSES_EXISTING: Span = since(v(0, 8, 1));
/// The id in the path counts, and not the one in the body.
pub(crate) const PATH_ID_WINS: Span = since(v(0, 11, 0));
/// A PUT of an app finds no body.
pub(crate) const PUT_BROKEN: Span = between(v(1, 4, 0), v(1, 4, 1));
/// An app without tasks has no list of them.
pub(crate) const NO_TASKS_IS_404: Span = until(v(1, 0, 0));
pub(crate) const SLAVE_ID: Span = since(v(0, 11, 0));
pub(crate) const IP_ADDRESSES: Span = since(v(0, 14, 0));
/// Tasks tell their state.
pub(crate) const TASK_STATE: Span = between(v(0, 15, 4), v(1, 0, 0)).or_since(v(1, 1, 2));
pub(crate) const LOCAL_VOLUMES: Span = since(v(1, 0, 0));
/// Tasks are shown without what is not set, rather than with nulls.
pub(crate) const TASKS_WITHOUT_NULLS: Span = since(v(1, 6, 0));
/// A health result tells why the last check failed.
pub(crate) const FAILURE_CAUSE: Span = since(v(1, 1, 0));
/// There are instances: events and health results name them, rather than tasks.
pub(crate) const INSTANCES: Span = since(v(1, 4, 0));
/// An instance is the same after its task was started anew.
pub(crate) const LASTING_INSTANCES: Span = since(v(1, 8, 0));
/// Kills are answered with instances, rather than with tasks.
pub(crate) const KILLS_TELL_INSTANCES: Span = between(v(1, 4, 0), v(1, 6, 322));
/// Kills of an app that is locked are answered, and not done.
pub(crate) const KILLS_DROPPED_UNDER_LOCK: Span = between(v(0, 8, 0), v(1, 8, 180));
/// A kill with scaling is answered with its deployment.
pub(crate) const KILL_TELLS_DEPLOYMENT: Span = since(v(0, 10, 0));
/// It respects locks unless it is told not to.
pub(crate) const KILL_RESPECTS_LOCKS: Span = since(v(0, 13, 0));
/// Kills of tasks by their ids are answered with more than a status.
pub(crate) const TASKS_DELETE_TELLS: Span = since(v(0, 13, 0));
pub(crate) const WIPE: Span = since(v(1, 0, 0));
/// Tasks as lines of text for a proxy.
pub(crate) const TASKS_AS_TEXT: Span = until(v(1, 10, 0));
/// What stands behind each host of an app without ports, in that text.
pub(crate) const TEXT_SEPARATOR: Since<char> = Since(&[(v(0, 7, 0), ' '), (v(1, 5, 0), '\t')]);
/// That text leaves out apps with an address of their own.
pub(crate) const TEXT_WITHOUT_ADDRESSES: Span = between(v(0, 14, 0), v(1, 3, 0));

// Events.

/// The stream names the type of an event in a line of its own.
pub(crate) const EVENT_LINE: Span = since(v(0, 11, 0));
pub(crate) const EVENT_TYPE_FILTER: Span = since(v(1, 3, 7));
/// `plan-format=light`
pub(crate) const PLAN_FORMAT: Span = between(v(1, 5, 9), v(1, 6, 0)).or_since(v(1, 6, 322));
/// Plans in events are light whatever is asked for.
pub(crate) const ONLY_LIGHT_PLANS: Span = since(v(1, 7, 0));
/// A reader that is too slow is cut off, rather than losing events.
pub(crate) const CUTS_SLOW_READERS: Span = since(v(1, 8, 0));
/// A container that is told to end is told of before it has ended, where the feature is on, as it is here.
pub(crate) const TASK_KILLING: Span = since(v(1, 0, 0));
pub(crate) const APP_TERMINATED_EVENT: Span = since(v(0, 7, 4));
/// A DELETE is told like a POST.
pub(crate) const DELETE_IS_POSTED: Span = until(v(0, 9, 0));
/// `deployment_success` and `deployment_failed` tell the plan.
pub(crate) const PLAN_AT_END: Span = since(v(0, 10, 0));
pub(crate) const UNHEALTHY_KILL_EVENT: Span = since(v(1, 0, 0));
pub(crate) const HEALTH_CHECK_EVENT_VERSION: Span = since(v(0, 7, 6));
/// `failed_health_check_event` calls the instance a task.
pub(crate) const FAILED_CHECK_MISNAMES: Span = since(v(1, 5, 0));

// Deployments.

/// Deployments can be left where they stand.
pub(crate) const FORCED_STOP: Span = since(v(0, 7, 4));
/// There may be only so many at a time.
pub(crate) const DEPLOYMENTS_LIMITED: Span = between(v(1, 5, 9), v(1, 6, 0)).or_since(v(1, 6, 486));
/// A rollback takes back all that has happened since, and not only its own.
pub(crate) const WHOLE_ROLLBACK: Span = until(v(0, 8, 2));
/// A restart is three steps: some new tasks, the end of the old ones, the other new ones.
pub(crate) const RESTART_IN_THREE_STEPS: Span = until(v(0, 7, 6));
/// A change that leaves no instance is a scaling, whatever else it changes.
pub(crate) const SCALES_TO_NONE: Span = since(v(1, 6, 0));
/// An app that is deleted is listed, without instances, until its tasks are dead.
pub(crate) const DELETED_APPS_LINGER: Span = until(v(0, 11, 0));
/// A restart is told as a change of the configuration, rather than as a scaling.
pub(crate) const RESTART_IS_CONFIG_CHANGE: Span = since(v(1, 11, 0));
/// The arithmetic of a rolling restart.
pub(crate) const UPGRADES: Since<Upgrade> = Since(&[
    (v(0, 7, 0), Upgrade::in_waves()),
    (
        v(0, 7, 6),
        Upgrade::counting(Counted::Old, Room::Unbounded, false),
    ),
    (
        v(0, 8, 0),
        Upgrade::counting(Counted::Old, Room::IfNothingIsKilled, false),
    ),
    (
        v(0, 13, 0),
        Upgrade::counting(Counted::Old, Room::IfNothingIsKilled, true),
    ),
    (
        v(1, 0, 0),
        Upgrade::counting(Counted::Old, Room::Always, true),
    ),
    (
        v(1, 1, 0),
        Upgrade::counting(Counted::Launched, Room::IfStuck, true),
    ),
    (
        v(1, 10, 5),
        Upgrade::counting(Counted::Healthy, Room::IfStuck, true),
    ),
]);

/// How the tasks of an app are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// Which tasks are counted to find out how many old ones may be killed first.
    pub(crate) counted: Counted,
    /// When there is room for one more than the strategy allows.
    pub(crate) room: Room,
    /// Each new task that is ready pays for an old one; else the old ones have their own step.
    pub(crate) pays: bool,
    /// It is not finished before the old tasks are gone.
    pub(crate) waits_for_old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Those with another version.
    Old,
    /// All that were launched.
    Launched,
    /// All that are healthy; of the old ones those that are not go first.
    Healthy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// All new tasks are started at once, and no old one is killed before.
    Unbounded,
    /// If no old task is killed first and no room is left.
    IfNothingIsKilled,
    /// If no room is left.
    Always,
    /// If nothing would ever move.
    IfStuck,
}

impl Upgrade {
    const fn in_waves() -> Self {
        Self {
            counted: Counted::Old,
            room: Room::Unbounded,
            pays: false,
            waits_for_old: false,
        }
    }

    const fn counting(counted: Counted, room: Room, waits_for_old: bool) -> Self {
        Self {
            counted,
            room,
            pays: true,
            waits_for_old,
        }
    }
}

/// How steps are written in `/v2/deployments`.
pub(crate) const DEPLOYMENT_STEPS: Since<StepShape> = Since(&[
    (v(0, 7, 0), StepShape::new(false, "action", "apps")),
    (v(0, 7, 6), StepShape::new(false, "action", "app")),
    (v(1, 1, 0), StepShape::new(true, "type", "app")),
    (v(1, 1, 2), StepShape::new(true, "action", "app")),
]);
/// How they are written in events and dry runs.
pub(crate) const PLAN_STEPS: Since<StepShape> = Since(&[
    (v(0, 7, 0), StepShape::new(true, "type", "app")),
    (v(1, 1, 2), StepShape::new(true, "action", "app")),
]);

/// How a step of a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepShape {
    /// As an object with `actions`, rather than as their list.
    pub(crate) in_object: bool,
    /// The key of what is done.
    pub(crate) action: &'static str,
    /// The key of the app it is done to.
    pub(crate) target: &'static str,
}

impl StepShape {
    const fn new(in_object: bool, action: &'static str, target: &'static str) -> Self {
        Self {
            in_object,
            action,
            target,
        }
    }
}
