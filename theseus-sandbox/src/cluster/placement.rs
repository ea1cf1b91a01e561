//! Constraints against offers: may the next task of an app go to this host?

use std::collections::HashMap;

use super::host::Host;
use crate::definition::{Constraint, Operator};

/// The constraints of an app with what is placed already, counted once.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    rules: Vec<Rule<'a>>,
}

#[derive(Debug)]
struct Rule<'a> {
    constraint: &'a Constraint,
    /// Tasks per value of the constraint's field.
    counts: HashMap<String, usize>,
}

impl<'a> Placement<'a> {
    /// `placed` yields the host of every task of the app that counts.
    pub(super) fn new<'h>(
        constraints: &'a [Constraint],
        placed: impl IntoIterator<Item = &'h Host>,
    ) -> Self {
        let rule = |constraint| Rule {
            constraint,
            counts: HashMap::new(),
        };
        let mut placement = Self {
            rules: constraints.iter().map(rule).collect(),
        };
        if !constraints.is_empty() {
            placed.into_iter().for_each(|host| placement.place(host));
        }
        placement
    }

    pub(super) fn place(&mut self, host: &Host) {
        for rule in &mut self.rules {
            if let Some(value) = host.field(&rule.constraint.field) {
                *rule.counts.entry(value.to_owned()).or_default() += 1;
            }
        }
    }

    pub(super) fn admits(&self, host: &Host) -> bool {
        self.rules
            .iter()
            .all(|rule| match host.field(&rule.constraint.field) {
                Some(value) => rule.admits(value),
                None => matches!(rule.constraint.operator, Operator::Unlike(_)),
            })
    }
}

impl Rule<'_> {
    fn admits(&self, value: &str) -> bool {
        let here = self.counts.get(value).copied().unwrap_or(0);
        match &self.constraint.operator {
            Operator::Unique => here == 0,
            Operator::Cluster(Some(wanted)) => value == wanted,
            Operator::Cluster(None) => self.counts.is_empty() || here > 0,
            Operator::GroupBy(expected) => {
                let fewest = self.counts.values().min().copied().unwrap_or(0);
                here == 0 || (self.counts.len() >= *expected && here == fewest)
            }
            Operator::Like(pattern) => pattern.is_match(value),
            Operator::Unlike(pattern) => !pattern.is_match(value),
            Operator::MaxPer(most) => here < *most,
            Operator::Is(wanted) => same(value, wanted),
            Operator::Broken(_) => false,
        }
    }
}

/// Equal as text or, so that `1` is `1.0`, as numbers.
fn same(value: &str, wanted: &str) -> bool {
    let decimal = |text: &str| text.parse::<f64>().ok();
    value == wanted
        || decimal(value)
            .zip(decimal(wanted))
            .is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::HostConfig;
    use crate::time::Stamp;

    /// Four hosts a1 b2 a3 b4 on racks a and b; the last has no rack but a `tier`.
    fn hosts() -> Vec<Host> {
        let host = |(number, name): (usize, &&str)| {
            let config = HostConfig::named(*name);
            Host::new(
                number,
                match *name {
                    "b4" => config.with_attribute("tier", "1.0"),
                    name => config.with_attribute("rack", &name[..1]),
                },
                Stamp::default(),
            )
        };
        ["a1", "b2", "a3", "b4"]
            .iter()
            .enumerate()
            .map(host)
            .collect()
    }

    #[test]
    fn every_operator_admits_the_hosts_it_should() {
        let cases = [
            (json!(["hostname", "UNIQUE"]), "a1", "b2 a3 b4"),
            (json!(["@hostname", "UNIQUE"]), "a1 b2", "a3 b4"),
            (json!(["rack", "UNIQUE"]), "a1", "b2"),
            (json!(["hostname", "CLUSTER", "b2"]), "", "b2"),
            (json!(["rack", "CLUSTER"]), "", "a1 b2 a3"),
            (json!(["rack", "CLUSTER"]), "a1", "a1 a3"),
            (json!(["rack", "GROUP_BY"]), "a1", "a1 b2 a3"),
            (json!(["rack", "GROUP_BY", "2"]), "a1", "b2"),
            (json!(["rack", "GROUP_BY", "2"]), "a1 b2", "a1 b2 a3"),
            (json!(["rack", "GROUP_BY"]), "a1 a3 b2", "b2"),
            (json!(["hostname", "LIKE", "a."]), "", "a1 a3"),
            (json!(["hostname", "LIKE", "a"]), "", ""),
            (json!(["hostname", "LIKE", "a1|b4"]), "", "a1 b4"),
            (json!(["rack", "UNLIKE", "a"]), "", "b2 b4"),
            (json!(["rack", "MAX_PER", "2"]), "a1 a3 b2", "b2"),
            (json!(["tier", "IS", "1"]), "", "b4"),
            (json!(["rack", "IS", "a"]), "", "a1 a3"),
        ];
        let hosts = hosts();
        for (constraint, placed, expected) in cases {
            let rules: Vec<Constraint> = vec![serde_json::from_value(constraint.clone()).unwrap()];
            let find = |name| hosts.iter().find(|host| host.config.name == name).unwrap();
            let placement = Placement::new(&rules, placed.split_whitespace().map(find));
            let admitted = hosts.iter().filter(|host| placement.admits(host));
            let names: Vec<_> = admitted.map(|host| host.config.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{constraint} with {placed}");
        }
    }

    #[test]
    fn constraints_without_sense_are_not_read_or_admit_no_host() {
        for bad in [
            json!(["hostname"]),
            json!(["hostname", "unique"]),
            json!(["a", "LIKE", "b", "c"]),
        ] {
            assert!(
                serde_json::from_value::<Constraint>(bad.clone()).is_err(),
                "{bad}"
            );
        }
        let hosts = hosts();
        for broken in [
            json!(["hostname", "LIKE"]),
            json!(["hostname", "LIKE", "("]),
            json!(["hostname", "MAX_PER", "many"]),
        ] {
            let rules: Vec<Constraint> = vec![serde_json::from_value(broken.clone()).unwrap()];
            let placement = Placement::new(&rules, []);
            assert!(!hosts.iter().any(|host| placement.admits(host)), "{broken}");
        }
    }
}
