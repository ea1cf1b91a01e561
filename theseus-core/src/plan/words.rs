//! A plan in words, for whoever shows it to people.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Action, After, GroupPlan, Plan};
use crate::model::duration::rough;
use crate::placement::ShortOf;
use crate::placement::room::{HostRoom, Room};
use crate::records::Goal;
use crate::rollout::forecast::{End, Forecast};

/// So many hosts are named for one reason.
const MAX_NAMES: usize = 3;

impl Plan {
    /// What it comes to: `Plan: 1 to create, 2 unchanged.`
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = Action::ALL
            .into_iter()
            .filter(|action| *action != Action::None)
            .map(|action| (action, self.count(action)))
            .filter(|(_, count)| *count > 0)
            .map(|(action, count)| format!("{count} to {}", action.as_str()))
            .collect();
        let unchanged = self.groups.iter().filter(|group| group.is_empty()).count();
        let is_stuck = |group: &&GroupPlan| group.obstacle.is_some();
        let is_noted = |group: &&GroupPlan| group.action == Action::None && !group.is_empty();
        let stuck = self.groups.iter().filter(is_stuck).count();
        let noted = self.groups.iter().filter(is_noted);
        let noted = noted.filter(|group| !is_stuck(group)).count();
        if noted > 0 {
            parts.push(format!("{noted} to record"));
        }
        if stuck > 0 {
            parts.push(format!("{stuck} not possible"));
        }
        if unchanged > 0 || parts.is_empty() {
            parts.push(format!("{unchanged} unchanged"));
        }
        format!("Plan: {}.", parts.join(", "))
    }
}

impl After {
    /// What is waited for.
    pub fn words(&self) -> String {
        let group = &self.group;
        match self.serving {
            0 => format!("waits for {group}"),
            1 => format!("waits for 1 container of {group} to serve"),
            serving => format!("waits for {serving} containers of {group} to serve"),
        }
    }
}

impl GroupPlan {
    /// How it goes when all goes well, and whether it comes to its end then.
    pub fn forecast(&self, forecast: &Forecast) -> (String, bool) {
        let takes = SignedDuration::try_from(forecast.takes).unwrap_or(SignedDuration::MAX);
        match &forecast.end {
            End::Reached => {}
            End::Stalled(reason) => {
                return (format!("it does not come to its end: {reason}"), false);
            }
            End::Beyond => {
                let takes = rough(takes);
                let words = format!("more steps than were followed, for more than {takes}");
                return (words, false);
            }
        }
        let mut parts = Vec::new();
        if let (Goal::Present { spec, .. }, true) = (&self.goal, self.action != Action::Create) {
            let serving = forecast.fewest_serving;
            parts.push(format!("at least {serving} of {} serving", spec.instances));
        }
        parts.push(format!(
            "at most {}",
            count(forecast.most_created as usize, "container")
        ));
        parts.push(count(forecast.turns as usize, "turn"));
        if let Some(after) = forecast.promotion {
            let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
            parts.push(format!("canaries to be promoted after {}", rough(after)));
        }
        (
            format!("about {}: {}", rough(takes), parts.join(", ")),
            true,
        )
    }
}

impl Room {
    /// How many fit, of how many.
    pub fn words(&self) -> String {
        let least = if self.known { "" } else { "at least " };
        let wanted = count(self.wanted as usize, "more container");
        let verb = if self.wanted == 1 { "fits" } else { "fit" };
        format!("{least}{} of {wanted} {verb}", self.fits)
    }

    /// Why hosts take no more, with those that say so.
    pub fn reasons(&self) -> Vec<String> {
        let mut hosts: BTreeMap<String, Vec<&HostRoom>> = BTreeMap::new();
        for host in &self.per_host {
            if let Some(short_of) = &host.short_of {
                hosts.entry(short_of.words()).or_default().push(host);
            }
        }
        let told = hosts.into_iter().map(|(why, hosts)| {
            let first = hosts.iter().take(MAX_NAMES);
            let names: Vec<&str> = first.map(|it| &*it.host).collect();
            let more = match hosts.len().saturating_sub(MAX_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}{more}: {why}", names.join(", "))
        });
        told.collect()
    }
}

impl ShortOf {
    /// What there is too little of.
    pub fn words(&self) -> String {
        match self {
            Self::Cpus => "too few cpus".to_owned(),
            Self::Mem => "too little memory".to_owned(),
            Self::Disk => "too little disk".to_owned(),
            Self::Ports => "too few ports, or one that is taken".to_owned(),
            other => other.to_string(),
        }
    }
}

/// `1 container`, `2 containers`.
fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}
