//! One group, above the table of its containers.

use jiff::Timestamp;
use maud::{Markup, html};
use theseus_core::model::GroupId;
use theseus_core::status::GroupStatus;

use super::{overview, words};

/// What is known of the group; `None` when there is no such group.
pub(super) fn summary(id: &GroupId, group: Option<&GroupStatus>, now: Timestamp) -> Markup {
    let Some(group) = group else {
        return html! {
            div.empty {
                p { strong { "There is no group " (id) "." } }
                p { "It was removed, or never deployed. If it comes, it shows up here." }
            }
        };
    };
    html! {
        dl.facts {
            (fact("State", &overview::state(group, now)))
            (fact("Ready", &overview::ready(group)))
            (fact("Running", &html! { (group.running) }))
            (fact("Revision", &words::or_dash(group.revision)))
            (fact("Image", &html! { span.image { (words::or_dash(group.image.as_deref())) } }))
            @if let Some(at) = group.deployed_at {
                (fact("Deployed", &html! { (words::age(at, now)) " ago" }))
            }
        }
        @for drift in &group.drift {
            p.drift {
                span.sign aria-hidden="true" { "≠ " }
                "No record accounts for app " code { (drift.app) } " of revision " (drift.revision)
                ", which has " (drift.containers) " of the containers."
            }
        }
        @if group.containers.is_empty() {
            div.empty { p { "No container is there at the moment." } }
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
