//! From what an agent answers to the bytes of a file.
//!
//! An agent puts bytes into JSON, which has characters. Mesos writes each byte that is not ASCII as
//! a character of its own (`\u00C3\u00A9` for `é`); others write the bytes as they are, or read
//! them as UTF-8 first and so replace what is none. Since as many bytes are asked for as there
//! are, the answer itself tells which of these it is.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// The answer to `/files/read`.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    pub(super) data: Data,
    pub(super) offset: u64,
}

/// Bytes in a string of JSON, whether that is proper text or not.
#[derive(Debug)]
pub(super) struct Data(Vec<u8>);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Data;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Data, E> {
                Ok(Data(bytes.to_vec()))
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Data, E> {
                Ok(Data(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// What it is, or what the agent made of it.
    pub(super) bytes: Vec<u8>,
    /// How many bytes of the file that is.
    pub(super) length: u64,
    /// Whether these are the very bytes of the file.
    pub(super) is_exact: bool,
    /// Whether the agent may have meant more bytes than this: who asks for as many as these knows.
    pub(super) is_ambiguous: bool,
}

impl Piece {
    /// Whether it may end within a character, of which the agent then tells nothing.
    pub(super) fn is_cut(&self) -> bool {
        !self.is_exact && self.bytes.ends_with(REPLACED)
    }

    /// As many bytes as the file has there, each where it is as far as one can tell: what was
    /// replaced was mostly one byte. What follows the last [`UNKNOWN`] is surely what is there.
    pub(super) fn in_place(self) -> Vec<u8> {
        if self.is_exact {
            return self.bytes;
        }
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for chunk in self.bytes.utf8_chunks() {
            let mut parts = chunk.valid().split('\u{fffd}');
            bytes.extend(parts.next().unwrap_or_default().bytes());
            for part in parts {
                bytes.push(UNKNOWN);
                bytes.extend(part.bytes());
            }
        }
        // More than that was replaced, the last of it right before what is known.
        let known = bytes.iter().rposition(|byte| *byte == UNKNOWN);
        let missing = length.saturating_sub(bytes.len());
        let at = known.unwrap_or(bytes.len());
        bytes.splice(at..at, std::iter::repeat_n(UNKNOWN, missing));
        bytes.truncate(length);
        bytes
    }
}

/// A byte that is in no text, for one that nobody knows.
pub(super) const UNKNOWN: u8 = 0xff;

/// The character that stands for what is none.
const REPLACED: &[u8] = "\u{fffd}".as_bytes();

/// Reads a piece of so many bytes.
pub(super) fn piece(data: Data, asked: u64) -> Piece {
    let exact = |bytes: Vec<u8>| Piece {
        length: bytes.len() as u64,
        bytes,
        is_exact: true,
        is_ambiguous: false,
    };
    let bytes = data.0;
    if bytes.len() as u64 == asked || bytes.is_ascii() {
        return exact(bytes);
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return exact(bytes);
    };
    if let Some(single) = singles(text).filter(|it| it.len() as u64 <= asked) {
        let is_ambiguous = (single.len() as u64) < asked;
        return Piece {
            is_ambiguous,
            ..exact(single)
        };
    }
    if text.contains('\u{fffd}') {
        // Mended: nobody can tell how many bytes it was but who asked for them.
        return Piece {
            bytes,
            length: asked,
            is_exact: false,
            is_ambiguous: false,
        };
    }
    exact(bytes)
}

/// The bytes of a text in which each byte is a character.
fn singles(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &[u8], asked: u64) -> Piece {
        let part: Part = serde_json::from_slice(body).unwrap();
        piece(part.data, asked)
    }

    /// As Mesos writes it.
    fn escaped(bytes: &[u8]) -> Vec<u8> {
        let singles: Vec<_> = bytes.iter().map(|it| format!("\\u{it:04X}")).collect();
        let singles = singles.concat();
        format!("{{\"data\":\"{singles}\",\"offset\":0}}").into_bytes()
    }

    /// As the bytes are.
    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut body = b"{\"offset\":0,\"data\":\"".to_vec();
        for byte in bytes {
            match byte {
                b'"' | b'\\' => body.extend([b'\\', *byte]),
                0..=0x1f => body.extend(format!("\\u{byte:04x}").bytes()),
                _ => body.push(*byte),
            }
        }
        body.extend(b"\"}");
        body
    }

    /// As what takes it for text writes it.
    fn mended(bytes: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(bytes);
        json!({"data": text, "offset": 0}).to_string().into_bytes()
    }

    #[test]
    fn a_character_that_is_cut_is_seen_to_be() {
        let bytes = "añb".as_bytes();
        let cut = read(&mended(&bytes[..2]), 2);
        assert!(cut.is_cut());
        assert_eq!(cut.length, 2);
        assert!(!read(&mended(bytes), 4).is_cut());
        for writes in [escaped, raw] {
            let piece = read(&writes(&bytes[..2]), 2);
            assert_eq!(piece.bytes, b"a\xc3");
            assert!(!piece.is_cut());
        }
    }

    #[test]
    fn what_is_no_text_is_told_as_it_is_or_as_it_was_mended() {
        let bytes = b"a\xff\xfe\x00\n";
        for writes in [escaped, raw] {
            let piece = read(&writes(bytes), 5);
            assert_eq!(
                (piece.bytes.as_slice(), piece.length),
                (bytes.as_slice(), 5)
            );
        }
        let piece = read(&mended(bytes), 5);
        assert_eq!(piece.bytes, "a\u{fffd}\u{fffd}\0\n".as_bytes());
        assert_eq!((piece.length, piece.is_exact), (5, false));
        assert_eq!(piece.in_place(), b"a\xff\xff\0\n");
        // Several bytes may be mended as one.
        let piece = read(&mended(b"a\xe2\x82b\n"), 5);
        assert_eq!(piece.in_place(), b"a\xff\xffb\n");
    }

    proptest! {
        #[test]
        fn bytes_come_through_as_they_are(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for writes in [escaped, raw] {
                let piece = read(&writes(&bytes), bytes.len() as u64);
                prop_assert_eq!(&piece.bytes, &bytes);
                prop_assert_eq!(piece.length, bytes.len() as u64);
            }
        }

        #[test]
        fn text_comes_through_whoever_writes_it(text in ".{0,40}|[aé€🦀\u{ff}\u{80}]{0,20}") {
            for writes in [escaped, raw, mended] {
                let piece = read(&writes(text.as_bytes()), text.len() as u64);
                prop_assert_eq!(&piece.bytes, text.as_bytes());
                prop_assert_eq!(piece.length, text.len() as u64);
            }
        }
    }
}
