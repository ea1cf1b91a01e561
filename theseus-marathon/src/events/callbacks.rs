//! Marathon's callbacks, before there was an event stream: it is told an address, and sends every
//! event there. What comes in is a hint to look, whoever sent it.
//!
//! There is one listener however many listen, and one address, always the same: a subscription that
//! a killed process has left behind is taken over by the next one.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use theseus_core::cluster::{Event, EventKind, Events};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, broadcast};
use tokio::task::{AbortHandle, JoinSet};
use tower::limit::GlobalConcurrencyLimitLayer;

use super::{gap, meaning};
use crate::acquaintance::Acquaintance;
use crate::dialect::Feature;
use crate::failure::Failure;
use crate::http::{Http, Request};

/// Where events are sent.
const PATH: &str = "/theseus/events";

/// How often Marathon is reminded, which may have lost its memory.
const REMINDER: Duration = Duration::from_secs(60);

/// The largest event that is read, in bytes. Plans of whole groups can be megabytes.
const LARGEST_EVENT: usize = 8 << 20;

/// How long one may take to come in.
const SLOWEST_EVENT: Duration = Duration::from_secs(10);

/// How many events come in at the same time.
const AT_A_TIME: usize = 32;

/// How many events wait for somebody who is slow; after more he is told that he missed some.
const WAITING: usize = 1024;

/// Where Marathon reaches this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callbacks {
    /// A name or an address of this machine.
    pub host: String,
    /// A free port of it.
    pub port: u16,
}

impl fmt::Display for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The one listener, while somebody listens.
#[derive(Debug)]
pub(crate) struct Hub {
    place: Mutex<Option<Subscription>>,
    events: broadcast::Sender<Told>,
    /// Whether somebody else listens at the address, and passes on what comes in.
    is_served: AtomicBool,
}

/// What those who listen are told.
#[derive(Debug, Clone)]
enum Told {
    /// This has happened.
    Event(Event),
    /// Something has.
    Missed,
    /// Nothing more comes this way.
    Over,
}

#[derive(Debug)]
struct Subscription {
    url: String,
    tasks: JoinSet<()>,
    /// Goes on as long as there may be callbacks.
    reminder: AbortHandle,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            place: Mutex::default(),
            events: broadcast::channel(WAITING).0,
            is_served: AtomicBool::new(false),
        }
    }
}

impl Hub {
    /// What happens from now on, and the address to which it is sent; or why nothing is.
    pub(crate) async fn subscribe(
        &self,
        http: &Arc<Http>,
        acquaintance: &Arc<Acquaintance>,
    ) -> Result<(Events, String), String> {
        let mut place = self.place.lock().await;
        if let Some(mut over) = place.take_if(|it| it.reminder.is_finished()) {
            over.tasks.shutdown().await;
        }
        if place.is_none() {
            *place = Some(self.begin(http, acquaintance).await?);
        }
        let subscription = place.as_ref().expect("it has just been put there");
        let events = told(self.events.subscribe());
        Ok((events, subscription.url.clone()))
    }

    /// What takes in Marathon's callbacks, for whoever listens at their address anyway. From now on
    /// nobody else does.
    pub(crate) fn router(&self) -> Router {
        self.is_served.store(true, Ordering::Relaxed);
        router(self.events.clone())
    }

    /// Takes the address back from Marathon if nobody listens any more.
    pub(crate) async fn unsubscribe(&self, http: &Http) {
        let mut place = self.place.lock().await;
        let is_over = |_: &mut Subscription| self.events.receiver_count() == 0;
        if let Some(mut subscription) = place.take_if(is_over) {
            subscription.tasks.shutdown().await;
            let request = request(Method::DELETE, &subscription.url);
            if let Err(failure) = http.write(&request).await {
                tracing::debug!(?failure, "the subscription stays behind");
            }
        }
    }

    async fn begin(
        &self,
        http: &Arc<Http>,
        acquaintance: &Arc<Acquaintance>,
    ) -> Result<Subscription, String> {
        let callbacks = http.config().callbacks.as_ref().ok_or(
            "this Marathon has no event stream, and no subscriber: {host, port} is configured to which it could send events",
        )?;
        let mut tasks = JoinSet::new();
        if !self.is_served.load(Ordering::Relaxed) {
            let listener = bind(callbacks).await.map_err(|error| {
                format!("cannot listen on {callbacks} for Marathon's callbacks: {error}")
            })?;
            let router = router(self.events.clone());
            tasks.spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::warn!(%error, "callbacks are not listened to any more");
                }
            });
        }
        let url = format!("http://{callbacks}{PATH}");
        let subscribe = request(Method::POST, &url);
        http.write(&subscribe)
            .await
            .map_err(|failure| refused(&failure))?;
        let (http, acquaintance) = (Arc::clone(http), Arc::clone(acquaintance));
        let events = self.events.clone();
        let reminder = tasks.spawn(async move {
            loop {
                tokio::time::sleep(REMINDER).await;
                let Err(failure) = http.write(&subscribe).await else {
                    continue;
                };
                tracing::debug!(?failure, "Marathon is not reminded of the subscription");
                if !failure.did_nothing() && has_stream(&http, &acquaintance).await {
                    // Whoever listens is to do it in the way of the new version.
                    let _ = events.send(Told::Over);
                    return;
                }
            }
        });
        Ok(Subscription {
            url,
            tasks,
            reminder,
        })
    }
}

/// Whether a Marathon that takes no subscriptions has an event stream instead, by now.
async fn has_stream(http: &Http, acquaintance: &Acquaintance) -> bool {
    acquaintance.doubt();
    let known = acquaintance.sure(http).await;
    known.is_ok_and(|known| known.dialect.has(Feature::EventStream))
}

/// Where one is told to listen; or at that port, where the name is one of a router on the way.
async fn bind(callbacks: &Callbacks) -> io::Result<TcpListener> {
    match TcpListener::bind((callbacks.host.as_str(), callbacks.port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            TcpListener::bind(("0.0.0.0", callbacks.port)).await
        }
        bound => bound,
    }
}

fn refused(failure: &Failure) -> String {
    let reason = match failure {
        Failure::Refused(faults) => {
            let messages = faults.iter().map(|fault| fault.message.as_str());
            messages.collect::<Vec<_>>().join("; ")
        }
        other => format!("{other:?}"),
    };
    format!("Marathon takes no subscriptions: {reason}")
}

fn request(method: Method, url: &str) -> Request {
    Request::new(method, "/v2/eventSubscriptions").query("callbackUrl", url)
}

fn router(events: broadcast::Sender<Told>) -> Router {
    let take = move |body: Body| async move {
        let read = tokio::time::timeout(SLOWEST_EVENT, to_bytes(body, LARGEST_EVENT)).await;
        let event = match read {
            Ok(Ok(body)) => match str::from_utf8(&body).ok().and_then(meaning::of) {
                Some(event) => Told::Event(event),
                // Nobody's business here.
                None => return StatusCode::OK,
            },
            // Whatever it was: it is worth to look.
            Ok(Err(_)) | Err(_) => Told::Missed,
        };
        // Perhaps nobody listens at the moment.
        let _ = events.send(event);
        StatusCode::OK
    };
    Router::new()
        .route(PATH, post(take))
        .layer(GlobalConcurrencyLimitLayer::new(AT_A_TIME))
}

/// What is told to one who listens. Who misses something is told so.
fn told(events: broadcast::Receiver<Told>) -> Events {
    let first = stream::iter([Ok(gap(EventKind::Attached))]);
    let rest = stream::unfold(events, |mut events| async {
        use broadcast::error::RecvError::{Closed, Lagged};
        let event = match events.recv().await {
            Ok(Told::Event(event)) => event,
            Ok(Told::Missed) | Err(Lagged(_)) => gap(EventKind::Attached),
            Ok(Told::Over) | Err(Closed) => return None,
        };
        Some((Ok(event), events))
    });
    first.chain(rest).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_this_machine_is_reached() {
        for (host, expected) in [("10.0.0.1", "10.0.0.1:5000"), ("::1", "[::1]:5000")] {
            let callbacks = Callbacks {
                host: host.to_owned(),
                port: 5000,
            };
            assert_eq!(callbacks.to_string(), expected);
        }
    }
}
