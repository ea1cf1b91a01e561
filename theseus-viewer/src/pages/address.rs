//! Addresses of pages, made of names that may hold anything.

use std::fmt::Write as _;

/// A name as one part of a path: whatever is not plain is percent-encoded.
pub(crate) fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            // Groups are written with these, and browsers leave them alone.
            b':' | b',' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// A path with those of the parameters that have a value.
pub(crate) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = path.to_owned();
    let mut sign = '?';
    for (name, value) in parameters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push(sign);
            text.push_str(name);
            text.push('=');
            text.push_str(&segment(value));
            sign = '&';
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_plain_is_encoded() {
        for (name, expected) in [
            ("ingestor:canary,dev", "ingestor:canary,dev"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("\"><é %", "%22%3E%3C%C3%A9%20%25"),
            ("\n\u{0}", "%0A%00"),
        ] {
            assert_eq!(segment(name), expected);
        }
    }

    #[test]
    fn only_parameters_with_a_value_are_written() {
        let parameters = [
            ("a", None),
            ("b", Some("")),
            ("c", Some("x&y")),
            ("d", Some("1")),
        ];
        assert_eq!(with_query("/", &parameters), "/?c=x%26y&d=1");
        assert_eq!(with_query("/", &[]), "/");
    }
}
