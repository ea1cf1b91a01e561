//! What is known of containers by whoever tells what happens: so that what events did not tell is
//! told by a look, and nothing is told twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::cluster::{ContainerId, ContainerState, Event, EventKind, HealthState};
use crate::model::GroupId;
use crate::state::Observed;

/// So many that are over are remembered at least, where nobody looks.
const MANY_OVER: usize = 10_000;

/// What every container was when it was told of last.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Nothing before the first look.
    known: Option<BTreeMap<ContainerId, Entry>>,
    /// What was told to be over since the last look, or by it: of these, events that come late are
    /// no news.
    over: BTreeSet<ContainerId>,
    /// The same of the look before.
    over_before: BTreeSet<ContainerId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    group: GroupId,
    state: ContainerState,
    health: HealthState,
}

impl Ledger {
    /// Takes note of an event; says whether it is news. A container only moves on in its life, so
    /// that an event which comes late, or after a look that showed it already, is none.
    pub fn hear(&mut self, event: &Event) -> bool {
        let Some(known) = &mut self.known else {
            return true;
        };
        match (&event.kind, &event.group) {
            (EventKind::Container { id, .. } | EventKind::Health { id, .. }, _)
                if self.over.contains(id) || self.over_before.contains(id) =>
            {
                false
            }
            (EventKind::Container { id, state, .. }, Some(group)) => {
                let is_news = hear(known, group, id, *state);
                if *state == ContainerState::Ended {
                    self.over.insert(id.clone());
                    if self.over.len() > MANY_OVER {
                        self.over_before = std::mem::take(&mut self.over);
                    }
                }
                is_news
            }
            (EventKind::Health { id, health }, Some(_)) => match known.get_mut(id) {
                Some(entry) => std::mem::replace(&mut entry.health, *health) != *health,
                None => true,
            },
            _ => true,
        }
    }

    /// What a look at everything shows that nothing has told, as events of this time. The first look
    /// shows how things are, and so nothing that has happened.
    pub fn look(&mut self, observed: &Observed, at: Timestamp) -> Vec<Event> {
        let seen = seen(observed);
        let Some(known) = self.known.take() else {
            self.known = Some(seen);
            return Vec::new();
        };
        self.over_before = std::mem::take(&mut self.over);
        let mut events = Vec::new();
        let mut tell = |group: &GroupId, kind| {
            events.push(Event {
                at: Some(at),
                group: Some(group.clone()),
                foreign: None,
                kind,
            });
        };
        for (id, entry) in &known {
            if !seen.contains_key(id) {
                self.over.insert(id.clone());
                tell(&entry.group, came(id, ContainerState::Ended));
            }
        }
        // Who is seen to live is not over, whatever was told.
        self.over_before.retain(|id| !seen.contains_key(id));
        for (id, now) in &seen {
            let before = known.get(id);
            if before.is_none_or(|before| before.state != now.state) {
                tell(&now.group, came(id, now.state));
            }
            let health = before.map_or(HealthState::Unknown, |before| before.health);
            if health != now.health {
                let (id, health) = (id.clone(), now.health);
                tell(&now.group, EventKind::Health { id, health });
            }
        }
        self.known = Some(seen);
        events
    }
}

/// A container came to a state; a look does not show why.
fn came(id: &ContainerId, state: ContainerState) -> EventKind {
    EventKind::Container {
        id: id.clone(),
        state,
        failed: None,
    }
}

fn hear(
    known: &mut BTreeMap<ContainerId, Entry>,
    group: &GroupId,
    id: &ContainerId,
    state: ContainerState,
) -> bool {
    if state == ContainerState::Ended {
        return known.remove(id).is_some();
    }
    let Some(entry) = known.get_mut(id) else {
        let entry = Entry {
            group: group.clone(),
            state,
            health: HealthState::Unknown,
        };
        known.insert(id.clone(), entry);
        return true;
    };
    let is_news = entry.state.moves_on_to(state);
    if is_news {
        entry.state = state;
    }
    is_news
}

fn seen(observed: &Observed) -> BTreeMap<ContainerId, Entry> {
    let apps = observed.groups.iter().flat_map(|(group, state)| {
        let apps = state.apps.iter();
        apps.map(move |app| (group, app))
    });
    let containers = apps.flat_map(|(group, app)| {
        let living = app.containers.iter();
        let living = living.filter(|it| it.state != ContainerState::Ended);
        living.map(move |it| {
            let entry = Entry {
                group: group.clone(),
                state: it.state,
                health: it.health,
            };
            (it.id.clone(), entry)
        })
    });
    containers.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, health, seen, state};
    use super::*;
    use ContainerState::{Ended, Running, Staging, Stopping, Unreachable};

    const OURS: Option<&str> = Some("ingestor:dev");

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What a look shows that was not told.
    fn shown(ledger: &mut Ledger, observed: &Observed) -> Vec<EventKind> {
        let events = ledger.look(observed, at(9)).into_iter();
        let kinds = events.map(|event| {
            assert_eq!((event.at, event.group.is_some()), (Some(at(9)), true));
            event.kind
        });
        kinds.collect()
    }

    #[test]
    fn looks_tell_what_is_different() {
        let mut ledger = Ledger::default();
        assert_eq!(shown(&mut ledger, &seen(Staging)), [], "so it is");
        assert_eq!(shown(&mut ledger, &seen(Running)), [state("t.1", Running)]);
        assert_eq!(shown(&mut ledger, &seen(Running)), []);
        let mut well = seen(Running);
        let apps = well.groups.values_mut().flat_map(|it| &mut it.apps);
        for container in apps.flat_map(|app| &mut app.containers) {
            container.health = HealthState::Healthy;
        }
        let healthy = health("t.1", HealthState::Healthy);
        let told = shown(&mut ledger, &well);
        assert_eq!(told, std::slice::from_ref(&healthy));
        assert_eq!(shown(&mut ledger, &seen(Ended)), [state("t.1", Ended)]);
        let both = [state("t.1", Running), healthy];
        assert_eq!(shown(&mut ledger, &well), both);
    }

    #[test]
    fn what_events_have_told_looks_do_not_tell_again() {
        let mut ledger = Ledger::default();
        ledger.look(&seen(Staging), at(1));
        assert!(ledger.hear(&event(OURS, state("t.1", Running))));
        assert_eq!(shown(&mut ledger, &seen(Running)), []);
        assert!(ledger.hear(&event(OURS, state("t.1", Ended))));
        assert_eq!(shown(&mut ledger, &seen(Ended)), []);
    }

    #[test]
    fn what_a_look_has_shown_events_do_not_tell_again() {
        let mut ledger = Ledger::default();
        assert!(
            ledger.hear(&event(OURS, state("t.1", Staging))),
            "who knows?"
        );
        ledger.look(&seen(Running), at(1));
        for (told, is_news) in [
            (Running, false),
            (Staging, false),
            (Unreachable, true),
            (Running, true),
            (Stopping, true),
            (Running, false),
            (Ended, true),
            (Ended, false),
            (Running, false),
        ] {
            let told = event(OURS, state("t.1", told));
            assert_eq!(ledger.hear(&told), is_news, "{told:?}");
        }
        ledger.look(&seen(Ended), at(2));
        let late = event(OURS, state("t.1", Running));
        assert!(!ledger.hear(&late), "it is long over");
        assert!(
            ledger.hear(&event(OURS, state("t.2", Running))),
            "another one"
        );
        let well = event(OURS, health("t.2", HealthState::Healthy));
        assert!(ledger.hear(&well));
        assert!(!ledger.hear(&well));
    }
}
