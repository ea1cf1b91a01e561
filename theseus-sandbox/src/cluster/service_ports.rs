//! Service ports: every 0 in a definition becomes the lowest port that is free.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crate::definition::AppSpec;

#[derive(Clone, Debug)]
pub(super) struct ServicePorts {
    free: BTreeSet<u16>,
    range: RangeInclusive<u16>,
    /// How often a port is used: Marathon does not refuse one that the user gives twice.
    uses: HashMap<u16, usize>,
}

impl ServicePorts {
    pub(super) fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            free: range.clone().collect(),
            range,
            uses: HashMap::new(),
        }
    }

    /// Fills the zeros of `app`: its own former ports first, in order, then free ones.
    /// `None` when the range is exhausted.
    pub(super) fn fill(&mut self, app: &mut AppSpec, former: Option<&AppSpec>) -> Option<()> {
        let wanted = app.service_ports();
        let mut reusable = former.map(AppSpec::service_ports).unwrap_or_default();
        reusable.retain(|port| !wanted.contains(port) && self.range.contains(port));
        let mut reusable = reusable.into_iter();
        for port in app
            .service_ports_mut()
            .into_iter()
            .filter(|port| **port == 0)
        {
            *port = reusable.next().or_else(|| self.take_lowest(&wanted))?;
        }
        Some(())
    }

    fn take_lowest(&mut self, except: &[u16]) -> Option<u16> {
        let lowest = self
            .free
            .iter()
            .copied()
            .find(|port| !except.contains(port))?;
        self.free.take(&lowest)
    }

    pub(super) fn hold(&mut self, app: &AppSpec) {
        for port in app.service_ports() {
            self.free.remove(&port);
            *self.uses.entry(port).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, app: &AppSpec) {
        for port in app.service_ports() {
            let Some(uses) = self.uses.get_mut(&port) else {
                continue;
            };
            *uses -= 1;
            if *uses == 0 {
                self.uses.remove(&port);
                self.give_back(port);
            }
        }
    }

    /// Ports that [`fill`](Self::fill) took for a change that came to nothing.
    pub(super) fn forget(&mut self, app: &AppSpec) {
        for port in app.service_ports() {
            if !self.uses.contains_key(&port) {
                self.give_back(port);
            }
        }
    }

    fn give_back(&mut self, port: u16) {
        if self.range.contains(&port) {
            self.free.insert(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{AppUpdate, Manner};
    use crate::path_id::PathId;
    use crate::version::MarathonVersion;

    fn app(ports: &[u16]) -> AppSpec {
        let update = serde_json::json!({ "cmd": "x", "ports": ports });
        let version = MarathonVersion::default();
        let update: AppUpdate = serde_json::from_value(update).unwrap();
        update
            .apply(
                AppSpec::blank(PathId::absolute("/x").unwrap(), version),
                Manner::whole(version),
            )
            .unwrap()
    }

    #[test]
    fn zeros_take_former_ports_then_the_lowest_free_ones() {
        let mut ports = ServicePorts::new(10..=13);
        let mut first = app(&[0, 11, 0]);
        ports.hold(&app(&[10]));
        ports.fill(&mut first, None).unwrap();
        assert_eq!(first.service_ports(), [12, 11, 13]);
        ports.hold(&first);

        let mut changed = app(&[0, 12, 0]);
        ports.fill(&mut changed, Some(&first)).unwrap();
        assert_eq!(changed.service_ports(), [11, 12, 13]);
    }

    #[test]
    fn an_exhausted_range_is_refused_and_ports_come_back() {
        let mut ports = ServicePorts::new(10..=11);
        let mut both = app(&[0, 0]);
        ports.fill(&mut both, None).unwrap();
        ports.hold(&both);
        assert_eq!(ports.fill(&mut app(&[0]), None), None);
        ports.release(&both);
        let mut again = app(&[0]);
        ports.fill(&mut again, None).unwrap();
        assert_eq!(again.service_ports(), [10]);
    }
}
