//! What must hold when all is over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use theseus_core::manifest::{Manifest, Source};
use theseus_core::model::{GroupId, Spec, Strategy};
use theseus_core::plan::Desired;
use theseus_core::records::{self, GroupRecord, HistoryRecord, LOCKS, ROLLOUTS, SLOTS, Stored};
use theseus_core::store::list_all;

use super::site::Site;
use super::watch::get;
use crate::simulated::Sent;

/// Checks that just what is wanted runs, and that the records say so.
pub(super) async fn check(site: &Site, last: &str, groups: &[GroupId]) {
    let manifest = Manifest::parse(&[Source::new("last.yaml", last)]).expect("a manifest");
    let desired = Desired::from(manifest);
    check_apps(site, &desired).await;
    check_records(site, &desired, groups).await;
    let plan = site.engine("planner").plan(&desired).await;
    let plan = plan.expect("nothing is out of reach");
    if !plan.is_empty() || !plan.drift.is_empty() {
        site.accuse(&format!("I19 a plan is left: {plan:?}"));
    }
}

async fn check_apps(site: &Site, desired: &Desired) {
    let mut wanted = BTreeMap::new();
    for (group, spec) in &desired.deploy {
        let key = records::group_key(group);
        let Some(record) = record(site, &key).await else {
            site.accuse(&format!("I13 no record of {group}"));
            continue;
        };
        if record.record.spec != *spec {
            site.accuse(&format!("I13 the record of {group} is of something else"));
        }
        wanted.extend(apps_of(group, spec, record.record.revision));
    }
    let apps = get(site, "/v2/apps?embed=apps.tasks").await;
    let mut found = BTreeMap::new();
    for app in apps["apps"].as_array().into_iter().flatten() {
        let id = app["id"].as_str().unwrap_or_default();
        let is_own = id.starts_with("/theseus/") && !id.starts_with("/theseus/stranger/");
        if is_own {
            found.insert(
                id.to_owned(),
                (app["instances"].as_u64().unwrap_or(0), ready(app)),
            );
        }
    }
    let wanted: BTreeMap<String, (u64, u64)> = wanted
        .into_iter()
        .map(|(app, instances)| (app, (instances, instances)))
        .collect();
    if found != wanted {
        site.accuse(&format!(
            "I13 apps are {found:?}, and {wanted:?} are wanted"
        ));
    }
}

async fn record(site: &Site, key: &str) -> Option<Stored<GroupRecord>> {
    use theseus_core::store::Store as _;
    let entry = site.world.store.get(key).await.expect("memory answers")?;
    Some(records::decode(&entry).expect("a record"))
}

/// The apps of a revision, with how many containers each has.
fn apps_of(group: &GroupId, spec: &Spec, revision: u32) -> BTreeMap<String, u64> {
    let root = format!("/theseus/{}/{}", group.service, group.labels);
    if spec.fixed_host().is_some() {
        let slots = 0..spec.instances;
        return slots
            .map(|slot| (format!("{root}/r{revision}.s{slot}"), 1))
            .collect();
    }
    let app = match spec.update.strategy {
        Strategy::Native => format!("{root}/stable"),
        Strategy::Rolling => format!("{root}/r{revision}"),
    };
    BTreeMap::from([(app, spec.instances.into())])
}

/// How many containers run and are well.
pub(super) fn ready(app: &Value) -> u64 {
    let checked = app["healthChecks"]
        .as_array()
        .is_some_and(|it| !it.is_empty());
    let tasks = app["tasks"].as_array().into_iter().flatten();
    let ready = tasks.filter(|task| {
        let results = task["healthCheckResults"].as_array();
        let alive =
            results.is_some_and(|it| !it.is_empty() && it.iter().all(|it| it["alive"] == true));
        task["state"] == "TASK_RUNNING" && (!checked || alive)
    });
    ready.count() as u64
}

async fn check_records(site: &Site, desired: &Desired, groups: &[GroupId]) {
    let store = &site.world.store;
    for prefix in [LOCKS, ROLLOUTS] {
        let (entries, _) = list_all(store, prefix).await.expect("memory answers");
        for entry in entries {
            site.accuse(&format!("I13 {} is left: {:?}", entry.key, entry.value));
        }
    }
    for group in &desired.remove {
        if record(site, &records::group_key(group)).await.is_some() {
            site.accuse(&format!("I13 a record of {group} is left"));
        }
    }
    let fixed: Vec<String> = desired
        .deploy
        .iter()
        .filter(|(_, spec)| spec.fixed_host().is_some())
        .map(|(group, _)| records::slots_prefix(group))
        .collect();
    let (slots, _) = list_all(store, SLOTS).await.expect("memory answers");
    for slot in slots {
        if !fixed.iter().any(|prefix| slot.key.starts_with(prefix)) {
            site.accuse(&format!("I13 {} is left", slot.key));
        }
    }
    for group in groups {
        let prefix = records::history_prefix(group);
        let (history, _) = list_all(store, &prefix).await.expect("memory answers");
        for entry in history {
            let past: Stored<HistoryRecord> = records::decode(&entry).expect("a record");
            if past.record.ending.is_none() {
                site.accuse(&format!("I21 {} has no ending", entry.key));
            }
        }
    }
}

/// Checks who has sent what: nobody touches what is not his, and nobody comes back to a group that
/// somebody else has taken up.
pub(super) fn check_requests(site: &Site, groups: &[GroupId]) {
    let sent = site.world.sent();
    let writes: Vec<&Sent> = sent
        .iter()
        .filter(|it| !it.what.starts_with("GET "))
        .collect();
    for write in &writes {
        let body = String::from_utf8_lossy(&write.body);
        let strange = ["stranger", "/other"];
        let is_setup = &*write.by == "stranger";
        if !is_setup
            && strange
                .iter()
                .any(|it| write.what.contains(it) || body.contains(it))
        {
            site.accuse(&format!("I7 {} sent {} {body}", write.by, write.what));
        }
    }
    for group in groups {
        let path = format!("/theseus/{}/{}/", group.service, group.labels);
        let task = format!("theseus_{}_{}_", group.service, group.labels);
        let mut past = BTreeSet::new();
        let mut last = None;
        for write in &writes {
            let body = String::from_utf8_lossy(&write.body);
            if !(write.what.contains(&path) || body.contains(&path) || body.contains(&task)) {
                continue;
            }
            if last != Some(&write.by) {
                past.extend(last);
                if past.contains(&write.by) {
                    let at = write.at;
                    site.accuse(&format!(
                        "I17 {} is back in {group} at {at:?}: {}",
                        write.by, write.what
                    ));
                }
                last = Some(&write.by);
            }
        }
    }
}
