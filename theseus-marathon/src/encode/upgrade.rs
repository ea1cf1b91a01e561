//! How Marathon replaces the containers of an app whose definition changes. It knows two shares of
//! the instances: what must stay healthy, rounded up, and what may be there in addition, rounded
//! down. Whatever it rounds, it is to come to the numbers that Theseus would keep to itself.

use theseus_core::cluster::Part;
use theseus_core::model::Spec;
use theseus_core::rollout::Bounds;

use crate::dialect::{Dialect, Feature};
use crate::wire::write::UpgradeStrategy;

pub(super) fn strategy(part: Part, spec: &Spec, dialect: Dialect) -> Option<UpgradeStrategy> {
    let (healthy, over) = match part {
        // Such an app is never changed but in its number of instances.
        Part::Whole => return None,
        // When it is pinned, its container stops before another one starts.
        Part::Slot(_) => (0.0, 0.0),
        Part::Stable => within(Bounds::of(spec)),
    };
    Some(UpgradeStrategy {
        minimum_health_capacity: healthy,
        maximum_over_capacity: dialect.has(Feature::MaximumOverCapacity).then_some(over),
    })
}

/// Whether a version that keeps to no bound above may bring such an app from revision to revision:
/// 0.7 starts all new containers beside all old ones, and 1.0 one more than it is told when that is
/// none.
pub(super) fn is_boundless(spec: &Spec, dialect: Dialect) -> bool {
    let bounds = Bounds::of(spec);
    let surge = bounds.ceiling.saturating_sub(bounds.instances);
    if dialect.has(Feature::MaximumOverCapacity) {
        surge > 0
    } else {
        surge >= bounds.instances
    }
}

/// The shares that Marathon rounds to these bounds: what must stay healthy, and what may come to
/// it. It never goes beyond twice the instances.
fn within(bounds: Bounds) -> (f64, f64) {
    let instances = bounds.instances;
    let surge = bounds.ceiling.saturating_sub(instances);
    let healthy = share(bounds.floor, instances, -0.5);
    (healthy, share(surge, instances, 0.5))
}

/// `count` of `instances`, moved by `aside` of a container where it is neither none nor all of them:
/// away from the whole number, where the smallest error would make rounding end in the next one.
fn share(count: u32, instances: u32, aside: f64) -> f64 {
    if count == 0 || instances == 0 {
        0.0
    } else if count >= instances {
        1.0
    } else {
        (f64::from(count) + aside) / f64::from(instances)
    }
}

#[cfg(test)]
mod tests {
    use theseus_core::model::{Amount, Order};

    use super::*;
    use crate::dialect::tests::dialect;

    fn native(instances: u32, surge: Amount, unavailable: Amount, order: Order) -> Spec {
        let mut spec = Spec::new("a:1");
        spec.instances = instances;
        spec.update.max_surge = surge;
        spec.update.max_unavailable = unavailable;
        spec.update.order = order;
        spec
    }

    /// What Marathon makes of the shares.
    fn rounded([healthy, over]: [f64; 2], instances: u32) -> (f64, f64) {
        let instances = f64::from(instances);
        let floor = (instances * healthy).ceil();
        let ceiling = (instances * (1.0 + over)).floor();
        (floor, ceiling)
    }

    fn assert_kept(spec: &Spec) {
        let bounds = Bounds::of(spec);
        let strategy = strategy(Part::Stable, spec, dialect("1.11.0")).unwrap();
        let shares = [
            strategy.minimum_health_capacity,
            strategy.maximum_over_capacity.unwrap(),
        ];
        assert!(
            shares.iter().all(|share| (0.0..=1.0).contains(share)),
            "{shares:?}"
        );
        let expected = (
            f64::from(bounds.floor),
            f64::from(bounds.ceiling.min(2 * bounds.instances)),
        );
        assert_eq!(
            rounded(shares, spec.instances),
            expected,
            "{bounds:?} {shares:?}"
        );
        // Where both meet, Marathon lends an instance of its own.
        assert!(
            expected.0 < expected.1 || spec.instances == 0,
            "{bounds:?} {shares:?}"
        );
    }

    #[test]
    fn marathon_rounds_every_count_to_the_bounds() {
        for instances in 0..=200 {
            for count in 0..=instances {
                let (count, none) = (Amount::Count(count), Amount::Count(0));
                assert_kept(&native(instances, count, none, Order::StartFirst));
                assert_kept(&native(instances, none, count, Order::StartFirst));
                assert_kept(&native(instances, count, count, Order::StopFirst));
            }
        }
    }

    #[test]
    fn marathon_rounds_every_percentage_to_the_bounds() {
        for instances in 0..=200 {
            for percent in 0..=100 {
                let (share, one) = (Amount::Percent(percent), Amount::Count(1));
                assert_kept(&native(instances, share, one, Order::StartFirst));
                assert_kept(&native(instances, one, share, Order::StartFirst));
                assert_kept(&native(instances, share, share, Order::StartFirst));
            }
        }
    }

    #[test]
    fn a_surge_beyond_the_instances_is_all_of_them() {
        let surge = Amount::Count(u32::MAX);
        assert_kept(&native(4, surge, Amount::Count(0), Order::StartFirst));
    }

    #[test]
    fn very_many_instances() {
        for instances in [10_001, 99_999, 1_000_003] {
            let one = Amount::Count(1);
            assert_kept(&native(instances, one, one, Order::StartFirst));
        }
    }

    #[test]
    fn which_specs_ask_for_no_bound_that_is_not_kept() {
        let (none, one) = (Amount::Count(0), Amount::Count(1));
        let all = Amount::Percent(100);
        for (version, instances, surge, expected) in [
            ("0.7.6", 1, one, true),
            ("0.7.6", 2, one, false),
            ("0.7.6", 2, all, true),
            ("0.7.6", 0, none, true),
            ("1.0.0", 2, one, true),
            ("1.0.0", 2, none, false),
        ] {
            let spec = native(instances, surge, one, Order::StartFirst);
            assert_eq!(
                is_boundless(&spec, dialect(version)),
                expected,
                "{version}: {surge:?} of {instances}"
            );
        }
    }
}
