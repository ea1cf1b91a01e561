//! Whose logs are meant.

use jiff::Timestamp;
use theseus_core::cluster::{Ended, EndedContainer, Scope};
use theseus_core::logs::{Speaker, speakers};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::state::Observed;
use theseus_core::suggest::nearest;

use super::Args;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::human;
use crate::output::style::inert;

/// Nobody reads more logs at once.
const MOST: usize = 1000;

/// Whose logs are told.
pub(super) struct Chosen {
    pub(super) speakers: Vec<Speaker>,
    /// The groups and services whose containers join later.
    pub(super) joining: Vec<GroupSelector>,
    /// Whether only one group was named, and nothing else.
    pub(super) is_one_group: bool,
    /// Whether only one container was named, and nothing else.
    pub(super) is_one_container: bool,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// Finds out what is meant by the names.
pub(super) async fn select(
    connection: &Connection,
    args: &Args,
    since: Option<Timestamp>,
) -> Result<Chosen, Failure> {
    let observed = connection.engine.observe(&Scope::All).await?;
    let mut ended: Option<Ended> = None;
    let mut groups: Vec<GroupSelector> = Vec::new();
    let mut found: Vec<Speaker> = Vec::new();
    for name in &args.names {
        if let Some(selector) = group(&observed, name) {
            groups.push(selector);
            continue;
        }
        let all = speakers(&observed, &every_service(&observed));
        if let Some(speaker) = named(all, name)? {
            if args.previous {
                return Err(Failure::usage(format!("{} is not over", inert(name)))
                    .hint("leave out --previous"));
            }
            found.push(speaker);
            continue;
        }
        if ended.is_none() {
            ended = Some(connection.cluster.ended().await?);
        }
        let over = ended.iter().flat_map(|it| &it.containers);
        let over = over.map(|it| of_group(it, &observed)).collect();
        match named(over, name)? {
            Some(speaker) => found.push(speaker),
            None => return Err(unknown(name, &observed, ended.as_ref())),
        }
    }
    let mut notes = Vec::new();
    if args.previous {
        let ended = match ended {
            Some(ended) => ended,
            None => connection.cluster.ended().await?,
        };
        found.extend(previous(&ended, &observed, &groups, since));
        notes.extend(silent(&ended));
        if found.is_empty() {
            return Err(nothing_previous(&groups, &ended));
        }
    } else {
        found.extend(speakers(&observed, &groups));
        if found.is_empty() && !args.follow {
            return Err(nothing_runs(&groups));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|speaker| seen.insert(speaker.container.clone()));
    if found.len() > MOST {
        return Err(Failure::usage(format!(
            "these are {}, and logs tells of at most {MOST} at once",
            human::count(found.len(), "container"),
        ))
        .hint("name fewer groups, or containers"));
    }
    Ok(Chosen {
        is_one_group: matches!(&groups[..], [GroupSelector::Group(_)]) && args.names.len() == 1,
        is_one_container: groups.is_empty() && found.len() == 1,
        speakers: found,
        joining: if args.follow { groups } else { Vec::new() },
        notes,
    })
}

/// The group or service of that name, if there is one.
fn group(observed: &Observed, name: &str) -> Option<GroupSelector> {
    let selector: GroupSelector = name.parse().ok()?;
    let is_known = observed.select(std::slice::from_ref(&selector)).is_ok();
    is_known.then_some(selector)
}

fn every_service(observed: &Observed) -> Vec<GroupSelector> {
    let groups = observed.groups.keys().cloned();
    groups.map(GroupSelector::Group).collect()
}

/// The container of that name, or the only one that is shown so.
fn named(all: Vec<Speaker>, name: &str) -> Result<Option<Speaker>, Failure> {
    if let Some(exact) = all.iter().find(|it| it.container.0 == name) {
        return Ok(Some(exact.clone()));
    }
    let mut short = all.into_iter().filter(|it| it.short_name() == name);
    let first = short.next();
    match (first, short.next()) {
        (Some(one), Some(other)) => Err(Failure::usage(format!(
            "{} may be {} or {}",
            inert(name),
            inert(&one.container.0),
            inert(&other.container.0)
        ))
        .hint("write out which one is meant")),
        (first, _) => Ok(first),
    }
}

/// One that is over, with its group; that of an adopted app is known by the app.
fn of_group(ended: &EndedContainer, observed: &Observed) -> Speaker {
    let mut speaker = Speaker::from(ended);
    if speaker.group.is_none() {
        speaker.group = observed.groups.iter().find_map(|(group, state)| {
            let is_its = state.apps.iter().any(|app| app.id == ended.app);
            is_its.then(|| group.clone())
        });
    }
    speaker
}

/// The containers of these groups that are over, and were not already then.
fn previous(
    ended: &Ended,
    observed: &Observed,
    groups: &[GroupSelector],
    since: Option<Timestamp>,
) -> Vec<Speaker> {
    let is_meant = |group: &GroupId| groups.iter().any(|it| it.matches(group));
    let recent = ended.containers.iter().filter(|it| {
        let is_before = since.zip(it.ended_at).is_some_and(|(since, at)| at < since);
        !is_before
    });
    recent
        .map(|it| of_group(it, observed))
        .filter(|it| it.group.as_ref().is_some_and(is_meant))
        .collect()
}

/// Which hosts could not tell what is over.
fn silent(ended: &Ended) -> Option<String> {
    let (first, reason) = ended.silent.first()?;
    let others = match ended.silent.len() - 1 {
        0 => String::new(),
        others => format!(" and {}", human::count(others, "other")),
    };
    Some(format!(
        "what is over on {}{others} is not known: {}",
        inert(first),
        inert(reason)
    ))
}

fn names(groups: &[GroupSelector]) -> String {
    let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn nothing_runs(groups: &[GroupSelector]) -> Failure {
    let names = names(groups);
    Failure::new(Code::Failed, format!("nothing runs of {names}")).hint(format!(
        "theseus logs {} --previous tells what was written before, --follow waits",
        names.replace(", ", " ")
    ))
}

fn nothing_previous(groups: &[GroupSelector], ended: &Ended) -> Failure {
    let message = format!(
        "no host knows a container of {} that is over",
        names(groups)
    );
    match silent(ended) {
        Some(silent) => Failure::new(Code::OutOfReach, format!("{message}; {silent}")),
        None => Failure::new(Code::Failed, message)
            .hint("hosts forget them, and what they wrote, after a while"),
    }
}

/// That there is nothing of that name, or nothing that can be seen.
fn unknown(name: &str, observed: &Observed, ended: Option<&Ended>) -> Failure {
    let message = format!("there is no group or container {}", inert(name));
    let groups = observed
        .groups
        .iter()
        .filter(|(_, state)| !state.is_absent());
    let mut known: Vec<String> = groups
        .clone()
        .flat_map(|(group, _)| [group.to_string(), group.service.to_string()])
        .collect();
    let running = speakers(observed, &every_service(observed));
    let over = ended.into_iter().flat_map(|it| &it.containers);
    let containers = running.into_iter().chain(over.map(Speaker::from));
    known.extend(containers.map(|it| it.short_name().to_owned()));
    let near = nearest(name, known.iter().map(String::as_str));
    if let (None, Some(silent)) = (near, ended.and_then(silent)) {
        return Failure::new(Code::OutOfReach, format!("{message}; {silent}"));
    }
    let failure = Failure::usage(message);
    match near {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if known.is_empty() => failure.hint("nothing is deployed yet"),
        None => failure.hint("theseus ps lists groups and containers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_not_said_to_be_unknown() {
        let nothing = Observed::default();
        let silent = ("agent-3".into(), "it gives no answer".to_owned());
        for (silent, code, words) in [
            (Vec::new(), Code::Usage, "there is no group or container a"),
            (
                vec![silent],
                Code::OutOfReach,
                "there is no group or container a; \
                 what is over on agent-3 is not known: it gives no answer",
            ),
        ] {
            let ended = Ended {
                silent,
                ..Ended::default()
            };
            let failure = unknown("a", &nothing, Some(&ended));
            assert_eq!(failure.code, code);
            assert!(format!("{failure:?}").contains(words), "{failure:?}");
        }
    }
}
