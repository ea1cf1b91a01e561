//! The rules that Theseus brings along.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conditions::any_of;
use super::rule::{Answer, Case, Rule, Unsatisfiable, hosts_word};
use super::terrain::Terrain;
use crate::model::{Constraint, GroupId, Operator};
use crate::rollout::Slots;

/// `fixed-host`: each container has a host of its own, whichever is the best when it first needs
/// one.
pub(super) struct FixedHost;

impl Rule for FixedHost {
    fn name(&self) -> &'static str {
        "fixed-host"
    }

    fn judge(&self, _: &Case<'_>) -> Result<Answer, Unsatisfiable> {
        Ok(Answer::Hosts(Slots::new()))
    }
}

/// `spread-by: rack`: containers are spread evenly over the values of an attribute.
pub(super) struct SpreadBy<'a>(pub(super) &'a str);

impl Rule for SpreadBy<'_> {
    fn name(&self) -> &'static str {
        "spread-by"
    }

    fn judge(&self, case: &Case<'_>) -> Result<Answer, Unsatisfiable> {
        let terrain = case.terrain;
        let values: BTreeSet<_> = terrain
            .active()
            .filter_map(|host| host.attributes.get(self.0))
            .collect();
        if terrain.is_complete() && values.is_empty() {
            let what = |hosts| format!("spread-by {}: none of {hosts} has it", self.0);
            return Err(about_active(terrain, what));
        }
        // How many values there are is only worth telling when these are all.
        let number = terrain.is_complete().then(|| values.len().to_string());
        Ok(Answer::Constraints(vec![Constraint {
            field: self.0.to_owned(),
            operator: Operator::GroupBy,
            value: number,
        }]))
    }
}

/// `away-from: db:dev`: no container runs where that group runs.
pub(super) struct AwayFrom<'a>(pub(super) &'a GroupId);

impl Rule for AwayFrom<'_> {
    fn name(&self) -> &'static str {
        "away-from"
    }

    fn judge(&self, case: &Case<'_>) -> Result<Answer, Unsatisfiable> {
        let terrain = case.terrain;
        let homes: BTreeSet<_> = terrain.homes(self.0).collect();
        let mut left = terrain.active().filter(|host| !homes.contains(&host.name));
        if terrain.is_complete() && left.next().is_none() {
            let what = |hosts| format!("away-from {} leaves none of {hosts}", self.0);
            return Err(about_active(terrain, what));
        }
        Ok(Answer::Constraints(if homes.is_empty() {
            Vec::new()
        } else {
            vec![by_name(Operator::Unlike, homes)]
        }))
    }
}

/// `near: db:dev`: containers run only where that group runs.
pub(super) struct Near<'a>(pub(super) &'a GroupId);

impl Rule for Near<'_> {
    fn name(&self) -> &'static str {
        "near"
    }

    fn judge(&self, case: &Case<'_>) -> Result<Answer, Unsatisfiable> {
        let terrain = case.terrain;
        let homes: Vec<_> = terrain.homes(self.0).collect();
        if homes.is_empty() {
            return Err(Unsatisfiable {
                what: format!("near {}: it runs nowhere", self.0),
                hosts: Vec::new(),
            });
        }
        let takes = |name: &&Arc<str>| terrain.active().any(|host| host.name == **name);
        if terrain.is_complete() && !homes.iter().any(takes) {
            return Err(Unsatisfiable {
                what: format!(
                    "near {}: none of the {} where it runs takes containers",
                    self.0,
                    hosts_word(homes.len())
                ),
                hosts: homes.into_iter().cloned().collect(),
            });
        }
        Ok(Answer::Constraints(vec![by_name(Operator::Like, homes)]))
    }
}

fn by_name<'h>(operator: Operator, names: impl IntoIterator<Item = &'h Arc<str>>) -> Constraint {
    Constraint {
        field: "hostname".to_owned(),
        operator,
        value: Some(any_of(names.into_iter().map(|name| &**name))),
    }
}

/// What is wrong with all hosts that take containers.
fn about_active(terrain: &Terrain, what: impl FnOnce(String) -> String) -> Unsatisfiable {
    let names: Vec<_> = terrain
        .active()
        .map(|host| Arc::clone(&host.name))
        .collect();
    Unsatisfiable {
        what: what(hosts_word(names.len())),
        hosts: names,
    }
}
