//! What is to be carried out, and its plan.

use theseus_core::audit::Deed;
use theseus_core::causes::chain;
use theseus_core::engine::{Ask, AskError, CheckError};
use theseus_core::manifest::{Faults, Manifest, Source};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::plan::{Desired, Plan, RollbackError};

use axum::http::StatusCode;
use theseus_core::cluster::Refusal as Unsupported;

use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// What is to be carried out.
#[derive(Clone)]
pub(crate) enum Asked {
    /// What a manifest says.
    Manifest(Vec<Source>),
    /// Something of a group that is there.
    Group(GroupId, Ask),
}

impl Asked {
    /// What the audit trail calls it.
    pub(crate) fn deed(&self) -> Deed {
        match self {
            Self::Manifest(_) => Deed::Deploy,
            Self::Group(_, ask) => ask.deed(),
        }
    }

    /// How much room it takes while it is kept, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Manifest(sources) => sources.iter().map(|source| source.text.len()).sum(),
            Self::Group(..) => 0,
        }
    }

    /// Whether it is the same as another.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Manifest(one), Self::Manifest(other)) => {
                let is = |(one, other): (&Source, &Source)| {
                    one.name == other.name && one.text == other.text
                };
                one.len() == other.len() && one.iter().zip(other).all(is)
            }
            (Self::Group(one, ask), Self::Group(other, another)) => one == other && ask == another,
            (Self::Manifest(_), Self::Group(..)) | (Self::Group(..), Self::Manifest(_)) => false,
        }
    }

    /// Checks it, and plans what leads to it. Nothing is changed.
    pub(crate) async fn plan(&self, viewer: &Viewer) -> Result<Plan, Refusal> {
        match self {
            Self::Manifest(sources) => of_manifest(viewer, sources).await,
            Self::Group(group, ask) => of_group(viewer, group, *ask).await,
        }
    }
}

async fn of_manifest(viewer: &Viewer, sources: &[Source]) -> Result<Plan, Refusal> {
    let engine = viewer.engine();
    let read = sources.to_vec();
    // A large one takes a while, in which others are to be served.
    let read = tokio::task::spawn_blocking(move || Manifest::parse(&read).map(Desired::from));
    let desired = read.await.map_err(bug)?.map_err(|faults| faulty(&faults))?;
    engine
        .check(sources, &desired)
        .await
        .map_err(|error| match error {
            CheckError::Refused(faults) => faulty(&faults),
            error => out_of_reach(&error),
        })?;
    let plan = engine.plan(&desired).await;
    plan.map_err(|error| out_of_reach(&error))
}

async fn of_group(viewer: &Viewer, group: &GroupId, ask: Ask) -> Result<Plan, Refusal> {
    let engine = viewer.engine();
    let groups = [GroupSelector::Group(group.clone())];
    let plan = engine.plan_ask(&groups, ask).await.map_err(not_asked)?;
    let unsupported = engine.refusals(&plan).await;
    let unsupported = unsupported.map_err(|error| out_of_reach(&error))?;
    if unsupported.is_empty() {
        return Ok(plan);
    }
    let lines = unsupported.iter().flat_map(|(group, refusals)| {
        refusals.iter().map(move |Unsupported { field, message }| {
            let field = field.as_ref().map(|field| format!("{field}: "));
            format!("{group}: {}{message}", field.unwrap_or_default())
        })
    });
    let reason = lines.collect::<Vec<_>>().join("\n");
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
}

/// All that is wrong with a manifest, as the command tells it.
fn faulty(faults: &Faults) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, faults.to_string()).faults(faults)
}

fn not_asked(error: AskError) -> Refusal {
    let reason = error.to_string();
    match error {
        AskError::Unknown(unknown) => {
            let refusal = Refusal::new(StatusCode::NOT_FOUND, reason);
            match unknown.near {
                Some(near) => refusal.help(format!("did you mean {near}?")),
                None => refusal,
            }
        }
        AskError::NoWayBack(RollbackError::Unknown { .. }) => {
            Refusal::new(StatusCode::NOT_FOUND, reason)
        }
        AskError::LostRecord { .. } => {
            Refusal::new(StatusCode::CONFLICT, reason).help("deploy its manifest again")
        }
        AskError::Engine(error) => out_of_reach(&error),
        _ => Refusal::new(StatusCode::CONFLICT, reason),
    }
}

/// Cluster, store or somebody else did not do his part.
pub(crate) fn out_of_reach(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, chain(error))
}

/// What should not be: the chain is for the log.
pub(crate) fn bug(error: impl std::error::Error) -> Refusal {
    tracing::error!(error = chain(&error), "a request failed");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "that failed here; the viewer's log has more",
    )
}
