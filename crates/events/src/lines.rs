//! Lines of text in bounded memory. LF, CR LF and CR all end a line, even within one file.
//!
//! Decision D-106.

use std::io::{self, BufRead, ErrorKind};

use memchr::memchr2;

/// The maximum number of bytes of a line, and of a row that spans lines. A longer one is rejected without being held in
/// memory.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;

/// The reason for which a longer line is rejected.
pub(crate) const TOO_LONG: &str = "the line has more than 16 MiB";

/// The result of [`next_line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The text has ended.
    None,
    /// A line was appended with its line end, which the last one of a text may lack.
    Whole,
    /// The line is longer than the limit. Its first part was appended, and the rest can be read or skipped.
    TooLong,
}

/// Appends the next line to `bytes`, or only its first `bytes_max` bytes.
pub(crate) fn next_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>, bytes_max: usize) -> io::Result<Line> {
    let mut room = bytes_max;
    let mut found = Line::None;
    let mut is_after_cr = false; // which ends the line, with a LF or without
    loop {
        let block = match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        };
        if is_after_cr && block.first() == Some(&b'\n') {
            bytes.push(b'\n');
            reader.consume(1);
            return Ok(found);
        }
        if is_after_cr || block.is_empty() {
            return Ok(found);
        }
        let end = memchr2(b'\n', b'\r', block);
        let content = end.unwrap_or(block.len());
        if content > room {
            bytes.extend_from_slice(&block[..room]);
            reader.consume(room);
            return Ok(Line::TooLong);
        }
        let length = content + line_end_length(&block[content..]);
        bytes.extend_from_slice(&block[..length]);
        is_after_cr = length == block.len() && block[length - 1] == b'\r';
        reader.consume(length);
        found = Line::Whole;
        if end.is_some() && !is_after_cr {
            return Ok(found);
        }
        room -= content;
    }
}

/// Skips the rest of the line.
pub(crate) fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    const BLOCK_BYTES: usize = 1 << 16;
    let mut skipped = Vec::new();
    while next_line(reader, &mut skipped, BLOCK_BYTES)? == Line::TooLong {
        skipped.clear();
    }
    Ok(())
}

/// Returns the length of the first line of a text with its line end, or `None` if the line does not end in the text.
pub(crate) fn line_length(text: &[u8]) -> Option<usize> {
    memchr2(b'\n', b'\r', text).map(|content| content + line_end_length(&text[content..]))
}

/// Returns a line without its line end.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn line_end_length(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The lines of a text that comes in blocks of so many bytes; what is too long as its length.
    fn lines(text: &str, block_bytes: usize, bytes_max: usize) -> Vec<String> {
        let mut reader = BufReader::with_capacity(block_bytes, text.as_bytes());
        let mut lines = Vec::new();
        loop {
            let mut bytes = Vec::new();
            match next_line(&mut reader, &mut bytes, bytes_max).unwrap() {
                Line::None => return lines,
                Line::Whole => lines.push(String::from_utf8(bytes).unwrap()),
                Line::TooLong => {
                    skip_line(&mut reader).unwrap();
                    lines.push(format!("more than {}", bytes.len()));
                }
            }
        }
    }

    #[test]
    fn every_line_end_ends_a_line_wherever_blocks_end() {
        for block_bytes in 1..12 {
            let read = lines("lf\ncr\rcrlf\r\n\r\n\n\r\rlast", block_bytes, 100);
            assert_eq!(read, ["lf\n", "cr\r", "crlf\r\n", "\r\n", "\n", "\r", "\r", "last"], "{block_bytes}");
            assert_eq!(lines("one\r", block_bytes, 100), ["one\r"]);
        }
        assert_eq!(lines("", 5, 100), [""; 0]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_there_and_the_next_one_is_whole() {
        for block_bytes in 1..12 {
            let read = lines("12345\n123456\r\n12345\r\n1234567890\r12", block_bytes, 5);
            assert_eq!(read, ["12345\n", "more than 5", "12345\r\n", "more than 5", "12"], "{block_bytes}");
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory_to_skip() {
        let mut reader = BufReader::new(io::Read::take(io::repeat(b'a'), 1 << 26));
        let mut bytes = Vec::new();
        assert_eq!(next_line(&mut reader, &mut bytes, 1000).unwrap(), Line::TooLong);
        assert!(bytes.capacity() <= 2000, "{}", bytes.capacity());
        skip_line(&mut reader).unwrap();
        assert_eq!(next_line(&mut reader, &mut bytes, 1000).unwrap(), Line::None);
    }
}
