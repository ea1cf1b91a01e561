//! What the engine's constraints admit, as far as it can be told from the hosts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::terrain::Terrain;
use crate::cluster::Host;
use crate::model::{Constraint, Operator};

/// How many bytes a pattern may take once it is compiled.
const PATTERN_LIMIT: usize = 1 << 20;

/// Constraints, with the containers that count for them.
#[derive(Debug, Clone)]
pub(super) struct Conditions<'a>(Vec<Condition<'a>>);

#[derive(Debug, Clone)]
struct Condition<'a> {
    constraint: &'a Constraint,
    test: Test,
    /// How many containers there are by value of the field. All values that hosts have are there.
    placed: BTreeMap<String, u32>,
}

#[derive(Debug, Clone)]
enum Test {
    AtMost(u32),
    /// Even over the values, of which there are at least so many.
    Even(usize),
    AllOnOne,
    Equals(String),
    Matches(Regex),
    MatchesNot(Regex),
    /// What only the engine understands: a value or a pattern of another dialect.
    Unjudged,
}

impl<'a> Conditions<'a> {
    /// These constraints, on hosts such as these.
    pub(super) fn new(
        constraints: impl IntoIterator<Item = &'a Constraint>,
        terrain: &Terrain,
    ) -> Self {
        let condition = |constraint: &'a Constraint| {
            let values = terrain
                .active()
                .filter_map(|host| value(host, &constraint.field));
            Condition {
                constraint,
                test: Test::of(constraint),
                placed: values.map(|value| (value.to_owned(), 0)).collect(),
            }
        };
        Self(constraints.into_iter().map(condition).collect())
    }

    /// Counts a container that is on this host.
    pub(super) fn place(&mut self, name: &str, host: Option<&Host>) {
        for condition in &mut self.0 {
            let field = &condition.constraint.field;
            let value = if is_name(field) {
                Some(name)
            } else {
                host.and_then(|host| value(host, field))
            };
            if let Some(value) = value {
                *condition.placed.entry(value.to_owned()).or_default() += 1;
            }
        }
    }

    /// The first constraint that does not admit another container on this host.
    pub(super) fn refusal(&self, host: &Host) -> Option<&'a Constraint> {
        let refused = self.0.iter().find(|condition| !condition.admits(host));
        refused.map(|condition| condition.constraint)
    }
}

impl Condition<'_> {
    fn admits(&self, host: &Host) -> bool {
        let Some(value) = value(host, &self.constraint.field) else {
            // A host that is known by its name alone may have any attribute.
            return match self.test {
                Test::Unjudged => true,
                Test::MatchesNot(_) => host.total.is_some(),
                _ => false,
            };
        };
        let here = self.placed.get(value).copied().unwrap_or(0);
        match &self.test {
            Test::AtMost(most) => here < *most,
            Test::Even(values) => {
                let fewest = self.placed.values().min().copied().unwrap_or(0);
                here == 0 || (here == fewest && self.placed.len() >= *values)
            }
            Test::AllOnOne => here > 0 || self.placed.values().all(|placed| *placed == 0),
            Test::Equals(wanted) => same(value, wanted),
            Test::Matches(pattern) => pattern.is_match(value),
            Test::MatchesNot(pattern) => !pattern.is_match(value),
            Test::Unjudged => true,
        }
    }
}

impl Test {
    fn of(constraint: &Constraint) -> Self {
        let value = constraint.value.as_deref();
        let test = match (constraint.operator, value) {
            (Operator::Unique, _) => Some(Self::AtMost(1)),
            (Operator::MaxPer, Some(most)) => most.parse().ok().map(Self::AtMost),
            (Operator::GroupBy, None) => Some(Self::Even(0)),
            (Operator::GroupBy, Some(values)) => values.parse().ok().map(Self::Even),
            (Operator::Cluster, None) => Some(Self::AllOnOne),
            (Operator::Cluster | Operator::Is, Some(value)) => Some(Self::Equals(value.to_owned())),
            (Operator::Like, Some(pattern)) => whole(pattern).map(Self::Matches),
            (Operator::Unlike, Some(pattern)) => whole(pattern).map(Self::MatchesNot),
            (Operator::MaxPer | Operator::Is | Operator::Like | Operator::Unlike, None) => None,
        };
        test.unwrap_or(Self::Unjudged)
    }
}

/// The pattern for a whole value, as the engine takes it.
fn whole(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_LIMIT)
        .build()
        .ok()
}

/// Equal as text, or as numbers: `1` is `1.0`.
fn same(value: &str, wanted: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    value == wanted
        || number(value)
            .zip(number(wanted))
            .is_some_and(|(value, wanted)| value.total_cmp(&wanted).is_eq())
}

fn is_name(field: &str) -> bool {
    matches!(field, "hostname" | "@hostname")
}

fn value<'h>(host: &'h Host, field: &str) -> Option<&'h str> {
    if is_name(field) {
        Some(&host.name)
    } else {
        host.attributes.get(field).map(String::as_str)
    }
}

/// A pattern that matches exactly these values.
pub(super) fn any_of<'h>(values: impl IntoIterator<Item = &'h str>) -> String {
    let escaped: Vec<_> = values.into_iter().map(escape).collect();
    escaped.join("|")
}

/// The text with a backslash before everything that may mean something in a pattern, in whatever
/// dialect.
fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if !is_plain(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::testing::{constraint, host, terrain};

    #[test]
    fn every_operator_admits_the_hosts_it_should() {
        let mut hosts: Vec<_> = ["a1", "b2", "a3"]
            .map(|name| host(name).rack(&name[..1]).build())
            .into();
        hosts.push(host("b4").attribute("tier", "1.0").build());
        let terrain = terrain(hosts);
        for (text, placed, expected) in [
            ("hostname UNIQUE", "a1", "a3 b2 b4"),
            ("@hostname UNIQUE", "a1 b2", "a3 b4"),
            ("rack UNIQUE", "a1", "b2"),
            ("hostname CLUSTER b2", "", "b2"),
            ("rack CLUSTER", "", "a1 a3 b2"),
            ("rack CLUSTER", "a1", "a1 a3"),
            ("rack GROUP_BY", "a1", "b2"),
            ("rack GROUP_BY", "a1 a3 b2", "b2"),
            ("rack GROUP_BY 2", "a1 b2", "a1 a3 b2"),
            ("rack GROUP_BY 3", "a1 b2", ""),
            ("rack GROUP_BY many", "a1", "a1 a3 b2 b4"),
            ("hostname LIKE a.", "", "a1 a3"),
            ("hostname LIKE a", "", ""),
            ("hostname LIKE a1|b4", "", "a1 b4"),
            ("hostname LIKE (?!a).*", "", "a1 a3 b2 b4"),
            ("rack UNLIKE a", "", "b2 b4"),
            ("rack MAX_PER 2", "a1 a3 b2", "b2"),
            ("tier IS 1", "", "b4"),
            ("rack IS a", "", "a1 a3"),
            // A host that is gone still counts by its name.
            ("hostname MAX_PER 1", "gone", "a1 a3 b2 b4"),
        ] {
            let constraint = constraint(text);
            let mut conditions = Conditions::new([&constraint], &terrain);
            for name in placed.split_whitespace() {
                conditions.place(name, terrain.host(name));
            }
            let admitted = terrain
                .active()
                .filter(|host| conditions.refusal(host).is_none());
            let names: Vec<_> = admitted.map(|host| &*host.name).collect();
            assert_eq!(names.join(" "), expected, "{text} with {placed}");
        }
    }

    #[test]
    fn a_host_known_by_name_alone_is_not_trusted_with_attributes() {
        let terrain = terrain([host("a").unknown().build()]);
        for (text, admitted) in [
            ("rack LIKE r1", false),
            ("rack UNLIKE r1", false),
            ("hostname UNLIKE b", true),
        ] {
            let constraint = constraint(text);
            let conditions = Conditions::new([&constraint], &terrain);
            let refusal = conditions.refusal(terrain.host("a").unwrap());
            assert_eq!(refusal.is_none(), admitted, "{text}");
        }
    }

    #[test]
    fn a_pattern_of_names_matches_those_and_no_others() {
        let pattern = any_of(["host-1", "10.0.0.1"]);
        assert_eq!(pattern, r"host-1|10\.0\.0\.1");
        let pattern = whole(&pattern).unwrap();
        for (name, matches) in [
            ("host-1", true),
            ("10.0.0.1", true),
            ("host-10", false),
            ("10x0.0.1", false),
        ] {
            assert_eq!(pattern.is_match(name), matches, "{name}");
        }
    }
}
