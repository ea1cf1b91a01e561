//! Scalars, told apart by the core schema of YAML 1.2: `no` is a text here, and `010` is ten.

use std::borrow::Cow;

use super::text::Span;

/// A value that is neither a list nor a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar<'s> {
    /// As it is written, without quotes.
    pub(super) text: Cow<'s, str>,
    pub(super) kind: Kind,
    /// Where it is written: not where it is used, if that is through an alias.
    pub(super) span: Span,
}

/// What kind of scalar it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int,
    Float,
    Text,
}

impl Kind {
    /// What a text without quotes is.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => Self::Text,
            _ if is_int(text) => Self::Int,
            _ if is_float(text) => Self::Float,
            _ => Self::Text,
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_int(text: &str) -> bool {
    if let Some(hex) = text.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| matches!(b, b'0'..=b'7'));
    }
    is_digits(unsigned(text))
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let text = unsigned(text);
    if matches!(text, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(unsigned(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_or_none = |part: &str| part.is_empty() || is_digits(part);
    digits_or_none(whole)
        && digits_or_none(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(is_digits)
}

impl Scalar<'_> {
    /// The whole number that it is; `None` too for one that is beyond all use.
    pub(super) fn as_whole(&self) -> Option<i64> {
        if self.kind != Kind::Int {
            return None;
        }
        if let Some(hex) = self.text.strip_prefix("0x") {
            return i64::from_str_radix(hex, 16).ok();
        }
        if let Some(octal) = self.text.strip_prefix("0o") {
            return i64::from_str_radix(octal, 8).ok();
        }
        self.text.parse().ok()
    }

    /// The number that it is, if it is finite.
    pub(super) fn as_number(&self) -> Option<f64> {
        let number = match self.kind {
            // Exact for what can be meant: beyond 2^53 nobody counts processors or megabytes.
            Kind::Int if self.text.starts_with("0x") || self.text.starts_with("0o") => {
                f64::from(u32::try_from(self.as_whole()?).ok()?)
            }
            Kind::Int | Kind::Float => self.text.parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        for (texts, kind) in [
            (&["", "~", "null", "NULL"][..], Kind::Null),
            (&["true", "True"], Kind::Bool(true)),
            (&["false"], Kind::Bool(false)),
            (
                &[
                    "0",
                    "-1",
                    "+7",
                    "010",
                    "0x1F",
                    "0o17",
                    "123456789012345678901",
                ],
                Kind::Int,
            ),
            (
                &["1.", ".5", "-0.1", "1e3", "1.5E-7", ".inf", "-.Inf", ".nan"],
                Kind::Float,
            ),
            (
                &[
                    "no", "yes", "on", "tRUE", "nil", "-", "+", ".", "..", "1_000", "0x", "0xg",
                    "0o8", "-0x1", "1e", "e5", "1.2.3", "-.nan", "inf", "NaN", "12:30", "1 2",
                ],
                Kind::Text,
            ),
        ] {
            for text in texts {
                assert_eq!(Kind::of(text), kind, "{text:?}");
            }
        }
    }

    #[test]
    fn what_the_numbers_are() {
        let scalar = |text: &'static str| Scalar {
            text: text.into(),
            kind: Kind::of(text),
            span: Span::default(),
        };
        for (text, whole, number) in [
            ("4", Some(4), Some(4.0)),
            ("+4", Some(4), Some(4.0)),
            ("010", Some(10), Some(10.0)),
            ("0x10", Some(16), Some(16.0)),
            ("0o10", Some(8), Some(8.0)),
            (".5", None, Some(0.5)),
            ("1e3", None, Some(1000.0)),
            ("1e999", None, None),
            (".inf", None, None),
            (".nan", None, None),
            ("nope", None, None),
            ("99999999999999999999", None, Some(1e20)),
        ] {
            assert_eq!(scalar(text).as_whole(), whole, "{text}");
            assert_eq!(scalar(text).as_number(), number, "{text}");
        }
    }
}
