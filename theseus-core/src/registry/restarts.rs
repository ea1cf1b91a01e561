//! How often containers end though they are wanted.
//!
//! A container that ends while its app is to have it is replaced by the engine: it failed, or was
//! done, or its checks failed, or a person killed it, or it went with its host. What a rollout, a
//! scaling or another place takes away was told to go, and is not counted. The count is of the app
//! and so of the revision, or of the slot: what is deployed anew begins with none.
//!
//! It is made of two looks: what the registry held and is gone, less what was told to go. One that
//! came and went between two looks shows as the engine's last failure only, and counts as one.

use std::collections::BTreeMap;

use super::held::HeldGroup;
use super::picture::Known;
use super::record::{AppCount, ContainerRecord};
use crate::cluster::{App, Container, ContainerId, ContainerState, Part, Revision};

/// The counts of an app, by what is seen of it and what the registry held.
pub(super) fn count(app: &App, gone: &Gone, known: Known<'_>) -> AppCount {
    let is_living = |container: &&Container| container.state != ContainerState::Ended;
    let living = app.containers.iter().filter(is_living);
    let outdated = living.clone().filter(|it| it.outdated).count();
    let failed_at = app.last_failure.as_ref().and_then(|failure| failure.at);
    let mut counts = AppCount {
        app: app.id.clone(),
        revision: app.revision,
        containers: living.count(),
        outdated,
        pinned_to: app.pinned_to.clone(),
        failed_at,
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
    let restarts = gone.of(app).saturating_sub(told);
    if restarts > 0 {
        let restarts = u32::try_from(restarts).unwrap_or(u32::MAX);
        counts.restarts = counts.restarts.saturating_add(restarts);
        counts.restarted_at = Some(known.now);
        // The engine may tell of these a moment later.
        counts.failed_at = failed_at.max(Some(known.now));
    } else if failed_at > before.failed_at && told == 0 {
        counts.restarts = counts.restarts.saturating_add(1);
        counts.restarted_at = failed_at;
    } else {
        counts.failed_at = failed_at.max(before.failed_at);
    }
    counts
}

/// How many containers are gone that the registry held, by their revision and slot.
pub(super) struct Gone(BTreeMap<(Revision, Option<u32>), usize>);

impl Gone {
    /// What is gone of what is held, where these are all that there are now.
    pub(super) fn new(held: &HeldGroup, present: &BTreeMap<ContainerId, ContainerRecord>) -> Self {
        let mut gone = BTreeMap::new();
        for record in held.records().filter(|it| !present.contains_key(&it.id)) {
            *gone.entry((record.revision, record.slot)).or_default() += 1;
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
    use crate::cluster::Failure;

    /// Looks at an app again and again, and keeps what the registry would hold.
    #[derive(Default)]
    struct Looks {
        held: HeldGroup,
        now: i64,
    }

    impl Looks {
        fn look(&mut self, app: App) -> (u32, Option<Timestamp>) {
            self.now += 10;
            let state = state_of(app.revision, spec("a:1", &[]), vec![app]);
            let known = Known {
                held: &self.held,
                shapes: &BTreeMap::new(),
                heard: &Heard::new(),
                now: time(self.now),
            };
            let picture = picture(&group(), &state, known);
            let counts = picture.counts.as_ref().expect("the group is known");
            let told = (counts.restarts(), counts.restarted_at());
            self.held = HeldGroup::from(picture);
            told
        }

        fn see(&mut self, instances: u32, ids: &[&str]) -> u32 {
            self.look(some(instances, ids)).0
        }
    }

    fn some(instances: u32, ids: &[&str]) -> App {
        App {
            instances,
            ..app(1, ids.iter().map(|id| container(id)).collect())
        }
    }

    fn failed(at: i64, app: App) -> App {
        let failure = Failure {
            message: "it ends".to_owned(),
            host: None,
            at: Some(time(at)),
        };
        App {
            last_failure: Some(failure),
            unread: None,
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
    fn one_that_nobody_saw_shows_as_the_last_failure_and_is_counted_once() {
        let mut looks = Looks::default();
        assert_eq!(looks.look(failed(1, some(1, &["a"]))).0, 0, "of before");
        // The engine tells of the failure a moment later than of the end.
        assert_eq!(looks.look(failed(1, some(1, &[]))).0, 1);
        assert_eq!(looks.look(failed(19, some(1, &["b"]))).0, 1);
        // It fails between two looks again and again.
        assert_eq!(looks.look(failed(31, some(1, &["b"]))), (2, Some(time(31))));
        assert_eq!(looks.look(failed(31, some(1, &["b"]))).0, 2);
        assert_eq!(looks.look(failed(52, some(1, &["b"]))).0, 3);
    }
}
