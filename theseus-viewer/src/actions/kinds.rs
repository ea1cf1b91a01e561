//! What can be asked for of one group.

use std::str::FromStr;

use theseus_core::audit::Deed;
use theseus_core::engine::Ask;

/// What is asked for, as it stands in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Another number of containers.
    Scale,
    /// New containers of the same kind.
    Restart,
    /// What it was before.
    Rollback,
    /// To go on with what is under way.
    Resume,
    /// Something that a rollout is told from beside.
    Control(Control),
}

/// What a rollout is told from beside: whoever carries it out heeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// To stand still.
    Pause,
    /// That its canaries are good.
    Promote,
    /// To be taken back.
    Abort,
}

impl Kind {
    /// Everything, in the order in which it is offered.
    pub(crate) const ALL: [Self; 7] = [
        Self::Scale,
        Self::Restart,
        Self::Rollback,
        Self::Control(Control::Pause),
        Self::Resume,
        Self::Control(Control::Promote),
        Self::Control(Control::Abort),
    ];

    /// As it stands in addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
            Self::Control(Control::Pause) => "pause",
            Self::Control(Control::Promote) => "promote",
            Self::Control(Control::Abort) => "abort",
        }
    }

    /// On a button.
    pub(crate) fn label(self) -> &'static str {
        let deed = match self {
            Self::Scale => Deed::Scale,
            Self::Restart => Deed::Restart,
            Self::Rollback => Deed::Rollback,
            Self::Resume => Deed::Resume,
            Self::Control(Control::Pause) => Deed::Pause,
            Self::Control(Control::Promote) => Deed::Promote,
            Self::Control(Control::Abort) => Deed::Abort,
        };
        deed.title()
    }

    /// What it does, as a sentence of one who is about to do it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Scale => "It gets another number of containers. Those that stay are not touched.",
            Self::Restart => {
                "Every container is replaced by a new one of the same kind, as a deploy would."
            }
            Self::Rollback => "It is brought back to an earlier revision, as a deploy would.",
            Self::Resume => {
                "The rollout goes on, where it was paused, has failed, or was left by who carried it out."
            }
            Self::Control(Control::Pause) => {
                "The rollout stops before its next change, and stands still until somebody resumes or aborts it."
            }
            Self::Control(Control::Promote) => {
                "You say that the canaries are good, so that the other containers follow."
            }
            Self::Control(Control::Abort) => {
                "The rollout is taken back: the group becomes what it was before, or goes if it was not there."
            }
        }
    }

    /// Whether it is only of use while something is under way.
    pub(crate) fn is_of_rollout(self) -> bool {
        matches!(self, Self::Resume | Self::Control(_))
    }

    /// What the planner is asked; nothing for what is only told to a rollout.
    pub(crate) fn ask(self, number: Option<u32>) -> Option<Ask> {
        match self {
            Self::Scale => number.map(Ask::Scale),
            Self::Restart => Some(Ask::Restart),
            Self::Rollback => Some(Ask::Rollback(number)),
            Self::Resume => Some(Ask::Resume),
            Self::Control(_) => None,
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let kinds = Self::ALL.into_iter();
        kinds
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}
