//! `/v2/events`: the stream of server-sent events.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::error::ApiError;
use super::params::Params;
use super::{Answer, Ctx};
use crate::behaviour;
use crate::cluster::Body as EventBody;
use crate::engine::Engine;
use crate::hub::{Subscription, Wants};

/// An empty line this often shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(10);

pub(super) async fn stream(
    State(engine): Ctx,
    client: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    // The servlet compares the whole header: no list of types will do.
    if headers
        .get(header::ACCEPT)
        .is_none_or(|accept| accept != "text/event-stream")
    {
        return Err(ApiError::not_allowed());
    }
    let remote = client.map_or_else(|| "127.0.0.1".into(), |it| it.0.0.ip().to_string());
    let version = engine.config.version;
    let wants = Wants {
        types: if version.has(behaviour::EVENT_TYPE_FILTER) {
            params.all("event_type").map(str::to_owned).collect()
        } else {
            Vec::new()
        },
        light: version.has(behaviour::ONLY_LIGHT_PLANS)
            || version.has(behaviour::PLAN_FORMAT) && params.first("plan-format") == Some("light"),
    };
    let subscription = engine.hub.subscribe(wants);
    let attached = EventBody::EventStreamAttached {
        remote_address: remote.clone(),
    };
    engine.act(|cluster, now| cluster.tell(attached, now));
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader {
        subscription,
        heartbeat,
        engine: Arc::downgrade(&engine),
        remote,
    };
    let body = Body::from_stream(unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Some(bytes) => Some((Ok(bytes), Some(reader))),
            None => Some((Err(Broken), None)),
        }
    }));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CONNECTION, "close"),
    ];
    Ok((headers, body).into_response())
}

/// The connection breaks off: the reader was too slow, or the stream was cut on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the event stream is cut")]
struct Broken;

struct Reader {
    subscription: Subscription,
    heartbeat: Interval,
    engine: Weak<Engine>,
    remote: String,
}

impl Reader {
    /// The next bytes to send; none when the stream is cut.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                cut = self.subscription.cuts.changed() => return cut.ok().and(None),
                event = self.subscription.events.recv() => return event,
                _ = self.heartbeat.tick() => {
                    let engine = self.engine.upgrade()?;
                    if !engine.hub.is_silenced() {
                        return Some(Bytes::from_static(b"\r\n"));
                    }
                }
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let detached = EventBody::EventStreamDetached {
            remote_address: self.remote.clone(),
        };
        // The channel has to close first, or the news would be sent into it.
        self.subscription.events.close();
        engine.act(|cluster, now| cluster.tell(detached, now));
    }
}
