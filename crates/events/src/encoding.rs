//! UTF-16 and Windows-1252, of which Latin-1 is a part, converted to UTF-8 while reading.
//!
//! Decision D-105.

use std::io::{self, BufRead, Read};

/// A character encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CharacterEncoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
    /// Windows-1252 as it is recognised. Sequences that are UTF-8 stay as they are, since a file may be mixed.
    Windows1252WhereNotUtf8,
}

/// Reads text of another encoding as UTF-8. What is not text (half a surrogate pair, bytes that are no character)
/// becomes bytes that are not UTF-8, so that the cell is rejected.
pub(crate) struct Transcoder<R> {
    raw: R,
    encoding: CharacterEncoding,
    /// The bytes that are read and not decoded yet; between two blocks, at most a part of one character.
    rest: Vec<u8>,
    text: Vec<u8>,
    /// The number of bytes of `text` that have been consumed.
    at: usize,
    is_begun: bool,
}

impl CharacterEncoding {
    /// Returns the encoding with this name in mappings, or `None` for UTF-16, whose byte order the file determines.
    pub(crate) fn named(name: &str) -> Result<Option<CharacterEncoding>, String> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" => Ok(Some(CharacterEncoding::Utf8)),
            "utf-16" => Ok(None),
            "utf-16le" => Ok(Some(CharacterEncoding::Utf16Le)),
            "utf-16be" => Ok(Some(CharacterEncoding::Utf16Be)),
            "latin-1" | "iso-8859-1" | "windows-1252" => Ok(Some(CharacterEncoding::Windows1252)),
            _ => Err(format!("'{name}' is not an encoding (encodings: utf-8, utf-16, latin-1, windows-1252)")),
        }
    }

    /// Returns the encoding by the first bytes of a file.
    pub(crate) fn recognise(sample: &[u8]) -> CharacterEncoding {
        if let Some(utf16) = CharacterEncoding::utf16(sample) {
            return utf16;
        }
        let mut others = sample.utf8_chunks().map(|chunk| (chunk.valid().len(), chunk.invalid())).peekable();
        let mut is_other = false;
        while let Some((_, invalid)) = others.next() {
            // The sample may end within a character.
            let is_cut =
                others.peek().is_none() && std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            if invalid.is_empty() || is_cut {
                continue;
            }
            if !invalid.iter().copied().all(is_likely_letter) {
                return CharacterEncoding::Utf8;
            }
            is_other = true;
        }
        if is_other { CharacterEncoding::Windows1252WhereNotUtf8 } else { CharacterEncoding::Utf8 }
    }

    /// Returns the UTF-16 that a byte order mark indicates, or that every other byte being zero does.
    pub(crate) fn utf16(sample: &[u8]) -> Option<CharacterEncoding> {
        const PAIRS: usize = 500;
        match sample {
            [0xff, 0xfe, ..] => return Some(CharacterEncoding::Utf16Le),
            [0xfe, 0xff, ..] => return Some(CharacterEncoding::Utf16Be),
            _ => {}
        }
        let (pairs, _) = sample.as_chunks::<2>();
        let pairs = &pairs[..pairs.len().min(PAIRS)];
        let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
        match (zeros(0), zeros(1)) {
            (few, many) if few * 8 < many && many > 3 && many * 2 > pairs.len() => Some(CharacterEncoding::Utf16Le),
            (many, few) if few * 8 < many && many > 3 && many * 2 > pairs.len() => Some(CharacterEncoding::Utf16Be),
            _ => None,
        }
    }

    /// Returns the name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CharacterEncoding::Utf8 => "UTF-8",
            CharacterEncoding::Utf16Le | CharacterEncoding::Utf16Be => "UTF-16",
            CharacterEncoding::Windows1252 | CharacterEncoding::Windows1252WhereNotUtf8 => "Windows-1252",
        }
    }

    /// Returns the name in mappings.
    pub(crate) fn key(self) -> &'static str {
        match self {
            CharacterEncoding::Utf8 => "utf-8",
            CharacterEncoding::Utf16Le | CharacterEncoding::Utf16Be => "utf-16",
            CharacterEncoding::Windows1252 | CharacterEncoding::Windows1252WhereNotUtf8 => "windows-1252",
        }
    }

    /// Appends `raw` as UTF-8 and returns the number of bytes decoded. The rest is a part of a character.
    fn decode(self, raw: &[u8], is_last: bool, text: &mut Vec<u8>) -> usize {
        match self {
            CharacterEncoding::Utf8 => {
                text.extend_from_slice(raw);
                raw.len()
            }
            CharacterEncoding::Utf16Le => decode_utf16(raw, u16::from_le_bytes, is_last, text),
            CharacterEncoding::Utf16Be => decode_utf16(raw, u16::from_be_bytes, is_last, text),
            CharacterEncoding::Windows1252 => {
                raw.iter().for_each(|byte| push(windows_1252(*byte), text));
                raw.len()
            }
            CharacterEncoding::Windows1252WhereNotUtf8 => decode_mixed(raw, is_last, text),
        }
    }
}

impl<R: BufRead> Transcoder<R> {
    pub(crate) fn new(raw: R, encoding: CharacterEncoding) -> Transcoder<R> {
        Transcoder { raw, encoding, rest: Vec::new(), text: Vec::new(), at: 0, is_begun: false }
    }

    /// Decodes the next block. There is no text afterwards only at the end of the input.
    fn decode_block(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() {
            let block = self.raw.fill_buf()?;
            let (length, is_last) = (block.len(), block.is_empty());
            self.rest.extend_from_slice(block);
            self.raw.consume(length);
            let done = self.encoding.decode(&self.rest, is_last, &mut self.text);
            self.rest.drain(..done);
            if !self.is_begun && !self.text.is_empty() {
                self.is_begun = true;
                if self.text.starts_with(BYTE_ORDER_MARK) {
                    self.at = BYTE_ORDER_MARK.len();
                }
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

impl<R: BufRead> BufRead for Transcoder<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.text.len() {
            self.decode_block()?;
            if self.text.is_empty() {
                break;
            }
        }
        Ok(&self.text[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
    }
}

impl<R: BufRead> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn decode_utf16(raw: &[u8], unit: fn([u8; 2]) -> u16, is_last: bool, text: &mut Vec<u8>) -> usize {
    let (pairs, odd) = raw.as_chunks::<2>();
    let is_high = |pair: &[u8; 2]| (0xd800..0xdc00).contains(&unit(*pair));
    let whole = match pairs {
        [before @ .., last] if !is_last && is_high(last) => before,
        _ => pairs,
    };
    for letter in char::decode_utf16(whole.iter().map(|pair| unit(*pair))) {
        match letter {
            Ok(letter) => push(letter, text),
            Err(_) => text.push(NO_TEXT),
        }
    }
    if is_last && !odd.is_empty() {
        text.push(NO_TEXT);
    }
    if is_last { raw.len() } else { whole.len() * 2 }
}

fn decode_mixed(raw: &[u8], is_last: bool, text: &mut Vec<u8>) -> usize {
    let mut done = 0;
    for chunk in raw.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        done += chunk.valid().len();
        let invalid = chunk.invalid();
        let is_cut = done + invalid.len() == raw.len()
            && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        if is_cut && !is_last {
            return done;
        }
        for byte in invalid {
            if is_likely_letter(*byte) { push(windows_1252(*byte), text) } else { text.push(*byte) }
        }
        done += invalid.len();
    }
    done
}

/// A byte that never occurs in UTF-8.
const NO_TEXT: u8 = 0xff;

/// Returns false for the bytes that Windows-1252 leaves undefined, and for FF, whose letter is rare while the byte is
/// common in files that are not text.
fn is_likely_letter(byte: u8) -> bool {
    !matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d | 0xff)
}

fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80[usize::from(byte) - 0x80],
        _ => char::from(byte),
    }
}

fn push(letter: char, text: &mut Vec<u8>) {
    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Whatever the size of the blocks, the same text comes out.
    fn decoded(raw: &[u8], encoding: CharacterEncoding) -> Vec<u8> {
        let whole = |block_bytes| {
            let mut text = Vec::new();
            let reader = BufReader::with_capacity(block_bytes, raw);
            Transcoder::new(reader, encoding).read_to_end(&mut text).unwrap();
            text
        };
        let text = whole(1 << 10);
        for block_bytes in 1..8 {
            assert_eq!(whole(block_bytes), text, "{block_bytes}");
        }
        text
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn utf16_is_read_with_and_without_mark_in_both_orders() {
        let text = "kind,name\npage_viewed,Zoë 漢🙂\n";
        for marked in [text.to_owned(), format!("\u{feff}{text}")] {
            let little = utf16(&marked);
            let big: Vec<u8> = little.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
            assert_eq!(CharacterEncoding::recognise(&little), CharacterEncoding::Utf16Le);
            assert_eq!(CharacterEncoding::recognise(&big), CharacterEncoding::Utf16Be);
            assert_eq!(decoded(&little, CharacterEncoding::Utf16Le), text.as_bytes());
            assert_eq!(decoded(&big, CharacterEncoding::Utf16Be), text.as_bytes());
        }
        assert_eq!(decoded(b"a\0\x00\xd8b\0c", CharacterEncoding::Utf16Le), b"a\xffb\xff");
    }

    #[test]
    fn windows_1252_is_recognised_by_letters_that_are_not_utf8() {
        let latin = b"caf\xe9 \x80 5";
        assert_eq!(CharacterEncoding::recognise(latin), CharacterEncoding::Windows1252WhereNotUtf8);
        for encoding in [CharacterEncoding::Windows1252, CharacterEncoding::Windows1252WhereNotUtf8] {
            assert_eq!(decoded(latin, encoding), "café € 5".as_bytes());
        }
        let mixed = [latin, "é漢 ".as_bytes(), b"\xff\x81"].concat();
        assert_eq!(
            decoded(&mixed, CharacterEncoding::Windows1252WhereNotUtf8),
            ["café € 5é漢 ".as_bytes(), b"\xff\x81"].concat()
        );
        assert_eq!(decoded(&mixed, CharacterEncoding::Windows1252)[..], *"café € 5Ã©æ¼¢ ÿ\u{81}".as_bytes());
    }

    #[test]
    fn utf8_stays_utf8_where_a_sample_ends_within_a_letter_or_bytes_are_no_letters() {
        let sample = "a é 漢".as_bytes();
        for length in 0..=sample.len() {
            assert_eq!(CharacterEncoding::recognise(&sample[..length]), CharacterEncoding::Utf8, "{length}");
        }
        assert_eq!(CharacterEncoding::recognise(b"a,\xff,b"), CharacterEncoding::Utf8);
        assert_eq!(CharacterEncoding::recognise(b"\0\x01\0\0"), CharacterEncoding::Utf8);
    }
}
