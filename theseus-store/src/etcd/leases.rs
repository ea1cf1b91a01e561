//! Locks: an entry that is created only where there is none, under a lease of etcd's.
//!
//! etcd's own lock calls wait until the lock is free; here, whoever comes second is told at once.

use std::time::Duration;

use bytes::Bytes;
use etcd_client::{
    Compare, CompareOp, KeyValue, PutOptions, Txn, TxnOp, TxnOpResponse, TxnResponse,
};
use theseus_core::store::{Lease, Store as _, StoreError};
use tonic::Code;

use super::EtcdStore;
use super::calls::{Effect, Request};
use super::namespace;
use crate::lease;

pub(super) async fn lock(
    store: &EtcdStore,
    key: &str,
    holder: Bytes,
    ttl: Duration,
) -> Result<Lease, StoreError> {
    let (token, ttl) = grant(store, ttl).await?;
    let etcd_key = store.namespace.key(key);
    let put = TxnOp::put(
        etcd_key.as_str(),
        holder.as_ref(),
        Some(PutOptions::new().with_lease(token)),
    );
    let create = Txn::new()
        .when([Compare::create_revision(
            etcd_key.as_str(),
            CompareOp::Equal,
            0,
        )])
        .and_then([put])
        .or_else([TxnOp::get(etcd_key.as_str(), None)]);
    let answer = store
        .call(Effect::Write, || store.send_txn(create.clone()))
        .await?;
    let current = store.revision(answer.header());
    let acquired = match existing(&answer) {
        None => current,
        // Our own earlier try, whose answer was lost.
        Some(found) if found.lease() == token => namespace::revision(found.mod_revision()),
        Some(found) => {
            let holder = Bytes::copy_from_slice(found.value());
            // A lease that is not revoked ends by itself.
            let _ = revoke(store, token).await;
            return Err(StoreError::Held {
                key: key.to_owned(),
                holder,
            });
        }
    };
    Ok(Lease {
        key: key.to_owned(),
        acquired,
        ttl,
        token,
    })
}

/// The entry that was in the way, if one was.
fn existing(answer: &TxnResponse) -> Option<KeyValue> {
    answer
        .op_responses()
        .into_iter()
        .find_map(|response| match response {
            TxnOpResponse::Get(mut found) => found.take_kvs().pop(),
            _ => None,
        })
}

pub(super) async fn renew(store: &EtcdStore, lease: &Lease) -> Result<(), StoreError> {
    let lost = || StoreError::LeaseLost {
        key: lease.key.clone(),
    };
    let alive = store
        .call(Effect::Read, || keep_alive(store, lease.token))
        .await?;
    if !alive {
        return Err(lost());
    }
    // The lease may outlive its entry, where somebody deleted that.
    let entry = store.get(&lease.key).await?;
    let held = entry.is_some_and(|entry| entry.modified == lease.acquired);
    if held { Ok(()) } else { Err(lost()) }
}

pub(super) async fn release(store: &EtcdStore, lease: &Lease) -> Result<(), StoreError> {
    // Takes the lock's entry with it, and nobody else's.
    revoke(store, lease.token).await
}

/// A lease, and the time to live that etcd gave it: whole seconds, and two at least by default.
async fn grant(store: &EtcdStore, ttl: Duration) -> Result<(i64, Duration), StoreError> {
    let ttl = lease::granted(ttl);
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let grant = || -> Request<_> {
        let mut client = store.client.lease_client();
        Box::pin(async move { client.grant(seconds, None).await })
    };
    // A lease that was granted unheard ends by itself and holds nothing: no effect.
    let answer = store.call(Effect::Read, grant).await?;
    let granted = u64::try_from(answer.ttl()).unwrap_or_default();
    Ok((answer.id(), Duration::from_secs(granted)))
}

/// Renews a lease; `false` when there is no such lease any more.
fn keep_alive(store: &EtcdStore, token: i64) -> Request<bool> {
    let mut client = store.client.lease_client();
    Box::pin(async move {
        // Opening the stream already sends one renewal and waits for its answer.
        match client.keep_alive(token).await {
            Ok(_) => Ok(true),
            Err(etcd_client::Error::LeaseKeepAliveError(_)) => Ok(false),
            Err(error) => Err(error),
        }
    })
}

async fn revoke(store: &EtcdStore, token: i64) -> Result<(), StoreError> {
    let revoke = || -> Request<()> {
        let mut client = store.client.lease_client();
        Box::pin(async move {
            match client.revoke(token).await {
                Err(etcd_client::Error::GRpcStatus(gone)) if gone.code() == Code::NotFound => {
                    Ok(())
                }
                answer => answer.map(drop),
            }
        })
    };
    store.call(Effect::Write, revoke).await
}
