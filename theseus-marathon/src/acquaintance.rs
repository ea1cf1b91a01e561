//! Which Marathon is spoken to. It is asked when that is first needed, and again wherever it may be
//! another one by now: after what it tells was cut off, and after an answer that was not understood. In
//! between nobody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::OnceCell;

use crate::classify::excerpt;
use crate::dialect::{Dialect, Version};
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::wire::read::Info;

/// What `/v2/info` told.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) version: String,
    pub(crate) dialect: Dialect,
    pub(crate) notices: Vec<String>,
}

/// What is known of the Marathon at the other end.
#[derive(Debug)]
pub(crate) struct Acquaintance {
    /// What the configuration says of the version. It holds against whatever is told.
    configured: Option<Version>,
    known: OnceCell<RwLock<Arc<Known>>>,
    /// How often it may have become another one, and up to which of these times it was asked since.
    doubts: AtomicU64,
    settled: AtomicU64,
}

impl Acquaintance {
    pub(crate) fn new(configured: Option<Version>) -> Self {
        Self {
            configured,
            known: OnceCell::new(),
            doubts: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }

    /// What it was when it was last asked. It is asked only if it never was.
    pub(crate) async fn known(&self, http: &Http) -> Result<Arc<Known>, Failure> {
        let discover = async || discover(http, self.configured).await.map(RwLock::new);
        let known = self.known.get_or_try_init(discover).await?;
        let known = known.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(&known))
    }

    /// From now on it may be another one.
    pub(crate) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::Relaxed);
    }

    /// What it is, asked again where that is in doubt.
    pub(crate) async fn sure(&self, http: &Http) -> Result<Arc<Known>, Failure> {
        let known = self.known(http).await?;
        let doubts = self.doubts.load(Ordering::Relaxed);
        if doubts == self.settled.load(Ordering::Relaxed) {
            return Ok(known);
        }
        let found = discover(http, self.configured).await?;
        // A doubt that came meanwhile may be one of this answer.
        self.settled.store(doubts, Ordering::Relaxed);
        if found.version != known.version {
            let (from, to) = (&known.version, &found.version);
            tracing::info!(%from, %to, "Marathon is of another version now");
        }
        if let Some(known) = self.known.get() {
            let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
            known.clone_from(&found);
        }
        Ok(found)
    }
}

/// Asks for the version. This is a small question: who does not answer it soon is away. What the
/// configuration says holds against the answer.
async fn discover(http: &Http, configured: Option<Version>) -> Result<Arc<Known>, Failure> {
    let request = Request::get("/v2/info");
    let read = |body: &[u8]| serde_json::from_slice::<Info>(body);
    let info = http.ask_briefly(&request, read).await?;
    if let Some(leader) = &info.leader {
        http.told_leader(leader);
    }
    let told = Version::parse(&info.version);
    let Some(version) = configured.or(told) else {
        return Err(Failure::Garbled(format!(
            "{:?} is no version of Marathon; `version` in the configuration says as which one to \
             speak to it",
            excerpt(&info.version)
        )));
    };
    let dialect = Dialect::of(version).map_err(|error| Failure::Garbled(error.to_string()))?;
    let mut notices = dialect.notices();
    if let Some(configured) = configured
        && told != Some(configured)
    {
        notices.push(format!(
            "Marathon calls its version {:?}, and is spoken to as {configured}, as configured",
            excerpt(&info.version)
        ));
    }
    tracing::debug!(version = info.version, "found Marathon");
    Ok(Arc::new(Known {
        version: info.version,
        dialect,
        notices,
    }))
}
