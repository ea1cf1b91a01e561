//! Small things that pages are written with: states, times, and what is not there.

use jiff::Timestamp;
use maud::{Markup, Render, html};
use theseus_core::status::Condition;

/// How a group is, as a sign, a word and a colour.
pub(super) fn condition(condition: Condition) -> Markup {
    let (class, sign) = match condition {
        Condition::Down => ("bad", "✕"),
        Condition::Degraded => ("bad", "▲"),
        Condition::Failed => ("bad", "!"),
        Condition::Paused => ("odd", "‖"),
        Condition::Drifted => ("odd", "≠"),
        Condition::Deploying => ("busy", "◐"),
        Condition::Removing => ("busy", "◌"),
        Condition::Well => ("good", "●"),
    };
    signed(class, sign, condition.as_str())
}

/// A word with its sign, so that colour is never the only one.
pub(super) fn signed(class: &str, sign: &str, word: &str) -> Markup {
    html! { span.state.(class) { span.sign aria-hidden="true" { (sign) } " " (word) } }
}

/// A value, or a dash.
pub(super) fn or_dash(value: Option<impl Render>) -> Markup {
    value.map_or_else(dash, |value| html! { (value) })
}

/// Stands where there is no value.
pub(super) fn dash() -> Markup {
    html! { span.none aria-label="none" { "–" } }
}

/// A point in time.
pub(super) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%F %T UTC")) } }
}

/// How long ago something was. The page's script keeps it true.
pub(super) fn age(at: Timestamp, now: Timestamp) -> Markup {
    let seconds = now.as_second().saturating_sub(at.as_second());
    html! { time data-age datetime=(at) title=(at.strftime("%F %T UTC")) { (span(seconds)) } }
}

/// A number of seconds in the largest unit that still tells two of them apart. The script does the
/// same.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
