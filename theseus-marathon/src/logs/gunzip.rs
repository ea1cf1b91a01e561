//! Unpacking what a rotation has compressed, while it comes in.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;

/// How much is unpacked at a time. No input becomes more than some thousand times as much.
const STEP: usize = 1024;

/// Unpacks, but for the first bytes.
#[derive(Debug)]
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    /// How much is still to be left out.
    skip: u64,
}

impl Gunzip {
    pub(super) fn new(skip: u64) -> Self {
        Self {
            decoder: MultiGzDecoder::new(Vec::new()),
            skip,
        }
    }

    /// Takes some of the input and gives what it unpacks to. What is taken is cut off the input.
    pub(super) fn unpack(&mut self, input: &mut &[u8]) -> io::Result<Vec<u8>> {
        let (now, rest) = input.split_at(input.len().min(STEP));
        *input = rest;
        self.decoder.write_all(now)?;
        self.decoder.flush()?;
        Ok(self.unpacked())
    }

    /// What is left when the input is at its end; an error if that came too soon.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.decoder.try_finish()?;
        Ok(self.unpacked())
    }

    fn unpacked(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(self.decoder.get_mut());
        let skipped = bytes
            .len()
            .min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        bytes.drain(..skipped);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::Compression;
    use flate2::read::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        GzEncoder::new(bytes, Compression::fast())
            .read_to_end(&mut packed)
            .unwrap();
        packed
    }

    /// Unpacks what comes in such pieces.
    fn unpacked(input: &[u8], piece: usize, skip: u64) -> io::Result<Vec<u8>> {
        let (mut gunzip, mut bytes) = (Gunzip::new(skip), Vec::new());
        for mut piece in input.chunks(piece) {
            while !piece.is_empty() {
                bytes.extend(gunzip.unpack(&mut piece)?);
            }
        }
        bytes.extend(gunzip.finish()?);
        Ok(bytes)
    }

    #[test]
    fn a_little_that_unpacks_to_very_much_comes_bit_by_bit() {
        let input = packed(&vec![b'x'; 20 << 20]);
        let (mut gunzip, mut rest, mut size) = (Gunzip::new(0), input.as_slice(), 0);
        while !rest.is_empty() {
            let bytes = gunzip.unpack(&mut rest).unwrap();
            assert!(bytes.len() < 2 << 20, "{}", bytes.len());
            size += bytes.len();
        }
        assert_eq!(size + gunzip.finish().unwrap().len(), 20 << 20);
    }

    #[test]
    fn what_is_not_compressed_or_is_cut_is_an_error() {
        let input = packed(b"hello hello hello");
        assert!(unpacked(&input[..input.len() - 9], 100, 0).is_err());
        assert!(unpacked(b"plain text, and not so short", 100, 0).is_err());
        let twice = [packed(b"a"), packed(b"b")].concat();
        assert_eq!(unpacked(&twice, 100, 0).unwrap(), b"ab");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_packed_comes_out(
            bytes in proptest::collection::vec(any::<u8>(), 0..5000),
            piece in 1..3000_usize,
            skip in 0..6000_usize,
        ) {
            let expected = &bytes[skip.min(bytes.len())..];
            prop_assert_eq!(unpacked(&packed(&bytes), piece, skip as u64).unwrap(), expected);
        }
    }
}
