//! What a group's page offers to whoever may change it.

use maud::{Markup, html};
use theseus_core::model::MAX_INSTANCES;
use theseus_core::status::GroupStatus;

use super::Kind;
use crate::guard::Caller;

/// One form for each thing that can be asked for of the group. Each leads to a page that says what it
/// will do, and asks. Empty for whoever may not.
pub(crate) fn forms(group: &GroupStatus) -> Markup {
    html! {
        @if Caller::now().may_change() {
            section.actions aria-label="Actions" {
                link rel="stylesheet" href="/assets/actions.css";
                // What is under way changes while the page is open: its style shows these when it is.
                @for kind in Kind::ALL {
                    form.of-rollout[kind.is_of_rollout()] method="get" action={ "/groups/" (group.group) "/do/" (kind.as_str()) } {
                        @if kind == Kind::Scale {
                            label { "Containers " input type="number" name="number" min="0" max=(MAX_INSTANCES)
                                required value=(group.instances) aria-label="Number of containers"; }
                        }
                        button type="submit" { (kind.label()) }
                    }
                }
            }
        }
    }
}
