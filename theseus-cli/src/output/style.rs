//! One colour per meaning.

use anstyle::{AnsiColor, Style};

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

/// Text from outside, with everything that a terminal would obey made visible.
pub(crate) fn inert(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            escaped
                .into_iter()
                .flatten()
                .chain((!c.is_control()).then_some(c))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        assert_eq!(inert("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
    }
}
