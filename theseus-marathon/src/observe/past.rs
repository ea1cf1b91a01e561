//! What an app was before. Versions before 0.11 do not tell when an app was last changed in more
//! than its number of instances, so what it was when a container was started is looked up, once for
//! each of its versions. That matters only for apps that are ever changed so: stable ones, and slots.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use theseus_core::cluster::AppId;

use crate::decode::{self, Listing, Past, Undated};
use crate::failure::Failure;
use crate::http::{Http, Request};

/// How many are looked up at the same time.
const READS_AT_A_TIME: usize = 8;

/// A version of an app, which never changes.
type Key = (AppId, String);

/// What apps were, as far as it was asked for. `None` stands for what Marathon does not know any
/// more.
#[derive(Debug, Default)]
pub(crate) struct Pasts(Mutex<HashMap<Key, Option<Past>>>);

impl Pasts {
    /// Finds out which containers are outdated where that was left open.
    pub(super) async fn settle(&self, http: &Http, told: &mut Listing) -> Result<(), Failure> {
        let listed: HashSet<&AppId> = told.apps.iter().map(|app| &app.id).collect();
        told.undated.retain(|undated| listed.contains(&undated.app));
        if told
            .undated
            .iter()
            .all(|undated| undated.containers.is_empty())
        {
            return Ok(());
        }
        let known = self.look_up(http, &told.undated).await?;
        for app in &mut told.apps {
            let Some(undated) = told.undated.iter().find(|undated| undated.app == app.id) else {
                continue;
            };
            let versions: BTreeMap<_, _> = undated.containers.iter().cloned().collect();
            let outdated: HashSet<_> = versions
                .into_iter()
                .filter(|(_, version)| {
                    let past = known.get(&(app.id.clone(), version.clone()));
                    // What is so old that it is forgotten is not what the app is now.
                    past.is_none_or(|past| past.as_ref().is_none_or(|past| past.is_outdated(app)))
                })
                .map(|(id, _)| id)
                .collect();
            for container in &mut app.containers {
                container.outdated = outdated.contains(&container.id);
            }
        }
        Ok(())
    }

    /// What apps were at these versions, asking for what is not known yet.
    async fn look_up(
        &self,
        http: &Http,
        undated: &[Undated],
    ) -> Result<HashMap<Key, Option<Past>>, Failure> {
        let wanted = undated.iter().flat_map(|undated| {
            let versions = undated.containers.iter().map(|(_, version)| version);
            versions.map(|version| (undated.app.clone(), version.clone()))
        });
        let wanted: HashSet<Key> = wanted.collect();
        let mut known = self.lock().clone();
        known.retain(|key, _| wanted.contains(key));
        let missing = wanted.into_iter().filter(|key| !known.contains_key(key));
        let missing: Vec<Key> = missing.collect();
        let reads = missing.into_iter().map(|key| async {
            let past = read(http, &key).await?;
            Ok::<_, Failure>((key, past))
        });
        let mut reads = stream::iter(reads).buffer_unordered(READS_AT_A_TIME);
        while let Some((key, past)) = reads.try_next().await? {
            known.insert(key, past);
        }
        self.lock().clone_from(&known);
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Option<Past>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(http: &Http, (app, version): &Key) -> Result<Option<Past>, Failure> {
    // It is Marathon's word, and becomes a path.
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'+');
    if !version
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(is_plain))
    {
        return Ok(None);
    }
    let request = Request::get(&format!("/v2/apps{app}/versions/{version}"));
    match http.read(&request, decode::past).await {
        Ok(past) => Ok(Some(past)),
        Err(Failure::Gone(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}
