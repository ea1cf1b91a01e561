//! How often containers end though they are wanted.
//!
//! A container that ends while its app is to have it is replaced by the engine: it failed, or was
//! done, or its checks failed, or a person killed it, or it went with its host. What a rollout, a
//! scaling or another place takes away was told to go, and is not counted. The count is of the app
//! and so of the revision, or of the slot: what is deployed anew begins with none.
//!
//! It is made of two looks: what the registry held and is gone, less what was told to go. One that
//! came and went between two looks is known by its id alone, which events tell, or the engine as its
//! last failure. No two times are compared: they would be of different machines, and clocks jump.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::held::HeldGroup;
use super::picture::Known;
use super::record::{AppCount, ContainerRecord};
use crate::cluster::{App, Container, ContainerId, ContainerState, Part, Revision};

/// For so long it may be told once more of a container that it is over.
const TOLD_LATE: Duration = Duration::from_secs(60);

/// The counts of an app, by what is seen of it and what the registry held.
pub(super) fn count(app: &App, gone: &Gone, known: Known<'_>) -> AppCount {
    let is_living = |container: &&Container| container.state != ContainerState::Ended;
    let living = app.containers.iter().filter(is_living);
    let outdated = living.clone().filter(|it| it.outdated).count();
    let failed = app
        .last_failure
        .as_ref()
        .and_then(|it| it.container.clone());
    let mut counts = AppCount {
        app: app.id.clone(),
        revision: app.revision,
        containers: living.count(),
        outdated,
        pinned_to: app.pinned_to.clone(),
        failed,
        ..AppCount::default()
    };
    let before = known.held.app(&app.id);
    let Some(before) = before.filter(|before| before.revision == app.revision) else {
        return counts;
    };
    counts.restarts = before.restarts;
    counts.restarted_at = before.restarted_at;
    if before.pinned_to != app.pinned_to {
        return counts;
    }
    let surplus = before.containers.saturating_sub(app.instances as usize);
    let told = surplus.max(before.outdated);
    let seen = gone.of(app).saturating_sub(told);
    let restarts = seen + unseen(app, before, known);
    if restarts > 0 {
        let restarts = u32::try_from(restarts).unwrap_or(u32::MAX);
        counts.restarts = counts.restarts.saturating_add(restarts);
        counts.restarted_at = Some(known.now);
    }
    if counts.failed.is_none() {
        counts.failed.clone_from(&before.failed);
    }
    counts
}

/// How many containers of an app have failed that no look has shown.
fn unseen(app: &App, before: &AppCount, known: Known<'_>) -> usize {
    let told = known.failed.iter().filter(|(_, of)| **of == app.id);
    let last = app.last_failure.as_ref();
    let last = last.and_then(|failure| failure.container.as_ref());
    let failed: BTreeSet<&ContainerId> = told.map(|(id, _)| id).chain(last).collect();
    let is_new = |id: &ContainerId| before.failed.as_ref() != Some(id) && !known.over.has(id);
    let is_shown = |id: &ContainerId| app.containers.iter().any(|it| it.id == *id);
    let unseen = failed
        .into_iter()
        .filter(|id| known.held.container(id).is_none() && is_new(id) && !is_shown(id));
    unseen.count()
}

/// Containers that are known to be over: what is told of them from now on is no news.
#[derive(Debug, Default)]
pub(super) struct Over(BTreeMap<ContainerId, Instant>);

impl Over {
    fn has(&self, id: &ContainerId) -> bool {
        self.0.contains_key(id)
    }

    /// These are over, too; those are forgotten of which nobody tells any more.
    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = ContainerId>, now: Instant) {
        self.0
            .retain(|_, since| now.duration_since(*since) < TOLD_LATE);
        self.0.extend(ids.into_iter().map(|id| (id, now)));
    }
}

/// How many containers are gone that the registry held, by their revision and slot.
pub(super) struct Gone(BTreeMap<(Revision, Option<u32>), usize>);

impl Gone {
    /// What is gone of what is held and not counted yet, where these are all that there are now.
    pub(super) fn new(held: &HeldGroup, present: &BTreeMap<ContainerId, ContainerRecord>) -> Self {
        let counted = held.counted().map(|counts| &counts.leaving);
        let counted: BTreeSet<&ContainerId> = counted.into_iter().flatten().collect();
        let is_gone = |it: &&ContainerRecord| !present.contains_key(&it.id);
        let mut gone = BTreeMap::new();
        for record in held.records().filter(is_gone) {
            if !counted.contains(&record.id) {
                *gone.entry((record.revision, record.slot)).or_default() += 1;
            }
        }
        Self(gone)
    }

    fn of(&self, app: &App) -> usize {
        let slot = match app.part {
            Part::Slot(slot) => Some(slot),
            Part::Whole | Part::Stable => None,
        };
        let gone = self.0.get(&(app.revision, slot));
        gone.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::picture::{Heard, picture};
    use super::super::testing::{app, container, group, spec, state_of, time};
    use super::*;
    use crate::cluster::{AppId, Failure};

    /// Looks at an app again and again, and keeps what the registry would hold.
    #[derive(Default)]
    struct Looks {
        held: HeldGroup,
        over: Over,
        /// What the registrar's clock shows, which need not be what the engine's does.
        now: i64,
    }

    impl Looks {
        fn look(&mut self, app: App) -> (u32, Option<Timestamp>) {
            self.hear(&[], app)
        }

        /// Looks after events have told that these have failed.
        fn hear(&mut self, failed: &[&str], app: App) -> (u32, Option<Timestamp>) {
            self.now += 10;
            let failed = failed
                .iter()
                .map(|id| (id_of(id), app.id.clone()))
                .collect();
            let state = state_of(app.revision, spec("a:1", &[]), vec![app]);
            let known = Known {
                held: &self.held,
                shapes: &BTreeMap::new(),
                heard: &Heard::new(),
                failed: &failed,
                over: &self.over,
                now: time(self.now),
            };
            let picture = picture(&group(), &state, known);
            let counts = picture.counts.as_ref().expect("the group is known");
            let told = (counts.restarts(), counts.restarted_at());
            let gone: Vec<_> = self.held.over_by(&picture).collect();
            self.over
                .extend(gone.into_iter().chain(failed.into_keys()), Instant::now());
            self.held = HeldGroup::from(picture);
            told
        }

        fn see(&mut self, instances: u32, ids: &[&str]) -> u32 {
            self.look(some(instances, ids)).0
        }
    }

    fn id_of(id: &str) -> ContainerId {
        ContainerId(id.to_owned())
    }

    fn some(instances: u32, ids: &[&str]) -> App {
        App {
            instances,
            ..app(1, ids.iter().map(|id| container(id)).collect())
        }
    }

    /// An app of which this container failed last, at this time of the engine's clock.
    fn failed(id: &str, at: i64, app: App) -> App {
        let failure = Failure {
            container: Some(id_of(id)),
            message: "it ends".to_owned(),
            host: None,
            at: Some(time(at)),
        };
        App {
            last_failure: Some(failure),
            ..app
        }
    }

    #[test]
    fn what_ends_though_it_is_wanted_is_counted() {
        let mut looks = Looks::default();
        assert_eq!(looks.see(3, &["a", "b", "c"]), 0);
        assert_eq!(looks.see(3, &["a", "b", "c"]), 0);
        assert_eq!(looks.see(3, &["b", "c"]), 1, "a ends");
        assert_eq!(looks.see(3, &["b", "c", "d"]), 1, "d comes");
        assert_eq!(looks.look(some(3, &["e", "f", "g"])), (4, Some(time(50))));
        let ended = Container {
            state: ContainerState::Ended,
            ..container("e")
        };
        let mut app = some(3, &["f", "g", "h"]);
        app.containers.push(ended);
        assert_eq!(looks.look(app).0, 5, "e is shown, and over");
    }

    #[test]
    fn what_is_told_to_go_is_not() {
        let mut looks = Looks::default();
        looks.see(3, &["a", "b", "c"]);
        assert_eq!(looks.see(2, &["a", "b"]), 0, "at once");
        assert_eq!(looks.see(1, &["a", "b"]), 0, "b is about to go");
        assert_eq!(looks.see(1, &["a"]), 0, "and goes");
        assert_eq!(looks.see(0, &[]), 0);
        assert_eq!(looks.see(2, &["d", "e"]), 0, "more of it");
        assert_eq!(looks.see(1, &["f"]), 1, "d and e go, and one was wanted");
    }

    #[test]
    fn another_revision_or_another_place_begins_anew() {
        let mut looks = Looks::default();
        looks.see(1, &["a"]);
        assert_eq!(looks.see(1, &["b"]), 1);
        let pinned = |ids: &[&str], outdated| {
            let mut app = some(1, ids);
            app.pinned_to = Some("host1".into());
            app.containers[0].outdated = outdated;
            app
        };
        assert_eq!(looks.look(pinned(&["b"], true)).0, 1, "it is pinned");
        assert_eq!(looks.look(pinned(&["c"], false)).0, 1, "and starts there");
        assert_eq!(looks.look(pinned(&["d"], false)).0, 2);
        let mut stable = some(1, &["d"]);
        stable.revision = 2;
        assert_eq!(looks.look(stable).0, 0);
    }

    #[test]
    fn one_that_nobody_saw_is_known_by_its_id_and_counted_once() {
        let mut looks = Looks::default();
        assert_eq!(
            looks.look(failed("z", 1, some(1, &["a"]))).0,
            0,
            "of before"
        );
        // The engine tells of the failure a moment later than of the end.
        assert_eq!(looks.look(failed("z", 1, some(1, &[]))).0, 1, "a ends");
        assert_eq!(
            looks.look(failed("a", 19, some(1, &["b"]))).0,
            1,
            "as was seen"
        );
        // They fail between two looks again and again.
        let after = failed("c", 31, some(1, &["b"]));
        assert_eq!(looks.look(after.clone()), (2, Some(time(40))));
        assert_eq!(looks.look(after).0, 2);
        assert_eq!(looks.look(failed("d", 52, some(1, &["b"]))).0, 3);
    }

    #[test]
    fn each_that_events_tell_of_between_two_looks_is_counted() {
        let mut looks = Looks::default();
        looks.see(2, &["a", "b"]);
        let now = || some(2, &["a", "b"]);
        assert_eq!(looks.hear(&["c", "d", "e"], now()).0, 3);
        assert_eq!(looks.hear(&["e"], failed("e", 5, now())).0, 3, "told again");
        assert_eq!(looks.hear(&["a"], now()).0, 3, "it is still shown");
        assert_eq!(looks.see(2, &["b", "f"]), 4, "and is gone");
        assert_eq!(
            looks.hear(&["a", "b"], some(2, &["f"])).0,
            5,
            "b, and a was counted"
        );
        let last = || failed("g", 9, some(2, &["f"]));
        assert_eq!(looks.look(last()).0, 6, "g, as the engine says");
        assert_eq!(looks.hear(&["g"], last()).0, 6, "events tell of it later");
        let last = || failed("h", 9, some(2, &["f"]));
        assert_eq!(looks.hear(&["g"], last()).0, 7, "or later still: it is h");
        let mut other = some(2, &["f"]);
        other.id = AppId("/another".to_owned());
        assert_eq!(looks.hear(&["x"], other).0, 0, "another app's");
    }

    #[test]
    fn no_clock_that_jumps_counts_anything() {
        // What the registrar's clock shows, and what the engine says of the last failure.
        for (name, clocks) in [
            ("in step", [(0, 5), (100, 105), (200, 205), (300, 305)]),
            (
                "the registrar is a year ahead",
                [
                    (0, 5),
                    (31_536_000, 105),
                    (31_536_100, 205),
                    (31_536_200, 305),
                ],
            ),
            (
                "and goes back",
                [(31_536_000, 5), (31_536_100, 105), (0, 205), (100, 305)],
            ),
            (
                "the engine goes back",
                [(1000, 9000), (1100, 9100), (1200, 5), (1300, 105)],
            ),
            (
                "the engine stands still",
                [(0, 5), (10, 5), (20, 5), (30, 5)],
            ),
        ] {
            let mut looks = Looks::default();
            let mut told = Vec::new();
            for ((registrar, engine), last) in clocks.into_iter().zip(["z", "a", "c", "c"]) {
                looks.now = registrar;
                let ids: &[&str] = if last == "z" { &["a"] } else { &["b"] };
                told.push(looks.look(failed(last, engine, some(1, ids))).0);
            }
            // a is seen to be gone, c is not, and then nothing happens.
            assert_eq!(told, [0, 1, 2, 2], "{name}");
        }
    }
}
