//! A shell's line as the words of a command.

use crate::encode::line;

/// The words of a line: those that Theseus made it of, if it did, or else a shell with the line.
pub(super) fn words(text: &str) -> Vec<String> {
    let made = text.strip_prefix("exec ").and_then(split);
    match made {
        Some(words) if line(&words) == text => words,
        _ => ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
    }
}

/// Takes a line apart in which words are bare or in single quotes, as Theseus writes it.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| *c != ' ') {
            match c {
                '\'' => loop {
                    match chars.next()? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                },
                '\\' => word.push(chars.next()?),
                bare => word.push(bare),
            }
        }
        words.push(word);
        chars.next();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_anybody_is_left_to_a_shell() {
        for text in [
            "python app.py",
            "exec python app.py --port $PORT0",
            "exec 'a' b",
            "exec a  b",
            "exec",
            "exec ",
            "exec a'",
            "./run && tail -f log",
            "",
        ] {
            assert_eq!(words(text), ["/bin/sh", "-c", text], "{text:?}");
        }
        assert_eq!(words("exec run -x 'it'\\''s'"), ["run", "-x", "it's"]);
    }

    proptest! {
        #[test]
        fn what_theseus_made_of_words_becomes_them_again(
            made in proptest::collection::vec("(?s).{0,6}|[a-z' \\\\]{0,5}", 1..4),
        ) {
            prop_assert_eq!(words(&line(&made)), made);
        }

        #[test]
        fn any_line_may_be_there(text in ".{0,30}|exec [a-z' \\\\]{0,12}") {
            let _ = words(&text);
        }
    }
}
