//! How the viewer is reached, and what that takes: nothing on loopback, and a token over TLS from
//! everywhere else.

use std::net::SocketAddr;

use crate::access::{Access, AllowedHosts, Changes, Token};
use crate::tls::Tls;

/// How the viewer is reached, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Exposure {
    /// Who has this is served, and nobody else.
    pub token: Option<Token>,
    /// The viewer's own TLS.
    pub tls: Option<Tls>,
    /// Whether a proxy in front of the viewer speaks TLS, and is the only one who reaches it.
    pub behind_tls_proxy: bool,
    /// The names under which browsers ask for it, besides its address.
    pub host_names: Vec<String>,
    /// Whether whoever has the token may change something.
    pub allow_changes: bool,
}

/// Why the viewer is not served so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExposureError {
    /// Others reach the address, and nothing would keep them out.
    #[error("others can reach {0}: the viewer is only served there with a token")]
    NoToken(SocketAddr),
    /// Others reach the address, and could read the token on the way.
    #[error(
        "others can reach {0}: the viewer is only served there over TLS, its own or that of a proxy in front of it"
    )]
    NoTls(SocketAddr),
    /// The address stands for many, and browsers ask for none of them by this one.
    #[error("{0} is every address of this machine: say by which names browsers ask for the viewer")]
    NoNames(SocketAddr),
    /// Nobody could be told from anybody else.
    #[error("changes are only allowed to whoever has a token, and there is none")]
    ChangesForAnybody,
    /// It is no name.
    #[error("{0:?} is no name of a host, such as theseus.example.com or theseus.example.com:8443")]
    NoName(String),
}

impl Exposure {
    /// Whom a viewer on this address serves, or why it is not served there.
    pub fn access(&self, address: SocketAddr) -> Result<Access, ExposureError> {
        let is_safe = self.tls.is_some() || self.behind_tls_proxy;
        if !address.ip().is_loopback() {
            if self.token.is_none() {
                return Err(ExposureError::NoToken(address));
            }
            if !is_safe {
                return Err(ExposureError::NoTls(address));
            }
        }
        let hosts = self.hosts(address)?;
        let access = match &self.token {
            None if self.allow_changes => return Err(ExposureError::ChangesForAnybody),
            None => Access::open(hosts),
            Some(token) => {
                let changes = if self.allow_changes {
                    Changes::Allowed
                } else {
                    Changes::Forbidden
                };
                Access::with_token(hosts, token.clone(), changes)
            }
        };
        Ok(if self.behind_tls_proxy {
            access.behind_tls_proxy()
        } else if self.tls.is_some() {
            access.over_tls()
        } else {
            access
        })
    }

    /// Every `Host` by which browsers may ask.
    fn hosts(&self, address: SocketAddr) -> Result<AllowedHosts, ExposureError> {
        let port = address.port();
        let mut hosts = Vec::new();
        for name in &self.host_names {
            let (host, has_port) = checked(name)?;
            hosts.push(host.to_owned());
            if !has_port {
                hosts.push(format!("{host}:{port}"));
            }
        }
        if address.ip().is_loopback() {
            hosts.extend(AllowedHosts::loopback(port).names().map(str::to_owned));
        } else if !address.ip().is_unspecified() {
            hosts.push(address.to_string());
            if port == 443 {
                let host = address.to_string();
                hosts.push(host.trim_end_matches(":443").to_owned());
            }
        } else if hosts.is_empty() {
            return Err(ExposureError::NoNames(address));
        }
        Ok(AllowedHosts::new(hosts))
    }
}

/// A name that can be a `Host`, and whether it has a port.
fn checked(name: &str) -> Result<(&str, bool), ExposureError> {
    let no_name = || ExposureError::NoName(name.to_owned());
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !name.ends_with(']') => (host, Some(port)),
        _ => (name, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = |host: &str| {
        let letters = host.trim_start_matches('[').trim_end_matches(']');
        !letters.is_empty()
            && letters
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    if !is_host(host) || !port.is_none_or(is_port) {
        return Err(no_name());
    }
    Ok((name, port.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new("0123456789abcdef0123456789abcdef").unwrap()
    }

    #[test]
    fn what_others_reach_takes_a_token_tls_and_a_name() {
        let [here, there, everywhere]: [SocketAddr; 3] =
            ["127.0.0.1:5001", "10.0.0.7:5001", "0.0.0.0:5001"].map(|it| it.parse().unwrap());
        let open = Exposure::default();
        let with_token = Exposure {
            token: Some(token()),
            ..Exposure::default()
        };
        let proxied = Exposure {
            behind_tls_proxy: true,
            ..with_token.clone()
        };
        let named = Exposure {
            host_names: vec!["theseus.example.com".to_owned()],
            ..proxied.clone()
        };
        assert!(open.access(here).is_ok() && with_token.access(here).is_ok());
        for (exposure, address, expected) in [
            (&open, there, ExposureError::NoToken(there)),
            (&open, everywhere, ExposureError::NoToken(everywhere)),
            (&with_token, there, ExposureError::NoTls(there)),
            (&proxied, everywhere, ExposureError::NoNames(everywhere)),
        ] {
            assert_eq!(exposure.access(address).unwrap_err(), expected);
        }
        let access = named.access(everywhere).unwrap();
        for (origin, ours) in [
            ("https://theseus.example.com", true),
            ("https://theseus.example.com:5001", true),
            ("http://theseus.example.com", false),
            ("https://0.0.0.0:5001", false),
            ("null", false),
        ] {
            assert_eq!(access.has_origin(origin), ours, "{origin}");
        }
        let for_anybody = Exposure {
            allow_changes: true,
            ..Exposure::default()
        };
        assert_eq!(
            for_anybody.access(here).unwrap_err(),
            ExposureError::ChangesForAnybody
        );
    }

    #[test]
    fn names_of_hosts() {
        for (name, expected) in [
            ("a.example", Some(false)),
            ("a.example:8443", Some(true)),
            ("[::1]", Some(false)),
            ("[::1]:8443", Some(true)),
            ("10.0.0.7", Some(false)),
            ("", None),
            ("https://a.example", None),
            ("a.example:0", None),
            ("a.example:x", None),
            ("a b", None),
            ("*", None),
        ] {
            let has_port = checked(name).ok().map(|(_, has_port)| has_port);
            assert_eq!(has_port, expected, "{name}");
        }
    }
}
