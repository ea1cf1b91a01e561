//! `/v2/queue`: what waits for a host, and why.

use serde_json::json;

use super::{app, app_with, given, stuck};
use crate::check::{
    Check, boolean, fits, has, holds_none, is, lacks, list, number, says, stamp, status, text,
};
use crate::probe::{Probe, delete, get};

const ITEM: &str = "/queue[app.id={g}/a]";

fn at(key: &str) -> String {
    format!("{ITEM}/{key}")
}

/// A probe of the item of an app that waits.
fn waiting(name: &'static str, source: &'static str) -> Probe {
    Probe::new(name, "§1.6", source)
        .with(given(stuck("a")))
        .wait_for(get("/v2/queue"))
        .holds(has(ITEM))
        .send(get("/v2/queue"))
}

pub(super) fn probes() -> Vec<Probe> {
    items().into_iter().chain(delays()).collect()
}

fn items() -> Vec<Probe> {
    vec![
        Probe::new("queue-is-a-list", "§1.6", "v0.7.0:QueueResource.scala")
            .send(get("/v2/queue"))
            .holds(status(200))
            .holds(list("/queue")),
        waiting("queue-item", "v0.7.0:QueueResource.scala")
            .holds(is(&at("count"), 1))
            .holds(is(&at("app/id"), "{g}/a"))
            .holds(is(&at("app/instances"), 1)),
        waiting(
            "queue-item-without-a-delay-yet",
            "v0.8.0:QueueResource.scala",
        )
        .before(0, 8, 1)
        .holds(lacks(&at("delay"))),
        waiting("queue-item-is-overdue", "v0.8.1:QueueResource.scala")
            .since(0, 8, 1)
            .holds(boolean(&at("delay/overdue"))),
        waiting("queue-item-has-time-left", "v0.10.0:QueueResource.scala")
            .since(0, 10, 0)
            .holds(number(&at("delay/timeLeftSeconds"))),
        waiting(
            "queue-item-without-time-left-yet",
            "v0.9.0:QueueResource.scala",
        )
        .before(0, 10, 0)
        .holds(lacks(&at("delay/timeLeftSeconds"))),
        waiting("queue-item-since", "v1.4.0:QueueResource.scala")
            .since(1, 4, 0)
            .holds(stamp(&at("since"))),
        waiting(
            "queue-item-without-offers-yet",
            "v1.3.0:QueueResource.scala",
        )
        .before(1, 4, 0)
        .holds(lacks(&at("since")))
        .holds(lacks(&at("processedOffersSummary"))),
        waiting("queue-item-has-a-role", "v1.9.32:QueueResource.scala")
            .since(1, 9, 32)
            .holds(text(&at("role"))),
        waiting("queue-item-counts-offers", "v1.4.0:QueueResource.scala")
            .since(1, 4, 0)
            .holds(number(&at("processedOffersSummary/processedOffersCount")))
            .holds(number(&at("processedOffersSummary/unusedOffersCount")))
            .holds(list(&at("processedOffersSummary/rejectSummaryLastOffers")))
            .holds(list(&at(
                "processedOffersSummary/rejectSummaryLaunchAttempt",
            )))
            .wait_for(get("/v2/queue"))
            .holds(refusing())
            .holds(stamp(&at("processedOffersSummary/lastUnusedOfferAt"))),
        Probe::new(
            "queue-item-shows-offers",
            "§1.6",
            "v1.4.0:QueueResource.scala",
        )
        .since(1, 4, 0)
        .with(given(stuck("a")))
        .wait_for(get("/v2/queue?embed=lastUnusedOffers"))
        .holds(text(&at("lastUnusedOffers/0/offer/hostname")))
        .holds(text(&at("lastUnusedOffers/0/offer/id")))
        .holds(text(&at("lastUnusedOffers/0/offer/agentId")))
        .holds(list(&at("lastUnusedOffers/0/offer/resources")))
        .holds(list(&at("lastUnusedOffers/0/offer/attributes")))
        .holds(stamp(&at("lastUnusedOffers/0/timestamp")))
        .holds(fits(
            &at("lastUnusedOffers/0/reason"),
            "names the constraint",
            |it| {
                it.as_array()
                    .is_some_and(|it| it.contains(&json!("UnfulfilledConstraint")))
            },
        )),
        waiting("queue-item-hides-offers", "v1.4.0:QueueResource.scala")
            .since(1, 4, 0)
            .holds(lacks(&at("lastUnusedOffers"))),
    ]
}

fn refusing() -> Check {
    let path = at("processedOffersSummary/rejectSummaryLastOffers");
    fits(&path, "counts what the constraint declined", |all| {
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().any(|it| {
            it["reason"] == "UnfulfilledConstraint"
                && it["declined"].as_u64().is_some_and(|it| it > 0)
                && it["processed"].is_u64()
        })
    })
}

fn delays() -> Vec<Probe> {
    vec![
        waiting("delay-is-forgotten", "v0.10.0:QueueResource.scala")
            .since(0, 10, 0)
            .send(delete("/v2/queue{g}/a/delay"))
            .holds(status(204)),
        Probe::new("delay-of-nobody", "§1.6", "v0.10.0:QueueResource.scala")
            .since(0, 10, 0)
            .send(delete("/v2/queue{g}/a/delay"))
            .holds(status(404))
            .holds(says(
                "/message",
                "Application {g}/a not found in tasks queue.",
            )),
        Probe::new(
            "nobody-waits-for-none",
            "§1.6",
            "v0.8.1:QueueResource.scala",
        )
        .with(given(app("a")))
        .send(get("/v2/queue"))
        .holds(holds_none("/queue", json!({"app": {"id": "{g}/a"}}))),
        Probe::new("what-fails-has-to-wait", "§12", "v0.11.0:RateLimiter.scala")
            .since(0, 11, 0)
            .with(given(app_with(
                "a",
                json!({"instances": 1, "cmd": "exit 3", "backoffSeconds": 600}),
            )))
            .wait_for(get("/v2/queue"))
            .holds(is(&at("delay/overdue"), false))
            .holds(fits(
                &at("delay/timeLeftSeconds"),
                "is more than a minute",
                |it| it.as_f64().is_some_and(|it| it > 60.0),
            )),
    ]
}
