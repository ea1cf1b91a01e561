//! Whose the events of adopted apps are, also where the store breaks off.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use theseus_core::attribution::attributed;
use theseus_core::cluster::{AppId, Event, EventKind};
use theseus_core::records::{self, AdoptedRecord};
use theseus_core::registry::Happening;
use theseus_core::store::{Store as _, Txn, Write};
use theseus_store::MemoryStore;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::troubled::{Troubled, Wrong};
use super::world::{Running, World, answered};

async fn adopt(store: &MemoryStore, app: &str, group: &str) {
    let record = AdoptedRecord {
        app: AppId(app.to_owned()),
        group: group.parse().expect("a group"),
    };
    let write = Write::Put(records::adopted_key(&record.app), records::encode(&record));
    let txn = Txn {
        compares: Vec::new(),
        writes: vec![write],
    };
    store.commit(txn).await.expect("it is there");
}

fn event(app: Option<&str>, kind: EventKind) -> Event {
    Event {
        at: None,
        group: None,
        foreign: app.map(|app| AppId(app.to_owned())),
        kind,
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_adopted_what_is_asked_again_where_the_store_broke_off() {
    let store = MemoryStore::new();
    let troubled = Troubled {
        watched: 1,
        ..Troubled::new(&store, |_| Wrong::Nothing)
    };
    let (cluster, told) = mpsc::unbounded_channel();
    let told = stream::unfold(told, async |mut told| Some((Ok(told.recv().await?), told)));
    let mut events = attributed(told.boxed(), Arc::new(troubled));
    // The group of which something is told when something happens to this app.
    let mut heard = async |app: &str| {
        let known = [
            event(Some(app), EventKind::App),
            event(None, EventKind::Attached),
        ];
        for event in known {
            cluster.send(event).expect("somebody listens");
        }
        let mut group = None;
        loop {
            let event = events.next().await.expect("they go on").expect("an event");
            assert_eq!(event.foreign, None);
            if event.kind == EventKind::Attached {
                return group;
            }
            group = event.group.map(|group| group.to_string());
        }
    };
    adopt(&store, "/a", "web:a").await;
    assert_eq!(heard("/a").await.as_deref(), Some("web:a"));
    assert_eq!(heard("/nobodys").await, None);
    // The one change that is watched.
    adopt(&store, "/b", "web:b").await;
    assert_eq!(heard("/b").await.as_deref(), Some("web:b"));
    // What comes after it is learned when it is asked again, and what was known stays known.
    adopt(&store, "/c", "web:c").await;
    assert_eq!(heard("/c").await, None);
    assert_eq!(heard("/a").await.as_deref(), Some("web:a"));
    sleep(Duration::from_secs(6)).await;
    assert_eq!(heard("/c").await.as_deref(), Some("web:c"));
}

#[tokio::test(start_paused = true)]
async fn what_is_adopted_while_nobody_watches_is_not_waited_for() {
    let world = World::new();
    let store = &world.site.store;
    let troubled = Troubled {
        watched: 1,
        ..Troubled::new(store, |_| Wrong::Nothing)
    };
    let registrar = Running::start(world.registrar_over("one", Arc::new(troubled), answered()));
    sleep(Duration::from_secs(20)).await;
    let looks_at_all =
        || registrar.count(|it| matches!(it, Happening::Looked { groups: None, .. }));
    let before = looks_at_all();
    // The one change that is watched, and one that comes in the gap behind it.
    adopt(store, "/a", "web:a").await;
    sleep(Duration::from_secs(1)).await;
    adopt(store, "/b", "web:b").await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(looks_at_all(), before + 1);
}
