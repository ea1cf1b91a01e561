//! The token that opens the viewer to whoever has it.

use std::collections::BTreeSet;
use std::fmt;

use subtle::ConstantTimeEq as _;

use super::random::{Digest, digest, random};

/// So many bits a token has at least.
const BITS: u32 = 128;
/// A token of fewer different characters was not made at random.
const DIFFERENT: usize = 8;
/// No token is longer.
const MAX_LENGTH: usize = 4096;

/// What opens the viewer to whoever has it. Only its digest is kept.
#[derive(Clone)]
pub struct Token(Digest);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakToken {
    /// Somebody could guess it.
    #[error(
        "the token is too short or too even to have {BITS} bits: 32 hexadecimal digits or 22 letters and digits, made at random, are enough"
    )]
    Guessable,
    /// It cannot be sent in a header.
    #[error("the token has other characters than letters, digits and signs, or is too long")]
    Unspeakable,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Takes a text as token. What has fewer than 128 bits is refused, as far as its looks tell.
    pub fn new(text: &str) -> Result<Self, WeakToken> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakToken::Unspeakable);
        }
        let different: BTreeSet<u8> = text.bytes().collect();
        // In tenths of a bit: of what kinds its characters are is all that can be seen.
        let each = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            33
        } else if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            40
        } else {
            59
        };
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if length.saturating_mul(each) < BITS * 10 || different.len() < DIFFERENT {
            return Err(WeakToken::Guessable);
        }
        Ok(Self(digest(text)))
    }

    /// Makes a token of 256 bits, and gives it with its text, which is to be handed out.
    pub fn generate() -> std::io::Result<(Self, String)> {
        let secret = random().map_err(std::io::Error::other)?;
        let text = secret.reveal().to_owned();
        Ok((Self(digest(&text)), text))
    }

    /// Whether this is the token. How long that takes tells nothing of it.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.ct_eq(&digest(text)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_is_no_token() {
        for (text, expected) in [
            ("", Err(WeakToken::Guessable)),
            ("correcthorsebattery", Err(WeakToken::Guessable)),
            ("0123456789abcdef0123456789abcde", Err(WeakToken::Guessable)),
            ("0123456789abcdef0123456789abcdef", Ok(())),
            (
                "12345678901234567890123456789012345678",
                Err(WeakToken::Guessable),
            ),
            ("123456789012345678901234567890123456789", Ok(())),
            ("abcdefghijklmnopqrstuv", Ok(())),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Err(WeakToken::Guessable),
            ),
            (
                "with a space abcdefghijklmnopqrs",
                Err(WeakToken::Unspeakable),
            ),
        ] {
            assert_eq!(Token::new(text).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_itself_alone_and_shows_nothing() {
        let (token, text) = Token::generate().unwrap();
        assert_eq!(text.len(), 64);
        assert!(token.is(&text));
        for other in ["", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
            assert!(!token.is(other) || other == text, "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token");
        assert!(Token::new(&text).unwrap().is(&text));
    }
}
