//! The elements of a JSON array, on one line or on many, read one by one in bounded memory.

use std::io::{self, BufRead, ErrorKind};

/// The maximum number of bytes of an element. A longer one is rejected without being held in memory.
const ELEMENT_BYTES_MAX: usize = 16 << 20;

/// Reads the elements of the array that a text begins with.
pub(crate) struct Elements<R> {
    reader: R,
    /// The line of the next byte.
    line: u64,
    state: State,
    element: Vec<u8>,
}

/// The line on which an element begins, and its bytes or the reason why it is bad.
pub(crate) type Element<'a> = (u64, Result<&'a [u8], &'static str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has been read.
    Before,
    Within,
    Behind,
}

/// The state of scanning an element.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    bytes: usize,
}

/// Returns true if a text begins with an array of objects or an empty array.
pub(crate) fn begins(sample: &[u8]) -> bool {
    let mut first = sample.iter().filter(|byte| !byte.is_ascii_whitespace());
    first.next() == Some(&b'[') && matches!(first.next(), Some(b'{' | b']') | None)
}

impl<R: BufRead> Elements<R> {
    pub(crate) fn new(reader: R) -> Elements<R> {
        Elements { reader, line: 1, state: State::Before, element: Vec::new() }
    }

    /// Returns the next element, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Element<'_>>> {
        if self.state == State::Before {
            self.skip(|byte| byte.is_ascii_whitespace())?;
            self.skip_one()?;
            self.state = State::Within;
        }
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        let line = self.line;
        match (self.peek()?, self.state) {
            (None, State::Behind) => Ok(None),
            (None, _) => {
                self.state = State::Behind;
                Ok(Some((line, Err("the array is not closed; is the file complete?"))))
            }
            (Some(b']'), State::Within) => {
                self.state = State::Behind;
                self.skip_one()?;
                self.next()
            }
            (Some(_), State::Behind) => {
                self.skip(|_| true)?;
                Ok(Some((line, Err("something follows the end of the array"))))
            }
            (Some(_), _) => {
                let fits = self.take_element()?;
                Ok(Some((line, if fits { Ok(&self.element) } else { Err("the element has more than 16 MiB") })))
            }
        }
    }

    /// Reads to the end of the element. Returns false if it is too long.
    fn take_element(&mut self) -> io::Result<bool> {
        self.element.clear();
        let mut scan = Scan::default();
        loop {
            let block = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            let is_end = block.is_empty();
            let end = block.iter().position(|byte| scan.ends_before(*byte));
            let part = &block[..end.unwrap_or(block.len())];
            if self.element.len() + part.len() <= ELEMENT_BYTES_MAX {
                self.element.extend_from_slice(part);
            }
            self.line += line_ends(part);
            let length = part.len();
            self.reader.consume(length);
            if is_end || end.is_some() {
                return Ok(scan.bytes <= ELEMENT_BYTES_MAX);
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                block => return Ok(block?.first().copied()),
            }
        }
    }

    fn skip_one(&mut self) -> io::Result<()> {
        if self.peek()?.is_some() {
            self.reader.consume(1);
        }
        Ok(())
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> io::Result<()> {
        while let Some(byte) = self.peek()?.filter(|byte| wanted(*byte)) {
            self.line += u64::from(byte == b'\n');
            self.reader.consume(1);
        }
        Ok(())
    }
}

impl Scan {
    /// Takes the next byte and returns true if the element ends before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b',' | b']' if self.depth == 0 => return true,
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.bytes += 1;
        false
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Every element as its line and its text, whatever the size of the blocks.
    fn elements(text: &str) -> Vec<(u64, String)> {
        let all = |block_bytes| {
            let mut elements = Elements::new(BufReader::with_capacity(block_bytes, text.as_bytes()));
            let mut all = Vec::new();
            while let Some((line, element)) = elements.next().unwrap() {
                let text = element.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
                all.push((line, text.unwrap_or_else(|problem| format!("! {problem}"))));
            }
            all
        };
        let whole = all(1 << 10);
        for block_bytes in 1..6 {
            assert_eq!(all(block_bytes), whole, "{block_bytes}");
        }
        whole
    }

    fn told(all: &[(u64, String)]) -> Vec<(u64, &str)> {
        all.iter().map(|(line, text)| (*line, text.trim_end())).collect()
    }

    #[test]
    fn elements_stand_on_one_line_or_many() {
        let text = " [{\"a\":[1,2]},{\n \"b\": \"],}\\\"\"\n}\n, 5 , \"x,]\"]\n";
        let all = elements(text);
        assert_eq!(told(&all), [(1, "{\"a\":[1,2]}"), (1, "{\n \"b\": \"],}\\\"\"\n}"), (4, "5"), (4, "\"x,]\"")]);
        assert_eq!(elements("[]"), []);
        assert_eq!(elements("[\n]\n\n"), []);
    }

    #[test]
    fn an_array_that_does_not_end_as_it_should_is_told() {
        assert_eq!(
            told(&elements("[{\"a\":1},\n")),
            [(1, "{\"a\":1}"), (2, "! the array is not closed; is the file complete?")]
        );
        let all = elements("[{\"a\":1}, {\"b\"");
        assert_eq!(all[1], (1, "{\"b\"".to_owned()));
        assert_eq!(told(&elements("[{}]\n[{}]")), [(1, "{}"), (2, "! something follows the end of the array")]);
    }

    #[test]
    fn an_array_of_objects_is_told_from_a_line_that_is_an_array() {
        assert!(begins(b" [ {") && begins(b"[]") && begins(b"\n["));
        assert!(!begins(b"[1]") && !begins(b"{}") && !begins(b""));
    }

    #[test]
    fn an_element_without_end_is_not_held() {
        let huge = io::Read::take(io::repeat(b'x'), 20 << 20);
        let text = io::Read::chain(b"[{\"a\":\"".as_slice(), io::Read::chain(huge, b"\"},{}]".as_slice()));
        let mut elements = Elements::new(BufReader::new(text));
        assert!(elements.next().unwrap().unwrap().1.is_err());
        assert!(elements.element.capacity() <= 2 * ELEMENT_BYTES_MAX);
        assert_eq!(elements.next().unwrap().unwrap().1, Ok(b"{}".as_slice()));
        assert!(elements.next().unwrap().is_none());
    }
}
