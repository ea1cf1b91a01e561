//! Custom constraints: the trait behind all of them, and the registry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::builtin::{AwayFrom, FixedHost, Near, SpreadBy};
use super::terrain::Terrain;
use crate::model::{Constraint, CustomConstraint, GroupId, Spec};
use crate::rollout::Slots;

/// How many hosts are named where there are many.
const NAMED: usize = 8;

/// A custom constraint: what it means for a group, given the hosts and what runs on them.
///
/// It is asked when an app is about to be made for a revision of the group, and by every plan. It
/// answers the same for the same question: it reads no clock and asks nobody.
pub trait Rule: Send + Sync {
    /// The word by which specs call it.
    fn name(&self) -> &str;

    /// What it means for this group.
    fn judge(&self, case: &Case<'_>) -> Result<Answer, Unsatisfiable>;
}

/// A group whose spec calls a rule.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Which group.
    pub group: &'a GroupId,
    /// What it is to be.
    pub spec: &'a Spec,
    /// What the spec says behind the rule's name, where the rule is an embedding program's.
    pub argument: Option<&'a str>,
    /// The hosts, and what runs on them.
    pub terrain: &'a Terrain,
}

/// What a rule means for a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The engine starts every new container under these constraints, too.
    Constraints(Vec<Constraint>),
    /// Each container has a host of its own. These are for slots that do not have one yet, by
    /// number; a slot that is not named here gets the best host. Only for groups with fixed hosts.
    Hosts(Slots),
}

/// A rule that nothing satisfies, or a slot for which there is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{what}{}", Named(.hosts))]
pub struct Unsatisfiable {
    /// What cannot be had, with the numbers: `away-from web:dev leaves none of 4 hosts`.
    pub what: String,
    /// The hosts that it is about, by name.
    pub hosts: Vec<Arc<str>>,
}

/// So many hosts, in words.
pub(super) fn hosts_word(number: usize) -> String {
    match number {
        1 => "1 host".to_owned(),
        _ => format!("{number} hosts"),
    }
}

/// Shows the first of some hosts behind a sentence.
struct Named<'a>(&'a [Arc<str>]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.0.iter().take(NAMED).enumerate() {
            f.write_str(if index == 0 { ": " } else { " " })?;
            f.write_str(host)?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The rules that there are: Theseus's own, and those of the embedding program.
#[derive(Clone, Default)]
pub struct Rules {
    others: BTreeMap<String, Arc<dyn Rule>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rules").field(&self.others.keys()).finish()
    }
}

impl Rules {
    /// With a rule of the embedding program, which [`CustomConstraint::Other`] calls by its name.
    /// The names of Theseus's own rules always mean those.
    #[must_use]
    pub fn with(mut self, rule: Arc<dyn Rule>) -> Self {
        self.others.insert(rule.name().to_owned(), rule);
        self
    }

    /// Whether somebody looks after a constraint.
    pub fn know(&self, constraint: &CustomConstraint) -> bool {
        match constraint {
            CustomConstraint::Other { name, .. } => self.others.contains_key(name),
            _ => true,
        }
    }

    /// What all custom constraints of a spec mean for a group now.
    pub fn rule(&self, group: &GroupId, spec: &Spec, terrain: &Terrain) -> Ruling {
        let mut ruling = Ruling::default();
        for constraint in &spec.custom_constraints {
            let case = Case {
                group,
                spec,
                argument: None,
                terrain,
            };
            match self.judge(constraint, case) {
                Ok(answer) => ruling.add(constraint, answer, spec),
                Err(problem) => ruling.problems.push(problem),
            }
        }
        ruling
    }

    fn judge(
        &self,
        constraint: &CustomConstraint,
        case: Case<'_>,
    ) -> Result<Answer, Unsatisfiable> {
        match constraint {
            CustomConstraint::FixedHost { .. } => FixedHost.judge(&case),
            CustomConstraint::SpreadBy(attribute) => SpreadBy(attribute).judge(&case),
            CustomConstraint::AwayFrom(other) => AwayFrom(other).judge(&case),
            CustomConstraint::Near(other) => Near(other).judge(&case),
            CustomConstraint::Other { name, argument } => match self.others.get(name) {
                Some(rule) => rule.judge(&Case {
                    argument: argument.as_deref(),
                    ..case
                }),
                None => Err(Unsatisfiable {
                    what: format!("nothing here looks after the custom constraint {name}"),
                    hosts: Vec::new(),
                }),
            },
        }
    }
}

/// What the custom constraints of a spec mean for a group at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ruling {
    /// What is to be added to the spec's own constraints in every app that is made.
    pub constraints: Vec<Constraint>,
    /// Hosts for slots that do not have one yet.
    pub hosts: Slots,
    /// What nothing satisfies.
    pub problems: Vec<Unsatisfiable>,
}

impl Ruling {
    fn add(&mut self, by: &CustomConstraint, answer: Answer, spec: &Spec) {
        match answer {
            Answer::Constraints(constraints) => self.constraints.extend(constraints),
            Answer::Hosts(_) if spec.fixed_host().is_none() => self.problems.push(Unsatisfiable {
                what: format!(
                    "{} chooses a host for each container, which needs fixed-host, too",
                    by.name()
                ),
                hosts: Vec::new(),
            }),
            // The first rule that names a host for a slot has it.
            Answer::Hosts(hosts) => {
                for (slot, host) in hosts {
                    self.hosts.entry(slot).or_insert(host);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
