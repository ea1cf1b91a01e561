//! Looks at the cluster whenever something happens there, and checks what must hold at each moment.
//!
//! It is its own reading of the promises: of Theseus it uses the records and the spec, and counts
//! the rest for itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use futures_util::{FutureExt as _, StreamExt as _};
use http::Request;
use serde_json::Value;
use theseus_core::model::{GroupId, Spec};
use theseus_core::records::{self, Goal, GroupRecord, RolloutRecord, Stored};
use theseus_core::store::Store as _;
use tower::ServiceExt as _;

use super::dice::Dice;
use super::site::Site;

/// How old a view may be that somebody acts on, with what it takes to act.
const OLDEST_VIEW: Duration = Duration::from_secs(12);

/// What is seen of the cluster.
#[derive(Debug)]
pub(super) struct Watch {
    site: Arc<Site>,
    groups: Vec<GroupId>,
    may_lose_hosts: bool,
    seen: Mutex<BTreeMap<GroupId, Seen>>,
}

/// What was seen of one group.
#[derive(Debug, Default)]
struct Seen {
    /// The containers that are there, though perhaps out of sight.
    tasks: BTreeMap<String, Task>,
    apps: BTreeMap<String, u32>,
    /// How many were lost to faults while they served, and when.
    faults: VecDeque<(Duration, usize)>,
    /// What was allowed, and until when.
    allowed: VecDeque<(Duration, Allowed)>,
    /// When a person last changed a number, as long as that may show.
    by_hand: Option<Duration>,
    created: usize,
    /// How many the engine was to keep running.
    asked: usize,
    /// Its containers need the same port on every host.
    has_fixed_port: bool,
    /// All that were ever there.
    ever: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Task {
    app: String,
    serves: bool,
    /// Told to stop.
    leaves: bool,
    /// Was sick or out of reach once: what the engine does about it is its own.
    tainted: bool,
}

/// How far the numbers may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowed {
    floor: usize,
    ceiling: usize,
}

impl Allowed {
    const NOTHING: Self = Self {
        floor: 0,
        ceiling: 0,
    };

    fn of(spec: &Spec, may_move: bool) -> Self {
        let n = spec.instances;
        let stops_first = spec.why_stop_first().is_some();
        let mut surge = if stops_first {
            0
        } else {
            spec.update.max_surge.of(n)
        };
        let mut missing = spec.update.max_unavailable.of(n);
        if surge == 0 && missing == 0 {
            if stops_first || spec.update.max_surge.is_zero() {
                missing = 1;
            } else {
                surge = 1;
            }
        }
        if may_move && spec.fixed_host().is_some() {
            missing = missing.max(1);
        }
        Self {
            floor: n.saturating_sub(missing) as usize,
            ceiling: (n + surge) as usize,
        }
    }
}

impl Watch {
    pub(super) fn new(site: &Arc<Site>, groups: &[GroupId], may_lose_hosts: bool) -> Self {
        Self {
            site: Arc::clone(site),
            groups: groups.to_vec(),
            may_lose_hosts,
            seen: Mutex::default(),
        }
    }

    /// Looks at each event until this is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let request = Request::get("/v2/events").header("accept", "text/event-stream");
        let request = request.body(Body::empty()).expect("a request");
        let router = self.site.world.sandbox.router();
        let response = router.oneshot(request).await.expect("a router answers");
        let mut events = response.into_body().into_data_stream();
        while let Some(Ok(chunk)) = events.next().await {
            let mut text = String::from_utf8_lossy(&chunk).into_owned();
            while let Some(Some(Ok(more))) = events.next().now_or_never() {
                text.push_str(&String::from_utf8_lossy(&more));
            }
            self.look(&text).await;
        }
    }

    async fn look(&self, events: &str) {
        let data = events
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let mut over = BTreeMap::new();
        for event in data.filter(|it| it.contains("\"status_update_event\"")) {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            let status = event["taskStatus"].as_str().unwrap_or_default().to_owned();
            over.insert(
                event["taskId"].as_str().unwrap_or_default().to_owned(),
                status,
            );
        }
        if events.lines().all(|line| !line.starts_with("data: ")) {
            return;
        }
        let apps = get(&self.site, "/v2/apps?embed=apps.tasks").await;
        let apps = apps["apps"].as_array().cloned().unwrap_or_default();
        for group in &self.groups {
            let allowed = self.allowed(group).await;
            let mut seen = self.lock();
            let seen = seen.entry(group.clone()).or_default();
            for broken in seen.look(group, &apps, &over, allowed, &self.site) {
                self.site.accuse(&format!("{group}: {broken}"));
            }
        }
    }

    /// What the store allows now.
    async fn allowed(&self, group: &GroupId) -> Allowed {
        let store = &self.site.world.store;
        let get = |key: String| async move { store.get(&key).await.expect("memory answers") };
        if let Some(entry) = get(records::rollout_key(group)).await {
            let rollout: Stored<RolloutRecord> = records::decode(&entry).expect("a record");
            return match rollout.record.goal {
                Goal::Present { spec, .. } => Allowed::of(&spec, self.may_lose_hosts),
                Goal::Absent => Allowed::NOTHING,
            };
        }
        get(records::group_key(group))
            .await
            .map_or(Allowed::NOTHING, |entry| {
                let record: Stored<GroupRecord> = records::decode(&entry).expect("a record");
                Allowed::of(&record.record.spec, self.may_lose_hosts)
            })
    }

    /// The containers of all groups.
    pub(super) fn tasks(&self) -> Vec<String> {
        let seen = self.lock();
        seen.values()
            .flat_map(|seen| seen.tasks.keys().cloned())
            .collect()
    }

    /// How many containers were ever there.
    pub(super) fn starts(&self) -> usize {
        self.lock().values().map(|seen| seen.ever.len()).sum()
    }

    /// Lets a person change the number of an app.
    pub(super) async fn scale_by_hand(&self, draw: impl Fn(&dyn Fn(&mut Dice) -> u32) -> u32) {
        let apps: Vec<(GroupId, String, u32)> = self
            .lock()
            .iter()
            .flat_map(|(group, seen)| {
                let apps = seen.apps.iter();
                apps.filter(|(app, _)| !is_slot(app) || !seen.has_fixed_port)
                    .map(|(app, instances)| (group.clone(), app.clone(), *instances))
            })
            .collect();
        if apps.is_empty() {
            return;
        }
        let count = u32::try_from(apps.len()).expect("few");
        let (group, app, instances) = apps[draw(&|dice| dice.below(count)) as usize].clone();
        let wanted = if draw(&|dice| dice.below(2)) == 0 {
            instances + 1
        } else {
            instances.saturating_sub(1)
        };
        self.site.note(format_args!(
            "a person scales {app} from {instances} to {wanted}"
        ));
        if let Some(seen) = self.lock().get_mut(&group) {
            seen.by_hand = Some(self.site.world.age());
        }
        let request =
            Request::put(format!("/v2/apps/{app}")).header("content-type", "application/json");
        let request = request
            .body(Body::from(format!("{{\"instances\":{wanted}}}")))
            .expect("a request");
        let router = self.site.world.sandbox.router();
        // It may be refused, as anybody's may.
        let _ = router.oneshot(request).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Takes note of what is there now; gives the promises that are broken.
    fn look(
        &mut self,
        group: &GroupId,
        apps: &[Value],
        over: &BTreeMap<String, String>,
        allowed: Allowed,
        site: &Site,
    ) -> Vec<String> {
        let now = site.world.age();
        let before = std::mem::take(&mut self.tasks);
        self.read(group, apps, &before, over);
        let (floor, ceiling) =
            self.bounds(now, allowed, OLDEST_VIEW + site.weather.mix.longest_delay());
        let left: Vec<&String> = before
            .iter()
            .filter(|(id, task)| task.serves && self.tasks.get(*id).is_none_or(|it| !it.serves))
            .map(|(id, _)| id)
            .collect();
        let is_fault = |id: &&&String| {
            let tainted = self
                .tasks
                .get(**id)
                .or(before.get(**id))
                .is_some_and(|it| it.tainted);
            let status = over.get(**id).map_or("", String::as_str);
            tainted || !matches!(status, "" | "TASK_KILLED" | "TASK_KILLING")
        };
        let faults = left.iter().filter(is_fault).count();
        self.faults.push_back((now, faults));
        let excused: usize = self.faults.iter().map(|(_, count)| count).sum();
        // An engine that updates in its own way begins with what is there, well or not.
        let is_kept = |task: &&Task| task.serves || (!task.leaves && task.app.ends_with("/stable"));
        let serving = self.tasks.values().filter(is_kept).count();
        let created = self.tasks.values().filter(|task| !task.tainted).count();
        // It takes an old one down for each new one that is well, also while it grows to its number.
        let is_traded = self.is_native() && serving_of(&self.tasks) >= serving_of(&before);
        let mut broken = Vec::new();
        if self.by_hand.is_none() && left.len() > faults && serving + excused < floor && !is_traded
        {
            broken.push(format!(
                "I1 floor: {serving} serve of at least {floor}, after {left:?} went"
            ));
        }
        if self.by_hand.is_none() && created > ceiling && created > self.created.max(self.asked) {
            broken.push(format!(
                "I2 ceiling: {created} containers of at most {ceiling}"
            ));
        }
        self.created = created;
        self.asked = self
            .apps
            .values()
            .map(|instances| *instances as usize)
            .sum();
        let is_even = self
            .apps
            .iter()
            .all(|(app, instances)| *instances <= 1 || !is_slot(app));
        let heals = serving >= floor && created <= ceiling && is_even;
        if heals
            && self
                .by_hand
                .is_some_and(|at| now > at + Duration::from_secs(60))
        {
            self.by_hand = None;
        }
        broken.extend(self.twins());
        broken
    }

    /// Reads what is there. What is out of sight is there until its end was told.
    fn read(
        &mut self,
        group: &GroupId,
        apps: &[Value],
        before: &BTreeMap<String, Task>,
        over: &BTreeMap<String, String>,
    ) {
        self.apps.clear();
        let prefix = format!("/theseus/{}/{}/", group.service, group.labels);
        for app in apps {
            let id = app["id"].as_str().unwrap_or_default();
            if !id.starts_with(&prefix) {
                continue;
            }
            let instances = app["instances"].as_u64().unwrap_or_default();
            self.apps
                .insert(id.to_owned(), u32::try_from(instances).unwrap_or(u32::MAX));
            // Who scales one slot into the place of another makes a knot that nobody can undo.
            let ports = &app["container"]["portMappings"][0]["hostPort"];
            self.has_fixed_port = ports.as_u64().is_some_and(|port| port > 0);
            let is_checked = app["healthChecks"]
                .as_array()
                .is_some_and(|it| !it.is_empty());
            for task in app["tasks"].as_array().into_iter().flatten() {
                let name = task["id"].as_str().unwrap_or_default().to_owned();
                let alive: Vec<bool> = task["healthCheckResults"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|it| it["alive"] == true)
                    .collect();
                let state = task["state"].as_str().unwrap_or_default();
                let is_well = !is_checked || (!alive.is_empty() && alive.iter().all(|it| *it));
                let was_tainted = before.get(&name).is_some_and(|it| it.tainted);
                let task = Task {
                    app: id.to_owned(),
                    serves: state == "TASK_RUNNING" && is_well,
                    leaves: state == "TASK_KILLING",
                    tainted: was_tainted
                        || state == "TASK_UNREACHABLE"
                        || alive.iter().any(|it| !it),
                };
                self.ever.insert(name.clone());
                self.tasks.insert(name, task);
            }
        }
        for (id, task) in before {
            // Nobody tells the end of what was out of reach.
            let ended = task.tainted
                || over.get(id).is_some_and(|status| {
                    matches!(
                        &**status,
                        "TASK_KILLED" | "TASK_FAILED" | "TASK_FINISHED" | "TASK_UNREACHABLE"
                    )
                });
            if !self.tasks.contains_key(id) && !ended {
                let out_of_sight = Task {
                    serves: false,
                    leaves: true,
                    ..task.clone()
                };
                self.tasks.insert(id.clone(), out_of_sight);
            }
        }
    }

    /// The widest bounds of those that anybody may have acted on.
    fn bounds(&mut self, now: Duration, allowed: Allowed, oldest: Duration) -> (usize, usize) {
        let since = now.saturating_sub(oldest);
        match self.allowed.back_mut() {
            Some((until, last)) if *last == allowed => *until = now,
            last => {
                // What held up to now held until now.
                if let Some((until, _)) = last {
                    *until = now;
                }
                self.allowed.push_back((now, allowed));
            }
        }
        self.allowed.retain(|(until, _)| *until >= since);
        self.faults.retain(|(at, _)| *at >= since);
        let floors = self.allowed.iter().map(|(_, it)| it.floor);
        let ceilings = self.allowed.iter().map(|(_, it)| it.ceiling);
        (floors.min().unwrap_or(0), ceilings.max().unwrap_or(0))
    }

    /// Whether the cluster's own way of updating is used.
    fn is_native(&self) -> bool {
        self.apps.keys().any(|app| app.ends_with("/stable"))
    }

    /// Two containers of one slot and revision.
    fn twins(&self) -> Option<String> {
        let mut slots = BTreeSet::new();
        let lasting = self
            .tasks
            .values()
            .filter(|task| !task.leaves && !task.tainted);
        if self.by_hand.is_some() {
            return None;
        }
        let twin = lasting
            .filter(|task| is_slot(&task.app))
            .find(|task| !slots.insert(&task.app))?;
        Some(format!("two containers of {}", twin.app))
    }
}

/// How many of these serve.
fn serving_of(tasks: &BTreeMap<String, Task>) -> usize {
    tasks.values().filter(|task| task.serves).count()
}

/// Whether an app is for one slot.
fn is_slot(app: &str) -> bool {
    app.rsplit('/').next().is_some_and(|it| it.contains(".s"))
}

/// What the cluster answers, whatever the weather.
pub(super) async fn get(site: &Site, path: &str) -> Value {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = site.world.sandbox.router().oneshot(request).await;
    let body = response.expect("a router answers").into_body();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    serde_json::from_slice(&body).unwrap_or_default()
}
