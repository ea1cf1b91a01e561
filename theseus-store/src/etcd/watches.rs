//! Watches: one stream from etcd each.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use etcd_client::{Event, EventType, WatchOptions, WatchResponse, WatchStream};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use theseus_core::store::{Entry, Revision, StoreError, Watched};

use super::EtcdStore;
use super::calls::{Effect, Fault, Request};
use super::namespace::{self, Namespace};
use crate::keys::KeyRange;

/// The largest message that is read. To a watch that starts in the past, etcd sends the changes of
/// up to a thousand revisions in one.
const LARGEST_MESSAGE: usize = 256 * 1024 * 1024;

pub(super) async fn follow(
    store: &EtcdStore,
    range: &KeyRange,
    after: Revision,
) -> Result<BoxStream<'static, Result<Watched, StoreError>>, StoreError> {
    let (from, to) = store.namespace.range(range);
    let start = i64::try_from(after.0.saturating_add(1)).unwrap_or(i64::MAX);
    let options = WatchOptions::new()
        .with_range(to)
        .with_start_revision(start);
    let watch = || -> Request<_> {
        let client = store.client.watch_client();
        let mut client = client.max_decoding_message_size(LARGEST_MESSAGE);
        let (from, options) = (from.clone(), options.clone());
        Box::pin(async move { client.watch(from, Some(options)).await })
    };
    let following = Following {
        stream: store.call(Effect::Read, watch).await?,
        namespace: store.namespace.clone(),
        address: Arc::clone(&store.address),
        after,
        ready: VecDeque::new(),
    };
    Ok(stream::try_unfold(following, |mut following| async {
        let watched = following.next().await?;
        Ok(Some((watched, following)))
    })
    .boxed())
}

/// A watch, and what it has received but not told yet: whole commits.
struct Following {
    stream: WatchStream,
    namespace: Namespace,
    address: Arc<str>,
    after: Revision,
    ready: VecDeque<Watched>,
}

impl Following {
    async fn next(&mut self) -> Result<Watched, StoreError> {
        loop {
            if let Some(watched) = self.ready.pop_front() {
                return Ok(watched);
            }
            let message = self.stream.message().await;
            let fault = match message.map_err(Fault::from) {
                Ok(Some(response)) if response.canceled() => return Err(self.canceled(&response)),
                Ok(Some(response)) => match self.receive(&response) {
                    Ok(()) => continue,
                    Err(fault) => fault,
                },
                Ok(None) => Fault::unanswered("the watch was ended by the node"),
                Err(fault) => fault,
            };
            return Err(fault.at(&self.address));
        }
    }

    fn receive(&mut self, response: &WatchResponse) -> Result<(), Fault> {
        for event in response.events() {
            self.ready.push_back(watched(&self.namespace, event)?);
        }
        Ok(())
    }

    fn canceled(&self, response: &WatchResponse) -> StoreError {
        if response.compact_revision() > 0 {
            return StoreError::Compacted { from: self.after };
        }
        Fault::canceled(response.cancel_reason()).at(&self.address)
    }
}

fn watched(namespace: &Namespace, event: &Event) -> Result<Watched, Fault> {
    let Some(changed) = event.kv() else {
        return Err(Fault::unanswered("a change came without its key"));
    };
    let key = namespace.strip(changed.key()).map_err(Fault::refused)?;
    let revision = namespace::revision(changed.mod_revision());
    Ok(match event.event_type() {
        EventType::Put => Watched::Put(Entry {
            key,
            value: Bytes::copy_from_slice(changed.value()),
            modified: revision,
        }),
        EventType::Delete => Watched::Deleted { key, revision },
    })
}
