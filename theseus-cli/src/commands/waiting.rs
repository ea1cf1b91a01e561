//! Waiting for others who deploy the same groups.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use theseus_core::model::GroupId;
use theseus_core::plan::{GroupPlan, Plan};
use theseus_core::records::LockRecord;

use super::carry_out::Patience;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::interrupt::Stop;
use crate::output::style::{NOTE, paint};
use crate::output::{human, say, style};

/// How soon it is looked again whether they are done.
const AGAIN: Duration = Duration::from_millis(500);

/// Waits until nobody else deploys what the plan changes, and says whether anybody did. Who is still
/// at it after so long, or when it is to stop, is told.
pub(super) async fn wait(
    connection: &Connection,
    plan: &Plan,
    patience: Patience,
    stop: &Stop,
) -> Result<bool, Failure> {
    let changed = plan.groups.iter().filter(|plan| !GroupPlan::is_empty(plan));
    let groups: Vec<GroupId> = changed.map(|plan| plan.group.clone()).collect();
    let mut over = pin!(async {
        match patience {
            Patience::AtMost(patience) => tokio::time::sleep(patience).await,
            Patience::Endless => std::future::pending().await,
        }
    });
    let mut told = BTreeMap::new();
    loop {
        let holders = connection.engine.holders(&groups).await?;
        if holders.is_empty() {
            return Ok(!told.is_empty());
        }
        if holders != told {
            for words in words(&holders) {
                say(&format!("{} {words}\n", paint(NOTE, "waiting:")));
            }
            told = holders;
        }
        tokio::select! {
            biased;
            () = stop.requested() => return Err(still(&told)),
            () = &mut over => return Err(still(&told)),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn still(holders: &BTreeMap<GroupId, LockRecord>) -> Failure {
    Failure::new(Code::Conflict, words(holders).join("; "))
        .hint("nothing was done; theseus rollout status GROUP tells how far it is")
}

/// Who deploys what, one by one.
fn words(holders: &BTreeMap<GroupId, LockRecord>) -> Vec<String> {
    let mut groups: BTreeMap<(&str, Timestamp), Vec<&GroupId>> = BTreeMap::new();
    for (group, holder) in holders {
        let of_one = groups.entry((&holder.by, holder.since)).or_default();
        of_one.push(group);
    }
    let now = Timestamp::now();
    groups
        .into_iter()
        .map(|((by, since), groups)| {
            let more = match groups.len() {
                1 => String::new(),
                len => format!(" and {} more", len - 1),
            };
            format!(
                "{} deploys {}{more}, for {} now",
                name(by),
                groups[0],
                human::age(Some(since), now)
            )
        })
        .collect()
}

/// What somebody is called, who perhaps did not say so.
pub(super) fn name(by: &str) -> String {
    if by.is_empty() {
        "somebody".to_owned()
    } else {
        style::inert(by)
    }
}
