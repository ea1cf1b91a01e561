//! Plans that are carried out here, in the background, and those that were lately.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use theseus_core::audit::Deed;
use theseus_core::causes::chain;
use theseus_core::engine::{Engine, EngineError, GroupReport, Options, Outcome, Progress, Report};
use theseus_core::model::GroupId;
use theseus_core::plan::{Action, GroupPlan, Plan};
use tokio::sync::Semaphore;

use crate::lock::lock;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// So many are carried out at once.
const AT_ONCE: u32 = 16;
/// So many are remembered.
const KEPT: usize = 100;
/// So much of what happened is remembered of each.
const LINES: usize = 200;

/// What is carried out, and what was.
#[derive(Clone)]
pub(crate) struct Works {
    shared: Arc<Shared>,
}

struct Shared {
    viewer: Viewer,
    room: Arc<Semaphore>,
    works: Mutex<Register>,
}

#[derive(Default)]
struct Register {
    begun: u64,
    works: VecDeque<Arc<Work>>,
}

/// One plan that is carried out, or was.
pub(crate) struct Work {
    /// What it is asked for by.
    pub(crate) id: String,
    /// What was asked for.
    pub(crate) deed: Deed,
    /// Who asked.
    pub(crate) by: String,
    /// Since when.
    pub(crate) started_at: Timestamp,
    state: Mutex<State>,
}

/// How far it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Each group that the plan changes.
    pub(crate) groups: BTreeMap<GroupId, Group>,
    /// What happened lately, the oldest first.
    pub(crate) happened: VecDeque<Happened>,
    /// How it ended.
    pub(crate) end: Option<End>,
}

/// How far it is in one group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What is done to it.
    pub(crate) action: Action,
    /// What is being waited for, in words; empty before it has begun.
    pub(crate) waiting: String,
    /// How it ended.
    pub(crate) report: Option<GroupReport>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Happened {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub(crate) what: Progress,
}

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// When.
    pub(crate) at: Timestamp,
    /// How.
    pub(crate) outcome: Outcome,
    /// What kept it from going on.
    pub(crate) error: Option<String>,
}

impl fmt::Debug for Works {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Works")
            .field("under_way", &self.under_way())
            .finish_non_exhaustive()
    }
}

impl Works {
    /// Nothing yet. What is begun stops with the viewer.
    pub(crate) fn new(viewer: &Viewer) -> Self {
        Self {
            shared: Arc::new(Shared {
                viewer: viewer.clone(),
                room: Arc::new(Semaphore::new(AT_ONCE as usize)),
                works: Mutex::default(),
            }),
        }
    }

    /// Begins to carry a plan out, unless too many are.
    pub(crate) fn begin(
        &self,
        engine: Engine,
        plan: Plan,
        deed: Deed,
    ) -> Result<Arc<Work>, Refusal> {
        let room = Arc::clone(&self.shared.room).try_acquire_owned();
        let Ok(permit) = room else {
            return Err(Refusal::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many deploys are carried out here at the moment",
                std::time::Duration::from_secs(10),
            ));
        };
        let work = self.note(&engine, &plan, deed);
        let (stopped, doing) = (self.shared.viewer.stopped(), Arc::clone(&work));
        tokio::spawn(async move {
            let tell = |progress| doing.tell(progress);
            let options = Options::default();
            let ended = engine.asked_to(deed);
            let ended = ended.carry_out(&plan, &options, &tell, stopped).await;
            doing.end(&ended);
            drop(permit);
        });
        Ok(work)
    }

    fn note(&self, engine: &Engine, plan: &Plan, deed: Deed) -> Arc<Work> {
        let now = Timestamp::now();
        let changed = plan.groups.iter().filter(|plan| !GroupPlan::is_empty(plan));
        let groups = changed.map(|plan| {
            let group = Group {
                action: plan.action,
                waiting: String::new(),
                report: None,
            };
            (plan.group.clone(), group)
        });
        let state = State {
            groups: groups.collect(),
            ..State::default()
        };
        let mut register = lock(&self.shared.works);
        register.begun += 1;
        let work = Arc::new(Work {
            // Of another process there is none that is called so.
            id: format!("{}-{}", now.strftime("%Y%m%dT%H%M%S"), register.begun),
            deed,
            by: engine.by().to_owned(),
            started_at: now,
            state: Mutex::new(state),
        });
        register.works.push_back(Arc::clone(&work));
        while register.works.len() > KEPT {
            let Some(over) = register.works.iter().position(|work| work.is_over()) else {
                break;
            };
            register.works.remove(over);
        }
        work
    }

    /// One of them.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Work>> {
        let register = lock(&self.shared.works);
        register.works.iter().find(|work| work.id == id).cloned()
    }

    /// All that are remembered, the latest first.
    pub(crate) fn all(&self) -> Vec<Arc<Work>> {
        lock(&self.shared.works)
            .works
            .iter()
            .rev()
            .cloned()
            .collect()
    }

    /// How many are carried out at the moment.
    pub(crate) fn under_way(&self) -> usize {
        AT_ONCE as usize - self.shared.room.available_permits()
    }

    /// Ready when none is carried out.
    pub(crate) async fn ended(&self) {
        // Nobody closes it.
        let _ = self.shared.room.acquire_many(AT_ONCE).await;
    }
}

impl Work {
    /// How far it is.
    pub(crate) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// Whether it has ended, well or not.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.state).end.is_some()
    }

    fn tell(&self, progress: Progress) {
        let mut state = lock(&self.state);
        match &progress {
            Progress::Waiting { group, waiting, .. } => {
                if let Some(group) = state.groups.get_mut(group) {
                    waiting.clone_into(&mut group.waiting);
                }
            }
            Progress::Done(report) => state.done(report),
            _ => {}
        }
        if state.happened.len() == LINES {
            state.happened.pop_front();
        }
        state.happened.push_back(Happened {
            at: Timestamp::now(),
            what: progress,
        });
    }

    fn end(&self, ended: &Result<Report, EngineError>) {
        let mut state = lock(&self.state);
        let (outcome, error) = match ended {
            // What was to go back and did is done.
            Ok(report) => match (self.deed, report.outcome()) {
                (Deed::Abort, Outcome::RolledBack) => (Outcome::Ok, None),
                (_, outcome) => (outcome, None),
            },
            Err(error) => (Outcome::Failed, Some(chain(error))),
        };
        for report in ended.iter().flat_map(|report| &report.groups) {
            state.done(report);
        }
        state.end = Some(End {
            at: Timestamp::now(),
            outcome,
            error,
        });
    }
}

impl State {
    fn done(&mut self, report: &GroupReport) {
        if let Some(group) = self.groups.get_mut(&report.group) {
            group.report = Some(report.clone());
        }
    }
}
