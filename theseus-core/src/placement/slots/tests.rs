//! Who keeps a host, who gets which, and who waits.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::cluster::{Host, HostState, Part, Revision};
use crate::model::{CustomConstraint, Port};
use crate::placement::testing::{app, constraint, group, host, hosts, inventory, terrain};
use crate::state::{GroupState, Observed};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn fixed(instances: u32) -> Spec {
    Spec {
        instances,
        custom_constraints: vec![CustomConstraint::fixed_host()],
        ..Spec::new("a:1")
    }
}

/// A group with slots, and what surrounds it.
struct World {
    spec: Spec,
    records: BTreeMap<u32, SlotRecord>,
    apps: Vec<App>,
    terrain: Terrain,
    ruling: Ruling,
}

impl World {
    fn new(spec: Spec, hosts: impl Into<Vec<Host>>) -> Self {
        Self {
            spec,
            records: BTreeMap::new(),
            apps: Vec::new(),
            terrain: terrain(hosts),
            ruling: Ruling::default(),
        }
    }

    fn request<'a>(&'a self, group: &'a GroupId) -> Request<'a> {
        Request {
            group,
            spec: &self.spec,
            records: &self.records,
            apps: &self.apps,
            terrain: &self.terrain,
            ruling: &self.ruling,
            now: NOW,
        }
    }

    fn assign(&self) -> Assignment {
        assign(&self.request(&group("db:dev")))
    }

    /// Assigns, and writes down what came of it.
    fn settle(&mut self) -> Assignment {
        let group = group("db:dev");
        let request = self.request(&group);
        let assignment = assign(&request);
        self.records = assignment.records(&request);
        assignment
    }
}

#[test]
fn without_any_host_all_slots_are_stuck() {
    let world = World::new(fixed(3), []);
    assert_eq!(
        problems(&world.assign()),
        ["no host for slot 0 and 2 more of db:dev: of 0 hosts none takes another"]
    );
}

/// `0:h1 1:h2`
fn text(hosts: &Slots) -> String {
    let slots: Vec<_> = hosts
        .iter()
        .map(|(n, host)| format!("{n}:{host}"))
        .collect();
    slots.join(" ")
}

fn problems(assignment: &Assignment) -> Vec<String> {
    assignment
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn new_slots_are_spread_evenly_room_first() {
    let full = host("h1").free(|free| free.mem = 100.0).build();
    let draining = host("h2").state(HostState::Draining).build();
    let small = host("h3").free(|free| free.cpus = 8.0).build();
    let world = World::new(fixed(5), [host("h0").build(), full, draining, small]);
    let assignment = world.assign();
    assert_eq!(text(&assignment.hosts), "0:h0 1:h3 2:h0 3:h3 4:h0");
    assert_eq!(problems(&assignment), [""; 0]);
}

#[test]
fn what_this_assignment_gives_away_is_gone() {
    let small = |name| host(name).free(|free| free.mem = 1_100.0).build();
    let world = World::new(fixed(5), [small("h0"), small("h1")]);
    let assignment = world.assign();
    assert_eq!(text(&assignment.hosts), "0:h0 1:h1 2:h0 3:h1");
    assert_eq!(assignment.stuck, [4]);
    assert_eq!(
        problems(&assignment),
        ["no host for slot 4 of db:dev: of 2 hosts 2 short of mem: h0 h1"]
    );
}

#[test]
fn a_slot_that_has_a_host_and_does_not_run_keeps_its_room() {
    let mut world = World::new(fixed(1), [host("h0").build()]);
    world.settle();
    world.spec.instances = 2;
    world.terrain = terrain([host("h0").free(|free| free.mem = 600.0).build()]);
    assert_eq!(world.assign().stuck, [1]);
    world.apps = vec![app(Part::Slot(0), 1, Some("h0"), &["h0"])];
    assert_eq!(world.assign().stuck, [] as [u32; 0]);
}

#[test]
fn constraints_hold_between_slots() {
    let racks = ["r1", "r1", "r1", "r2"];
    let hosts: Vec<_> = (0..)
        .zip(racks)
        .map(|(n, rack)| host(&format!("h{n}")).rack(rack).build())
        .collect();
    let mut port = Spec::new("a:1");
    port.ports.insert(
        "api".to_owned(),
        Port {
            host: Some(31_080),
            ..Port::tcp(80)
        },
    );
    for (spec, constraints, expected) in [
        (Spec::new("a"), "hostname UNIQUE", "0:h0 1:h1 2:h2 3:h3"),
        (port, "", "0:h0 1:h1 2:h2 3:h3"),
        (
            Spec::new("a"),
            "hostname MAX_PER 1,rack LIKE r1",
            "0:h0 1:h1 2:h2",
        ),
        (Spec::new("a"), "rack CLUSTER", "0:h0 1:h1 2:h2 3:h0 4:h1"),
        (Spec::new("a"), "rack GROUP_BY", "0:h0 1:h3 2:h1 3:h3 4:h2"),
        (Spec::new("a"), "rack UNLIKE r1", "0:h3 1:h3 2:h3 3:h3 4:h3"),
        (Spec::new("a"), "hostname IS h2", "0:h2 1:h2 2:h2 3:h2 4:h2"),
    ] {
        let all = constraints.split(',').filter(|text| !text.is_empty());
        let spec = Spec {
            instances: 5,
            constraints: all.map(constraint).collect(),
            ..spec
        };
        let assignment = World::new(spec, hosts.clone()).assign();
        assert_eq!(text(&assignment.hosts), expected, "{constraints}");
        let placed = u32::try_from(assignment.hosts.len()).unwrap();
        let stuck: Vec<u32> = (placed..5).collect();
        assert_eq!(assignment.stuck, stuck, "{constraints}");
    }
}

#[test]
fn what_runs_takes_the_place_of_lost_records() {
    let mut world = World::new(fixed(5), hosts(5));
    world.apps = vec![
        app(Part::Slot(0), 2, Some("h3"), &["h3"]),
        app(Part::Slot(1), 1, None, &["h4"]),
        // What is pinned counts more than what only landed there, and the newer more than the older.
        app(Part::Slot(2), 2, None, &["h0"]),
        app(Part::Slot(2), 1, Some("h1"), &["h1"]),
        app(Part::Slot(3), 1, None, &["h0"]),
        app(Part::Slot(3), 2, None, &["h2"]),
    ];
    assert_eq!(text(&world.assign().hosts), "0:h3 1:h4 2:h1 3:h2 4:h0");
    world.apps.reverse();
    assert_eq!(text(&world.assign().hosts), "0:h3 1:h4 2:h1 3:h2 4:h0");
}

#[test]
fn a_group_that_gets_fixed_hosts_stays_where_it_is() {
    let mut world = World::new(fixed(4), hosts(5));
    world.apps = vec![app(Part::Whole, 1, None, &["h4", "h2", "h4"])];
    assert_eq!(text(&world.assign().hosts), "0:h2 1:h4 2:h4 3:h0");
}

#[test]
fn without_a_complete_inventory_slots_may_start_anywhere() {
    let some = |is_complete| {
        let inventory = crate::cluster::Inventory {
            is_complete,
            ..inventory([])
        };
        let mut observed = Observed::default();
        let state = GroupState {
            apps: vec![app(Part::Slot(0), 1, None, &["h7"])],
            ..GroupState::default()
        };
        observed.groups.insert(group("db:dev"), state);
        Terrain::new(&inventory, &observed)
    };
    let mut world = World::new(fixed(3), []);
    world.spec.constraints = vec![constraint("hostname UNIQUE")];
    world.terrain = some(false);
    let assignment = world.assign();
    assert_eq!(text(&assignment.hosts), "0:h7");
    assert_eq!(
        (&assignment.free[..], &assignment.stuck[..]),
        (&[1, 2][..], &[][..])
    );
    world.terrain = some(true);
    assert_eq!(world.assign().stuck, [0, 1, 2]);
}

#[test]
fn a_lost_host_is_waited_for_and_then_left() {
    let mut world = World::new(fixed(2), hosts(2));
    world.settle();
    let gone = |state| terrain([host("h0").state(state).build(), host("h1").build()]);
    world.terrain = gone(HostState::Gone);
    let lost = world.settle();
    assert_eq!(text(&lost.hosts), "0:h0 1:h1");
    let expected = Lost {
        slot: 0,
        host: Arc::from("h0"),
        since: NOW,
        moves_at: None,
    };
    assert_eq!(lost.lost, [expected]);
    assert_eq!(world.records[&0].lost_since, Some(NOW));

    // It comes back: all is forgotten.
    world.terrain = gone(HostState::Draining);
    assert_eq!(world.settle().lost, []);
    assert_eq!(world.records[&0].lost_since, None);

    let hour = Duration::from_secs(3_600);
    world.spec.custom_constraints = vec![CustomConstraint::FixedHost {
        relocate_after: Some(hour),
    }];
    world.terrain = gone(HostState::Gone);
    let before = |span: Duration| NOW - SignedDuration::try_from(span).unwrap();
    world.records.get_mut(&0).unwrap().lost_since = Some(before(Duration::from_secs(3_599)));
    let assignment = world.assign();
    assert_eq!(assignment.moves, []);
    let soon = NOW + SignedDuration::from_secs(1);
    assert_eq!(assignment.lost[0].moves_at, Some(soon));

    world.records.get_mut(&0).unwrap().lost_since = Some(before(hour));
    let assignment = world.settle();
    let expected = Move {
        slot: 0,
        from: Arc::from("h0"),
        to: Arc::from("h1"),
    };
    assert_eq!(
        (assignment.moves, assignment.lost),
        (vec![expected], Vec::new())
    );
    let record = &world.records[&0];
    assert_eq!(
        (&*record.host, record.moved_from.as_deref()),
        ("h1", Some("h0"))
    );
}

#[test]
fn a_slot_that_cannot_move_goes_on_waiting() {
    let mut world = World::new(fixed(2), hosts(2));
    world.settle();
    world.spec.constraints = vec![constraint("hostname UNIQUE")];
    world.spec.custom_constraints = vec![CustomConstraint::FixedHost {
        relocate_after: Some(Duration::ZERO),
    }];
    world.terrain = terrain([host("h1").build()]);
    let assignment = world.assign();
    assert_eq!(text(&assignment.hosts), "0:h0 1:h1");
    assert_eq!(assignment.lost.len(), 1);
    assert_eq!(
        problems(&assignment),
        ["no other host for slot 0 of db:dev: of 1 host 1 short of constraint hostname UNIQUE: h1"]
    );
}

#[test]
fn a_host_that_a_rule_has_chosen_is_taken_or_complained_about() {
    let mut world = World::new(fixed(3), hosts(3));
    world.ruling.hosts = [(0, Arc::from("h2")), (2, Arc::from("nowhere"))].into();
    let assignment = world.assign();
    assert_eq!(text(&assignment.hosts), "0:h2 1:h0");
    assert_eq!(assignment.stuck, [2]);
    assert_eq!(
        problems(&assignment),
        ["slot 2 of db:dev: the host that is chosen for it takes no containers: nowhere"]
    );
}

fn load(assignment: &Assignment, hosts: usize) -> Vec<usize> {
    (0..hosts)
        .map(|n| {
            let name = format!("h{n}");
            assignment
                .hosts
                .values()
                .filter(|host| ***host == *name)
                .count()
        })
        .collect()
}

proptest! {
    #[test]
    fn hosts_that_are_alike_get_alike(instances in 0_u32..30, n in 1_usize..8) {
        let assignment = World::new(fixed(instances), hosts(n)).assign();
        let load = load(&assignment, n);
        prop_assert_eq!(load.iter().sum::<usize>(), instances as usize);
        prop_assert!(load.iter().max().unwrap() - load.iter().min().unwrap() <= 1, "{:?}", load);
    }

    /// However a group and its cluster grow and shrink, a slot leaves its host only when that is
    /// gone.
    #[test]
    fn only_what_lost_its_host_moves(
        steps in proptest::collection::vec((0_u32..12, proptest::bits::u8::ANY), 1..8),
    ) {
        let mut world = World::new(fixed(0), []);
        world.spec.custom_constraints = vec![CustomConstraint::FixedHost {
            relocate_after: Some(Duration::ZERO),
        }];
        for (instances, up) in steps {
            let before = world.records.clone();
            world.spec.instances = instances;
            let up: Vec<_> = hosts(8)
                .into_iter()
                .enumerate()
                .filter(|(n, _)| up & (1 << n) != 0)
                .map(|(_, host)| host)
                .collect();
            world.terrain = terrain(up.clone());
            let assignment = world.settle();
            let placed = assignment.hosts.len() + assignment.stuck.len();
            prop_assert_eq!(placed, instances as usize);
            for (slot, host) in &assignment.hosts {
                let is_up = |host: &Arc<str>| up.iter().any(|it| it.name == *host);
                match before.get(slot).map(|record| &record.host) {
                    Some(before) if is_up(before) => prop_assert_eq!(host, before),
                    Some(before) if up.is_empty() => prop_assert_eq!(host, before),
                    _ => prop_assert!(is_up(host)),
                }
            }
        }
    }

    #[test]
    fn order_does_not_matter(
        hosts in Just(hosts(6)).prop_shuffle(),
        apps in Just(vec![(0, 1, "h5"), (0, 2, "h4"), (1, 1, "h4"), (3, 1, "h5"), (3, 1, "h2")])
            .prop_shuffle(),
    ) {
        let world = |hosts: Vec<Host>, apps: &[(u32, Revision, &str)]| {
            let mut world = World::new(fixed(9), hosts);
            let app = |(slot, revision, host): &(u32, Revision, &str)| {
                app(Part::Slot(*slot), *revision, None, &[*host])
            };
            world.apps = apps.iter().map(app).collect();
            world.assign()
        };
        let expected = "0:h4 1:h4 2:h0 3:h5 4:h1 5:h2 6:h3 7:h5 8:h0";
        prop_assert_eq!(text(&world(hosts, &apps).hosts), expected);
    }
}
