//! Gzip files with several members, and with zero bytes behind the last one, as tapes and block devices leave them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Decompresses a stream member by member and checks the checksum of each.
pub(crate) struct Gzip<R> {
    member: Option<GzDecoder<R>>, // `None` at the end
}

impl<R: BufRead> Gzip<R> {
    pub(crate) fn new(reader: R) -> Gzip<R> {
        Gzip { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let length = member.read(out)?;
            if length > 0 || out.is_empty() {
                return Ok(length);
            }
            let is_at_end = skip_zeros(member.get_mut())?;
            let member = self.member.take();
            self.member = member.filter(|_| !is_at_end).map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Skips zero bytes and returns true if nothing follows them.
fn skip_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(true);
        }
        let zeros = block.iter().take_while(|byte| **byte == 0).count();
        let is_all = zeros == block.len();
        reader.consume(zeros);
        if !is_all {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Gzip::new(bytes).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_and_the_zeros_behind_them_are_read() {
        for zeros in [0, 1, 512, 100_000] {
            let zeros = vec![0; zeros];
            let bytes = [member("one,"), member(""), zeros.clone(), member("two"), zeros].concat();
            assert_eq!(read(&bytes).unwrap(), "one,two");
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_or_followed_by_something_else_is_an_error() {
        let whole = member("one hundred and eleven");
        for length in 1..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut damaged = whole.clone();
        damaged[15] ^= 0x10;
        assert!(read(&damaged).is_err());
        assert!(read(&[whole, b"and more".to_vec()].concat()).is_err());
    }
}
