//! Pages without anything that what shows them, or where it is pasted, would obey.
//!
//! What others have written is in every corner of a page. So pages are looked over when they are
//! finished, rather than each corner by itself.

use std::borrow::Cow;

use maud::{Markup, PreEscaped};
use theseus_core::logs;

const FIELD: &str = "<textarea";
const FIELD_END: &str = "</textarea>";

/// The same, with what would be obeyed made visible. What people are to go on writing stays as it is.
pub(super) fn inert(html: Markup) -> Markup {
    let mut html = html.into_string();
    if let Cow::Owned(changed) = lines(&html) {
        html = if html.contains(FIELD) {
            let parts = html.split_inclusive(FIELD_END);
            parts.map(outside_of_field).collect()
        } else {
            changed
        };
    }
    PreEscaped(html)
}

/// All of it but a field at the end.
fn outside_of_field(part: &str) -> String {
    let (around, field) = part.split_at(part.find(FIELD).unwrap_or(part.len()));
    format!("{}{field}", lines(around))
}

fn lines(text: &str) -> Cow<'_, str> {
    let is_inert = |line| matches!(logs::inert(line), Cow::Borrowed(_));
    if text.split('\n').all(is_inert) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(logs::inert).collect();
    Cow::Owned(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn nothing_is_obeyed_and_what_is_written_stays() {
        let evil = "a\u{1b}[31mb\u{202e}c\u{7}<\nd";
        let page = html! {
            p title=(evil) { (evil) }
            textarea { (evil) }
            p { (evil) }
            textarea { "plain" }
        };
        let told = "ab\\u{202e}c\\u{7}&lt;\nd";
        assert_eq!(
            inert(page).into_string(),
            format!(
                "<p title=\"{told}\">{told}</p><textarea>a\u{1b}[31mb\u{202e}c\u{7}&lt;\nd</textarea>\
                 <p>{told}</p><textarea>plain</textarea>"
            )
        );
    }

    #[test]
    fn what_is_harmless_is_not_touched() {
        let page = html! { p { "● é\t\n" } };
        assert_eq!(inert(page).into_string(), "<p>● é\t\n</p>");
    }
}
