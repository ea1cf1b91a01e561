//! What happens in Marathon, from `/v2/events`: a stream that attaches itself anew whenever it is
//! cut, falls silent or says what cannot be read.
//!
//! Events that were sent while it was detached are lost, and so are some that a slow reader misses.
//! Every gap is told ([`EventKind::Detached`], [`EventKind::Attached`]), and whoever listens looks
//! at the cluster after it.

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::{StreamExt as _, stream};
use theseus_core::cluster::{ClusterError, Event, EventKind, Events};
use tokio::time::Instant;

use super::source::{self, Source};
use super::{gap, meaning};
use crate::acquaintance::Acquaintance;
use crate::dialect::Dialect;
use crate::failure::{ENGINE, Failure};
use crate::http::Http;

/// Attaches the stream.
pub(super) async fn attach(
    http: &Arc<Http>,
    acquaintance: &Arc<Acquaintance>,
    dialect: Dialect,
) -> Result<Events, Failure> {
    let source = http.patiently(|| source::attach(http, dialect)).await?;
    let feed = Feed {
        pauses: http.pauses(),
        http: Arc::clone(http),
        acquaintance: Arc::clone(acquaintance),
        state: State::Attaching(source),
    };
    Ok(stream::unfold(feed, Feed::next).boxed())
}

struct Feed {
    http: Arc<Http>,
    acquaintance: Arc<Acquaintance>,
    /// The pauses before the next times of attaching.
    pauses: ExponentialBackoff,
    state: State,
}

enum State {
    /// There is a connection, which nobody was told of.
    Attaching(Source),
    /// Events come, since then.
    Attached(Source, Instant),
    /// There is no connection.
    Detached,
    /// There never will be.
    Over,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, ClusterError>, Self)> {
        loop {
            match self.state {
                State::Attaching(source) => {
                    self.state = State::Attached(source, Instant::now());
                    return Some((Ok(gap(EventKind::Attached)), self));
                }
                State::Attached(ref mut source, since) => {
                    let Some(data) = source.next().await else {
                        self.forgive(since.elapsed());
                        // Who comes back may be of another version.
                        self.acquaintance.doubt();
                        self.state = State::Detached;
                        return Some((Ok(gap(EventKind::Detached)), self));
                    };
                    if let Some(event) = meaning::of(&data) {
                        return Some((Ok(event), self));
                    }
                }
                State::Detached => match self.attach_again().await {
                    Ok(Some(source)) => self.state = State::Attaching(source),
                    Ok(None) => {}
                    Err(failure) => {
                        self.state = State::Over;
                        let address = self.http.address();
                        let error =
                            failure.into_error(ENGINE, &address, |fault| fault.refusal(None));
                        return Some((Err(error), self));
                    }
                },
                State::Over => return None,
            }
        }
    }

    /// Waits and tries once; an error when there is no use in trying once more.
    async fn attach_again(&mut self) -> Result<Option<Source>, Failure> {
        let longest = self.http.config().longest_pause;
        tokio::time::sleep(self.pauses.next().unwrap_or(longest)).await;
        let attached = async {
            let known = self.acquaintance.sure(&self.http).await?;
            source::attach(&self.http, known.dialect).await
        };
        match attached.await {
            Ok(source) => Ok(Some(source)),
            Err(Failure::Unreachable { cause, .. }) => {
                tracing::debug!(%cause, "the event stream is still away");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// After a connection that lasted, the next cut is a new trouble and no longer the old one.
    fn forgive(&mut self, lasted: Duration) {
        if lasted > self.http.config().longest_pause {
            self.pauses = self.http.pauses();
        }
    }
}
