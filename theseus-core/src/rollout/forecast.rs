//! What a rollout is going to look like, if everything goes well.
//!
//! The decision that carries out rollouts is asked again and again, about a small model of a
//! cluster in which containers start and stop in the time that they usually take. No time passes
//! but the model's own.

mod model;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use self::model::Model;
use super::{Decision, View, decide};
use crate::cluster::{App, ContainerState, HealthState};
use crate::model::{GroupId, Promote};
use crate::records::Goal;

/// How many looks at a container a forecast may take: it is to be done long before anybody gets
/// impatient.
const EFFORT: usize = 500_000;
/// How many moments of a forecast are told.
const MOMENTS: usize = 12;

/// What a forecast is made from.
#[derive(Debug, Clone, Copy)]
pub struct Premise<'a> {
    /// Which group.
    pub group: &'a GroupId,
    /// Where it is to come.
    pub goal: &'a Goal,
    /// What runs of it now.
    pub view: View<'a>,
    /// How long a container takes until it does its work.
    pub start_time: Duration,
    /// How long a container takes to stop.
    pub stop_time: Duration,
}

/// What a rollout is going to look like, if everything goes well.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// How it ends.
    pub end: End,
    /// How many times something is changed.
    pub turns: u32,
    /// The fewest containers that serve at any time.
    pub fewest_serving: u32,
    /// The most containers that exist at any time.
    pub most_created: u32,
    /// How long it takes, as far as it was followed.
    #[serde(serialize_with = "seconds")]
    pub takes: Duration,
    /// When a person has to say that the canaries are good. The forecast goes on as if that was
    /// said at once.
    #[serde(serialize_with = "seconds_if_any")]
    pub promotion: Option<Duration>,
    /// What is there at first and whenever that changes; of many moments the first ones and the
    /// last.
    pub timeline: Vec<Moment>,
}

/// How a forecast ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "reason", rename_all = "kebab-case")]
pub enum End {
    /// The goal is reached.
    Reached,
    /// It is not reached, though nothing fails, for this reason.
    Stalled(String),
    /// It takes more steps than are worth following.
    Beyond,
}

/// What is there from one time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// How long after the beginning.
    #[serde(serialize_with = "seconds")]
    pub after: Duration,
    /// Containers of other revisions than the wanted one.
    pub old: u32,
    /// Containers of the wanted revision.
    pub new: u32,
    /// Containers of any revision that serve.
    pub serving: u32,
}

/// What carrying out a rollout would look like.
pub fn forecast(premise: &Premise<'_>) -> Forecast {
    let mut run = Run::new(premise);
    let mut effort = EFFORT;
    let end = loop {
        let Some(left) = effort.checked_sub(run.model.size() + 1) else {
            break End::Beyond;
        };
        effort = left;
        if let Some(end) = run.step() {
            break end;
        }
    };
    run.forecast.takes = run.elapsed();
    run.forecast.end = end;
    run.forecast
}

/// A forecast being made.
struct Run<'a> {
    premise: &'a Premise<'a>,
    model: Model,
    promoted: bool,
    progress_at: Timestamp,
    forecast: Forecast,
}

impl<'a> Run<'a> {
    fn new(premise: &'a Premise<'a>) -> Self {
        let model = Model::new(premise);
        Self {
            promoted: premise.view.promoted,
            progress_at: premise.view.now,
            forecast: Forecast {
                end: End::Beyond,
                turns: 0,
                fewest_serving: model.serving(),
                most_created: model.created(),
                takes: Duration::ZERO,
                promotion: None,
                timeline: Vec::new(),
            },
            premise,
            model,
        }
    }

    fn elapsed(&self) -> Duration {
        let elapsed = self.model.now.duration_since(self.premise.view.now);
        elapsed.try_into().unwrap_or_default()
    }

    /// Decides once, and lets happen what comes of it. Returns the end when it has come.
    fn step(&mut self) -> Option<End> {
        let view = View {
            apps: &self.model.apps,
            stopping: self.model.is_stopping(),
            progress_at: self.progress_at,
            now: self.model.now,
            promoted: self.promoted,
            slots: &self.model.slots,
            ..self.premise.view
        };
        match decide(self.premise.group, self.premise.goal, &view) {
            Decision::Reached => return Some(End::Reached),
            Decision::Failed { reason } => return Some(End::Stalled(reason)),
            Decision::Continue { changes, until, .. } if changes.is_empty() => {
                if let Err(end) = self.wait(until) {
                    return Some(end);
                }
            }
            Decision::Continue { changes, .. } => {
                for change in &changes {
                    self.model.apply(change);
                }
                self.model.settle();
                self.forecast.turns += 1;
            }
        }
        self.count();
        None
    }

    /// Lets time pass until something happens or is due.
    fn wait(&mut self, until: Option<Timestamp>) -> Result<(), End> {
        let next = self.model.next_event();
        let until = until.filter(|until| *until > self.model.now);
        if next.is_none() && until.is_none() && !self.promoted && self.is_asked() {
            self.promoted = true;
            self.forecast.promotion = Some(self.elapsed());
            return Ok(());
        }
        let Some(at) = next.into_iter().chain(until).min() else {
            return Err(End::Stalled("nothing is left to wait for".to_owned()));
        };
        self.model.advance(at);
        if next == Some(at) {
            self.progress_at = at;
        }
        Ok(())
    }

    /// Whether somebody is to say now that the canaries are good.
    fn is_asked(&self) -> bool {
        match self.premise.goal {
            Goal::Present { spec, .. } => {
                spec.update.canary.is_some() && spec.update.promote == Promote::Manual
            }
            Goal::Absent => false,
        }
    }

    /// Counts what is there, and tells it when it is something new.
    fn count(&mut self) {
        let wanted = match self.premise.goal {
            Goal::Present { revision, .. } => Some(*revision),
            Goal::Absent => None,
        };
        let (old, new) = self.model.by_revision(wanted);
        let moment = Moment {
            after: self.elapsed(),
            old,
            new,
            serving: self.model.serving(),
        };
        let forecast = &mut self.forecast;
        forecast.fewest_serving = forecast.fewest_serving.min(moment.serving);
        forecast.most_created = forecast.most_created.max(old + new);
        let timeline = &mut forecast.timeline;
        // Of what happens at one time only the outcome is told.
        timeline.pop_if(|last| last.after == moment.after);
        let counts = |moment: &Moment| (moment.old, moment.new, moment.serving);
        if timeline.last().map(counts) != Some(counts(&moment)) {
            timeline.truncate(MOMENTS - 1);
            timeline.push(moment);
        }
    }
}

/// How long containers took from being asked for until they did their work: the median of those
/// that do; `None` when none tells.
pub fn past_start_time(apps: &[App]) -> Option<Duration> {
    let containers = apps.iter().flat_map(|app| &app.containers);
    let serving = containers
        .filter(|c| c.state == ContainerState::Running && c.health != HealthState::Unhealthy);
    let mut times: Vec<Duration> = serving
        .filter_map(|container| {
            let ready_at = container.healthy_since.or(container.started_at)?;
            let took = ready_at.duration_since(container.staged_at?);
            took.try_into().ok()
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde passes fields so")]
fn seconds_if_any<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|it| it.as_secs_f64()).serialize(serializer)
}

#[cfg(test)]
mod tests;
