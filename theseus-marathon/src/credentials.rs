//! Who is asking: passwords, tokens, certificates, and the header that is made of them. Secrets are
//! never shown, and go only to where the configuration says that Marathon is.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::header::HeaderValue;
use tokio::task::spawn_blocking;

use crate::config::ConfigError;

/// No password and no token is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Who is asking.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// What Marathon's `--http_credentials` wants.
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
    /// A token of DC/OS, sent as `token=…`.
    Token(Secret),
    /// A bearer token, as proxies in front of Marathon want it.
    Bearer(Secret),
}

/// A password or a token.
#[derive(Clone)]
pub enum Secret {
    /// This text.
    Text(String),
    /// What stands in this file, without the end of its line. It is read again when it is not
    /// accepted any more, since tokens expire and are replaced there.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.debug_struct("Text").finish_non_exhaustive(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Secret {
    fn read(&self) -> Result<String, ConfigError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => read(path).map_err(|source| ConfigError::SecretFile {
                path: path.clone(),
                source,
            }),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text.to_owned())
}

/// What shows on a TLS connection who is asking.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate, in PEM, and those between it and its authority.
    pub certificate: Vec<u8>,
    /// Its private key, in PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// The header that says who asks, as long as it is accepted.
#[derive(Debug)]
pub(crate) struct Authorization {
    credentials: Credentials,
    header: RwLock<HeaderValue>,
}

impl Authorization {
    pub(crate) fn new(credentials: Credentials) -> Result<Self, ConfigError> {
        let header = RwLock::new(header(&credentials)?);
        Ok(Self {
            credentials,
            header,
        })
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let header = self.header.read();
        header.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the secret again when `refused` is not accepted any more, and says whether there is
    /// another one now.
    pub(crate) async fn renew(&self, refused: &HeaderValue) -> bool {
        if self.header() != *refused {
            return true;
        }
        let credentials = self.credentials.clone();
        match spawn_blocking(move || header(&credentials)).await {
            Ok(Ok(header)) if header != *refused => {
                let mut place = self.header.write().unwrap_or_else(PoisonError::into_inner);
                *place = header;
                true
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the secret cannot be read again");
                false
            }
            _ => false,
        }
    }
}

/// The header. It is marked, so that nothing shows it.
fn header(credentials: &Credentials) -> Result<HeaderValue, ConfigError> {
    let text = match credentials {
        Credentials::Basic { user, password } => {
            let pair = format!("{user}:{}", password.read()?);
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        }
        Credentials::Token(token) => format!("token={}", token.read()?),
        Credentials::Bearer(token) => format!("Bearer {}", token.read()?),
    };
    let mut header = HeaderValue::try_from(text).map_err(|_| ConfigError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::Text(text.to_owned())
    }

    #[test]
    fn secrets_are_not_shown() {
        let basic = Credentials::Basic {
            user: "ana".to_owned(),
            password: secret("hunter2"),
        };
        let certificate = ClientCertificate {
            certificate: b"hunter2".to_vec(),
            key: b"hunter2".to_vec(),
        };
        let authorization = Authorization::new(basic.clone()).unwrap();
        let encoded = BASE64_STANDARD.encode("ana:hunter2");
        for shown in [
            format!("{basic:?}"),
            format!("{:?}", Credentials::Token(secret("hunter2"))),
            format!("{:?}", Credentials::Bearer(secret("hunter2"))),
            format!("{certificate:?}"),
            format!("{authorization:?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(!shown.contains(&encoded), "{shown}");
        }
        assert!(format!("{basic:?}").contains("ana"));
    }

    #[test]
    fn how_each_is_sent() {
        let basic = Credentials::Basic {
            user: "ana".to_owned(),
            password: secret("pass:word"),
        };
        for (credentials, expected) in [
            (basic, "Basic YW5hOnBhc3M6d29yZA=="),
            (Credentials::Token(secret("abc")), "token=abc"),
            (Credentials::Bearer(secret("abc")), "Bearer abc"),
        ] {
            let header = header(&credentials).unwrap();
            assert_eq!(header.to_str().unwrap(), expected);
            assert!(header.is_sensitive());
        }
    }

    #[tokio::test]
    async fn a_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let credentials = || Credentials::Token(Secret::File(path.clone()));
        assert!(matches!(
            Authorization::new(credentials()),
            Err(ConfigError::SecretFile { .. })
        ));
        std::fs::write(&path, "one\r\n").unwrap();
        let authorization = Authorization::new(credentials()).unwrap();
        let first = authorization.header();
        assert_eq!(first, "token=one");
        assert!(!authorization.renew(&first).await);
        std::fs::write(&path, "two\n").unwrap();
        assert!(authorization.renew(&first).await);
        assert_eq!(authorization.header(), "token=two");
        // Who was refused with the first one only has to ask again.
        std::fs::write(&path, "\n").unwrap();
        assert!(authorization.renew(&first).await);
        assert!(!authorization.renew(&authorization.header()).await);
        assert_eq!(authorization.header(), "token=two");
    }
}
