//! What Marathon has of an app already, where that decides what may be sent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::item::Item;
use crate::dialect::{Dialect, Feature, Unsupported};
use crate::encode::{REVISION, pin};
use crate::fields::Fault;
use crate::wire::read::{Anything, or_default};
use crate::wire::write;

/// The answer to `GET /v2/apps/{id}`.
#[derive(Deserialize)]
struct Answer {
    app: Definition,
}

/// As much of an app's definition as is asked for. Here it is read strictly: what is not understood
/// could not be kept.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    #[serde(default, deserialize_with = "or_default")]
    constraints: Vec<Vec<String>>,
    cmd: Option<Anything>,
    #[serde(default, deserialize_with = "or_default")]
    args: Vec<Anything>,
    ip_address: Option<Anything>,
    pub(super) instances: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    env: BTreeMap<String, Value>,
    executor_resources: Option<Value>,
    resource_limits: Option<Value>,
    /// How many of its tasks run.
    pub(super) tasks_running: Option<u32>,
}

/// What it takes for an app to be pinned to a host.
#[derive(Debug, PartialEq)]
pub(super) enum Pinned {
    /// Nothing: it is.
    Already,
    /// It is pinned to another host, and with two it could run nowhere.
    Elsewhere,
    /// This change, which holds all that it would take away otherwise.
    With(write::Pin),
}

impl Definition {
    pub(super) fn read(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body).map(|answer: Answer| answer.app)
    }

    /// Whether this is what the item asks for, as far as Theseus itself may have written it: the same
    /// revision, and as many containers.
    pub(super) fn is_of(&self, item: &Item<'_>) -> bool {
        let wanted: Value = serde_json::from_slice(&item.body).unwrap_or_default();
        let told = self.env.get(REVISION);
        told.is_some_and(|revision| *revision == wanted["env"][REVISION])
            && wanted["instances"].as_u64() == self.instances.map(u64::from)
    }

    pub(super) fn pinned_to(self, host: &str, dialect: Dialect) -> Pinned {
        let [field, operator, _] = pin(host);
        let mut pins = self
            .constraints
            .iter()
            .filter_map(|words| match &words[..] {
                [f, o, host] if f == field && o == operator => Some(host),
                _ => None,
            });
        match pins.next() {
            Some(there) if there == host && pins.all(|there| there == host) => Pinned::Already,
            Some(_) => Pinned::Elsewhere,
            None => {
                let mut constraints = self.constraints;
                constraints.push(pin(host).map(str::to_owned).to_vec());
                let forgets = |feature| !dialect.has(feature);
                Pinned::With(write::Pin {
                    constraints,
                    instances: dialect.has(Feature::Overlaps).then_some(0),
                    executor_resources: self
                        .executor_resources
                        .filter(|_| forgets(Feature::KeptExecutorResources)),
                    resource_limits: self
                        .resource_limits
                        .filter(|_| forgets(Feature::KeptResourceLimits)),
                })
            }
        }
    }

    /// Another number of instances, and nothing else.
    pub(super) fn scaled_to(self, instances: u32) -> write::Instances {
        write::Instances {
            instances,
            executor_resources: self.executor_resources,
            resource_limits: self.resource_limits,
        }
    }

    /// What a new definition leaves out and this one has: versions that keep it would run something
    /// that nobody asked for.
    pub(super) fn lost_in(&self, new: &[u8], missing: &Unsupported) -> Vec<Fault> {
        let new: Value = serde_json::from_slice(new).unwrap_or_default();
        [
            ("cmd", self.cmd.is_some()),
            ("args", !self.args.is_empty()),
            ("ipAddress", self.ip_address.is_some()),
        ]
        .into_iter()
        .filter(|(key, is_there)| *is_there && new.get(key).is_none())
        .map(|(key, _)| Fault {
            path: Some(format!("/{key}")),
            message: format!("it cannot be taken away from an app: {missing}"),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dialect::tests::dialect;

    fn definition(app: &Value) -> Definition {
        Definition::read(json!({ "app": app }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_pin_comes_to_the_constraints_that_are_there() {
        let unique = ["rack", "UNIQUE"];
        for (constraints, expected) in [
            (json!(null), Some(json!([["hostname", "CLUSTER", "h1"]]))),
            (json!([]), Some(json!([["hostname", "CLUSTER", "h1"]]))),
            (
                json!([unique, ["hostname", "CLUSTER"]]),
                Some(json!([
                    unique,
                    ["hostname", "CLUSTER"],
                    ["hostname", "CLUSTER", "h1"]
                ])),
            ),
        ] {
            let pinned =
                definition(&json!({"constraints": constraints})).pinned_to("h1", dialect("1.4.13"));
            let Pinned::With(write::Pin { constraints, .. }) = pinned else {
                panic!("{pinned:?}");
            };
            assert_eq!(Some(json!(constraints)), expected);
        }
    }

    #[test]
    fn a_pin_says_once_more_what_would_be_forgotten_otherwise() {
        let executor = json!({"cpus": 0.2});
        let limits = json!({"mem": "unlimited"});
        for (version, expected) in [
            ("0.15.7", json!({})),
            // Where the new container would run beside the old one, that one goes first.
            ("1.0.0", json!({"instances": 0})),
            ("1.1.0", json!({})),
            ("1.6.351", json!({})),
            ("1.6.352", json!({"executorResources": executor})),
            (
                "1.10.5",
                json!({"executorResources": executor, "resourceLimits": limits}),
            ),
        ] {
            let app = json!({"executorResources": executor, "resourceLimits": limits});
            let pinned = definition(&app).pinned_to("h1", dialect(version));
            let Pinned::With(change) = pinned else {
                panic!("{pinned:?}");
            };
            let mut change = json!(change);
            change
                .as_object_mut()
                .unwrap()
                .remove("constraints")
                .unwrap();
            assert_eq!(change, expected, "{version}");
        }
    }

    #[test]
    fn an_app_is_pinned_once() {
        let pin = |host: &str| json!(["hostname", "CLUSTER", host]);
        for (constraints, expected) in [
            (json!([pin("h1"), ["rack", "UNIQUE"]]), Pinned::Already),
            (json!([pin("h2")]), Pinned::Elsewhere),
            (json!([pin("h1"), pin("h2")]), Pinned::Elsewhere),
        ] {
            let found =
                definition(&json!({"constraints": constraints})).pinned_to("h1", dialect("1.4.13"));
            assert_eq!(found, expected, "{constraints}");
        }
    }

    #[test]
    fn constraints_that_are_not_understood_are_not_lost() {
        for constraints in [json!("all"), json!([["a", 1]]), json!([{"a": "b"}])] {
            let body = json!({"app": {"constraints": constraints}}).to_string();
            assert!(Definition::read(body.as_bytes()).is_err(), "{constraints}");
        }
    }

    #[test]
    fn what_old_versions_would_keep_is_told() {
        let missing = crate::dialect::tests::dialect("1.3.0")
            .needs(crate::dialect::Feature::Replace)
            .unwrap_err();
        for (current, new, expected) in [
            (
                json!({"cmd": null, "args": [], "ipAddress": null}),
                json!({}),
                vec![],
            ),
            (json!({"cmd": "a"}), json!({"cmd": "b"}), vec![]),
            (json!({"cmd": "a"}), json!({}), vec!["/cmd"]),
            (json!({"cmd": "a"}), json!({"args": ["b"]}), vec!["/cmd"]),
            (
                json!({"args": ["a"], "ipAddress": {}}),
                json!({}),
                vec!["/args", "/ipAddress"],
            ),
        ] {
            let body = new.to_string();
            let faults = definition(&current).lost_in(body.as_bytes(), &missing);
            let paths: Vec<_> = faults
                .iter()
                .map(|it| it.path.as_deref().unwrap())
                .collect();
            assert_eq!(paths, expected, "{current} {new}");
        }
    }

    #[test]
    fn what_scaling_would_lose_is_said_again() {
        for app in [
            json!({}),
            json!({"executorResources": {"cpus": 0.5, "mem": 64, "disk": 10}}),
            json!({"resourceLimits": {"cpus": "unlimited"}, "executorResources": null}),
        ] {
            let change = definition(&app).scaled_to(3);
            let mut expected = json!({"instances": 3});
            for (key, value) in app.as_object().unwrap() {
                if !value.is_null() {
                    expected[key] = value.clone();
                }
            }
            assert_eq!(serde_json::to_value(change).unwrap(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Definition::read(&body);
        }
    }
}
