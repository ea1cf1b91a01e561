//! Where Marathon is and how patiently it is talked to.

use std::fmt;
use std::time::Duration;

use url::Url;

/// Where Marathon is and how patiently it is talked to. There is no default address.
#[derive(Debug, Clone)]
pub struct MarathonConfig {
    /// Where its API is, such as `http://10.0.0.1:8080` or `https://dcos.example/marathon`. Of
    /// several the first that can be reached is used, and kept as long as it can be.
    pub urls: Vec<Url>,
    /// Who is asking.
    pub credentials: Option<Credentials>,
    /// Certificates, in PEM, of the only authorities that are trusted; the system's when `None`.
    pub authorities: Option<Vec<u8>>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a whole answer may take.
    pub answer_timeout: Duration,
    /// How long something is tried again before its failure is told.
    pub patience: Duration,
    /// The pause before the second try. Each pause is about twice the one before it.
    pub first_pause: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
    /// How long the event stream may be silent before it is attached anew. Marathon sends at least
    /// an empty line every ten seconds.
    pub longest_silence: Duration,
    /// The largest answer that is read, in bytes.
    pub largest_answer: usize,
    /// Decides by how much pauses differ from each other; chance does when `None`.
    pub seed: Option<u64>,
}

impl Default for MarathonConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            credentials: None,
            authorities: None,
            connect_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(60),
            patience: Duration::from_millis(4500),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            longest_silence: Duration::from_secs(30),
            largest_answer: 1 << 30,
            seed: None,
        }
    }
}

/// Who is asking. Secrets are never shown.
#[derive(Clone)]
pub enum Credentials {
    /// What Marathon's `--http_credentials` wants.
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
    /// A token of DC/OS.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => f
                .debug_struct("Basic")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::Token(_) => f.debug_struct("Token").finish_non_exhaustive(),
        }
    }
}

/// Why there can be no client with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no address.
    #[error("no address of Marathon is given")]
    NoUrl,
    /// An address is not one of HTTP.
    #[error("{0:?} is no address of Marathon: it begins with http:// or https://")]
    NotHttp(String),
    /// A user or a password is written in an address, where it would be shown. The address is
    /// given without them.
    #[error("the address {0} holds credentials; they belong into files or the environment")]
    CredentialsInUrl(String),
    /// A character that no header can hold.
    #[error("the credentials hold a character that cannot be sent")]
    Credentials,
    /// The authorities' certificates cannot be used.
    #[error("cannot use the certificates of the authorities")]
    Authorities(#[source] reqwest::Error),
    /// The HTTP client cannot be made, for instance because the system has no certificates.
    #[error("cannot set up HTTPS")]
    Client(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let basic = Credentials::Basic {
            user: "theseus".to_owned(),
            password: "hunter2".to_owned(),
        };
        let config = MarathonConfig {
            credentials: Some(basic),
            ..MarathonConfig::default()
        };
        let shown = format!("{config:?} {:?}", Credentials::Token("hunter2".to_owned()));
        assert!(shown.contains("theseus"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
