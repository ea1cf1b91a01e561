//! What addresses name.

use axum::http::StatusCode;
use theseus_core::engine::UnknownGroup;
use theseus_core::model::{GroupId, GroupSelector};

use crate::refusal::Refusal;
use crate::view::Known;

/// The group that an address names.
pub(crate) fn group(text: &str) -> Result<GroupId, Refusal> {
    text.parse().map_err(|reason| {
        let reason = format!("{text:?} is no group: {reason}");
        Refusal::new(StatusCode::NOT_FOUND, reason)
    })
}

/// The groups that a query means.
pub(crate) fn selector(text: &str) -> Result<GroupSelector, Refusal> {
    text.parse().map_err(|reason| {
        let reason = format!("{text:?} is neither a group nor a service: {reason}");
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    })
}

/// That there is no such group.
pub(crate) fn unknown(group: &GroupId, known: &Known) -> Refusal {
    let selector = GroupSelector::Group(group.clone());
    let unknown = UnknownGroup::new(
        &selector,
        known.status.groups.iter().map(|group| &group.group),
    );
    let refusal = Refusal::new(StatusCode::NOT_FOUND, unknown.to_string());
    match unknown.near {
        Some(near) => refusal.help(format!("did you mean {near}?")),
        None => refusal,
    }
}
