//! What the definition of an app tells beside its id: the revision, the host, and since when.

use theseus_core::cluster::Revision;

use super::time;
use crate::encode::pin;
use crate::wire::read::{self, Lenient, Text};

/// The revision of a stable app that does not say which it has: none that was ever deployed.
pub(super) const UNKNOWN: Revision = 0;

/// The host that the constraints tie an app to. Old versions do not keep their order.
pub(super) fn pinned_to(constraints: Option<Lenient<Vec<Vec<Text<'_>>>>>) -> Option<String> {
    let constraints = constraints?.sound()?;
    constraints.iter().find_map(|words| match &words[..] {
        [field, operator, host] => {
            let host = host.as_ref();
            let is_pin = pin(host) == [field.as_ref(), operator.as_ref(), host];
            is_pin.then(|| host.to_owned())
        }
        _ => None,
    })
}

/// When anything of an app but its number of instances was last changed, where it tells.
pub(super) fn configured_at(info: Option<Lenient<read::VersionInfo<'_>>>) -> Option<Text<'_>> {
    info.and_then(Lenient::sound)?.last_config_change_at
}

/// Whether a task has a version of the app that was changed since. One that was not launched yet
/// has none, and will have the last.
pub(super) fn is_outdated(version: Option<&Text<'_>>, configured_at: Option<&Text<'_>>) -> bool {
    let (Some(version), Some(since)) = (version, configured_at) else {
        return false;
    };
    version.as_ref() != since.as_ref()
        && matches!((time(Some(version)), time(Some(since))), (Some(it), Some(since)) if it < since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use theseus_core::cluster::Part;

    use super::*;
    use crate::decode::tests::decode;

    #[test]
    fn which_part_of_a_group_an_app_runs() {
        let labels = json!({"THESEUS_GROUP": "db:prod", "THESEUS_REVISION": "7"});
        for (id, labels, expected) in [
            ("r3", labels.clone(), (Part::Whole, 3)),
            ("r3.s1", labels.clone(), (Part::Slot(1), 3)),
            ("stable", labels, (Part::Stable, 7)),
            ("stable", json!(null), (Part::Stable, UNKNOWN)),
            ("stable", json!({}), (Part::Stable, UNKNOWN)),
            ("stable", json!([1]), (Part::Stable, UNKNOWN)),
            (
                "stable",
                json!({"THESEUS_REVISION": 7}),
                (Part::Stable, UNKNOWN),
            ),
            (
                "stable",
                json!({"THESEUS_REVISION": "seven"}),
                (Part::Stable, UNKNOWN),
            ),
        ] {
            let app = decode(&json!({"id": format!("/theseus/db/prod/{id}"), "labels": labels}));
            assert_eq!((app.part, app.revision), expected, "{id} {labels}");
            // Where there are no labels, the same is in the environment.
            let app = decode(&json!({"id": format!("/theseus/db/prod/{id}"), "env": labels}));
            assert_eq!((app.part, app.revision), expected, "{id} {labels}");
        }
    }

    #[test]
    fn what_a_label_says_holds_against_the_environment() {
        let (label, variable) = (
            json!({"THESEUS_REVISION": "7"}),
            json!({"THESEUS_REVISION": "5"}),
        );
        let app =
            decode(&json!({"id": "/theseus/db/prod/stable", "labels": label, "env": variable}));
        assert_eq!(app.revision, 7);
    }

    #[test]
    fn the_host_that_a_slot_is_pinned_to() {
        let slot = "/theseus/db/prod/r3.s1";
        let pin = json!(["hostname", "CLUSTER", "h1"]);
        let unique = json!(["hostname", "UNIQUE"]);
        for (id, constraints, expected) in [
            (slot, json!([pin]), Some("h1")),
            (slot, json!([pin, unique]), Some("h1")),
            (slot, json!([unique, pin]), Some("h1")),
            (slot, json!([unique, ["hostname", "CLUSTER"]]), None),
            (slot, json!([["rack", "CLUSTER", "h1"]]), None),
            (slot, json!([["hostname", "LIKE", "h1"]]), None),
            (slot, json!([[], ["a"], ["a", "b", "c", "d"]]), None),
            (slot, json!([["hostname", "CLUSTER", 1]]), None),
            (slot, json!("all"), None),
            (slot, json!(null), None),
            // The spec's own, of an app that Theseus does not pin.
            ("/theseus/db/prod/r3", json!([pin]), None),
            ("/theseus/db/prod/stable", json!([pin]), None),
        ] {
            let app = decode(&json!({"id": id, "constraints": constraints}));
            assert_eq!(app.pinned_to.as_deref(), expected, "{id} {constraints}");
        }
    }

    #[test]
    fn which_containers_are_outdated() {
        const BEFORE: &str = "2026-01-02T03:04:05.000Z";
        const SINCE: &str = "2026-01-02T03:04:06.000Z";
        const SCALED: &str = "2026-01-02T03:04:07.000Z";
        let info = json!({"lastScalingAt": SCALED, "lastConfigChangeAt": SINCE});
        for (info, task, expected) in [
            (info.clone(), json!(BEFORE), true),
            (info.clone(), json!(SINCE), false),
            (info.clone(), json!("2026-01-02T03:04:06Z"), false),
            (info.clone(), json!(SCALED), false),
            // It is not launched yet.
            (info.clone(), json!(null), false),
            (info, json!("long ago"), false),
            // When the app was changed is to be found out otherwise.
            (json!(null), json!(BEFORE), false),
            (json!(7), json!(BEFORE), false),
            (json!({}), json!(BEFORE), false),
            (
                json!({"lastConfigChangeAt": "lately"}),
                json!(BEFORE),
                false,
            ),
        ] {
            let app = decode(&json!({
                "id": "/theseus/db/prod/stable",
                "version": SCALED,
                "versionInfo": info,
                "tasks": [{"id": "t", "version": task}],
            }));
            assert_eq!(app.containers[0].outdated, expected, "{info} {task}");
        }
    }
}
