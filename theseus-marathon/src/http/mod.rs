//! Requests and answers: which address is asked, who asks, how long and how much may be answered,
//! and what is sent again.
//!
//! Reads go to one address after another, each with a lead over the next, and the first that can
//! serve is it: so a slow address costs no more than its lead, and only once. Writes go to one
//! address, and to another one only where surely nothing was done.

mod body;
mod request;
mod tries;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::addresses::Addresses;
use crate::classify::{Reply, classify};
use crate::config::{ConfigError, MarathonConfig};
use crate::credentials::Authorization;
use crate::failure::Failure;
use crate::transport::{Chunks, Transport, TransportError};
pub(crate) use body::Reader;
use body::within;
pub(crate) use request::{Answer, Request};
use tries::{Tries, retry_after};

/// How many changes are told at the same time.
const WRITES_AT_A_TIME: usize = 8;

/// How many times an answer may lead elsewhere.
const MAX_REDIRECTS: usize = 3;

/// The largest answer to what is asked for in passing, in bytes: the agents of a large Mesos.
const SMALL: usize = 64 << 20;

/// The largest answer of few words, in bytes.
const TINY: usize = 1 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// How long an answer may take, and how much it may be.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Until it begins.
    head: Duration,
    /// From there to its end.
    body: Duration,
    /// In bytes.
    size: usize,
}

/// The way to Marathon.
#[derive(Debug)]
pub(crate) struct Http {
    transport: Arc<dyn Transport>,
    config: MarathonConfig,
    authorization: Option<Authorization>,
    addresses: Addresses,
    writes: Semaphore,
    /// How many sequences of pauses there were.
    sequences: AtomicU64,
}

impl Http {
    pub(crate) fn new(
        config: MarathonConfig,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let authorization = config.credentials.clone().map(Authorization::new);
        let authorization = authorization.transpose()?;
        let may_stray = authorization.is_none() && config.certificate.is_none();
        Ok(Self {
            transport,
            addresses: Addresses::new(config.urls.clone(), may_stray),
            config,
            authorization,
            writes: Semaphore::new(WRITES_AT_A_TIME),
            sequences: AtomicU64::new(0),
        })
    }

    /// The same way to another server. Who asks is told there only if it is at one of Marathon's own
    /// addresses.
    pub(crate) fn elsewhere(&self, url: Url) -> Result<Self, ConfigError> {
        let is_known = self.addresses.is_known(&url);
        let config = MarathonConfig {
            urls: vec![url],
            credentials: self.config.credentials.clone().filter(|_| is_known),
            ..self.config.clone()
        };
        Self::new(config, self.transport.clone())
    }

    /// The same, of which an answer is no larger than this, in bytes.
    pub(crate) fn with_answers_up_to(mut self, most: usize) -> Self {
        self.config.largest_answer = self.config.largest_answer.min(most);
        self
    }

    pub(crate) fn config(&self) -> &MarathonConfig {
        &self.config
    }

    /// Takes note of where Marathon says that its leader is, as `host:port`.
    pub(crate) fn told_leader(&self, leader: &str) {
        let urls = self.config.urls.iter();
        for from in urls.filter(|url| url.path() == "/").take(1) {
            if let Ok(leader) = Url::parse(&format!("{}://{leader}", from.scheme())) {
                self.addresses.leads(&leader, from);
            }
        }
    }

    /// The addresses, for people.
    pub(crate) fn address(&self) -> String {
        let urls = self.config.urls.iter().map(shown);
        urls.collect::<Vec<_>>().join(", ")
    }

    /// Asks for something small, which is to be there before patience ends, again and again while
    /// that can help.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        request: &Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Failure> {
        self.patiently(|| self.read_once(request, self.small(), parse))
            .await
    }

    /// The same for a few words: who goes on and on is soon seen to be somebody else.
    pub(crate) async fn ask_briefly<T: Send + 'static>(
        &self,
        request: &Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Failure> {
        let mut bounds = self.small();
        bounds.size = bounds.size.min(TINY);
        self.patiently(|| self.read_once(request, bounds, parse))
            .await
    }

    /// Asks for something small that may not be there: `None` when it is not.
    pub(crate) async fn find<T: Send + 'static>(
        &self,
        request: &Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<Option<T>, Failure> {
        let bounds = self.small();
        self.patiently(async || {
            let answer = self.open(request, JSON, bounds.head).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let body = self.exchanged(answer, bounds, false).await?;
            body::parsed(body, parse).await.map(Some)
        })
        .await
    }

    /// Asks for a file, to be read while it comes in: `None` when it is not there.
    pub(crate) async fn download(&self, request: &Request) -> Result<Option<Chunks>, Failure> {
        let bounds = self.small();
        self.patiently(async || {
            let accept = HeaderValue::from_static("*/*");
            let answer = self.open(request, accept, bounds.head).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let answer = self.success(answer, bounds, false).await?;
            Ok(Some(answer.body))
        })
        .await
    }

    /// Asks for something small once, and gives the head of the answer, too.
    pub(crate) async fn probe<T: Send + 'static>(
        &self,
        request: &Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<(HeaderMap, T), Failure> {
        let bounds = self.small();
        let answer = self.open(request, JSON, bounds.head).await?;
        let headers = answer.headers.clone();
        let body = self.exchanged(answer, bounds, false).await?;
        Ok((headers, body::parsed(body, parse).await?))
    }

    /// Where an answer leads, if there is one and it leads elsewhere.
    pub(crate) async fn leads_to(&self, request: &Request) -> Option<Url> {
        let answer = self.open(request, JSON, self.small().head).await;
        answer.ok()?.location()
    }

    /// Asks for something that may be much, again and again while that can help.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request: &Request,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Failure> {
        self.patiently(|| self.read_once(request, self.bounds(), parse))
            .await
    }

    /// Asks for something that may be very much, and reads it while it comes in. Each try has a
    /// reader of its own.
    pub(crate) async fn read_in_pieces<R: Reader>(
        &self,
        request: &Request,
        reader: impl Fn() -> R,
    ) -> Result<R::Told, Failure> {
        self.patiently(|| self.read_pieces_once(request, reader()))
            .await
    }

    /// Changes something, and sends it again only where surely nothing was done.
    pub(crate) async fn write(&self, request: &Request) -> Result<Bytes, Failure> {
        let _permit = self
            .writes
            .acquire()
            .await
            .expect("nobody closes the semaphore");
        self.patiently(|| self.write_once(request)).await
    }

    /// Tries something until it succeeds, trying again cannot help, or patience ends.
    pub(crate) async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tries = Tries::new(self.pauses(), self.config.patience);
        loop {
            match attempt().await {
                Err(failure) => tries.pause_after(failure).await?,
                done => return done,
            }
        }
    }

    /// Pauses between tries, longer and longer, for ever.
    pub(crate) fn pauses(&self) -> ExponentialBackoff {
        let builder = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.config.first_pause)
            .with_max_delay(self.config.longest_pause)
            .without_max_times();
        let builder = match self.config.seed {
            Some(seed) => {
                let sequence = self.sequences.fetch_add(1, Ordering::Relaxed);
                builder.with_jitter_seed(seed.wrapping_add(sequence))
            }
            None => builder,
        };
        builder.build()
    }

    fn small(&self) -> Bounds {
        Bounds {
            head: self.config.patience,
            body: self.config.patience,
            size: self.config.largest_answer.min(SMALL),
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            head: self.config.answer_timeout,
            body: self.config.body_timeout,
            size: self.config.largest_answer,
        }
    }

    async fn read_once<T: Send + 'static>(
        &self,
        request: &Request,
        bounds: Bounds,
        parse: fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Failure> {
        let answer = self.open(request, JSON, bounds.head).await?;
        let base = answer.base.clone();
        let read =
            async { body::parsed(self.exchanged(answer, bounds, false).await?, parse).await };
        read.await.map_err(|failure| self.blame(&base, failure))
    }

    async fn read_pieces_once<R: Reader>(
        &self,
        request: &Request,
        reader: R,
    ) -> Result<R::Told, Failure> {
        let bounds = self.bounds();
        let answer = self.open(request, JSON, bounds.head).await?;
        let base = answer.base.clone();
        let read = async {
            let answer = self.success(answer, bounds, false).await?;
            body::read(answer, bounds.size, reader).await
        };
        read.await.map_err(|failure| self.blame(&base, failure))
    }

    /// Says of a failure where it happened, and remembers an address that did nothing.
    fn blame(&self, base: &Url, failure: Failure) -> Failure {
        if failure.did_nothing() {
            self.addresses.failed(base);
        }
        self.at(base, failure)
    }

    async fn write_once(&self, request: &Request) -> Result<Bytes, Failure> {
        let bounds = self.bounds();
        let mut failures = Vec::new();
        for (url, _) in self.addresses.in_turn() {
            let outcome = match self.follow(request, &url, &JSON, bounds.head).await {
                Ok(answer) => {
                    let headers = answer.headers.clone();
                    let outcome = self.exchanged(answer, bounds, true).await;
                    if outcome.is_ok() {
                        self.addresses.answered(&url, &headers);
                    }
                    outcome
                }
                Err(failure) => Err(failure),
            };
            match outcome {
                Err(failure) if failure.did_nothing() => {
                    self.addresses.failed(&url);
                    failures.push(self.at(&url, failure));
                }
                outcome => return outcome.map_err(|failure| self.at(&url, failure)),
            }
        }
        Err(Failure::of_all(failures))
    }

    /// The whole of an answer, when it is a success.
    async fn exchanged(
        &self,
        answer: Answer,
        bounds: Bounds,
        is_write: bool,
    ) -> Result<Bytes, Failure> {
        let answer = self.success(answer, bounds, is_write).await?;
        body::whole(answer, bounds.size, is_write).await
    }

    /// An answer that is a success, whose body is now to come in; else what it is.
    async fn success(
        &self,
        mut answer: Answer,
        bounds: Bounds,
        is_write: bool,
    ) -> Result<Answer, Failure> {
        answer.deadline = Instant::now().checked_add(bounds.body);
        let (status, retry_after) = (answer.status, retry_after(&answer.headers));
        if status.is_success() {
            return Ok(answer);
        }
        let leads_to = answer.location().map(|url| shown(&url));
        let body = body::said(answer, is_write).await?;
        let reply = Reply {
            status,
            retry_after,
            leads_to: leads_to.as_deref(),
            body: &body,
        };
        Err(classify(reply, is_write).expect("what is no success is a failure"))
    }

    /// Sends a read to one address after another, and gives the head of the first answer that is of
    /// use; if none is, of one that says why.
    pub(crate) async fn open(
        &self,
        request: &Request,
        accept: HeaderValue,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let mut waiting = self.addresses.in_turn().into_iter().peekable();
        let mut asked = FuturesUnordered::new();
        let mut useless = None;
        let mut failures = Vec::new();
        while let Some((url, lead)) = waiting.next() {
            let is_last = waiting.peek().is_none();
            let accept = &accept;
            asked.push(async move {
                let outcome = self.follow(request, &url, accept, limit).await;
                (url, outcome)
            });
            let lead_is_over = sleep(lead.min(limit));
            tokio::pin!(lead_is_over);
            loop {
                let (url, outcome) = tokio::select! {
                    biased;
                    Some(told) = asked.next() => told,
                    () = &mut lead_is_over, if !is_last => break,
                    else => break,
                };
                match outcome {
                    Ok(answer) if is_of_use(&answer) => {
                        self.addresses.answered(&url, &answer.headers);
                        return Ok(answer);
                    }
                    Ok(answer) => {
                        self.addresses.failed(&url);
                        useless.get_or_insert(answer);
                    }
                    Err(failure) => {
                        tracing::debug!(%url, ?failure, "no answer");
                        self.addresses.failed(&url);
                        failures.push(self.at(&url, failure));
                    }
                }
                if !is_last {
                    break;
                }
            }
        }
        useless.ok_or_else(|| Failure::of_all(failures))
    }

    /// Follows where a standby leads to. Credentials go to configured addresses only.
    async fn follow(
        &self,
        request: &Request,
        base: &Url,
        accept: &HeaderValue,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let url = request.url(base);
        let mut answer = self.send(request, &url, accept, limit).await?;
        for _ in 0..MAX_REDIRECTS {
            let Some(next) = request.led_to(&answer) else {
                break;
            };
            let is_downgrade = answer.from.scheme() == "https" && next.scheme() != "https";
            if !self.may_go(&next) || is_downgrade {
                break;
            }
            tracing::debug!(%next, "led on");
            answer = self.send(request, &next, accept, limit).await?;
        }
        answer.base = base.clone();
        Ok(answer)
    }

    /// Whether nobody learns there who is asking that is not to.
    fn may_go(&self, url: &Url) -> bool {
        let is_anybody = self.authorization.is_none() && self.config.certificate.is_none();
        is_anybody || self.addresses.is_known(url)
    }

    /// Sends a request, and once more if the secret that went with it has been replaced.
    async fn send(
        &self,
        request: &Request,
        url: &Url,
        accept: &HeaderValue,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let unsent = |error| Failure::of_sending(request.is_write(), error);
        let Some(authorization) = &self.authorization else {
            let sent = self.send_as(request, url, accept, limit, None);
            return sent.await.map_err(unsent);
        };
        let header = authorization.header();
        let sent = self.send_as(request, url, accept, limit, Some(&header));
        let answer = sent.await.map_err(unsent)?;
        if answer.status == StatusCode::UNAUTHORIZED && authorization.renew(&header).await {
            let header = authorization.header();
            let sent = self.send_as(request, url, accept, limit, Some(&header));
            return sent.await.map_err(unsent);
        }
        Ok(answer)
    }

    async fn send_as(
        &self,
        request: &Request,
        url: &Url,
        accept: &HeaderValue,
        limit: Duration,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, TransportError> {
        let mut builder = http::Request::builder()
            .method(&request.method)
            .uri(url.as_str())
            .header(ACCEPT, accept)
            .header(CONTENT_TYPE, JSON);
        if let Some(authorization) = authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if request.closes {
            builder = builder.header(CONNECTION, CLOSE);
        }
        let message = builder
            .body(request.body.clone())
            .map_err(|error| TransportError::NotSent(error.into()))?;
        let deadline = Instant::now().checked_add(limit);
        let response = within(deadline, self.transport.send(message)).await??;
        let (head, body) = response.into_parts();
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = head.status.as_u16(),
            "answered"
        );
        Ok(Answer {
            base: url.clone(),
            from: url.clone(),
            status: head.status,
            headers: head.headers,
            body,
            deadline: None,
        })
    }

    /// A failure that says where, when there are several addresses.
    fn at(&self, url: &Url, failure: Failure) -> Failure {
        if self.addresses.configured().len() > 1 {
            failure.at(&url.origin().ascii_serialization())
        } else {
            failure
        }
    }
}

/// Whether another address need not be asked.
fn is_of_use(answer: &Answer) -> bool {
    let is_passing = matches!(answer.status.as_u16(), 408 | 429 | 502..=504);
    // Neither a page about something, nor one to log in.
    let content = answer.headers.get(CONTENT_TYPE);
    let is_page = content.is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
    !is_passing && !is_page && !answer.status.is_redirection()
}

/// An address for people: without what may be secret in it.
fn shown(url: &Url) -> String {
    let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
    shown.trim_end_matches('/').to_owned()
}
