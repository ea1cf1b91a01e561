//! How numbers are rounded.

use super::super::Bounds;
use super::*;

#[test]
fn shares_round_down_and_one_is_lent_where_nothing_could_move() {
    for (surge, unavailable, order, instances, floor, ceiling) in [
        ("1", "0", Order::StartFirst, 4, 4, 5),
        ("25%", "25%", Order::StartFirst, 10, 8, 12),
        ("25%", "0", Order::StartFirst, 3, 3, 4),
        ("0", "25%", Order::StartFirst, 3, 2, 3),
        ("2", "0", Order::StopFirst, 4, 3, 4),
        ("2", "2", Order::StopFirst, 4, 2, 4),
        ("1", "3", Order::StartFirst, 2, 0, 3),
        ("1", "0", Order::StartFirst, 0, 0, 1),
    ] {
        let mut spec = spec(instances, 0, 0);
        spec.update.max_surge = surge.parse().unwrap();
        spec.update.max_unavailable = unavailable.parse().unwrap();
        spec.update.order = order;
        let expected = Bounds {
            instances,
            floor,
            ceiling,
        };
        assert_eq!(
            Bounds::of(&spec),
            expected,
            "{surge} {unavailable} of {instances}"
        );
    }
}

#[test]
fn what_cannot_run_twice_on_its_one_host_has_no_surge() {
    let mut clashing = spec(4, 1, 0);
    clashing.volumes.push("/data:/data".parse().unwrap());
    assert_eq!(Bounds::of(&clashing).ceiling, 5, "another host has room");
    let bounds = Bounds::of(&fixed(clashing));
    assert_eq!((bounds.floor, bounds.ceiling), (3, 4));
}
