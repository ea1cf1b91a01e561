//! Groups as a person names them: `ingestor:dev`, or `ingestor` for all groups of the service.

use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::state::Observed;

use crate::failure::{Code, Failure};

/// The groups that are known and meant; everything when nothing is named. A name that means nothing
/// is an error, with the nearest that would.
pub(crate) fn select<'a>(
    observed: &'a Observed,
    selectors: &[GroupSelector],
) -> Result<Vec<&'a GroupId>, Failure> {
    let known = || {
        observed
            .groups
            .iter()
            .filter(|(_, state)| !state.is_absent())
            .map(|(group, _)| group)
    };
    for selector in selectors {
        if !known().any(|group| selector.matches(group)) {
            return Err(unknown(selector, known()));
        }
    }
    Ok(known()
        .filter(|group| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.matches(group))
        })
        .collect())
}

/// That there is no such group.
pub(super) fn unknown<'a>(
    selector: &GroupSelector,
    known: impl Iterator<Item = &'a GroupId>,
) -> Failure {
    let name = selector.to_string();
    let names: Vec<String> = known.map(ToString::to_string).collect();
    let failure = Failure::usage(format!("there is no group {name}"));
    match theseus_core::suggest::nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if names.is_empty() => failure.hint("nothing is deployed yet"),
        None => failure.hint("theseus status lists what is deployed"),
    }
}

/// That of a group is not known what it should be.
pub(super) fn lost_record(group: &GroupId) -> Failure {
    Failure::new(
        Code::Failed,
        format!("{group} runs, but its record is lost, so what it should be is not known"),
    )
    .hint("deploy its manifest again")
}
