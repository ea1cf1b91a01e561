//! One colour per meaning.

use anstyle::{AnsiColor, Style};
use theseus_core::logs::is_obeyed;
use theseus_core::told::Tone;

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// Something new, or well.
pub(crate) const GOOD: Style = colour(AnsiColor::Green);
/// Something that changes, or is on its way.
pub(crate) const CHANGE: Style = colour(AnsiColor::Yellow);
/// Something that goes, or is wrong.
pub(crate) const BAD: Style = colour(AnsiColor::Red);
/// Something to know.
pub(crate) const NOTE: Style = colour(AnsiColor::Cyan);
/// Something of less importance.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Something of more.
pub(crate) const STRONG: Style = Style::new().bold();

/// The text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The text in the style of what it means.
pub(crate) fn toned(tone: Tone, text: &str) -> String {
    match tone {
        Tone::Good => paint(GOOD, text),
        Tone::Change => paint(CHANGE, text),
        Tone::Bad => paint(BAD, text),
        Tone::Faint => paint(FAINT, text),
        Tone::Plain => text.to_owned(),
    }
}

/// Text from outside, with everything that a terminal would obey made visible.
pub(crate) fn inert(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            told.extend(c.escape_default());
        } else {
            told.push(c);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        assert_eq!(inert("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
        assert_eq!(inert("evil\u{202e}txt\t"), "evil\\u{202e}txt\\t");
    }
}
