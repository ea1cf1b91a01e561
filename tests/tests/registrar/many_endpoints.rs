//! Where very many containers listen: all of them are found, once and in order, though several groups
//! and services, and parts of services, are read at a time.

use jiff::Timestamp;
use theseus_core::cluster::{AppId, ContainerId, ContainerState, HealthState};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::records;
use theseus_core::registry::{self, AppCount, ContainerRecord, CountsRecord};
use theseus_core::store::{Store as _, Txn, Write};
use theseus_store::MemoryStore;

use super::troubled::{Troubled, Wrong};

/// Labels, and how many containers have them: some are more than a page.
const GROUPS: [(&str, usize); 6] = [
    ("a", 2000),
    ("a,b", 700),
    ("b", 1),
    ("c", 3000),
    ("d", 0),
    ("e", 2600),
];

/// How well the containers were counted.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Right,
    /// The largest groups are said to be the smallest, and the other way round.
    Wrong,
    Unreadable,
    Never,
}

fn group(service: &str, labels: &str) -> GroupId {
    format!("{service}:{labels}").parse().unwrap()
}

fn id(group: &GroupId, number: usize) -> ContainerId {
    ContainerId(format!("{}.{}.{number:05}", group.service, group.labels))
}

/// What is written down as the counts of a group with so many containers.
fn counts(group: &GroupId, there: usize, counted: Counted) -> Option<Write> {
    let containers = match counted {
        Counted::Right | Counted::Unreadable => there,
        Counted::Wrong => 3000 - there,
        Counted::Never => return None,
    };
    // Behind every thousandth container, or where none is.
    let parts = match counted {
        Counted::Right => (1..there.div_ceil(1000)).map(|part| 1000 * part).collect(),
        _ => vec![7, 7, 2_000_000],
    };
    let app = AppCount {
        app: AppId(format!("/{}", group.service)),
        containers,
        ..AppCount::default()
    };
    let record = CountsRecord {
        apps: vec![app],
        parts: parts.into_iter().map(|number| id(group, number)).collect(),
        ..CountsRecord::none(group.clone())
    };
    let value = match counted {
        Counted::Unreadable => "?".into(),
        _ => records::encode(&record),
    };
    Some(Write::Put(registry::counts_key(group), value))
}

async fn fill(store: &MemoryStore, service: &str, counted: Counted) {
    for (labels, there) in GROUPS {
        let group = group(service, labels);
        let writes: Vec<Write> = (0..there)
            .map(|number| {
                let id = id(&group, number);
                let record = ContainerRecord {
                    group: group.clone(),
                    id: id.clone(),
                    revision: 1,
                    slot: None,
                    host: Some("h1".into()),
                    image: None,
                    ports: [("api".to_owned(), 31000)].into(),
                    container_ports: [].into(),
                    started_at: None,
                    state: ContainerState::Running,
                    health: HealthState::Healthy,
                    ready: true,
                    since: Timestamp::UNIX_EPOCH,
                };
                let key = registry::container_key(&group, &id);
                Write::Put(key, records::encode(&record))
            })
            .chain(counts(&group, there, counted))
            .collect();
        for writes in writes.chunks(store.max_txn_operations()) {
            let txn = Txn {
                compares: Vec::new(),
                writes: writes.to_vec(),
            };
            store.commit(txn).await.unwrap();
        }
    }
}

/// The keys of what is found of these, in the order in which it is.
async fn found(store: &MemoryStore, selectors: &[&str]) -> Vec<String> {
    let selectors: Vec<GroupSelector> = selectors.iter().map(|it| it.parse().unwrap()).collect();
    let found = registry::endpoints(store, &selectors, Some("api")).await;
    let found = found.unwrap().into_iter();
    let keys: Vec<String> = found
        .map(|it| registry::container_key(&it.group, &it.container))
        .collect();
    let records = registry::containers(store, &selectors).await.unwrap();
    let same = records
        .iter()
        .map(|it| registry::container_key(&it.group, &it.id));
    assert!(same.eq(keys.iter().cloned()));
    keys
}

#[tokio::test]
async fn all_are_found_once_and_in_order() {
    for counted in [
        Counted::Right,
        Counted::Wrong,
        Counted::Unreadable,
        Counted::Never,
    ] {
        let store = MemoryStore::new();
        fill(&store, "web", counted).await;
        fill(&store, "api", Counted::Right).await;
        all_are_found(&store, counted).await;
    }
}

async fn all_are_found(store: &MemoryStore, counted: Counted) {
    let all: usize = GROUPS.iter().map(|it| it.1).sum();
    for (selectors, count) in [
        (&["web"][..], all),
        (&["web", "api"], 2 * all),
        (&["web:c"], 3000),
        (&["web:c", "api:e", "web:a,b"], 3000 + 2600 + 700),
        (&["nobody"], 0),
    ] {
        let keys = found(store, selectors).await;
        assert_eq!(keys.len(), count, "{selectors:?}, {counted:?}");
        assert!(
            keys.is_sorted_by(|a, b| a < b),
            "{selectors:?}, {counted:?}"
        );
    }
}

#[tokio::test]
async fn what_is_large_is_read_in_parts_and_what_is_small_at_once() {
    for (selector, counted, lists, in_parts) in [
        // The first 500, the counts of a service, and what is behind them in parts.
        ("web", Counted::Right, 10, true),
        ("web:c", Counted::Right, 4, true),
        ("web:c", Counted::Never, 2, false),
        ("web:b", Counted::Right, 1, false),
    ] {
        let store = Troubled::new(&MemoryStore::new(), |_| Wrong::Nothing);
        fill(&store.inner, "web", counted).await;
        let selectors = [selector.parse().unwrap()];
        registry::endpoints(&store, &selectors, None).await.unwrap();
        let asked = store.lists.lock().unwrap();
        let is_cut = asked.iter().any(|(page, _)| page.before.is_some());
        let told: Vec<usize> = asked.iter().map(|(_, told)| *told).collect();
        assert_eq!(
            (asked.len(), is_cut),
            (lists, in_parts),
            "{selector}, {counted:?}: {told:?}"
        );
        assert!(told.iter().all(|told| *told <= 2500), "{told:?}");
    }
}
