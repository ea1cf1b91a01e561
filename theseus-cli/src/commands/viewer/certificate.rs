//! The files of the viewer's certificate. Whoever renews it replaces them while the viewer runs.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use theseus_core::causes::chain;
use theseus_viewer::{Tls, TlsError};

use crate::connect::secret_bytes;
use crate::failure::Failure;

/// How often they are looked at. Links that are turned elsewhere tell nothing of it, so they are read.
const EVERY: Duration = Duration::from_secs(2);

/// A certificate's file and its key's, and what was last read of them.
pub(super) struct Files {
    certificates: PathBuf,
    key: PathBuf,
    read: Pair,
}

/// A chain of certificates, and the key.
#[derive(PartialEq, Eq)]
struct Pair(Vec<u8>, Vec<u8>);

impl Files {
    /// Reads them.
    pub(super) fn read(certificates: PathBuf, key: PathBuf) -> Result<Self, Failure> {
        let read = Pair(secret_bytes(&certificates)?, secret_bytes(&key)?);
        Ok(Self {
            certificates,
            key,
            read,
        })
    }

    /// TLS with what was read.
    pub(super) fn tls(&self) -> Result<Tls, TlsError> {
        Tls::from_pem(&self.read.0, &self.read.1)
    }

    /// Has them served as they come to be, until this is dropped.
    pub(super) async fn keep(mut self, tls: Tls) -> Infallible {
        let (mut before, mut told) = (None, None);
        loop {
            tokio::time::sleep(EVERY).await;
            let wrong = self.look(&tls).await;
            if wrong.is_none() {
                told = None;
            }
            // One of them may be there already and the other not yet; that is over at the next look.
            if let Some(words) = &wrong
                && wrong == before
                && wrong != told
            {
                tracing::error!("the renewed certificate is not served: {words}");
                told.clone_from(&wrong);
            }
            before = wrong;
        }
    }

    /// Looks at them once; tells why they cannot be served.
    async fn look(&mut self, tls: &Tls) -> Option<String> {
        let file = async |path: &PathBuf| {
            let bytes = tokio::fs::read(path).await;
            bytes.map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let read = async {
            Ok(Pair(
                file(&self.certificates).await?,
                file(&self.key).await?,
            ))
        };
        let read = match read.await {
            Ok(read) => read,
            Err(error) => return Some(error),
        };
        if read == self.read {
            return None;
        }
        if let Err(error) = tls.renew(&read.0, &read.1) {
            return Some(chain(&error));
        }
        self.read = read;
        tracing::info!("the renewed certificate is served");
        None
    }
}
