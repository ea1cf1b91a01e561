//! What to do next for one app, decided from what is there: pure, and the same however often asked.

use std::collections::{HashMap, HashSet};

use super::task::{TaskKey, TaskState};
use crate::behaviour::{Counted, KillRule, Room, Upgrade};
use crate::definition::{KillSelection, UpgradeStrategy};

/// What a decision needs to know of one task.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: TaskKey,
    pub(super) state: TaskState,
    /// Runs another version than the one the app should have.
    pub(super) outdated: bool,
    pub(super) ready: bool,
    /// Unreachable for so long that it no longer counts as an instance.
    pub(super) inactive: bool,
    /// The value of the first `GROUP_BY` constraint.
    pub(super) group: Option<String>,
}

impl Member {
    fn doomed(&self) -> bool {
        self.state == TaskState::Killing
    }

    fn counts(&self) -> bool {
        !self.doomed() && !self.inactive
    }
}

/// Who goes first when there are too many.
#[derive(Clone, Copy, Debug)]
pub(super) struct KillOrder {
    pub(super) rule: KillRule,
    pub(super) selection: KillSelection,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Decision {
    pub(super) kill: Vec<TaskKey>,
    /// Tasks to be launched as soon as the back-off and the hosts allow.
    pub(super) launch: usize,
    /// The activity has reached its end.
    pub(super) done: bool,
}

/// What a deployment is doing to an app.
#[derive(Clone, Debug)]
pub(super) enum Activity {
    /// Nothing: a new app starts with no tasks, its scaling comes in a later step.
    Start,
    Stop,
    Scale(Scaling),
    Restart(Rolling),
    /// What is left of other versions ends.
    KillOld,
}

#[derive(Clone, Debug)]
pub(super) struct Scaling {
    growing: bool,
    /// The tasks that were chosen by whoever asked for the scaling.
    victims: Vec<TaskKey>,
}

impl Scaling {
    pub(super) fn begin(target: usize, members: &[Member], victims: Vec<TaskKey>) -> Self {
        let active = members.iter().filter(|it| it.counts()).count();
        Self {
            growing: active < target,
            victims,
        }
    }
}

impl Activity {
    pub(super) fn decide(
        &mut self,
        target: usize,
        order: KillOrder,
        members: &[Member],
    ) -> Decision {
        match self {
            Self::Start => Decision {
                done: true,
                ..Decision::default()
            },
            Self::Stop => Decision {
                kill: members
                    .iter()
                    .filter(|it| !it.doomed())
                    .map(|it| it.key)
                    .collect(),
                launch: 0,
                done: members.is_empty(),
            },
            Self::Scale(scaling) => scaling.decide(target, order, members),
            Self::Restart(rolling) => rolling.decide(target, members),
            Self::KillOld => {
                let old = members.iter().filter(|it| it.outdated);
                let alive = old.clone().filter(|it| !it.doomed());
                Decision {
                    kill: alive.map(|it| it.key).collect(),
                    launch: 0,
                    done: old.count() == 0,
                }
            }
        }
    }
}

impl Scaling {
    fn decide(&self, target: usize, order: KillOrder, members: &[Member]) -> Decision {
        let (chosen, others): (Vec<_>, Vec<_>) = members
            .iter()
            .cloned()
            .partition(|it| it.counts() && self.victims.contains(&it.key));
        let mut decision = keep(target, order, &others);
        decision.kill.extend(chosen.iter().map(|it| it.key));
        decision.done = if self.growing {
            members.iter().filter(|it| it.ready).count() >= target
        } else {
            members.iter().filter(|it| !it.inactive).count() <= target
        };
        decision
    }
}

/// Brings the number of tasks to `target`, whatever their version.
pub(super) fn keep(target: usize, order: KillOrder, members: &[Member]) -> Decision {
    let active: Vec<&Member> = members.iter().filter(|it| it.counts()).collect();
    let surplus = active.len().saturating_sub(target);
    Decision {
        kill: pick_surplus(active, surplus, order),
        launch: target.saturating_sub(members.iter().filter(|it| it.counts()).count()),
        done: false,
    }
}

fn pick_surplus(mut active: Vec<&Member>, surplus: usize, order: KillOrder) -> Vec<TaskKey> {
    let by_state = order.rule == KillRule::LeastStarted;
    active.sort_by(|a, b| {
        let newest = b.key.cmp(&a.key);
        match order.selection {
            KillSelection::OldestFirst if by_state => a.state.cmp(&b.state).then(newest.reverse()),
            _ if by_state => a.state.cmp(&b.state).then(newest),
            _ => newest,
        }
    });
    let balanced = order.rule != KillRule::Newest;
    if !balanced || active.iter().all(|it| it.group.is_none()) {
        return active.into_iter().take(surplus).map(|it| it.key).collect();
    }
    let mut sizes: HashMap<Option<String>, usize> = HashMap::new();
    for member in &active {
        *sizes.entry(member.group.clone()).or_default() += 1;
    }
    let mut picked = Vec::with_capacity(surplus);
    for _ in 0..surplus {
        let fullest = sizes.values().max().copied().unwrap_or(0);
        let Some(index) = active.iter().position(|it| sizes[&it.group] == fullest) else {
            break;
        };
        let member = active.remove(index);
        *sizes.entry(member.group.clone()).or_default() -= 1;
        picked.push(member.key);
    }
    picked
}

/// A rolling restart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rolling {
    rules: Upgrade,
    /// Fewer than the app is to have, where the rest comes in a later step.
    enough: usize,
    max_capacity: usize,
    /// Old tasks that may be killed and have not been yet.
    kills_due: usize,
    /// New tasks that were ready once: each of them pays for one old task.
    paid: HashSet<TaskKey>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of instances times a capacity between 0 and 2"
)]
impl Rolling {
    pub(super) fn begin(
        target: usize,
        strategy: UpgradeStrategy,
        rules: Upgrade,
        members: &[Member],
    ) -> Self {
        let alive = || members.iter().filter(|it| !it.doomed());
        let launched = alive().count();
        let min_healthy = (target as f64 * strategy.minimum_health_capacity).ceil() as usize;
        let max_capacity =
            (target as f64 * (1.0 + strategy.maximum_over_capacity)).floor() as usize;
        let counted = match rules.counted {
            Counted::Old => alive().filter(|it| it.outdated).count(),
            Counted::Launched => launched,
            Counted::Healthy => alive().filter(|it| it.ready).count(),
        };
        let mut kills_due = counted.saturating_sub(min_healthy);
        if rules.counted == Counted::Healthy {
            kills_due = kills_due.max(launched.saturating_sub(target));
        }
        // With no room in either direction nothing would ever move: allow one more.
        let more = match rules.room {
            Room::Unbounded => {
                if rules.pays {
                    kills_due = 0;
                }
                usize::MAX / 2
            }
            Room::IfNothingIsKilled => usize::from(kills_due == 0 && max_capacity == target),
            Room::Always => usize::from(max_capacity == target),
            Room::IfStuck => usize::from(min_healthy == max_capacity && max_capacity <= launched),
        };
        Self {
            rules,
            enough: if rules.pays { target } else { min_healthy },
            max_capacity: max_capacity.saturating_add(more),
            kills_due,
            paid: HashSet::new(),
        }
    }
}

impl Rolling {
    fn decide(&mut self, target: usize, members: &[Member]) -> Decision {
        if target == 0 && self.rules.pays {
            return Decision {
                done: true,
                ..Decision::default()
            };
        }
        let target = target.min(self.enough);
        let new: Vec<&Member> = members
            .iter()
            .filter(|it| !it.outdated && it.counts())
            .collect();
        for member in new.iter().filter(|it| it.ready && self.rules.pays) {
            if self.paid.insert(member.key) {
                self.kills_due += 1;
            }
        }
        let old: Vec<&Member> = members.iter().filter(|it| it.outdated).collect();
        let mut killable: Vec<&&Member> = old.iter().filter(|it| !it.doomed()).collect();
        if self.rules.counted == Counted::Healthy {
            killable.sort_by_key(|it| it.ready);
        }
        let ready = new.iter().filter(|it| it.ready).count() >= target;
        let done = ready && (old.is_empty() || !self.rules.waits_for_old);
        if done && self.rules.pays {
            self.kills_due = killable.len();
        }
        let kill: Vec<TaskKey> = killable
            .iter()
            .take(self.kills_due)
            .map(|it| it.key)
            .collect();
        self.kills_due -= kill.len();
        let started = target.min(self.max_capacity.saturating_sub(old.len()));
        Decision {
            kill,
            launch: started.saturating_sub(new.len()),
            done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strategy(health: f64, over: f64) -> UpgradeStrategy {
        UpgradeStrategy {
            minimum_health_capacity: health,
            maximum_over_capacity: over,
        }
    }

    fn rules(version: &str) -> Upgrade {
        let version: crate::MarathonVersion = version.parse().unwrap();
        version.pick(crate::behaviour::UPGRADES)
    }

    fn member(key: u64, state: TaskState, outdated: bool) -> Member {
        let ready = state == TaskState::Running;
        Member {
            key: TaskKey(key),
            state,
            outdated,
            ready,
            inactive: false,
            group: None,
        }
    }

    fn order(selection: KillSelection) -> KillOrder {
        let rule = KillRule::LeastStarted;
        KillOrder { rule, selection }
    }

    #[test]
    fn old_versions_look_at_less() {
        let mut members = running(4);
        members[0].state = TaskState::Staging;
        for (member, group) in members.iter_mut().zip(["a", "b", "b", "a"]) {
            member.group = Some(group.into());
        }
        members.push(member(4, TaskState::Running, false));
        members[4].group = Some("b".into());
        let first = |rule| {
            let selection = KillSelection::OldestFirst;
            keys(&keep(3, KillOrder { rule, selection }, &members))
        };
        assert_eq!(first(KillRule::Newest), [4, 3]);
        assert_eq!(first(KillRule::Balanced), [4, 3]);
        assert_eq!(first(KillRule::LeastStarted), [1, 0]);
        (members[3].group, members[4].group) = (Some("b".into()), Some("a".into()));
        let balanced = KillOrder {
            rule: KillRule::Balanced,
            selection: KillSelection::default(),
        };
        assert_eq!(keys(&keep(4, balanced, &members)), [3]);
    }

    fn running(count: u64) -> Vec<Member> {
        (0..count)
            .map(|key| member(key, TaskState::Running, false))
            .collect()
    }

    fn keys(decision: &Decision) -> Vec<u64> {
        decision.kill.iter().map(|key| key.0).collect()
    }

    #[test]
    fn a_rolling_restart_begins_by_the_rule_of_1_5() {
        // (instances, launched, health, over) -> (kill now, capacity)
        let cases = [
            ((3, 3, 1.0, 0.0), (0, 4)),
            ((4, 4, 0.5, 0.0), (2, 4)),
            ((3, 3, 1.0, 1.0), (0, 6)),
            ((3, 3, 0.0, 0.0), (3, 3)),
            ((1, 1, 1.0, 0.0), (0, 2)),
            ((1, 1, 0.5, 0.0), (0, 2)),
            ((5, 5, 0.5, 0.5), (2, 7)),
            ((4, 2, 1.0, 0.0), (0, 4)),
            ((2, 5, 1.0, 0.0), (3, 3)),
            ((10, 10, 0.95, 0.05), (0, 11)),
        ];
        for ((target, launched, health, over), expected) in cases {
            let members = running(launched);
            let rolling = Rolling::begin(target, strategy(health, over), rules("1.5"), &members);
            let found = (rolling.kills_due, rolling.max_capacity);
            assert_eq!(found, expected, "{target} {launched} {health} {over}");
        }
    }

    /// §5.3, version by version.
    #[test]
    fn a_rolling_restart_begins_by_the_rule_of_the_version() {
        let all = usize::MAX / 2;
        // (instances, old running, health, over) -> (kill now, capacity)
        let cases = [
            ("0.7.6", (4, 4, 0.5, 0.0), (0, 4 + all)),
            ("0.8.0", (4, 4, 0.5, 0.0), (2, 4)),
            ("0.8.0", (3, 3, 1.0, 0.0), (0, 4)),
            ("0.15.7", (3, 3, 1.0, 1.0), (0, 6)),
            ("1.0.0", (4, 4, 0.5, 0.0), (2, 5)),
            ("1.1.0", (4, 4, 0.5, 0.0), (2, 4)),
            ("1.1.0", (3, 3, 1.0, 0.0), (0, 4)),
            ("1.10.5", (3, 3, 1.0, 0.0), (0, 4)),
            ("1.10.5", (3, 5, 1.0, 1.0), (2, 6)),
        ];
        for (version, (target, launched, health, over), expected) in cases {
            let old: Vec<Member> = (0..launched)
                .map(|key| member(key, TaskState::Running, true))
                .collect();
            let rolling = Rolling::begin(target, strategy(health, over), rules(version), &old);
            let found = (rolling.kills_due, rolling.max_capacity);
            assert_eq!(
                found, expected,
                "{version} {target} {launched} {health} {over}"
            );
        }
    }

    /// §5.3: what a restart counts, whom it kills first, and when it is finished.
    #[test]
    fn old_tasks_count_kill_and_finish_as_the_version_has_it() {
        let mut members: Vec<Member> = (0..4)
            .map(|key| member(key, TaskState::Running, true))
            .collect();
        members[3].ready = false;
        let mut healthy = Rolling::begin(4, strategy(0.5, 0.0), rules("1.10.5"), &members);
        assert_eq!(
            keys(&healthy.decide(4, &members)),
            [3],
            "three are well, two have to be"
        );
        let mut launched = Rolling::begin(4, strategy(0.5, 0.0), rules("1.9"), &members);
        assert_eq!(keys(&launched.decide(4, &members)), [0, 1]);

        let mut done: Vec<Member> = running(2);
        done.push(member(2, TaskState::Killing, true));
        for (version, expected) in [("0.11.1", true), ("0.13.0", false)] {
            let mut rolling = Rolling::begin(2, strategy(1.0, 1.0), rules(version), &done);
            assert_eq!(rolling.decide(2, &done).done, expected, "{version}");
        }
    }

    /// §5.1: a restart in three steps, of which this is the first.
    #[test]
    fn before_0_7_6_a_restart_starts_what_has_to_be_healthy_and_leaves_the_rest() {
        let mut members: Vec<Member> = (0..4)
            .map(|key| member(key, TaskState::Running, true))
            .collect();
        let mut rolling = Rolling::begin(4, strategy(0.5, 1.0), rules("0.7.5"), &members);
        let decision = rolling.decide(4, &members);
        assert_eq!((keys(&decision), decision.launch), (vec![0, 1], 2));
        members.drain(..2);
        members.extend((4..6).map(|key| member(key, TaskState::Running, false)));
        let decision = rolling.decide(4, &members);
        assert!(decision.done && decision.kill.is_empty());
        let mut rest = Activity::KillOld;
        let decision = rest.decide(4, order(KillSelection::default()), &members);
        assert_eq!((keys(&decision), decision.done), (vec![2, 3], false));
    }

    #[test]
    fn each_new_task_that_gets_ready_pays_for_one_old_task_once() {
        let mut members: Vec<Member> = (0..3)
            .map(|key| member(key, TaskState::Running, true))
            .collect();
        let mut rolling = Rolling::begin(3, strategy(1.0, 0.0), rules("1.5"), &members);
        assert_eq!(
            rolling.decide(3, &members),
            Decision {
                launch: 1,
                ..Decision::default()
            }
        );

        members.push(member(3, TaskState::Staging, false));
        assert_eq!(rolling.decide(3, &members), Decision::default());

        members[3] = member(3, TaskState::Running, false);
        assert_eq!(keys(&rolling.decide(3, &members)), [0]);
        members[0].state = TaskState::Killing;
        assert_eq!(rolling.decide(3, &members), Decision::default());

        members.remove(0);
        assert_eq!(
            rolling.decide(3, &members),
            Decision {
                launch: 1,
                ..Decision::default()
            }
        );
    }

    #[test]
    fn a_restart_is_done_when_all_new_are_ready_and_all_old_are_gone() {
        let mut members = running(2);
        let mut rolling = Rolling::begin(2, strategy(1.0, 1.0), rules("1.5"), &members[..1]);
        members.push(member(2, TaskState::Killing, true));
        assert!(!rolling.decide(2, &members).done);
        members.pop();
        assert!(rolling.decide(2, &members).done);
    }

    #[test]
    fn a_surplus_is_killed_least_far_started_first_then_by_age() {
        let mut members = running(3);
        members.push(member(3, TaskState::Starting, false));
        members.push(member(4, TaskState::Staging, false));
        let youngest = keep(2, order(KillSelection::YoungestFirst), &members);
        assert_eq!(keys(&youngest), [4, 3, 2]);
        let oldest = keep(2, order(KillSelection::OldestFirst), &members);
        assert_eq!(keys(&oldest), [4, 3, 0]);
    }

    #[test]
    fn a_surplus_is_taken_from_the_fullest_group() {
        let mut members = running(5);
        for (member, group) in members.iter_mut().zip(["a", "a", "a", "b", "b"]) {
            member.group = Some(group.into());
        }
        assert_eq!(
            keys(&keep(3, order(KillSelection::YoungestFirst), &members)),
            [2, 4]
        );
    }

    #[test]
    fn scaling_up_waits_for_readiness_and_down_for_the_dead() {
        let mut members = running(2);
        let mut up = Activity::Scale(Scaling::begin(3, &members, Vec::new()));
        let mut decide =
            |members: &[Member]| up.decide(3, order(KillSelection::default()), members);
        assert_eq!(decide(&members).launch, 1);
        members.push(member(2, TaskState::Staging, false));
        assert_eq!(decide(&members), Decision::default());
        assert!(decide(&running(3)).done);

        let mut members = running(3);
        let mut down = Activity::Scale(Scaling::begin(2, &members, vec![TaskKey(0)]));
        let mut decide =
            |members: &[Member]| down.decide(2, order(KillSelection::default()), members);
        assert_eq!(keys(&decide(&members)), [0]);
        members[0].state = TaskState::Killing;
        assert_eq!(decide(&members), Decision::default());
        assert!(decide(&members[1..]).done);
    }
}
