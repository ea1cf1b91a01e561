//! What runs, in two requests however many groups there are. Versions before 0.11 leave something
//! open that takes more: see `past`.

mod past;

use std::collections::HashSet;

use futures_util::future::try_join_all;
use theseus_core::cluster::{AppId, Foreign, Operation, Scope, Snapshot};
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

/// Up to this many apps of other people are asked for one by one.
const FEW: usize = 8;

/// Reads the apps, and the deployments at the same time. An app that somebody else deletes right
/// between the two answers may be in neither; what Theseus itself deletes was answered before.
pub(crate) async fn observe(
    http: &Http,
    dialect: Dialect,
    pasts: &Pasts,
    scope: &Scope,
) -> Result<Snapshot, Failure> {
    let wanted: Option<HashSet<&GroupId>> = match scope {
        Scope::Everything | Scope::All => None,
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
        // Whose the apps of other people are is the store's knowledge.
        operations.retain(|operation| {
            let mut steps = operation.steps.iter();
            steps.any(|step| {
                let group = step.group.as_ref();
                group.is_none_or(|group| wanted.contains(group))
            })
        });
    }
    told.take_in(strays);
    pasts.settle(http, &mut told).await?;
    let mut gone = Gone::new(&operations, told.apps.iter().map(|app| &app.id));
    if let Some(wanted) = &wanted {
        gone.groups.retain(|group| wanted.contains(group));
    }
    let foreign = match scope {
        Scope::Everything => gone.beside(told.foreign),
        Scope::All | Scope::Groups(_) => Vec::new(),
    };
    Ok(Snapshot {
        apps: told.apps,
        stopping: gone.groups,
        operations,
        foreign,
    })
}

/// The tasks, where the apps come without them.
async fn strays(http: &Http, dialect: Dialect) -> Result<Vec<decode::Stray>, Failure> {
    if dialect.has(Feature::EmbeddedTasks) {
        return Ok(Vec::new());
    }
    http.read(&Request::get("/v2/tasks"), decode::tasks).await
}

/// What runs of these apps, which are not Theseus's own. A few are asked for one by one.
pub(crate) async fn foreign(
    http: &Http,
    dialect: Dialect,
    apps: &[AppId],
) -> Result<Vec<Foreign>, Failure> {
    let wanted: HashSet<&AppId> = apps.iter().collect();
    let read = async {
        // Alone, an app comes with its tasks in every version.
        if apps.len() > FEW && dialect.has(Feature::EmbeddedTasks) {
            let all = embedding(Request::get("/v2/apps"), dialect);
            let told = http.read_in_pieces(&all, decode::AppsInPieces::default);
            let mut listed = told.await?.foreign;
            listed.retain(|app| wanted.contains(&app.id));
            return Ok(listed);
        }
        let paths = apps.iter().filter_map(|app| names::path(&app.0));
        let each = paths.map(async |path| {
            let request = Request::get(&format!("/v2/apps{path}"));
            match http.read(&request, decode::foreign).await {
                Err(Failure::Gone(_)) => Ok(None),
                answer => answer,
            }
        });
        let found = try_join_all(each).await?;
        Ok(found.into_iter().flatten().collect())
    };
    let deployments = Request::get("/v2/deployments");
    let operations = http.read(&deployments, operations::read);
    let (listed, operations) = tokio::try_join!(read, operations)?;
    let mut gone = Gone::new(&operations, std::iter::empty());
    gone.foreign.retain(|app| wanted.contains(app));
    Ok(gone.beside(listed))
}

/// Apps that are stopped and no longer listed.
struct Gone {
    /// The groups of those that are Theseus's.
    groups: Vec<GroupId>,
    /// The others.
    foreign: Vec<AppId>,
}

impl Gone {
    fn new<'a>(operations: &[Operation], listed: impl Iterator<Item = &'a AppId>) -> Self {
        let mut gone = Self {
            groups: Vec::new(),
            foreign: Vec::new(),
        };
        if operations.is_empty() {
            return gone;
        }
        let listed: HashSet<&AppId> = listed.collect();
        let stopped = operations::stopped(operations);
        for (app, group) in stopped.filter(|(app, _)| !listed.contains(app)) {
            match group {
                Some(group) => gone.groups.push(group.clone()),
                None => gone.foreign.push(app.clone()),
            }
        }
        gone.groups.sort_unstable();
        gone.groups.dedup();
        gone.foreign.sort_unstable();
        gone.foreign.dedup();
        gone
    }

    /// The apps of other people that are listed, and those that are not any more.
    fn beside(&self, mut listed: Vec<Foreign>) -> Vec<Foreign> {
        let known: HashSet<&AppId> = listed.iter().map(|app| &app.id).collect();
        let gone = self.foreign.iter().filter(|app| !known.contains(app));
        let gone: Vec<_> = gone
            .map(|app| Foreign {
                id: app.clone(),
                stopping: true,
                ..Foreign::default()
            })
            .collect();
        listed.extend(gone);
        listed
    }
}

/// Marathon takes part of an id, or a selector of labels, but no list of ids. What it cannot select
/// is left out here.
fn apps_request(scope: &Scope, dialect: Dialect) -> Request {
    let request = Request::get("/v2/apps");
    let selector = match scope {
        Scope::Groups(groups) if dialect.has(Feature::LabelSelector) => selector(groups),
        Scope::Groups(_) | Scope::All | Scope::Everything => None,
    };
    let request = match (selector, scope) {
        (Some(selector), _) => request.query("label", selector),
        (None, Scope::Everything) => request,
        (None, _) => request.query("id", names::ROOT),
    };
    embedding(request, dialect)
}

/// Asks for what belongs to an app besides its definition.
pub(crate) fn embedding(request: Request, dialect: Dialect) -> Request {
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
