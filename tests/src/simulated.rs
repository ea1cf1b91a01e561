//! A cluster in this process, without sockets and on tokio's paused clock: what takes minutes there
//! is over in milliseconds here, and goes the same way each time.
//!
//! Nothing in it asks the system for time or for chance. So with one seed a story sends the same
//! requests at the same moments, however often it is told, provided that all of it runs on one
//! thread (`#[tokio::test(start_paused = true)]`).

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use theseus_core::cluster::Cluster;
use theseus_core::engine::{Engine, Options, Report};
use theseus_core::store::Store;
use theseus_marathon::{
    Chunks, Marathon, MarathonConfig, ServiceTransport, Transport, TransportError,
};
use theseus_sandbox::{Sandbox, SandboxConfig};
use theseus_store::MemoryStore;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use crate::desired;

/// A cluster with a store, and everything that is asked of the cluster.
#[derive(Debug)]
pub struct Simulated {
    /// The cluster.
    pub sandbox: Sandbox,
    /// The records.
    pub store: MemoryStore,
    clock: Clock,
    seed: u64,
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// A request, when it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Since the cluster began.
    pub at: Duration,
    /// Who sent it, where clients have names.
    pub by: Arc<str>,
    /// `METHOD path?query`.
    pub what: String,
    /// Its body.
    pub body: Bytes,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It is served, and answered.
    Answered,
    /// It is served, but the connection breaks before the answer is there.
    Unanswered,
    /// The connection breaks before it is served.
    Lost,
    /// There is no connection: whoever sends it knows that it was not sent.
    Refused,
    /// It is answered with this status, and nothing is done.
    Status(u16),
    /// It is answered with this body, and nothing is done.
    Body(&'static [u8]),
    /// It is served, and answered, and what is told of this app makes no sense.
    Nonsense(&'static str),
    /// It is served, and answered, after so long.
    Delayed(Duration),
    /// It is served, but the connection breaks in the middle of the answer.
    Cut,
    /// It is the last thing that its sender did.
    Last {
        /// Whether it is served.
        served: bool,
        /// Told when the sender is to be dropped, which until then waits.
        end: Arc<Notify>,
    },
}

/// Decides over requests, whose numbers count from 0 for each client.
pub type Fates = Arc<dyn Fn(usize, &Sent) -> Fate + Send + Sync>;

/// The event streams of clients, to make trouble in them.
#[derive(Debug, Default)]
pub struct Streams {
    cuts: watch::Sender<u64>,
    silent: AtomicBool,
}

impl Streams {
    /// Breaks off every open stream.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets streams stay open and say nothing, or speak again. What is told meanwhile is lost.
    pub fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// A body that fares as the streams do.
    fn troubled(self: Arc<Self>, chunks: Chunks) -> Chunks {
        let cuts = self.cuts.subscribe();
        let state = Some((self, cuts, chunks));
        stream::unfold(state, |state| async {
            let (streams, mut cuts, mut chunks) = state?;
            loop {
                let chunk = tokio::select! {
                    biased;
                    _ = cuts.changed() => {
                        return Some((Err(TransportError::Unknown("it was cut".into())), None));
                    }
                    chunk = chunks.next() => chunk?,
                };
                if !streams.silent.load(Ordering::Relaxed) {
                    return Some((chunk, Some((streams, cuts, chunks))));
                }
            }
        })
        .boxed()
    }
}

/// The time of a simulation.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Timestamp,
    began: Instant,
}

impl Clock {
    fn now(self) -> Timestamp {
        self.start + SignedDuration::try_from(self.began.elapsed()).expect("less than an eternity")
    }
}

impl Simulated {
    /// A new cluster at the sandbox's own pace. The seed decides whatever chance would.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(seed: u64) -> Self {
        Self::with(SandboxConfig {
            seed,
            start_time: "2026-01-02T03:04:05Z".parse().expect("a time"),
            ..SandboxConfig::default()
        })
    }

    /// A new cluster like this, with its seed and its time.
    pub fn with(config: SandboxConfig) -> Self {
        Self {
            clock: Clock {
                start: config.start_time,
                began: Instant::now(),
            },
            seed: config.seed,
            sandbox: Sandbox::new(config),
            store: MemoryStore::new(),
            sent: Arc::default(),
        }
    }

    /// A client of the cluster's, whose requests fare as they are fated to.
    pub fn marathon(&self, fates: Fates) -> Marathon {
        self.client("", fates, Arc::default())
    }

    /// A client of this name, whose requests and event streams fare as they are fated to.
    ///
    /// # Panics
    ///
    /// Never: its configuration is a good one.
    pub fn client(&self, by: &str, fates: Fates, streams: Arc<Streams>) -> Marathon {
        let config = MarathonConfig {
            urls: vec!["http://simulated".parse().expect("an address")],
            seed: Some(self.seed),
            ..MarathonConfig::default()
        };
        let transport = Wire {
            inner: ServiceTransport::new(self.sandbox.router()),
            began: self.clock.began,
            sent: Arc::clone(&self.sent),
            count: AtomicUsize::new(0),
            by: by.into(),
            fates,
            streams,
        };
        Marathon::over(config, Arc::new(transport)).expect("a client")
    }

    /// Theseus's engine over the cluster and the store, as one process has it. Several of them are
    /// several deployers.
    pub fn engine(&self) -> Engine {
        self.fated_engine(Arc::new(|_, _| Fate::Answered))
    }

    /// The same, whose requests fare as they are fated to.
    pub fn fated_engine(&self, fates: Fates) -> Engine {
        self.engine_over(self.marathon(fates), Arc::new(self.store.clone()))
    }

    /// The same over a client and a store of one's own.
    pub fn engine_over(&self, marathon: Marathon, store: Arc<dyn Store>) -> Engine {
        self.engine_of(Arc::new(marathon), store)
    }

    /// The same over a cluster of one's own, which keeps the time of this one.
    pub fn engine_of(&self, cluster: Arc<dyn Cluster>, store: Arc<dyn Store>) -> Engine {
        let clock = self.clock;
        Engine::new(cluster, store, move || clock.now())
    }

    /// Plans a manifest and carries the plan out to the end, as one deployer does.
    ///
    /// # Panics
    ///
    /// When the cluster is out of reach.
    pub async fn deploy(&self, manifest: &str) -> Report {
        deploy(&self.engine(), manifest).await
    }

    /// Deploys by a deployer that is killed at its request of this number, counted from 0, which
    /// is served or not; `None` when it was.
    pub async fn deploy_until(&self, manifest: &str, last: usize, served: bool) -> Option<Report> {
        let end = Arc::new(Notify::new());
        let ended = Arc::clone(&end);
        let engine = self.fated_engine(Arc::new(move |number, _| {
            let (end, served) = (Arc::clone(&ended), served && number == last);
            if number < last {
                Fate::Answered
            } else {
                Fate::Last { served, end }
            }
        }));
        tokio::select! {
            biased;
            () = end.notified() => None,
            report = deploy(&engine, manifest) => Some(report),
        }
    }

    /// What the time is in it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long the cluster has been there.
    pub fn age(&self) -> Duration {
        self.clock.began.elapsed()
    }

    /// Everything that was asked of the cluster, in order.
    pub fn sent(&self) -> Vec<Sent> {
        let sent = self.sent.lock();
        sent.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) async fn deploy(engine: &Engine, manifest: &str) -> Report {
    let plan = engine.plan(&desired(manifest)).await;
    let plan = plan.expect("the cluster is there");
    let (options, to_the_end) = (Options::default(), std::future::pending());
    let done = engine.carry_out(&plan, &options, &|_| (), to_the_end).await;
    done.expect("the cluster is there")
}

/// Writes down what passes, and lets fate have its way.
struct Wire<T> {
    inner: T,
    began: Instant,
    sent: Arc<Mutex<Vec<Sent>>>,
    count: AtomicUsize,
    by: Arc<str>,
    fates: Fates,
    streams: Arc<Streams>,
}

impl<T> fmt::Debug for Wire<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Transport + Clone + 'static> Transport for Wire<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError> {
        let path = request.uri().path_and_query();
        let sent = Sent {
            at: self.began.elapsed(),
            by: Arc::clone(&self.by),
            what: format!(
                "{} {}",
                request.method(),
                path.map_or("", |path| path.as_str())
            ),
            body: request.body().clone(),
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let fate = (self.fates)(number, &sent);
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent);
        match fate {
            Fate::Answered => return self.pass(request).await,
            Fate::Delayed(delay) => {
                // What was sent arrives, whatever becomes of its sender.
                let (inner, streams) = (self.inner.clone(), Arc::clone(&self.streams));
                let late = tokio::spawn(async move {
                    sleep(delay).await;
                    pass(&inner, streams, request).await
                });
                return late
                    .await
                    .map_err(|error| TransportError::Unknown(error.into()))?;
            }
            Fate::Cut => {
                let response = self.pass(request).await?;
                let broken =
                    || stream::once(async { Err(TransportError::Unknown("it was cut".into())) });
                let half = |chunk: Bytes| chunk.slice(..chunk.len() / 2);
                return Ok(response.map(|chunks| {
                    chunks
                        .map(move |chunk| chunk.map(half))
                        .take(1)
                        .chain(broken())
                        .boxed()
                }));
            }
            Fate::Nonsense(app) => {
                let response = self.pass(request).await?;
                return Ok(response.map(|chunks| spoiled(chunks, app)));
            }
            Fate::Status(status) => {
                let mut response = Response::new(stream::empty().boxed());
                *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
                return Ok(response);
            }
            Fate::Body(body) => {
                let chunk = stream::once(async move { Ok(Bytes::from_static(body)) });
                return Ok(Response::new(chunk.boxed()));
            }
            Fate::Refused => return Err(TransportError::NotSent("it was refused".into())),
            Fate::Unanswered | Fate::Last { served: true, .. } => {
                let _ = self.inner.send(request).await;
            }
            Fate::Lost | Fate::Last { served: false, .. } => {}
        }
        if let Fate::Last { end, .. } = fate {
            end.notify_one();
            std::future::pending::<()>().await;
        }
        Err(TransportError::Unknown("it broke".into()))
    }
}

/// An answer in which nobody understands any more what is told of this app.
fn spoiled(chunks: Chunks, app: &'static str) -> Chunks {
    let name = format!("\"id\":\"{app}\"");
    let odd = format!("{name},\"tasks\":7");
    let whole = async move {
        let chunks: Vec<Bytes> = chunks.try_collect().await?;
        let text = String::from_utf8_lossy(&chunks.concat()).replace(&name, &odd);
        Ok(Bytes::from(text))
    };
    stream::once(whole).boxed()
}

impl<T: Transport> Wire<T> {
    async fn pass(&self, request: Request<Bytes>) -> Result<Response<Chunks>, TransportError> {
        pass(&self.inner, Arc::clone(&self.streams), request).await
    }
}

async fn pass(
    inner: &impl Transport,
    streams: Arc<Streams>,
    request: Request<Bytes>,
) -> Result<Response<Chunks>, TransportError> {
    let is_stream = request.uri().path() == "/v2/events";
    let response = inner.send(request).await?;
    Ok(if is_stream {
        response.map(|chunks| streams.troubled(chunks))
    } else {
        response
    })
}
