//! What stands before every route: whom it serves, and the headers of every answer.
//!
//! ```text
//! guard:  Host is ours? -> Origin is ours? -> not another site's page? -> a method that we know?
//! admit:  a token or a session? -> may change? -> if a browser asks: from one of our pages?
//! ```
//!
//! A page on another site can make a browser send requests here. The `Host` header tells when it
//! does so by a name of its own that resolves to this machine (DNS rebinding), `Origin` and
//! `Sec-Fetch-Site` when it does so from its own pages; all must be ours. That is asked before
//! anything else, also of addresses that there are not. What a route needs is asked route by route.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, HeaderValue,
    ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use crate::access::{Access, Changes, End, Secret, Sessions, Tries};
use crate::lock::lock;
use crate::metrics::{Denial, Metrics};
use crate::refusal::Refusal;
use crate::routes::{Answers, Needs};
use crate::telling::{Attempt, Telling};

/// The headers of every answer, errors included. With `no-referrer` browsers would send
/// `Origin: null` with our own forms.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];
const SEC_FETCH_SITE: &str = "sec-fetch-site";
const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// A body that may be longer than this, in bytes, is one of a few that are read at the same time.
const LARGE: usize = 1 << 20;
const LARGE_AT_ONCE: usize = 8;
/// For how long browsers are to come by `https` only, in seconds.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

tokio::task_local! {
    /// Who asks for what is answered right now.
    static CALLER: Caller;
}

/// The address that a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who is let in, and who is in.
#[derive(Debug)]
pub(crate) struct Gate {
    access: Access,
    sessions: Mutex<Sessions>,
    tries: Mutex<Tries>,
    large: Semaphore,
    telling: Mutex<Telling>,
    metrics: Arc<Metrics>,
}

/// Who asks, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    credential: Credential,
    may_change: bool,
    address: Option<IpAddr>,
}

/// What lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    /// Nothing, and nothing is needed.
    None,
    /// The token itself.
    Token,
    /// A session that was begun with it.
    Session,
}

impl Caller {
    /// Who asks for what is answered right now: every page shows him what he can do, and nothing of
    /// what he cannot.
    pub(crate) fn now() -> Self {
        CALLER.try_with(|caller| *caller).unwrap_or(Self::NOBODY)
    }

    const NOBODY: Self = Self {
        credential: Credential::None,
        may_change: false,
        address: None,
    };

    /// Whether he may deploy, and everything else that changes something.
    pub(crate) fn may_change(self) -> bool {
        self.may_change
    }

    /// Whether he has signed in, and so may sign out.
    pub(crate) fn has_session(self) -> bool {
        self.credential == Credential::Session
    }

    /// Where he asks from, as far as that is known.
    pub(crate) fn address(self) -> Option<IpAddr> {
        self.address
    }

    /// Where he asks from, if that is another machine.
    pub(crate) fn elsewhere(self) -> Option<IpAddr> {
        self.address.filter(|address| !address.is_loopback())
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::NOBODY))
    }
}

/// For how long whoever asks is answered: a stream ends with the session that opened it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stay(Option<End>);

impl Stay {
    /// Ready once it is over; never where no session is needed.
    pub(crate) async fn over(self) {
        match self.0 {
            Some(end) => end.reached().await,
            None => std::future::pending().await,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Stay {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

impl Gate {
    pub(crate) fn new(access: Access, metrics: Arc<Metrics>) -> Self {
        Self {
            access,
            sessions: Mutex::default(),
            tries: Mutex::default(),
            large: Semaphore::new(LARGE_AT_ONCE),
            telling: Mutex::default(),
            metrics,
        }
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Counts who is not served, and tells it to whoever looks after the viewer. It is no part of the
    /// audit trail: of that only so much is kept, and whoever is refused could fill it at will.
    fn denied(&self, why: Denial, request: &Request) {
        let attempt = Attempt::by(request, self.address(request));
        // Who only looks without having signed in is led to where he can.
        let is_led = why == Denial::NoToken
            && *request.method() != Method::POST
            && Answers::to(attempt.path) == Answers::Page;
        if is_led {
            self.metrics.denied(why);
        } else {
            self.refused(why, attempt);
        }
    }

    fn refused(&self, why: Denial, attempt: Attempt<'_>) {
        self.metrics.denied(why);
        lock(&self.telling).refused(why, attempt, Instant::now());
    }

    /// How many browsers are signed in.
    pub(crate) fn sessions(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// Whether this is the token. Who was wrong too often is not listened to.
    pub(crate) fn try_token(&self, text: &str, attempt: Attempt<'_>) -> Result<(), Refusal> {
        let Some(token) = self.access.token() else {
            return Err(Refusal::unauthorized("this viewer has no token"));
        };
        let mut tries = lock(&self.tries);
        if let Some(wait) = tries.wait(attempt.from) {
            self.refused(Denial::TooManyTries, attempt);
            return Err(Refusal::later(
                StatusCode::TOO_MANY_REQUESTS,
                "there were too many wrong tokens",
                wait,
            ));
        }
        if token.is(text) {
            return Ok(());
        }
        tries.wrong(attempt.from);
        self.refused(Denial::WrongToken, attempt);
        Err(Refusal::unauthorized(
            "that is not the token of this viewer",
        ))
    }

    /// Begins a session.
    pub(crate) fn sign_in(&self) -> Result<Secret, getrandom::Error> {
        lock(&self.sessions).begin()
    }

    /// Ends the session of whoever asks.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        for held in held(headers) {
            lock(&self.sessions).end(held);
        }
    }

    fn session(&self, headers: &HeaderMap) -> Option<End> {
        let sessions = lock(&self.sessions);
        held(headers).find_map(|held| sessions.find(held))
    }

    /// Finds out who asks, and for how long he is answered.
    fn caller(&self, request: &Request) -> Result<Option<(Caller, Stay)>, Refusal> {
        let headers = request.headers();
        let address = self.address(request);
        let (credential, end) = if let Some(value) = headers.get(AUTHORIZATION) {
            let text = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                Refusal::unauthorized("the Authorization header is not Bearer and a token")
            })?;
            self.try_token(text, Attempt::by(request, address))?;
            (Credential::Token, None)
        } else if let Some(end) = self.session(headers) {
            (Credential::Session, Some(end))
        } else if self.access.token().is_none() {
            (Credential::None, None)
        } else {
            return Ok(None);
        };
        let caller = Caller {
            credential,
            may_change: self.access.changes() == Changes::Allowed,
            address,
        };
        Ok(Some((caller, Stay(end))))
    }

    fn address(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get().map(|Peer(address)| *address);
        if !self.access.is_proxied() {
            return peer;
        }
        // What stands last was written by the proxy itself.
        let told = request
            .headers()
            .get_all(X_FORWARDED_FOR)
            .iter()
            .next_back();
        let told = told.and_then(|value| value.to_str().ok());
        let last = told.and_then(|value| value.rsplit(',').next());
        last.and_then(|last| last.trim().parse().ok()).or(peer)
    }

    /// Whether a browser says that one of our own pages asks.
    pub(crate) fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let site = headers.get(SEC_FETCH_SITE);
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        site.map_or(origin.is_some(), |site| site == "same-origin")
            && origin.is_none_or(|origin| self.access.has_origin(origin))
    }
}

/// What browsers hold of sessions: cookies are sent to all ports of a name, so each has its own.
fn held(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let name = cookie_name(headers);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(of, _)| {
            let of = of.strip_prefix(SECURE).unwrap_or(of);
            of == name
        })
        .map(|(_, held)| held)
}

/// Browsers take a cookie with this name only over TLS, and for this host alone.
pub(crate) const SECURE: &str = "__Host-";

/// What the cookie is called.
pub(crate) fn cookie_name(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let port = host
        .and_then(|host| host.rsplit_once(':'))
        .map(|(_, port)| port)
        .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    format!("theseus-{}", port.unwrap_or("viewer"))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether every value of a header is accepted.
fn all(headers: &HeaderMap, name: HeaderName, accepted: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .all(|value| value.to_str().is_ok_and(&accepted))
}

/// Lets a request through or refuses it, and puts the headers on the answer.
pub(crate) async fn guard(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    name_host(&mut request);
    let answers = Answers::to(request.uri().path());
    let for_good = gate.access.is_https() && has_name_to_itself(request.headers());
    let mut response = match foreign(&gate, &request) {
        Some((denial, refusal)) => {
            gate.denied(denial, &request);
            refusal.answer(answers)
        }
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    // What only the signed-in may see is not left in caches of proxies and browsers.
    let keeping = if gate.access.token().is_some() {
        "no-store"
    } else {
        "no-cache"
    };
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(keeping));
    if for_good {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

/// Over HTTP/2 the host is named in the address: from here on it is where it always is.
fn name_host(request: &mut Request) {
    let authority = request.uri().authority();
    let named = authority.and_then(|it| HeaderValue::from_str(it.as_str()).ok());
    if let Some(named) = named {
        request.headers_mut().entry(HOST).or_insert(named);
    }
}

/// Whether the whole name is the viewer's: what is said of it holds for all ports, and `localhost` is
/// many things to its user.
fn has_name_to_itself(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| !host.contains(':') && !host.eq_ignore_ascii_case("localhost"))
}

fn foreign(gate: &Gate, request: &Request) -> Option<(Denial, Refusal)> {
    let headers = request.headers();
    let hosts = gate.access.hosts();
    let authority = request.uri().authority();
    let ours = all(headers, HOST, |host| hosts.has(host))
        && authority.is_none_or(|authority| hosts.has(authority.as_str()));
    if !headers.contains_key(HOST) || !ours {
        let reason = "this viewer does not answer to that host name";
        return Some((Denial::Host, Refusal::forbidden(reason)));
    }
    let is_other_site = match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => false,
        // A link on another site may lead here, but no page there may ask by itself.
        Some(_) => !is_followed_link(request),
    };
    if is_other_site || !all(headers, ORIGIN, |origin| gate.access.has_origin(origin)) {
        let reason = "this viewer does not answer to pages of other sites";
        return Some((Denial::Origin, Refusal::forbidden(reason)));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return Some((Denial::Method, Refusal::method("GET, HEAD, POST")));
    }
    None
}

fn is_followed_link(request: &Request) -> bool {
    let is = |name, expected| {
        let value = request.headers().get(name);
        value.is_some_and(|value: &HeaderValue| value == expected)
    };
    matches!(*request.method(), Method::GET | Method::HEAD)
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

/// What a route wants of whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) gate: Arc<Gate>,
    pub(crate) needs: Needs,
    pub(crate) answers: Answers,
    /// The longest body that it takes.
    pub(crate) body: usize,
}

/// Lets those through to a route who may use it, and tells it who they are.
pub(crate) async fn admit(State(rule): State<Rule>, mut request: Request, next: Next) -> Response {
    match admitted(&rule, &request) {
        Ok((caller, stay)) => {
            let _room = if rule.body > LARGE {
                let Ok(room) = rule.gate.large.try_acquire() else {
                    let reason = "too many manifests are being read at the moment";
                    let wait = Duration::from_secs(1);
                    return Refusal::later(StatusCode::SERVICE_UNAVAILABLE, reason, wait)
                        .answer(rule.answers);
                };
                Some(room)
            } else {
                None
            };
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(stay);
            CALLER.scope(caller, next.run(request)).await
        }
        Err(refusal) => refusal.answer(rule.answers),
    }
}

fn admitted(rule: &Rule, request: &Request) -> Result<(Caller, Stay), Refusal> {
    let gate = &rule.gate;
    let is_form = *request.method() == Method::POST && rule.answers == Answers::Page;
    if rule.needs == Needs::Nothing {
        // To sign somebody in unasked is an attack, too.
        if is_form && !gate.is_own_page(request.headers()) {
            return Err(not_ours(gate, request));
        }
        let caller = Caller {
            address: gate.address(request),
            ..Caller::NOBODY
        };
        return Ok((caller, Stay::default()));
    }
    let Some((caller, stay)) = gate.caller(request)? else {
        gate.denied(Denial::NoToken, request);
        return Err(if rule.answers == Answers::Page {
            Refusal::sign_in(request)
        } else {
            Refusal::unauthorized("this viewer wants its token: Authorization: Bearer TOKEN")
        });
    };
    if rule.needs == Needs::Changing && !caller.may_change {
        gate.denied(Denial::ShowsOnly, request);
        return Err(Refusal::forbidden(
            "this viewer only shows: it was started without --allow-changes",
        ));
    }
    // A browser sends its cookies whoever makes it ask; who has the token itself knows what he does.
    let by_cookie = caller.credential == Credential::Session && *request.method() == Method::POST;
    if (is_form || by_cookie) && !gate.is_own_page(request.headers()) {
        return Err(not_ours(gate, request));
    }
    Ok((caller, stay))
}

fn not_ours(gate: &Gate, request: &Request) -> Refusal {
    gate.denied(Denial::Origin, request);
    Refusal::forbidden(
        "this is only taken from the viewer's own pages, or with its token as Bearer",
    )
}
