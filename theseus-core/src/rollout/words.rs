//! What is told of a rollout: what it waits for, and why it has failed.

use super::canary::{Stage, Trial};
use super::replace::Replacement;
use crate::cluster::{Failure, Part};
use crate::model::duration;

impl Replacement<'_> {
    /// What is being waited for.
    pub(super) fn waiting(&self) -> String {
        if let Some(trial) = self.trial {
            return self.trying(trial);
        }
        let census = &self.census;
        let instances = self.bounds.instances;
        if census.new_ready < instances {
            let missing = instances - census.new_ready;
            return format!("{missing} of {instances} new containers to be ready");
        }
        if census.old > 0 {
            return format!("{} old containers to stop", census.old);
        }
        let slots = self.cast.wanted.iter();
        let unpinned = slots
            .filter(|app| matches!(app.part, Part::Slot(_)) && app.pinned_to.is_none())
            .count();
        if unpinned > 0 {
            return format!("{unpinned} containers to be pinned to their hosts");
        }
        let is_held = |part| part == Part::Stable;
        let mut wanted = self.cast.wanted.iter();
        if wanted.any(|app| is_held(app.part) && !app.operations.is_empty()) {
            return "the engine to be done".to_owned();
        }
        "containers to stop".to_owned()
    }

    fn trying(&self, trial: Trial) -> String {
        let Trial { count, stage } = trial;
        match stage {
            Stage::Starting => {
                let missing = count - self.census.new_ready.min(count);
                if count == 1 {
                    "1 canary to be ready".to_owned()
                } else {
                    format!("{missing} of {count} canaries to be ready")
                }
            }
            Stage::Baking(_) => {
                let bake = duration::format(self.spec.update.bake);
                format!("{} to bake for {bake}", canaries(count))
            }
            Stage::Asking => format!("somebody to promote {}", canaries(count)),
        }
    }

    /// Why the rollout has failed, when patience has ended.
    pub(super) fn overdue(&self) -> String {
        let reason = format!(
            "no progress for {}: {} of {} containers ready",
            duration::format(self.spec.update.deadline),
            self.census.new_ready,
            self.bounds.instances
        );
        self.with_last_failure(reason)
    }

    /// Why the rollout has failed, when too many containers have.
    pub(super) fn exhausted(&self) -> String {
        let failed = match self.view.failed_starts {
            1 => "1 container".to_owned(),
            count => format!("{count} containers"),
        };
        let most = match self.spec.update.max_failed_starts {
            0 => "none".to_owned(),
            most => format!("no more than {most}"),
        };
        let reason = format!(
            "{failed} of revision {} failed to start or to stay up, and {most} may",
            self.revision
        );
        self.with_last_failure(reason)
    }

    fn with_last_failure(&self, mut reason: String) -> String {
        let failures = self.cast.wanted.iter();
        let last = failures
            .filter_map(|app| app.last_failure.as_ref())
            .max_by_key(|failure| failure.at);
        if let Some(Failure { message, host, .. }) = last {
            reason.push_str("; the last failure: ");
            reason.push_str(message);
            if let Some(host) = host {
                reason.push_str(" (on ");
                reason.push_str(host);
                reason.push(')');
            }
        }
        reason
    }
}

fn canaries(count: u32) -> String {
    match count {
        1 => "1 canary".to_owned(),
        count => format!("{count} canaries"),
    }
}
