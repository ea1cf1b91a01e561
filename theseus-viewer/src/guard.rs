//! What stands before every route: whom it serves, what it takes, and the headers of every answer.
//!
//! A page on another site can make a browser send requests here. The `Host` header tells when it
//! does so by a name of its own that resolves to this machine (DNS rebinding), `Origin` when it does
//! so from its own pages; both must be ours. Nothing here changes anything, so only `GET` and `HEAD`
//! are taken.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The headers of every answer, errors included.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The names under which the viewer may be asked for: what browsers send as `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// These, each a name or an address, with its port unless that is the scheme's own.
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self(hosts.into_iter().collect())
    }

    /// The names that loopback has on every machine, with this port.
    pub fn loopback(port: u16) -> Self {
        let names = [
            "localhost".to_owned(),
            Ipv4Addr::LOCALHOST.to_string(),
            format!("[{}]", Ipv6Addr::LOCALHOST),
        ];
        Self::new(names.into_iter().map(|name| match port {
            80 => name,
            _ => format!("{name}:{port}"),
        }))
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    fn has_origin(&self, origin: &str) -> bool {
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(|host| self.has(host))
    }
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
    State(hosts): State<AllowedHosts>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&hosts, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

fn refusal(hosts: &AllowedHosts, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let authority = request.uri().authority();
    let named = headers.contains_key(HOST) || authority.is_some();
    let ours = all(headers, HOST, |host| hosts.has(host))
        && authority.is_none_or(|authority| hosts.has(authority.as_str()));
    if !named || !ours {
        let reason = "This viewer does not answer to that host name.\n";
        return Some((StatusCode::FORBIDDEN, reason).into_response());
    }
    if !all(headers, ORIGIN, |origin| hosts.has_origin(origin)) {
        let reason = "This viewer does not answer to pages of other sites.\n";
        return Some((StatusCode::FORBIDDEN, reason).into_response());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let reason = "This viewer only shows; it takes GET and HEAD.\n";
        let allow = [(ALLOW, HeaderValue::from_static("GET, HEAD"))];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allow, reason).into_response());
    }
    None
}
