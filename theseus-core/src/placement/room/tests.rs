//! Who finds room, and what hosts are short of.

use super::*;
use crate::cluster::{Amounts, Host, HostState};
use crate::model::Port;
use crate::placement::testing::{constraint, group, host, inventory, terrain};
use crate::state::Observed;

/// A host with room for so many of `spec()`.
fn with_room(name: &str, containers: f64) -> Host {
    let room = |free: &mut Amounts| free.mem = 512.0 * containers;
    host(name).free(room).build()
}

fn spec() -> Spec {
    Spec::new("a:1")
}

/// `fits/wanted, host:fits/short-of …`
fn told(room: &Room) -> String {
    let host = |room: &HostRoom| {
        let short_of = room.short_of.as_ref();
        let short_of = short_of.map_or("-".to_owned(), ToString::to_string);
        format!(", {}:{}/{short_of}", room.host, room.fits)
    };
    let hosts: String = room.per_host.iter().map(host).collect();
    format!("{}/{}{hosts}", room.fits, room.wanted)
}

struct Wanted<'a> {
    spec: &'a Spec,
    count: u32,
    constraints: &'a [&'a str],
    placed: &'a [&'a str],
    pins: &'a [&'a str],
}

impl<'a> Wanted<'a> {
    fn of(spec: &'a Spec, count: u32) -> Self {
        Self {
            spec,
            count,
            constraints: &[],
            placed: &[],
            pins: &[],
        }
    }

    fn check(&self, terrain: &Terrain) -> Room {
        let constraints: Vec<_> = self.constraints.iter().map(|it| constraint(it)).collect();
        let names = |names: &[&str]| -> Vec<Arc<str>> {
            names.iter().map(|name| Arc::from(*name)).collect()
        };
        let need = Need {
            group: &group("web:dev"),
            spec: self.spec,
            constraints: &constraints,
            count: self.count,
            placed: &names(self.placed),
            pins: &names(self.pins),
        };
        check(&[need], terrain).remove(0)
    }
}

#[test]
fn every_host_says_what_it_takes_and_what_it_is_short_of() {
    let three = terrain([
        with_room("h0", 2.0),
        with_room("h1", 0.9),
        host("h2").state(HostState::Draining).build(),
        host("h3").free(|free| free.cpus = 0.3).build(),
    ]);
    let spec = spec();
    for (count, expected) in [
        (0, "0/0, h0:0/-, h1:0/mem, h3:0/-"),
        (2, "2/2, h0:1/-, h1:0/mem, h3:1/cpus"),
        (3, "3/3, h0:2/mem, h1:0/mem, h3:1/cpus"),
        (9, "3/9, h0:2/mem, h1:0/mem, h3:1/cpus"),
    ] {
        let room = Wanted::of(&spec, count).check(&three);
        assert_eq!(told(&room), expected);
        assert_eq!((room.known, room.is_short()), (true, count > 3));
    }
}

#[test]
fn ports_and_disk_count() {
    let narrow = |free: &mut Amounts| free.ports = vec![31_000..=31_001, 31_005..=31_005];
    let one = terrain([host("h0").free(narrow).build()]);
    let mut two_ports = spec();
    two_ports.ports.insert("a".to_owned(), Port::tcp(1));
    two_ports.ports.insert("b".to_owned(), Port::tcp(2));
    let fixed = |number| {
        let mut spec = spec();
        let port = Port {
            host: Some(number),
            ..Port::tcp(1)
        };
        spec.ports.insert("a".to_owned(), port);
        spec
    };
    let mut on_the_host = fixed(31_000);
    on_the_host.network = "host".to_owned().into();
    on_the_host.ports.insert("b".to_owned(), Port::tcp(80));
    let mut own_address = two_ports.clone();
    own_address.network = "weave".to_owned().into();
    let mut large = spec();
    large.resources.disk = 60_000.0;
    for (spec, expected) in [
        (two_ports, "1/3, h0:1/ports"),
        (fixed(31_005), "1/3, h0:1/ports"),
        (fixed(80), "0/3, h0:0/ports"),
        (on_the_host, "0/3, h0:0/ports"),
        (own_address, "3/3, h0:3/-"),
        (large, "1/3, h0:1/disk"),
    ] {
        assert_eq!(
            told(&Wanted::of(&spec, 3).check(&one)),
            expected,
            "{spec:?}"
        );
    }
}

#[test]
fn constraints_count_what_is_there_already() {
    let two = terrain([with_room("h0", 5.0), with_room("h1", 5.0)]);
    let spec = spec();
    let wanted = Wanted {
        constraints: &["hostname UNIQUE"],
        placed: &["h1"],
        ..Wanted::of(&spec, 2)
    };
    assert_eq!(
        told(&wanted.check(&two)),
        "1/2, h0:1/constraint hostname UNIQUE, h1:0/constraint hostname UNIQUE"
    );
}

#[test]
fn pinned_containers_need_room_on_their_own_host() {
    let two = terrain([with_room("h0", 5.0), with_room("h1", 1.0)]);
    let spec = spec();
    let wanted = |count, pins| Wanted {
        pins,
        ..Wanted::of(&spec, count)
    };
    for (wanted, expected) in [
        (wanted(2, &["h1", "h1"][..]), "1/2, h0:0/-, h1:1/mem"),
        // One after the other each finds it.
        (wanted(1, &["h0", "h1"]), "2/2, h0:1/-, h1:1/-"),
        (wanted(3, &["h1", "gone"]), "2/3, h0:1/-, h1:1/mem"),
        (wanted(0, &["h1"]), "0/0, h0:0/-, h1:0/-"),
    ] {
        assert_eq!(told(&wanted.check(&two)), expected);
    }
}

#[test]
fn groups_of_one_plan_take_room_from_each_other() {
    let one = terrain([with_room("h0", 3.0)]);
    let (first, second, spec) = (group("a:dev"), group("b:dev"), spec());
    let need = |group| Need {
        group,
        spec: &spec,
        constraints: &[],
        count: 2,
        placed: &[],
        pins: &[],
    };
    let rooms = check(&[need(&first), need(&second)], &one);
    let told: Vec<_> = rooms.iter().map(told).collect();
    assert_eq!(told, ["2/2, h0:2/-", "1/2, h0:1/mem"]);
}

#[test]
fn what_is_not_known_is_no_shortage() {
    let half = terrain([with_room("h0", 1.0), host("h1").unknown().build()]);
    let incomplete = Terrain::new(
        &crate::cluster::Inventory {
            is_complete: false,
            ..inventory([with_room("h0", 1.0)])
        },
        &Observed::default(),
    );
    for terrain in [half, incomplete] {
        let room = Wanted::of(&spec(), 2).check(&terrain);
        assert_eq!(told(&room), "1/2, h0:1/mem");
        assert!(!room.known && !room.is_short());
    }
}
