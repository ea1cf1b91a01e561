//! The one thing that JSON writes and YAML does not read: a character beyond U+FFFF, escaped as
//! two halves (`\ud83d\ude00`).

use std::borrow::Cow;

/// Writes such pairs as YAML has them (`\U0001f600`). Only in a text that looks like JSON: in
/// YAML's unquoted words a backslash is a backslash.
pub(super) fn join_surrogates(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains("\\u") {
        return text.into();
    }
    let mut joined = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(backslash) = text[at..].find('\\').map(|found| at + found) {
        at = backslash + 1;
        if let Some(character) = pair(&text.as_bytes()[backslash..]) {
            joined.push_str(&text[copied..backslash]);
            joined.extend(["\\U", &format!("{:08x}", u32::from(character))]);
            copied = backslash + 12;
            at = copied;
        } else if text.as_bytes().get(at).is_some_and(u8::is_ascii) {
            // What is escaped is not the beginning of an escape.
            at += 1;
        }
    }
    if copied == 0 {
        return text.into();
    }
    joined.push_str(&text[copied..]);
    joined.into()
}

/// The character that two escapes in a row stand for.
fn pair(bytes: &[u8]) -> Option<char> {
    let high = escape(bytes.get(..6)?)?;
    let low = escape(bytes.get(6..12)?)?;
    char::decode_utf16([high, low])
        .next()?
        .ok()
        .filter(|c| c.len_utf16() == 2)
}

fn escape(bytes: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_joined_in_json_only() {
        for (text, expected) in [
            (r#"{"a":"\ud83d\ude00!"}"#, r#"{"a":"\U0001f600!"}"#),
            (r#"{"a":"\\ud83d\ude00"}"#, r#"{"a":"\\ud83d\ude00"}"#),
            (
                r#"{"a":"\\\uD83D\uDE00\ud83d\ude00"}"#,
                r#"{"a":"\\\U0001f600\U0001f600"}"#,
            ),
            (r#"{"a":"\u00e4\u00f6"}"#, r#"{"a":"\u00e4\u00f6"}"#),
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ud83d"}"#),
            (r#"{"a":"\u+83d\u-e00 \"#, r#"{"a":"\u+83d\u-e00 \"#),
            (r"a: \ud83d\ude00", r"a: \ud83d\ude00"),
        ] {
            assert_eq!(join_surrogates(text), expected);
        }
    }
}
