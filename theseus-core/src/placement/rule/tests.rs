//! What rules come to, and what is told when they cannot be kept.

use super::*;
use crate::cluster::{Host, HostState, Inventory, Part};
use crate::model::Operator;
use crate::placement::testing::{app, constraint, group, host, inventory};
use crate::state::{GroupState, Observed};

/// What `db:dev` runs on, among these hosts.
fn terrain(hosts: Vec<Host>, is_complete: bool, db: &[&str]) -> Terrain {
    let inventory = Inventory {
        is_complete,
        ..inventory(hosts)
    };
    let mut observed = Observed::default();
    let state = GroupState {
        apps: vec![app(Part::Whole, 1, None, db)],
        ..GroupState::default()
    };
    observed.groups.insert(group("db:dev"), state);
    Terrain::new(&inventory, &observed)
}

fn racks(names: &[(&str, &str)]) -> Vec<Host> {
    let with_rack = |(name, rack): &(&str, &str)| host(name).rack(rack).build();
    names.iter().map(with_rack).collect()
}

fn judge(custom: CustomConstraint, terrain: &Terrain) -> Result<Vec<String>, String> {
    let spec = Spec {
        custom_constraints: vec![custom],
        ..Spec::new("a:1")
    };
    let ruling = Rules::default().rule(&group("web:dev"), &spec, terrain);
    match ruling.problems.first() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(ruling.constraints.into_iter().map(written).collect()),
    }
}

fn written(constraint: Constraint) -> String {
    Vec::from(constraint).join(" ")
}

#[test]
fn rules_become_constraints_of_the_engine() {
    let hosts = racks(&[("h1", "r1"), ("h2", "r1"), ("10.0.0.3", "r2")]);
    let whole = terrain(hosts.clone(), true, &["h2", "10.0.0.3", "h2"]);
    let part = terrain(hosts, false, &[]);
    let db = || group("db:dev");
    let rack = || CustomConstraint::SpreadBy("rack".to_owned());
    for (custom, terrain, expected) in [
        (rack(), &whole, &["rack GROUP_BY 2"][..]),
        (rack(), &part, &["rack GROUP_BY"]),
        (
            CustomConstraint::AwayFrom(db()),
            &whole,
            &[r"hostname UNLIKE 10\.0\.0\.3|h2"],
        ),
        (CustomConstraint::AwayFrom(db()), &part, &[]),
        (
            CustomConstraint::Near(db()),
            &whole,
            &[r"hostname LIKE 10\.0\.0\.3|h2"],
        ),
        (CustomConstraint::fixed_host(), &whole, &[]),
    ] {
        let expected = expected.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(judge(custom.clone(), terrain), Ok(expected), "{custom:?}");
    }
}

#[test]
fn what_nothing_satisfies_is_told_with_hosts_and_numbers() {
    let hosts = racks(&[("h1", "r1"), ("h2", "r1")]);
    let mut draining = hosts.clone();
    draining[1] = host("h2").state(HostState::Draining).build();
    let other = |name: &str| CustomConstraint::Other {
        name: name.to_owned(),
        argument: None,
    };
    let db = || group("db:dev");
    for (custom, hosts, db, expected) in [
        (
            CustomConstraint::SpreadBy("zone".to_owned()),
            hosts.clone(),
            &[][..],
            "spread-by zone: none of 2 hosts has it: h1 h2",
        ),
        (
            CustomConstraint::AwayFrom(db()),
            hosts.clone(),
            &["h1", "h2"],
            "away-from db:dev leaves none of 2 hosts: h1 h2",
        ),
        (
            CustomConstraint::AwayFrom(db()),
            draining.clone(),
            &["h1"],
            "away-from db:dev leaves none of 1 host: h1",
        ),
        (
            CustomConstraint::Near(db()),
            hosts.clone(),
            &[],
            "near db:dev: it runs nowhere",
        ),
        (
            CustomConstraint::Near(db()),
            draining,
            &["h2"],
            "near db:dev: none of the 1 host where it runs takes containers: h2",
        ),
        (
            other("gpu-only"),
            hosts,
            &[],
            "nothing here looks after the custom constraint gpu-only",
        ),
    ] {
        let terrain = terrain(hosts, true, db);
        let told = judge(custom, &terrain);
        assert_eq!(told, Err(expected.to_owned()));
    }
}

#[test]
fn of_many_hosts_only_some_are_named() {
    let problem = Unsatisfiable {
        what: "none will do".to_owned(),
        hosts: (0..11).map(|n| format!("h{n}").into()).collect(),
    };
    assert_eq!(
        problem.to_string(),
        "none will do: h0 h1 h2 h3 h4 h5 h6 h7 and 3 more"
    );
}

#[test]
fn where_hosts_are_not_all_known_those_with_containers_are() {
    let names = |terrain: &Terrain| -> Vec<String> {
        terrain.active().map(|host| host.name.to_string()).collect()
    };
    let some = terrain(racks(&[("h1", "r1")]), false, &["h1", "h2"]);
    assert_eq!(names(&some), ["h1", "h2"]);
    assert!(!some.is_gone("h3"));
    let all = terrain(racks(&[("h1", "r1")]), true, &["h1", "h2"]);
    assert_eq!(names(&all), ["h1"]);
    assert!(all.is_gone("h2"));
}

/// Every container on the host that the argument names, or on a host with an attribute.
struct Licensed;

impl Rule for Licensed {
    fn name(&self) -> &'static str {
        "licensed"
    }

    fn judge(&self, case: &Case<'_>) -> Result<Answer, Unsatisfiable> {
        let Some(host) = case.argument else {
            return Ok(Answer::Constraints(vec![constraint("licence IS yes")]));
        };
        let all = (0..case.spec.instances).map(|slot| (slot, Arc::from(host)));
        Ok(Answer::Hosts(all.collect()))
    }
}

#[test]
fn embedding_programs_bring_their_own_rules() {
    let rules = Rules::default().with(Arc::new(Licensed));
    let licensed = |argument: Option<&str>| CustomConstraint::Other {
        name: "licensed".to_owned(),
        argument: argument.map(str::to_owned),
    };
    assert!(rules.know(&licensed(None)));
    assert!(!Rules::default().know(&licensed(None)));
    let rule = |custom: Vec<CustomConstraint>| {
        let spec = Spec {
            custom_constraints: custom,
            ..Spec::new("a:1")
        };
        rules.rule(&group("web:dev"), &spec, &Terrain::default())
    };
    let ruling = rule(vec![licensed(None)]);
    assert_eq!(ruling.constraints[0].operator, Operator::Is);
    let ruling = rule(vec![CustomConstraint::fixed_host(), licensed(Some("h1"))]);
    assert_eq!(ruling.hosts, Slots::from([(0, Arc::from("h1"))]));
    let ruling = rule(vec![licensed(Some("h1"))]);
    assert_eq!(
        ruling.problems[0].to_string(),
        "licensed chooses a host for each container, which needs fixed-host, too"
    );
}
