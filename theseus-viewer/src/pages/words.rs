//! Small things that pages are written with: states, times, amounts, and what is not there.

use jiff::Timestamp;
use maud::{Markup, Render, html};
use theseus_core::cluster::{ContainerState, HealthState};
use theseus_core::status::Condition;

/// How a group is, as a sign, a word and a colour.
pub(super) fn condition(condition: Condition) -> Markup {
    let (class, sign) = look_of(condition);
    signed(class, sign, condition.as_str())
}

/// The colour and the sign of how a group is.
pub(super) fn look_of(condition: Condition) -> (&'static str, &'static str) {
    match condition {
        Condition::Down => ("bad", "✕"),
        Condition::Degraded => ("bad", "▲"),
        Condition::Failed => ("bad", "!"),
        Condition::Paused => ("odd", "‖"),
        Condition::Drifted => ("odd", "≠"),
        Condition::Deploying => ("busy", "◐"),
        Condition::Removing => ("busy", "◌"),
        Condition::Well => ("good", "●"),
    }
}

/// How far a container is.
pub(super) fn state(state: ContainerState) -> Markup {
    let (class, sign) = match state {
        ContainerState::Staging => ("busy", "◌"),
        ContainerState::Starting => ("busy", "◔"),
        ContainerState::Running => ("good", "●"),
        ContainerState::Stopping => ("busy", "◑"),
        ContainerState::Unreachable => ("bad", "?"),
        ContainerState::Ended => ("idle", "✕"),
    };
    signed(class, sign, state.as_str())
}

/// What a container's checks say.
pub(super) fn health(health: HealthState) -> Markup {
    let (class, sign) = match health {
        HealthState::Healthy => ("good", "✓"),
        HealthState::Unhealthy => ("bad", "▲"),
        HealthState::Unknown => ("idle", "·"),
    };
    signed(class, sign, health.as_str())
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
    html! { span.none { span aria-hidden="true" { "–" } span.unseen { "none" } } }
}

/// A point in time.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%F %T UTC")) } }
}

/// How long ago something was. The page's script keeps it true.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> Markup {
    let seconds = now.as_second().saturating_sub(at.as_second());
    html! { time data-age datetime=(at) title=(at.strftime("%F %T UTC")) { (span(seconds)) } }
}

/// A number of seconds in the largest unit that still tells two of them apart. The script does the
/// same.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `1 container`, `2 containers`.
pub(super) fn count(number: impl TryInto<u64>, word: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {word}"),
        number => format!("{} {word}s", grouped(number)),
    }
}

/// A whole number as people read it: `10,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount of memory, in the largest unit of which there is one.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut amount, mut unit) = (bytes.max(0.0), 0);
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{} {}", number(amount), UNITS[unit])
}

/// The same of an amount in MiB.
pub(super) fn mib(mib: f64) -> String {
    bytes(mib * 1024.0 * 1024.0)
}

/// A number with as many places as matter: `0.25`, `3.5`, `128`.
pub(super) fn number(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        _ => 4,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// How many there are of what comes in whole numbers: `1,001`.
pub(super) fn whole(number: f64) -> String {
    let text = format!("{number:.0}");
    text.parse().map_or(text, grouped)
}

/// Who did something.
pub(super) fn who(by: &str) -> &str {
    theseus_core::audit::who(by).unwrap_or("somebody")
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

    #[test]
    fn amounts_are_told_as_people_say_them() {
        for (amount, text) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1536.0, "1.5 KiB"),
            (134_217_728.0, "128 MiB"),
            (68_719_476_736.0, "64 GiB"),
        ] {
            assert_eq!(bytes(amount), text);
        }
        assert_eq!(mib(65536.0), "64 GiB");
        for (amount, text) in [
            (0.1, "0.1"),
            (3.256, "3.26"),
            (12.34, "12.3"),
            (1000.0, "1000"),
        ] {
            assert_eq!(number(amount), text);
        }
        assert_eq!((&*whole(0.0), &*whole(1001.0)), ("0", "1,001"));
        assert_eq!(
            (&*count(1, "group"), &*count(2_u32, "group")),
            ("1 group", "2 groups")
        );
    }

    #[test]
    fn who_it_was() {
        assert_eq!(who("ana@ci-7 (pid 4711)"), "ana@ci-7");
        assert_eq!(who(""), "somebody");
    }
}
