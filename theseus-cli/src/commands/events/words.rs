//! Sentences about what happened, in colour.

use theseus_core::told::{Sentence, Told};

use crate::output::style::{inert, toned};

/// What happened, as a person says it.
pub(super) fn sentence(told: &Told) -> String {
    let Sentence {
        of,
        what,
        reason,
        tone,
    } = told.sentence();
    let what = toned(tone, &inert(&what));
    let of = if of.is_empty() {
        of
    } else {
        format!("{} ", inert(&of))
    };
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", inert(&reason)));
    format!("{of}{what}{reason}")
}

#[cfg(test)]
mod tests {
    use theseus_core::cluster::{ContainerId, ContainerState};

    use super::*;

    #[test]
    fn names_from_outside_are_inert() {
        let told = Told::Container {
            at: None,
            group: "ingestor:dev".parse().unwrap(),
            container: ContainerId("a\u{1b}[2J".to_owned()),
            state: ContainerState::Running,
        };
        let sentence = anstream::adapter::strip_str(&sentence(&told)).to_string();
        assert_eq!(sentence, "a\\u{1b}[2J runs");
    }
}
