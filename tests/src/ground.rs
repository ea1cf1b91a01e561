//! Which Marathon a story is told on. Stories are functions of it, and [`every_dialect!`] tells them
//! on each.
//!
//! [`every_dialect!`]: crate::every_dialect

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use theseus_marathon::{Marathon, ServiceTransport};
use theseus_sandbox::{Sandbox, SandboxConfig, SandboxServer};
use tokio::time::Instant;

use crate::world::{impatient, marathon, pace};

/// Which Marathon a story is told on, and how it is reached.
#[derive(Debug, Clone, Copy)]
pub enum Ground {
    /// The sandbox's own version, over sockets, in real time.
    Sockets,
    /// This version, in this process; the clock has to be paused.
    Memory(&'static str),
}

/// A sandbox as it was asked for.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) sandbox: Sandbox,
    pub(crate) cluster: Marathon,
    pub(crate) server: Option<SandboxServer>,
    pub(crate) began: (Timestamp, Instant),
}

impl Ground {
    /// Whether the Marathon tells where Mesos is, which knows the hosts; those before 0.11 do not.
    pub fn tells_of_mesos(self) -> bool {
        !matches!(self, Self::Memory("0.7.6" | "0.10.1"))
    }

    /// # Panics
    ///
    /// When there is no free port, or no such version.
    pub(crate) async fn build(self) -> Built {
        match self {
            Self::Sockets => {
                let server = SandboxServer::start(pace(), "127.0.0.1:0").await;
                let server = server.expect("a free port");
                Built {
                    sandbox: server.sandbox().clone(),
                    cluster: marathon(&server.url()),
                    server: Some(server),
                    began: (Timestamp::now(), Instant::now()),
                }
            }
            Self::Memory(version) => {
                let config = SandboxConfig {
                    version: version.parse().expect("a version of the sandbox"),
                    ..pace()
                };
                let began = (config.start_time, Instant::now());
                let sandbox = Sandbox::new(config);
                let transport = Arc::new(ServiceTransport::new(sandbox.router()));
                let client = Marathon::over(impatient("http://memory"), transport);
                Built {
                    sandbox,
                    cluster: client.expect("a client"),
                    server: None,
                    began,
                }
            }
        }
    }
}

impl Built {
    /// What the time is there: the clock of the story's runtime.
    pub(crate) fn clock(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let (start, began) = self.began;
        move || {
            let since = SignedDuration::try_from(began.elapsed());
            start + since.expect("less than an eternity")
        }
    }
}

/// Tells stories, which are functions of a [`Ground`], on every one: a test for each story and
/// version.
#[macro_export]
macro_rules! every_dialect {
    ($($story:ident),+ $(,)?) => {
        mod over_sockets {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story($crate::ground::Ground::Sockets).await;
                }
            )+
        }
        $crate::in_memory!(v0_7 "0.7.6": $($story),+);
        $crate::in_memory!(v0_10 "0.10.1": $($story),+);
        $crate::in_memory!(v0_15 "0.15.7": $($story),+);
        $crate::in_memory!(v1_3 "1.3.13": $($story),+);
        $crate::in_memory!(v1_4 "1.4.13": $($story),+);
        $crate::in_memory!(v1_5 "1.5.11": $($story),+);
        $crate::in_memory!(v1_11 "1.11.0": $($story),+);
    };
}

/// Tells stories on one version, in memory.
#[macro_export]
macro_rules! in_memory {
    ($name:ident $version:literal: $($story:ident),+) => {
        mod $name {
            $(
                #[tokio::test(start_paused = true)]
                async fn $story() {
                    super::$story($crate::ground::Ground::Memory($version)).await;
                }
            )+
        }
    };
}
