//! Following the containers that do their work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep_until};

use super::endpoints::{RegistryError, serving};
use super::parts::prefixes;
use super::record::{CONTAINERS, ContainerRecord};
use crate::model::GroupSelector;
use crate::store::{Store, StoreError, Watched, list_all};

/// How long it takes at least from one time of reading all to the next.
const REST: Duration = Duration::from_secs(1);

/// Something that changed among the containers that do their work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One does its work from now on.
    Up(ContainerRecord),
    /// One is not what it was, and still does its work.
    Changed(ContainerRecord),
    /// One does its work no more.
    Down(ContainerRecord),
}

/// Follows the containers of some groups and services that do their work.
pub struct Watch {
    store: Arc<dyn Store>,
    prefixes: Vec<String>,
    held: BTreeMap<String, ContainerRecord>,
    stream: Option<BoxStream<'static, Result<Watched, StoreError>>>,
    /// When all was read last.
    began: Option<Instant>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("prefixes", &self.prefixes)
            .finish_non_exhaustive()
    }
}

/// Follows the containers of these groups and services that do their work.
pub fn watch(store: Arc<dyn Store>, selectors: &[GroupSelector]) -> Watch {
    Watch {
        store,
        prefixes: prefixes(selectors),
        held: BTreeMap::new(),
        stream: None,
        began: None,
    }
}

impl Watch {
    /// Those that do their work as far as was told, in the order of their keys.
    pub fn containers(&self) -> impl ExactSizeIterator<Item = &ContainerRecord> {
        self.held.values()
    }

    /// What changed, as soon as something did. The first answer comes at once, and tells of all that
    /// do their work. After an error, to ask again is to try again; nothing is lost in between.
    pub async fn next(&mut self) -> Result<Vec<Change>, RegistryError> {
        loop {
            let Some(stream) = &mut self.stream else {
                return self.begin().await;
            };
            let mut next = stream.next().await;
            let mut changes = Vec::new();
            loop {
                let Some(Ok(watched)) = next else {
                    // The store may have forgotten where we were, or be away: what it says when it is
                    // read anew tells.
                    self.stream = None;
                    break;
                };
                changes.extend(self.apply(watched));
                // What has come already is told at once.
                match self.stream.as_mut().and_then(|it| it.next().now_or_never()) {
                    Some(more) => next = more,
                    None => break,
                }
            }
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }

    /// Reads all, and follows from there; not again and again without a rest.
    async fn begin(&mut self) -> Result<Vec<Change>, RegistryError> {
        if let Some(began) = self.began {
            sleep_until(began + REST).await;
        }
        self.began = Some(Instant::now());
        let mut now = BTreeMap::new();
        let mut since = None;
        for prefix in &self.prefixes {
            let (entries, revision) = list_all(&*self.store, prefix).await?;
            // What changes while the others are read is told once more.
            since = since.or(Some(revision));
            for entry in entries {
                if let Some(record) = serving(&entry)? {
                    now.insert(entry.key, record);
                }
            }
        }
        let prefix = match &self.prefixes[..] {
            [one] => one.as_str(),
            _ => CONTAINERS,
        };
        let stream = self.store.watch(prefix, since.unwrap_or_default()).await?;
        self.stream = Some(stream);
        let before = std::mem::replace(&mut self.held, now);
        let mut changes = Vec::new();
        for (key, record) in &self.held {
            match before.get(key) {
                None => changes.push(Change::Up(record.clone())),
                Some(was) if was != record => changes.push(Change::Changed(record.clone())),
                Some(_) => {}
            }
        }
        let gone = before
            .into_iter()
            .filter(|(key, _)| !self.held.contains_key(key));
        changes.extend(gone.map(|(_, record)| Change::Down(record)));
        Ok(changes)
    }

    fn apply(&mut self, watched: Watched) -> Option<Change> {
        let (key, record) = match watched {
            Watched::Put(entry) => {
                // One that cannot be read cannot be told to do its work.
                let record = serving(&entry).ok().flatten();
                (entry.key, record)
            }
            Watched::Deleted { key, .. } => (key, None),
        };
        if !self.prefixes.iter().any(|prefix| key.starts_with(prefix)) {
            return None;
        }
        match record {
            None => self.held.remove(&key).map(Change::Down),
            Some(record) => match self.held.insert(key, record.clone()) {
                None => Some(Change::Up(record)),
                Some(was) if was != record => Some(Change::Changed(record)),
                Some(_) => None,
            },
        }
    }
}
