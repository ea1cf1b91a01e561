//! Whom the viewer serves: under which names, with which token, and whether they may change anything.

mod random;
mod sessions;
mod token;
mod tries;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(crate) use random::{Secret, random};
pub(crate) use sessions::{End, LIFE as SESSION_LIFE, Sessions};
pub use token::{Token, WeakToken};
pub(crate) use tries::Tries;

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

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// Whom the viewer serves, and what they may do.
#[derive(Debug, Clone)]
pub struct Access {
    hosts: AllowedHosts,
    admission: Admission,
    scheme: Scheme,
    proxied: bool,
}

/// What it takes to be let in.
#[derive(Debug, Clone)]
enum Admission {
    /// Nothing: whoever reaches the viewer may look, and nobody may change anything.
    Open,
    /// The token, or a session that was begun with it.
    Token { token: Token, changes: Changes },
}

/// Whether whoever has the token may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Nobody may: the viewer only shows.
    Forbidden,
    /// Deploys, and everything else that pages and API offer.
    Allowed,
}

/// How browsers reach the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Access {
    /// Whoever reaches the viewer by one of these names may look. For loopback only.
    pub fn open(hosts: AllowedHosts) -> Self {
        Self {
            hosts,
            admission: Admission::Open,
            scheme: Scheme::Http,
            proxied: false,
        }
    }

    /// Only whoever has the token is served.
    pub fn with_token(hosts: AllowedHosts, token: Token, changes: Changes) -> Self {
        Self {
            admission: Admission::Token { token, changes },
            ..Self::open(hosts)
        }
    }

    /// Browsers reach the viewer by `https`.
    #[must_use]
    pub fn over_tls(self) -> Self {
        Self {
            scheme: Scheme::Https,
            ..self
        }
    }

    /// The same, by a proxy that tells in `X-Forwarded-For` who asks it.
    #[must_use]
    pub fn behind_tls_proxy(self) -> Self {
        Self {
            proxied: true,
            ..self.over_tls()
        }
    }

    pub(crate) fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        match &self.admission {
            Admission::Open => None,
            Admission::Token { token, .. } => Some(token),
        }
    }

    pub(crate) fn changes(&self) -> Changes {
        match &self.admission {
            Admission::Open => Changes::Forbidden,
            Admission::Token { changes, .. } => *changes,
        }
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    pub(crate) fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Whether a page of this origin is one of ours.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        let scheme = if self.is_https() { "https" } else { "http" };
        let host = origin
            .split_once("://")
            .filter(|(of, _)| of.eq_ignore_ascii_case(scheme))
            .map(|(_, host)| host);
        host.is_some_and(|host| self.hosts.has(host))
    }
}

impl From<AllowedHosts> for Access {
    fn from(hosts: AllowedHosts) -> Self {
        Self::open(hosts)
    }
}
