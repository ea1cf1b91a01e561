//! What runs, in two requests however many groups there are.

use std::collections::HashSet;

use theseus_core::cluster::{App, AppId, Scope, Snapshot};
use theseus_core::model::GroupId;

use crate::decode;
use crate::encode::GROUP_LABEL;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::names;

/// How long a selector may be, in bytes; addresses of more than a few thousand are often refused.
const LONGEST_SELECTOR: usize = 1500;

/// Reads the apps, and the deployments at the same time. An app that somebody else deletes right
/// between the two answers may be in neither; what Theseus itself deletes was answered before.
pub(crate) async fn observe(http: &Http, scope: &Scope) -> Result<Snapshot, Failure> {
    let wanted: Option<HashSet<&GroupId>> = match scope {
        Scope::All => None,
        Scope::Groups(groups) if groups.is_empty() => return Ok(Snapshot::default()),
        Scope::Groups(groups) => Some(groups.iter().collect()),
    };
    let (apps, deployments) = (apps_request(scope), Request::get("/v2/deployments"));
    let (mut apps, mut stopped) = tokio::try_join!(
        http.read(&apps, decode::apps),
        http.read(&deployments, decode::stopped),
    )?;
    if let Some(wanted) = wanted {
        apps.retain(|app| wanted.contains(&app.group));
        stopped.retain(|(_, group)| wanted.contains(group));
    }
    let stopping = stopping(&apps, stopped);
    Ok(Snapshot { apps, stopping })
}

/// The groups of apps that are stopped and no longer listed.
fn stopping(apps: &[App], stopped: Vec<(AppId, GroupId)>) -> Vec<GroupId> {
    let listed: HashSet<&AppId> = apps.iter().map(|app| &app.id).collect();
    let gone = stopped.into_iter().filter(|(app, _)| !listed.contains(app));
    let mut groups: Vec<_> = gone.map(|(_, group)| group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Marathon takes part of an id, or a selector of labels, but no list of ids.
fn apps_request(scope: &Scope) -> Request {
    let request = Request::get("/v2/apps");
    let request = match scope {
        Scope::Groups(groups) => match selector(groups) {
            Some(selector) => request.query("label", selector),
            None => request.query("id", names::ROOT),
        },
        Scope::All => request.query("id", names::ROOT),
    };
    ["apps.tasks", "apps.deployments", "apps.lastTaskFailure"]
        .into_iter()
        .fold(request, |request, part| request.query("embed", part))
}

/// Selects the apps of these groups, unless it would be too long.
fn selector(groups: &[GroupId]) -> Option<String> {
    let mut selector = format!("{GROUP_LABEL} in (");
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            selector.push(',');
        }
        for c in group.to_string().chars() {
            if !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-') {
                selector.push('\\');
            }
            selector.push(c);
        }
        if selector.len() > LONGEST_SELECTOR {
            return None;
        }
    }
    selector.push(')');
    Some(selector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_selected_by_their_label() {
        let groups = ["ingestor:dev,canary", "Web_api:a.b-c"].map(|text| text.parse().unwrap());
        assert_eq!(
            selector(&groups).unwrap(),
            r"THESEUS_GROUP in (ingestor\:canary\,dev,Web_api\:a.b-c)"
        );
    }

    #[test]
    fn very_many_groups_are_not_selected() {
        let groups: Vec<GroupId> = (0..500)
            .map(|n| format!("a:l{n}").parse().unwrap())
            .collect();
        assert_eq!(selector(&groups), None);
    }
}
