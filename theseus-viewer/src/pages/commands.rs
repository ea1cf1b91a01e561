//! The same in a terminal.

use maud::{Markup, html};
use theseus_core::model::GroupId;

/// What one would type about a group.
pub(super) fn of_group(group: &GroupId, is_rolling: bool) -> Markup {
    let mut lines = vec![
        (format!("theseus describe {group}"), "all about it"),
        (format!("theseus ps {group}"), "its containers"),
        (format!("theseus logs {group} --follow"), "what they write"),
        (format!("theseus history {group}"), "its revisions"),
        (format!("theseus events {group}"), "what happens to it"),
        (format!("theseus export {group}"), "its manifest"),
    ];
    if is_rolling {
        lines.extend([
            (
                format!("theseus rollout status {group} --watch"),
                "how far it is",
            ),
            (
                format!("theseus rollout pause {group}"),
                "let it stand still",
            ),
            (format!("theseus rollout resume {group}"), "let it go on"),
            (format!("theseus rollout abort {group}"), "take it back"),
        ]);
    } else {
        lines.extend([
            (
                format!("theseus scale {group} N"),
                "another number of containers",
            ),
            (
                format!("theseus restart {group}"),
                "new containers of the same kind",
            ),
            (format!("theseus rollback {group}"), "what ran before"),
        ]);
    }
    list(&lines)
}

/// These commands, with what each is for.
pub(super) fn list(lines: &[(String, &str)]) -> Markup {
    html! {
        section aria-labelledby="commands-title" {
            h2 #commands-title { "In a terminal" }
            dl.commands { @for (command, what) in lines { div { dt { code { (command) } } dd { (what) } } } }
        }
    }
}
