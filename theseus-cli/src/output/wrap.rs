//! Breaking long sentences into lines that fit the terminal.

use console::measure_text_width;

/// No line is broken shorter than this.
const NARROWEST: usize = 30;

/// The text after `head`, in lines no longer than `width`; all but the first stand under the text.
/// Without a `width`, as in a pipe, it stays one line. Ends with a line break.
pub(crate) fn wrap(head: &str, text: &str, width: Option<u16>) -> String {
    let indent = measure_text_width(head);
    let room = width.map_or(usize::MAX, |width| {
        usize::from(width).saturating_sub(indent).max(NARROWEST)
    });
    let mut lines = head.to_owned();
    let mut taken = 0;
    for word in text.split(' ') {
        let length = measure_text_width(word);
        if taken > 0 && taken + 1 + length > room {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            taken = 0;
        } else if taken > 0 {
            lines.push(' ');
            taken += 1;
        }
        lines.push_str(word);
        taken += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_stand_under_each_other() {
        let text = "no host is known for slots 0, 1: each starts anywhere";
        assert_eq!(
            wrap("  note: ", text, Some(40)),
            "  note: no host is known for slots 0, 1:\n        each starts anywhere\n"
        );
        assert_eq!(wrap("  note: ", text, None), format!("  note: {text}\n"));
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let word = "x".repeat(60);
        assert_eq!(
            wrap("", &format!("a {word} b"), Some(40)),
            format!("a\n{word}\nb\n")
        );
    }
}
