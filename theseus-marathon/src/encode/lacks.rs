//! What a spec asks for and this Marathon cannot run, each with the field that asks for it. Whatever
//! is not said here is told to Marathon: nothing is left out in silence.

use theseus_core::cluster::{NewApp, Part, Refusal};
use theseus_core::model::{EnvValue, GroupId, Network, Operator, Protocol, Spec, Strategy};

use super::{REVISION, upgrade};
use crate::dialect::{Dialect, Feature, Unsupported};
use crate::names;

/// The least of a processor that a container may take where there is a least.
const LEAST_CPUS: f64 = 0.001;
/// No group has as many revisions.
const LAST_REVISION: u32 = 1_000_000;

/// What of a group could not be deployed, seen before anything is.
pub(crate) fn unsupported(group: &GroupId, spec: &Spec, dialect: Dialect) -> Vec<Refusal> {
    let mut refusals = of(spec, dialect);
    let part = match (spec.update.strategy, spec.fixed_host()) {
        (Strategy::Native, _) => Part::Stable,
        (Strategy::Rolling, Some(_)) => Part::Slot(spec.instances),
        (Strategy::Rolling, None) => Part::Whole,
    };
    if let Err(error) = names::encode(group, LAST_REVISION, part) {
        refusals.push(refusal(None, &error));
    }
    if part == Part::Stable && spec.environment.0.contains_key(REVISION) {
        refusals.extend(own_revision(dialect));
    }
    refusals
}

/// Where a stable app has no labels its revision is in its environment, and must be the right one.
pub(super) fn revision(new: &NewApp, dialect: Dialect) -> Option<Refusal> {
    let told = new.spec.environment.0.get(REVISION);
    let is_told = matches!(told, Some(EnvValue::Plain(text)) if *text == new.revision.to_string());
    let must_be_told = new.part == Part::Stable && !is_told;
    must_be_told.then(|| own_revision(dialect)).flatten()
}

fn own_revision(dialect: Dialect) -> Option<Refusal> {
    let missing = dialect.needs(Feature::Labels).err()?;
    let message = format!("Theseus needs {REVISION} for itself: {missing}");
    Some(refusal(Some(format!("environment.{REVISION}")), &message))
}

pub(super) fn refusal(field: Option<String>, message: &dyn ToString) -> Refusal {
    Refusal {
        field,
        message: message.to_string(),
    }
}

/// Everything about the spec that this Marathon cannot run.
pub(super) fn of(spec: &Spec, dialect: Dialect) -> Vec<Refusal> {
    let mut lacks = Lacks {
        dialect,
        refusals: Vec::new(),
    };
    lacks.resources(spec);
    lacks.network(spec);
    lacks.ports(spec);
    lacks.environment(spec);
    lacks.constraints(spec);
    lacks.docker(spec);
    lacks.fetch(spec);
    for key in spec.metadata.keys() {
        lacks.need(Feature::Labels, || format!("metadata.{key}"));
    }
    if spec.update.strategy == Strategy::Native && !upgrade::is_boundless(spec, dialect) {
        lacks.need(Feature::BoundedUpgrades, || "update.max-surge".to_owned());
    }
    lacks.refusals
}

struct Lacks {
    dialect: Dialect,
    refusals: Vec<Refusal>,
}

impl Lacks {
    /// Notes the field if it needs what this version does not have.
    fn need(&mut self, feature: Feature, field: impl FnOnce() -> String) {
        if let Err(missing) = self.dialect.needs(feature) {
            self.refusals.push(refusal(Some(field()), &missing));
        }
    }

    fn resources(&mut self, spec: &Spec) {
        let missing = self.dialect.needs(Feature::AnyCpus);
        if let Err(Unsupported::Abolished(version)) = missing
            && spec.resources.cpus < LEAST_CPUS
        {
            let message = format!("this is Marathon {version}; it takes {LEAST_CPUS} at least");
            self.refusals
                .push(refusal(Some("cpus".to_owned()), &message));
        }
    }

    fn network(&mut self, spec: &Spec) {
        let feature = match spec.network {
            // The container engine's own choice, unless it is told another.
            Network::Host => return,
            Network::Bridge => Feature::Bridge,
            Network::Named(_) => Feature::NamedNetworks,
        };
        self.need(feature, || "network".to_owned());
    }

    /// On the host's own network Marathon knows a port by one number only, and old ones by nothing
    /// else. Names of ports are Theseus's own: Marathon gets them where it can.
    fn ports(&mut self, spec: &Spec) {
        if spec.network != Network::Host {
            return;
        }
        for (name, port) in &spec.ports {
            if let (Some(host), Some(service)) = (port.host, port.service)
                && host != service
            {
                let message = "on the host's network, `host` and `service` are one number";
                let field = Some(format!("ports.{name}"));
                self.refusals.push(refusal(field, &message));
            }
            if port.protocol != Protocol::Tcp {
                self.need(Feature::PortDefinitions, || {
                    format!("ports.{name}.protocol")
                });
            }
        }
    }

    fn environment(&mut self, spec: &Spec) {
        for (name, value) in &spec.environment.0 {
            if matches!(value, EnvValue::Secret { .. }) {
                self.need(Feature::Secrets, || format!("environment.{name}"));
            }
        }
    }

    fn constraints(&mut self, spec: &Spec) {
        for (index, constraint) in spec.constraints.iter().enumerate() {
            let is_hostname = constraint.field == "hostname";
            let operator = match constraint.operator {
                Operator::Unlike => Some(Feature::Unlike),
                Operator::MaxPer if is_hostname => Some(Feature::MaxPer),
                Operator::MaxPer => Some(Feature::MaxPerOfAttributes),
                Operator::Is => Some(Feature::Is),
                Operator::Unique | Operator::Cluster | Operator::GroupBy | Operator::Like => None,
            };
            let field = constraint.field.starts_with('@');
            let field = field.then_some(Feature::AgentFields);
            for feature in operator.into_iter().chain(field) {
                self.need(feature, || format!("constraints[{index}]"));
            }
        }
    }

    fn docker(&mut self, spec: &Spec) {
        if spec.force_pull {
            self.need(Feature::ForcePull, || "force-pull".to_owned());
        }
        for (name, values) in &spec.parameters {
            let feature = if values.len() > 1 {
                Feature::RepeatedParameters
            } else {
                Feature::Parameters
            };
            self.need(feature, || format!("parameters.{name}"));
        }
    }

    /// An address alone is fetched, unpacked where it is an archive, and not kept.
    fn fetch(&mut self, spec: &Spec) {
        for (index, file) in spec.fetch.iter().enumerate() {
            for (key, is_plain) in [
                ("extract", file.extract),
                ("executable", !file.executable),
                ("cache", !file.cache),
            ] {
                if !is_plain {
                    self.need(Feature::Fetch, || format!("fetch[{index}].{key}"));
                }
            }
        }
    }
}
