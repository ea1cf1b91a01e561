//! Errors as people read them.

use std::error::Error;
use std::fmt::Write as _;

/// An error with its causes in one line, the outermost first. What was said already, as many errors
/// repeat their cause, is not said again.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let words = cause.to_string();
        if !text.contains(&words) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {words}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Trouble {
        words: &'static str,
        source: Option<Box<Trouble>>,
    }

    #[test]
    fn each_cause_is_said_once() {
        let error = ["no route", "not sent: no route", "no answer"]
            .into_iter()
            .fold(None, |source, words| {
                let source = source.map(Box::new);
                Some(Trouble { words, source })
            });
        let error = error.unwrap();
        assert_eq!(chain(&error), "no answer: not sent: no route");
    }
}
