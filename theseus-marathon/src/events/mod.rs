//! What happens in Marathon, in the best of three ways that there is: its event stream, where it has
//! one; its callbacks, where it reaches this machine; else a look now and then.
//!
//! None of them is believed more than that it is worth to look: what is lost, told twice or told in
//! another order changes when somebody looks, and nothing else.

mod callbacks;
mod meaning;
mod source;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use theseus_core::cluster::{Event, EventKind, Events};

use crate::acquaintance::Acquaintance;
use crate::dialect::Feature;
use crate::failure::Failure;
use crate::http::Http;
pub use callbacks::Callbacks;
pub(crate) use callbacks::Hub;

/// How often it is time to look where nothing is told.
const NOW_AND_THEN: Duration = Duration::from_secs(3);

/// How one hears of what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hearing {
    /// By the event stream.
    Stream,
    /// By callbacks to this address.
    Callbacks(String),
    /// Not at all: somebody looks now and then, for this reason.
    Looking(String),
}

/// What happens from now on, and how it is heard.
pub(crate) async fn listen(
    http: &Arc<Http>,
    acquaintance: &Arc<Acquaintance>,
    hub: &Hub,
) -> Result<(Events, Hearing), Failure> {
    let dialect = acquaintance.sure(http).await?.dialect;
    let why = if dialect.has(Feature::EventStream) {
        match stream::attach(http, acquaintance, dialect).await {
            // A proxy on the way may not let it through, or lead where one may not go.
            Err(Failure::Garbled(reason)) => {
                format!("the event stream does not come about: {reason}")
            }
            attached => return Ok((attached?, Hearing::Stream)),
        }
    } else {
        match hub.subscribe(http, acquaintance).await {
            Ok((events, url)) => return Ok((events, Hearing::Callbacks(url))),
            Err(why) => why,
        }
    };
    tracing::warn!(why, "events are not told; looking now and then instead");
    Ok((looking(), Hearing::Looking(why)))
}

/// Tells nothing but that it is time to look.
fn looking() -> Events {
    let pauses = futures_util::stream::unfold(false, |is_begun| async move {
        if is_begun {
            tokio::time::sleep(NOW_AND_THEN).await;
        }
        Some((Ok(gap(EventKind::Attached)), true))
    });
    pauses.boxed()
}

fn gap(kind: EventKind) -> Event {
    Event {
        at: None,
        group: None,
        foreign: None,
        kind,
    }
}
