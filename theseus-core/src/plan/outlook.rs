//! What is to be expected of a plan: where its containers go, whether there is room, how long it
//! takes. A plan is the same plan whatever the outlook; only what nothing can satisfy changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Action, GroupPlan, Obstacle, ObstacleKind, Plan, step};
use crate::cluster::{App, Part};
use crate::model::{CustomConstraint, GroupId, Spec, Strategy};
use crate::placement::room::{self, Need, Room};
use crate::placement::slots::{self, Assignment, Request};
use crate::placement::{Rules, Ruling, Terrain, Unsatisfiable};
use crate::records::{Goal, SlotRecord};
use crate::rollout::forecast::{Forecast, Premise, forecast, past_start_time};
use crate::rollout::{Slots, View};
use crate::state::{GroupState, Observed};

/// How long a container is expected to take to start where none has told.
const START: Duration = Duration::from_secs(10);
/// How long a container is expected to take to stop.
const STOP: Duration = Duration::from_secs(3);
/// So many groups are looked ahead for; nobody reads more.
const MAX_FORECASTS: usize = 100;

/// What is to be expected of one group's change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// Whether there is room for the containers that are started before others are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// How it goes when all goes well.
    pub forecast: Forecast,
}

/// What the placement of a group comes to.
pub(crate) struct Placed {
    /// What its custom constraints come to.
    pub(crate) ruling: Ruling,
    /// Where its slots go, when it has a fixed host for each container.
    pub(crate) assignment: Option<Assignment>,
    /// The records of its slots, as they are to be.
    pub(crate) slots: BTreeMap<u32, SlotRecord>,
}

impl Placed {
    /// Places a group as a spec wants it.
    pub(crate) fn new(
        group: &GroupId,
        spec: &Spec,
        state: &GroupState,
        terrain: &Terrain,
        rules: &Rules,
        now: Timestamp,
    ) -> Self {
        let ruling = rules.rule(group, spec, terrain);
        if spec.fixed_host().is_none() {
            return Self {
                ruling,
                assignment: None,
                slots: BTreeMap::new(),
            };
        }
        let records: BTreeMap<u32, SlotRecord> = state
            .slots
            .iter()
            .map(|(slot, stored)| (*slot, stored.record.clone()))
            .collect();
        let request = Request {
            group,
            spec,
            records: &records,
            apps: &state.apps,
            terrain,
            ruling: &ruling,
            now,
        };
        let assignment = slots::assign(&request);
        let slots = assignment.records(&request);
        Self {
            ruling,
            assignment: Some(assignment),
            slots,
        }
    }

    /// Whether other slots are recorded than are to be.
    fn differs(&self, state: &GroupState) -> bool {
        self.slots
            .iter()
            .any(|(slot, wanted)| state.slots.get(slot).map(|it| &it.record) != Some(wanted))
    }

    /// The hosts of the slots.
    pub(crate) fn hosts(&self) -> Slots {
        self.slots
            .iter()
            .map(|(slot, record)| (*slot, Arc::clone(&record.host)))
            .collect()
    }

    /// What nothing satisfies, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        let assigned = self.assignment.iter().flat_map(|it| &it.problems);
        let problems: Vec<String> = match &self.assignment {
            // These include what the constraints lack.
            Some(assignment)
                if !assignment.stuck.is_empty() || !self.ruling.problems.is_empty() =>
            {
                assigned.map(ToString::to_string).collect()
            }
            Some(_) => Vec::new(),
            None => self
                .ruling
                .problems
                .iter()
                .map(Unsatisfiable::to_string)
                .collect(),
        };
        (!problems.is_empty()).then(|| problems.join("; "))
    }
}

/// Looks ahead: places what is to be placed, and fills in what is to be expected. A group of which
/// nothing else changes is rolled when slots of it leave a host that is gone.
pub(crate) fn foresee(
    plan: &mut Plan,
    observed: &Observed,
    terrain: &Terrain,
    rules: &Rules,
    now: Timestamp,
) {
    let absent = GroupState::default();
    let mut prospects = Vec::new();
    let moving: BTreeSet<GroupId> = plan
        .groups
        .iter()
        .filter(|group| group.action != Action::None)
        .map(|group| group.group.clone())
        .collect();
    for group in &mut plan.groups {
        let Goal::Present { spec, .. } = group.goal.clone() else {
            continue;
        };
        let state = observed.groups.get(&group.group).unwrap_or(&absent);
        if group.is_empty() && spec.fixed_host().is_none() {
            continue;
        }
        let placed = Placed::new(&group.group, &spec, state, terrain, rules, now);
        relocate(group, &placed, state);
        group.slots_changed = placed.differs(state);
        if group.is_empty() {
            continue;
        }
        notice(group, &spec, &placed);
        if group.action == Action::None {
            continue;
        }
        let follows = moving.iter().find(|other| {
            let mut neighbours = neighbours(&spec);
            neighbours.any(|neighbour| neighbour == *other)
        });
        if let Some(other) = follows {
            group
                .notices
                .push(format!("its hosts are chosen once {other} runs"));
        } else if let Some(message) = placed.problem() {
            group.obstacle.get_or_insert(Obstacle {
                kind: ObstacleKind::Placement,
                message,
            });
        }
        if prospects.len() < MAX_FORECASTS {
            let expected = expect(group, state, &placed, now);
            prospects.push((group.group.clone(), spec, placed, expected));
        }
    }
    let needs: Vec<Needed> = prospects
        .iter()
        .map(|(group, spec, placed, expected)| {
            let state = observed.groups.get(group).unwrap_or(&absent);
            Needed::new(spec, state, placed, expected)
        })
        .collect();
    let borrowed: Vec<Need<'_>> = prospects
        .iter()
        .zip(&needs)
        .map(|((group, spec, placed, _), needed)| Need {
            group,
            spec,
            constraints: &placed.ruling.constraints,
            count: needed.count,
            placed: &needed.placed,
            pins: &needed.pins,
        })
        .collect();
    let rooms = room::check(&borrowed, terrain);
    let mut outlooks: BTreeMap<GroupId, Outlook> = BTreeMap::new();
    for ((group, _, _, forecast), room) in prospects.into_iter().zip(rooms) {
        let room = (room.wanted > 0 && (room.known || !room.per_host.is_empty())).then_some(room);
        outlooks.insert(group, Outlook { room, forecast });
    }
    for group in &mut plan.groups {
        group.outlook = outlooks.remove(&group.group);
    }
}

/// Rolls the slots that leave a lost host, where nothing else is to be done.
fn relocate(plan: &mut GroupPlan, placed: &Placed, state: &GroupState) {
    let moves = placed.assignment.iter().flat_map(|it| &it.moves);
    let moves: Vec<String> = moves
        .map(|it| format!("slot {} moves from {} to {}", it.slot, it.from, it.to))
        .collect();
    if moves.is_empty() || plan.action != Action::None {
        return;
    }
    if let Goal::Present { revision, spec } = &plan.goal {
        plan.action = Action::Roll;
        plan.reason = moves.join("; ");
        plan.steps = step::towards(*revision, spec, state);
    }
}

fn notice(plan: &mut GroupPlan, spec: &Spec, placed: &Placed) {
    let Some(assignment) = &placed.assignment else {
        return;
    };
    if let Some(why) = spec.why_stop_first() {
        plan.notices.push(format!(
            "each slot stops before its successor starts: {why}"
        ));
    }
    for it in &assignment.moves {
        plan.notices.push(format!(
            "slot {} moves from {}, which is gone, to {}",
            it.slot, it.from, it.to
        ));
    }
    for lost in &assignment.lost {
        let until = lost
            .moves_at
            .map(|at| format!(", until {at:.0} at the latest"));
        plan.notices.push(format!(
            "slot {} waits for its host {}, which is gone since {:.0}{}",
            lost.slot,
            lost.host,
            lost.since,
            until.unwrap_or_default()
        ));
    }
    if !assignment.free.is_empty() {
        let slots: Vec<String> = assignment.free.iter().map(ToString::to_string).collect();
        plan.notices.push(format!(
            "no host is known for slots {}: each starts anywhere, and one restart pins it to where \
             it landed",
            slots.join(", ")
        ));
    }
}

fn expect(plan: &GroupPlan, state: &GroupState, placed: &Placed, now: Timestamp) -> Forecast {
    let rolled_back = state
        .rollout
        .as_ref()
        .is_some_and(|stored| stored.record.rolled_back.is_some());
    forecast(&Premise {
        group: &plan.group,
        goal: &plan.goal,
        view: View {
            apps: &state.apps,
            stopping: state.stopping,
            progress_at: now,
            now,
            failed_starts: 0,
            promoted: rolled_back,
            turning_back: rolled_back,
            slots: &placed.hosts(),
        },
        start_time: past_start_time(&state.apps).unwrap_or(START),
        stop_time: STOP,
    })
}

/// The other groups whose places matter for a group.
pub(crate) fn neighbours(spec: &Spec) -> impl Iterator<Item = &GroupId> {
    spec.custom_constraints.iter().filter_map(|it| match it {
        CustomConstraint::AwayFrom(group) | CustomConstraint::Near(group) => Some(group),
        _ => None,
    })
}

/// What room a group needs.
struct Needed {
    count: u32,
    placed: Vec<Arc<str>>,
    pins: Vec<Arc<str>>,
}

impl Needed {
    fn new(spec: &Spec, state: &GroupState, placed: &Placed, forecast: &Forecast) -> Self {
        let existing: usize = state.apps.iter().map(|app| app.containers.len()).sum();
        let existing = u32::try_from(existing).unwrap_or(u32::MAX);
        let hosts_of = |app: &App| -> Vec<Arc<str>> {
            let hosts = app.containers.iter().filter_map(|it| it.host.clone());
            hosts.collect()
        };
        let same_app = |app: &&App| match spec.update.strategy {
            Strategy::Native => app.part == Part::Stable,
            Strategy::Rolling => false,
        };
        let pins = match &placed.assignment {
            // What stops first leaves its room to its successor.
            Some(_) if spec.why_stop_first().is_none() || existing == 0 => placed
                .slots
                .values()
                .map(|it| Arc::clone(&it.host))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            count: forecast.most_created.saturating_sub(existing),
            placed: state
                .apps
                .iter()
                .filter(same_app)
                .flat_map(hosts_of)
                .collect(),
            pins,
        }
    }
}
