//! What runs, in two requests however many groups there are. Versions before 0.11 leave something
//! open that takes more: see `past`.

mod past;

use std::collections::HashSet;

use theseus_core::cluster::{App, AppId, Operation, Scope, Snapshot};
use theseus_core::model::GroupId;

use crate::decode;
use crate::dialect::{Dialect, Feature};
use crate::encode::GROUP_LABEL;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::names;
use crate::operations;

pub(crate) use past::Pasts;

/// How long a selector may be, in bytes; addresses of more than a few thousand are often refused.
const LONGEST_SELECTOR: usize = 1500;

/// Reads the apps, and the deployments at the same time. An app that somebody else deletes right
/// between the two answers may be in neither; what Theseus itself deletes was answered before.
pub(crate) async fn observe(
    http: &Http,
    dialect: Dialect,
    pasts: &Pasts,
    scope: &Scope,
) -> Result<Snapshot, Failure> {
    let wanted: Option<HashSet<&GroupId>> = match scope {
        Scope::All => None,
        Scope::Groups(groups) if groups.is_empty() => return Ok(Snapshot::default()),
        Scope::Groups(groups) => Some(groups.iter().collect()),
    };
    let (apps, deployments) = (
        apps_request(scope, dialect),
        Request::get("/v2/deployments"),
    );
    let (mut told, mut operations, strays) = tokio::try_join!(
        http.read_in_pieces(&apps, decode::AppsInPieces::default),
        http.read(&deployments, operations::read),
        strays(http, dialect),
    )?;
    if let Some(wanted) = &wanted {
        told.apps.retain(|app| wanted.contains(&app.group));
        let concerns = |operation: &Operation| {
            let mut groups = operation.groups().into_iter();
            groups.any(|group| wanted.contains(group))
        };
        operations.retain(concerns);
    }
    told.take_in(strays);
    pasts.settle(http, &mut told).await?;
    let mut stopping = stopping(&told.apps, &operations);
    if let Some(wanted) = &wanted {
        stopping.retain(|group| wanted.contains(group));
    }
    Ok(Snapshot {
        apps: told.apps,
        stopping,
        operations,
    })
}

/// The tasks, where the apps come without them.
async fn strays(http: &Http, dialect: Dialect) -> Result<Vec<decode::Stray>, Failure> {
    if dialect.has(Feature::EmbeddedTasks) {
        return Ok(Vec::new());
    }
    http.read(&Request::get("/v2/tasks"), decode::tasks).await
}

/// The groups of apps that are stopped and no longer listed.
fn stopping(apps: &[App], operations: &[Operation]) -> Vec<GroupId> {
    let listed: HashSet<&AppId> = apps.iter().map(|app| &app.id).collect();
    let stopped = operations::stopped(operations);
    let gone = stopped.filter(|(app, _)| !listed.contains(app));
    let mut groups: Vec<_> = gone.map(|(_, group)| group.clone()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Marathon takes part of an id, or a selector of labels, but no list of ids. What it cannot select
/// is left out here.
fn apps_request(scope: &Scope, dialect: Dialect) -> Request {
    let request = Request::get("/v2/apps");
    let selector = match scope {
        Scope::Groups(groups) if dialect.has(Feature::LabelSelector) => selector(groups),
        Scope::Groups(_) | Scope::All => None,
    };
    let request = match selector {
        Some(selector) => request.query("label", selector),
        None => request.query("id", names::ROOT),
    };
    let embeds: &[&str] = if dialect.has(Feature::SeveralEmbeds) {
        &["apps.tasks", "apps.deployments", "apps.lastTaskFailure"]
    } else if dialect.has(Feature::Failures) {
        // One word for all of them.
        &["apps.failures"]
    } else {
        &["apps.tasks"]
    };
    embeds
        .iter()
        .fold(request, |request, part| request.query("embed", *part))
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
    use crate::dialect::tests::dialect;

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

    #[test]
    fn each_version_is_asked_in_its_own_words() {
        let by_id = "id=/theseus/";
        let by_label = r"label=THESEUS_GROUP in (a\:x)";
        let all = "embed=apps.tasks&embed=apps.deployments&embed=apps.lastTaskFailure";
        for (version, select, embed) in [
            ("0.7.0", by_id, "embed=apps.tasks"),
            ("0.7.6", by_id, "embed=apps.failures"),
            ("0.8.1", by_id, "embed=apps.failures"),
            ("0.8.2", by_label, "embed=apps.failures"),
            ("0.10.1", by_label, "embed=apps.failures"),
            ("0.11.0", by_label, all),
            ("1.11.0", by_label, all),
        ] {
            let groups = vec!["a:x".parse().unwrap()];
            let asked = |scope| {
                let request = apps_request(&scope, dialect(version));
                let words = request.query.iter();
                let words: Vec<_> = words.map(|(key, value)| format!("{key}={value}")).collect();
                words.join("&")
            };
            assert_eq!(asked(Scope::Groups(groups)), format!("{select}&{embed}"));
            assert_eq!(asked(Scope::All), format!("{by_id}&{embed}"));
        }
    }
}
