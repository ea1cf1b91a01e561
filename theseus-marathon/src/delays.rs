//! Why containers do not start: what Marathon's queue says of Theseus's apps.

use std::time::Duration;

use theseus_core::cluster::{AppId, Delay, Rejection, Scope};

use crate::classify::excerpt;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::names;
use crate::wire::queue::{self, Queue};
use crate::wire::read::Lenient;

pub(crate) async fn delays(http: &Http, scope: &Scope) -> Result<Vec<Delay>, Failure> {
    if matches!(scope, Scope::Groups(groups) if groups.is_empty()) {
        return Ok(Vec::new());
    }
    let mut delays = http.read(&Request::get("/v2/queue"), read).await?;
    if let Scope::Groups(groups) = scope {
        delays.retain(|delay| groups.contains(&delay.group));
    }
    Ok(delays)
}

fn read(body: &[u8]) -> serde_json::Result<Vec<Delay>> {
    let told: Queue<'_> = serde_json::from_slice(body)?;
    let items = told.queue.into_iter().filter_map(Lenient::sound);
    Ok(items.filter_map(delay).collect())
}

fn delay(item: queue::Item<'_>) -> Option<Delay> {
    let app = item.app?.id;
    let group = names::decode(app.as_ref())?.group;
    let seconds = item.delay.and_then(|delay| delay.time_left_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let told = item.offers.map(|offers| offers.rejections);
    Some(Delay {
        app: AppId(app.0.into_owned()),
        group,
        waiting: clamped(item.count),
        backoff: seconds
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        rejections: rejections(told.unwrap_or_default()),
    })
}

/// What hosts were declined for at all, the most frequent first. Marathon goes from reason to
/// reason, and looks only at what is left.
fn rejections(told: Vec<Lenient<queue::Rejection<'_>>>) -> Vec<Rejection> {
    let told = told.into_iter().filter_map(Lenient::sound);
    let rejections = told.map(|told| Rejection {
        reason: in_words(told.reason.as_ref()),
        declined: clamped(told.declined),
        processed: clamped(told.processed),
    });
    let mut rejections: Vec<_> = rejections.filter(|it| it.declined > 0).collect();
    rejections.sort_by_key(|it| std::cmp::Reverse(it.declined));
    rejections
}

fn clamped(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or_default()).unwrap_or(u32::MAX)
}

/// A reason that is not known is shown as it is.
fn in_words(reason: &str) -> String {
    match reason {
        "UnfulfilledRole" => "what is left is reserved for another role",
        "UnfulfilledConstraint" => "a constraint is not met",
        "NoCorrespondingReservationFound" => "what was reserved is not there",
        "InsufficientCpus" => "too few cpus",
        "InsufficientMemory" => "too little memory",
        "InsufficientDisk" => "too little disk",
        "InsufficientGpus" => "too few gpus",
        "InsufficientPorts" => "too few ports",
        "DeclinedScarceResources" => "kept for what needs gpus",
        "AgentMaintenance" => "about to be maintained",
        other => return excerpt(other),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const APP: &str = "/theseus/ingestor/dev/r1";

    fn one(item: &Value) -> Delay {
        let body = json!({ "queue": [item] }).to_string();
        read(body.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn the_queue_of_each_version() {
        let app = json!({"id": APP});
        let backoff = |seconds| Some(Duration::from_secs(seconds));
        for (item, waiting, expected) in [
            (json!({"app": app, "count": 2}), 2, None),
            (
                json!({"app": app, "count": 2, "delay": {"overdue": true}}),
                2,
                None,
            ),
            (
                json!({"app": app, "count": 1, "delay": {"timeLeftSeconds": 0, "overdue": true}}),
                1,
                None,
            ),
            (
                json!({"app": app, "count": 1, "delay": {"timeLeftSeconds": 17, "overdue": false}}),
                1,
                backoff(17),
            ),
            (
                json!({"app": app, "count": 3, "delay": {"timeLeftSeconds": -1}, "since": "x", "role": "*"}),
                3,
                None,
            ),
            (json!({"app": app}), 0, None),
            (
                json!({"app": app, "count": u64::MAX, "delay": {"timeLeftSeconds": i64::MAX}}),
                u32::MAX,
                backoff(i64::MAX.unsigned_abs()),
            ),
        ] {
            let delay = one(&item);
            assert_eq!(
                (delay.waiting, delay.backoff),
                (waiting, expected),
                "{item}"
            );
            assert!(delay.rejections.is_empty());
        }
    }

    #[test]
    fn why_offers_were_declined_most_frequent_first() {
        let rejection = |reason: &str, declined: u32, processed: u32| json!({"reason": reason, "declined": declined, "processed": processed});
        let delay = one(
            &json!({"app": {"id": APP}, "count": 1, "processedOffersSummary": {
                "processedOffersCount": 9,
                "rejectSummaryLastOffers": [
                    rejection("UnfulfilledRole", 0, 9),
                    rejection("UnfulfilledConstraint", 3, 9),
                    rejection("InsufficientCpus", 5, 6),
                    rejection("New\u{1b}Fangled", 1, 1),
                    {"reason": 7},
                    {"reason": "InsufficientPorts"},
                ],
                "rejectSummaryLaunchAttempt": [rejection("InsufficientDisk", 9, 9)],
            }}),
        );
        let told: Vec<_> = delay
            .rejections
            .iter()
            .map(|it| format!("{}: {} of {}", it.reason, it.declined, it.processed))
            .collect();
        assert_eq!(
            told,
            [
                "too few cpus: 5 of 6",
                "a constraint is not met: 3 of 9",
                "New Fangled: 1 of 1"
            ]
        );
    }

    #[test]
    fn other_apps_pods_and_aliens_are_passed_over() {
        let body = json!({"queue": [
            7,
            {"pod": {"id": APP}, "count": 1},
            {"app": {"id": "/other"}, "count": 1},
            {"app": {"id": APP}, "count": "many"},
            {"app": APP, "count": 1},
            {"app": {"id": "/theseus/db/prod/r2.s1"}, "count": 1},
            {"app": {"id": "/theseus/web/prod/stable"}, "count": 1, "processedOffersSummary": null},
        ]});
        let groups: Vec<_> = read(body.to_string().as_bytes())
            .unwrap()
            .iter()
            .map(|delay| delay.group.to_string())
            .collect();
        assert_eq!(groups, ["db:prod", "web:prod"]);
    }

    proptest! {
        #[test]
        fn any_bytes_may_be_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
        }
    }
}
