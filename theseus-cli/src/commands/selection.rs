//! Groups as a person names them: `ingestor:dev`, or `ingestor` for all groups of the service.

use theseus_core::engine::UnknownGroup;
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::state::Observed;

use crate::failure::Failure;

/// The groups that are known and meant; everything when nothing is named. A name that means nothing
/// is an error, with the nearest that would.
pub(crate) fn select<'a>(
    observed: &'a Observed,
    selectors: &[GroupSelector],
) -> Result<Vec<&'a GroupId>, Failure> {
    Ok(observed.select(selectors)?)
}

/// That there is no such group.
pub(super) fn unknown<'a>(
    selector: &GroupSelector,
    known: impl Iterator<Item = &'a GroupId>,
) -> Failure {
    UnknownGroup::new(selector, known).into()
}
