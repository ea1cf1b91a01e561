//! How to reach an etcd cluster and who to be there.

use std::fmt;
use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, TlsOptions};

use super::calls;

/// Below which prefix records are kept unless something else is said.
const DEFAULT_PREFIX: &str = "/theseus";

/// A node that is alive answers within this time even over a busy line.
const PING_EVERY: Duration = Duration::from_secs(5);
const PONG_WITHIN: Duration = Duration::from_secs(3);

/// Something that is never shown: its `Debug` says only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the secret in.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where an etcd cluster is, and how to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdConfig {
    /// Its nodes, all on http or all on https: `http://10.0.0.1:2379`, `https://…`, or
    /// `10.0.0.1:2379`, which is taken as https when `tls` is set and as http when it is not.
    pub endpoints: Vec<String>,
    /// All keys begin with this and a slash.
    pub prefix: String,
    /// User and password; `None` where etcd asks for none.
    pub login: Option<Login>,
    /// Certificates; `None` for http, or for https to trust what this machine trusts.
    pub tls: Option<Tls>,
}

/// A user of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password, in UTF-8.
    pub password: Secret,
}

/// How etcd's nodes are known, and how they know us. All in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authority that signed the nodes' certificates; `None` to trust what this machine trusts.
    pub ca: Option<Vec<u8>>,
    /// What we show of ourselves, where etcd asks for it.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those that lead from it to the authority.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Secret,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadConfig {
    #[error("there is no endpoint")]
    NoEndpoint,
    #[error("an endpoint holds credentials; give them as a login instead")]
    CredentialsInEndpoint,
    #[error("the password is not UTF-8")]
    Password,
}

impl EtcdConfig {
    /// Without login or certificates, and with the prefix `/theseus`.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: DEFAULT_PREFIX.to_owned(),
            login: None,
            tls: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if self.endpoints.is_empty() {
            return Err(BadConfig::NoEndpoint);
        }
        if self.endpoints.iter().any(|endpoint| endpoint.contains('@')) {
            return Err(BadConfig::CredentialsInEndpoint);
        }
        match &self.login {
            Some(login) if std::str::from_utf8(&login.password.0).is_err() => {
                Err(BadConfig::Password)
            }
            _ => Ok(()),
        }
    }

    /// The endpoints as they are told in messages, without any credentials in them.
    pub(super) fn address(&self) -> String {
        let bare = self
            .endpoints
            .iter()
            .map(|endpoint| match endpoint.rsplit_once('@') {
                Some((_, host)) => host,
                None => endpoint,
            });
        bare.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn options(&self) -> ConnectOptions {
        // Without `require_leader` a node that is cut off from the others keeps its watches silent.
        let mut options = ConnectOptions::new()
            .with_connect_timeout(calls::ONE_TRY)
            .with_keep_alive(PING_EVERY, PONG_WITHIN)
            .with_keep_alive_while_idle(true)
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        if let Some(login) = &self.login {
            let password = String::from_utf8_lossy(&login.password.0);
            options = options.with_user(&login.user, password);
        }
        if let Some(tls) = &self.tls {
            options = options.with_tls(tls.options());
        } else if self
            .endpoints
            .iter()
            .any(|endpoint| endpoint.starts_with("https://"))
        {
            options = options.with_tls(Tls::default().options());
        }
        options
    }
}

impl Tls {
    fn options(&self) -> TlsOptions {
        let mut options = match &self.ca {
            Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(ca)),
            None => TlsOptions::new().with_native_roots(),
        };
        if let Some(identity) = &self.identity {
            let (certificate, key) = (&identity.certificate, &identity.key.0);
            options = options.identity(etcd_client::Identity::from_pem(certificate, key));
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_ever_shown() {
        let mut config = EtcdConfig::new(["http://root:hunter2@10.0.0.1:2379", "10.0.0.2:2379"]);
        assert_eq!(config.address(), "10.0.0.1:2379, 10.0.0.2:2379");
        assert_eq!(config.check(), Err(BadConfig::CredentialsInEndpoint));

        config.endpoints.remove(0);
        config.login = Some(Login {
            user: "root".to_owned(),
            password: Secret::new("hunter2"),
        });
        config.tls = Some(Tls {
            ca: None,
            identity: Some(Identity {
                certificate: vec![],
                key: Secret::new("hunter2"),
            }),
        });
        assert_eq!(config.check(), Ok(()));
        let shown = format!("{config:?}");
        assert!(
            shown.contains("Secret(…)") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let nowhere = EtcdConfig::new(Vec::<String>::new());
        assert_eq!(nowhere.check(), Err(BadConfig::NoEndpoint));

        let mut config = EtcdConfig::new(["10.0.0.1:2379"]);
        config.login = Some(Login {
            user: "root".to_owned(),
            password: Secret::new([0xff]),
        });
        assert_eq!(config.check(), Err(BadConfig::Password));
    }
}
