//! `/v2/leader`: who leads, and the end of that.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;
use tokio::time::Instant;

use super::{Answer, Ctx, ok};
use crate::behaviour;
use crate::engine::{Engine, lock};

/// How long nobody leads after a leader has gone. Requests are held for longer than that.
const ELECTION: Duration = Duration::from_secs(1);

pub(super) async fn show(State(engine): Ctx) -> Answer {
    ok(&json!({ "leader": engine.config.leader }))
}

/// The leader goes, and with him the event streams. As the only one there is he is elected again.
pub(super) async fn abdicate(State(engine): Ctx) -> Answer {
    *lock(&engine.elected_at) = Some(Instant::now() + ELECTION);
    engine.hub.cut();
    ok(&json!({ "message": engine.config.version.pick(behaviour::ABDICATED) }))
}

/// Whatever comes while nobody leads waits until somebody does.
pub(super) async fn await_leader(
    State(engine): State<Arc<Engine>>,
    request: Request,
    next: Next,
) -> Response {
    let elected_at = *lock(&engine.elected_at);
    if let Some(at) = elected_at {
        tokio::time::sleep_until(at).await;
    }
    next.run(request).await
}
