//! Finding out why containers do not start, for people to read.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::turn::Run;
use crate::cluster::{Delay, Scope};
use crate::model::{GroupId, duration};

/// How long nothing comes forward before it is asked why.
const PUZZLED: SignedDuration = SignedDuration::from_secs(10);

impl Run<'_> {
    /// Asks why containers do not start, of groups in which nothing has come forward for a while,
    /// and gives these groups. Who cannot tell is not asked again soon.
    pub(super) async fn ask_why(&mut self) -> Vec<GroupId> {
        let now = self.now();
        let puzzling: Vec<GroupId> = self
            .active
            .values()
            .filter(|work| {
                let asked = work.asked_at.unwrap_or(work.progress_at);
                now.duration_since(asked.max(work.progress_at)) >= PUZZLED
            })
            .map(|work| work.group.clone())
            .collect();
        if puzzling.is_empty() {
            return puzzling;
        }
        let mut reasons = self.reasons(puzzling.clone()).await;
        for group in &puzzling {
            if let Some(work) = self.active.get_mut(group) {
                work.asked_at = Some(now);
                work.delay = reasons.remove(group);
            }
        }
        puzzling
    }

    /// Why containers of these groups do not start, as far as the engine tells.
    pub(super) async fn reasons(&self, groups: Vec<GroupId>) -> BTreeMap<GroupId, String> {
        let delays = self.engine.cluster.delays(&Scope::Groups(groups)).await;
        let delays = delays.unwrap_or_else(|error| {
            tracing::debug!(%error, "nobody tells why containers do not start");
            Vec::new()
        });
        let mut reasons = BTreeMap::new();
        for delay in delays {
            if let Some(reason) = in_words(&delay) {
                reasons.entry(delay.group).or_insert(reason);
            }
        }
        reasons
    }
}

/// A delay in words; `None` when nothing is known but that there is one.
fn in_words(delay: &Delay) -> Option<String> {
    if let Some(backoff) = delay.backoff.filter(|backoff| !backoff.is_zero()) {
        return Some(format!(
            "the engine waits {} after failures",
            duration::format(backoff)
        ));
    }
    let reasons: Vec<String> = delay
        .rejections
        .iter()
        .filter(|it| it.declined > 0)
        .map(|it| format!("{} on {} of {} hosts", it.reason, it.declined, it.processed))
        .collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::{AppId, Rejection};

    #[test]
    fn delays_are_told_in_words() {
        let mut delay = Delay {
            app: AppId("a".to_owned()),
            group: "ingestor:dev".parse().unwrap(),
            waiting: 2,
            backoff: None,
            rejections: Vec::new(),
        };
        assert_eq!(in_words(&delay), None);
        delay.rejections = vec![
            Rejection {
                reason: "too little memory".to_owned(),
                declined: 3,
                processed: 4,
            },
            Rejection {
                reason: "too few ports".to_owned(),
                declined: 0,
                processed: 1,
            },
        ];
        assert_eq!(
            in_words(&delay).unwrap(),
            "too little memory on 3 of 4 hosts"
        );
        delay.backoff = Some(Duration::from_secs(90));
        assert_eq!(
            in_words(&delay).unwrap(),
            "the engine waits 1m 30s after failures"
        );
    }
}
