//! The type of a file, by its first bytes and not by its name.
//!
//! Decision D-106.

use std::io;

use thiserror::Error;

/// The number of leading bytes that identify a file.
pub(crate) const HEAD_BYTES: usize = 512;

/// The type of the contents of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// A gzip stream.
    Gzip,
    /// A zstd stream.
    Zstd {
        /// Whether its first frame ends with a checksum; `None` if the stream begins with a frame to skip.
        has_checksum: Option<bool>,
    },
    /// A zip archive.
    Zip,
    /// A Parquet file.
    Parquet,
    /// A file that is not a log.
    Foreign(Foreign),
    /// None of these, which is probably text.
    Text,
}

/// A type of file that is not a log, and what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    what: &'static str,
    advice: &'static str,
}

/// The contents of a file cannot be read.
#[derive(Debug, Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The contents have a type that is not supported; the message says which, and what to do.
    #[error("{0}")]
    Refused(String),
}

const GZIP_MARK: &[u8] = b"\x1f\x8b";
const ZSTD_MARK: &[u8] = b"\x28\xb5\x2f\xfd";
const ZSTD_SKIPPED_MARK: &[u8] = b"\x2a\x4d\x18"; // behind a byte from 0x50 to 0x5f
const ZIP_MARKS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"]; // the second one of an empty archive

const PARQUET_MARK: &[u8] = b"PAR1";

const TO_CSV: &str = "convert it to CSV first (DuckDB, for one, does so with: copy 'FILE' to 'log.csv')";
const SHEET: &str = "save the sheet as CSV (UTF-8)";
const UNPACK: &str = "unpack it and give the file in it";
const BY_SCRIPT: &str = "save its table as CSV from the program that wrote it";

/// The position of a mark, the mark, the type of file that has it, and what to do. Some marks are letters with which a
/// CSV header may begin, so they count only if there are bytes that no text has.
const MARKS: [(usize, &[u8], &str, &str); 25] = [
    (0, b"ORC", "an ORC file", TO_CSV),
    (0, b"Obj\x01", "an Avro file", TO_CSV),
    (0, b"ARROW1\0\0", "an Arrow file", TO_CSV),
    (0, b"FEA1", "a Feather file", TO_CSV),
    (0, b"SQLite format 3\0", "an SQLite database", "export its table: sqlite3 -csv -header FILE 'select * from ...'"),
    (8, b"DUCK", "a DuckDB database", "export its table: copy ... to 'log.csv'"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Office file", SHEET),
    (0, b"BZh", "compressed by bzip2", "decompress it: bzip2 -dc FILE | flowbench ... -"),
    (0, b"\xfd7zXZ\0", "compressed by xz", "decompress it: xz -dc FILE | flowbench ... -"),
    (0, b"\x5d\0\0\x80\0\xff", "compressed by lzma", "decompress it: xz -dc FILE | flowbench ... -"),
    (0, b"\x04\x22\x4d\x18", "compressed by lz4", "decompress it: lz4 -dc FILE | flowbench ... -"),
    (0, b"\xff\x06\0\0sNaPpY", "compressed by snappy", "decompress it first"),
    (0, b"\x1f\x9d", "compressed by compress", "decompress it: gzip -dc FILE | flowbench ... -"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", "unpack it (tar -xf FILE) and give the file in it"),
    (0, b"\x80\x02", "a Python pickle", BY_SCRIPT),
    (0, b"\x80\x03", "a Python pickle", BY_SCRIPT),
    (0, b"\x80\x04\x95", "a Python pickle", BY_SCRIPT),
    (0, b"\x80\x05\x95", "a Python pickle", BY_SCRIPT),
    (0, b"\x93NUMPY", "a NumPy array", BY_SCRIPT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", BY_SCRIPT),
    (0, b"RDX", "an R data file", BY_SCRIPT),
    (0, b"\x7fELF", "a program", "give the log"),
    (0, b"\0\0", "no text (it begins with NUL bytes)", "give CSV or JSON Lines"),
];

/// The beginnings of texts that are not logs, in lower case and without leading blanks.
const BEGINNINGS: [(&[u8], &str, &str); 5] = [
    (b"<!doctype html", WEB_PAGE, DOWNLOAD),
    (b"<html", WEB_PAGE, DOWNLOAD),
    (b"<?xml", "an XML document", BY_SCRIPT),
    (b"%pdf-", "a PDF document", BY_SCRIPT),
    (b"{\\rtf", "an RTF document", BY_SCRIPT),
];
const WEB_PAGE: &str = "a web page";
const DOWNLOAD: &str = "was it saved in place of the file? Download the file itself";

impl Contents {
    /// Returns the type of a file that begins with `head`, which is its first [`HEAD_BYTES`] or all of it.
    pub(crate) fn of(head: &[u8]) -> Contents {
        if head.starts_with(GZIP_MARK) {
            return Contents::Gzip;
        }
        if head.starts_with(ZSTD_MARK) {
            return Contents::Zstd { has_checksum: head.get(ZSTD_MARK.len()).map(|descriptor| descriptor & 4 != 0) };
        }
        if matches!(head, [0x50..=0x5f, rest @ ..] if rest.starts_with(ZSTD_SKIPPED_MARK)) {
            return Contents::Zstd { has_checksum: None };
        }
        if ZIP_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return Contents::Zip;
        }
        if head.starts_with(PARQUET_MARK) && !is_text(head) {
            return Contents::Parquet;
        }
        Foreign::of(head).map_or(Contents::Text, Contents::Foreign)
    }
}

impl Foreign {
    /// An Excel workbook, which is a zip archive.
    pub(crate) const WORKBOOK: Foreign = Foreign { what: "an Excel workbook", advice: SHEET };
    /// A document of another office program, which is a zip archive.
    pub(crate) const OFFICE: Foreign = Foreign { what: "an office document", advice: SHEET };

    fn of(head: &[u8]) -> Option<Foreign> {
        let marked = |(at, mark): (usize, &[u8])| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
        let text = head.trim_ascii_start();
        let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
        let by_mark = MARKS.iter().filter(|_| !is_text(head)).find(|(at, mark, ..)| marked((*at, mark)));
        let by_text = BEGINNINGS.iter().find(|(with, ..)| begins(with));
        let by_text = by_text.map(|(_, what, advice)| Foreign { what, advice });
        by_mark.map(|(.., what, advice)| Foreign { what, advice }).or(by_text)
    }
}

impl std::fmt::Display for Foreign {
    /// `is a Parquet file and cannot be read; convert it to CSV first (...)`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "is {} and cannot be read; {}", self.what, self.advice)
    }
}

/// Returns false if there are bytes that no text has.
fn is_text(head: &[u8]) -> bool {
    !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=31 | 127))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: &[u8]) -> String {
        match Contents::of(head) {
            Contents::Foreign(foreign) => foreign.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_log_is_named_by_its_first_bytes() {
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar\x0000");
        for (head, words) in [
            (&b"ORC\x11\0\0\n"[..], "an ORC file"),
            (b"BZh91AY&SY\xc4\x02", "bzip2 -dc"),
            (b"\xfd7zXZ\0\0\x04", "xz -dc"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "old Excel"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive"),
            (b"Rar!\x1a\x07\x01\0", "RAR archive"),
            (b"\x04\x22\x4d\x18d", "lz4 -dc"),
            (b"\xff\x06\0\0sNaPpY", "snappy"),
            (b"Obj\x01\x04\x14avro.codec", "Avro"),
            (b"SQLite format 3\0\x10", "SQLite"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\n <!DOCTYPE html>\n<html>", "web page"),
            (b"<HTML><head>", "web page"),
            (b"<?xml version=\"1.0\"?>", "XML"),
            (b"\x80\x04\x95\x1f\0", "pickle"),
            (b"\x93NUMPY\x01\0", "NumPy"),
            (&tar, "tar archive"),
            (b"\0\0\0\0", "NUL bytes"),
        ] {
            let told = told(head);
            assert!(told.contains(words) && told.contains("cannot be read; "), "{told}\nsays nothing of {words}");
        }
    }

    #[test]
    fn text_that_begins_with_the_letters_of_a_mark_is_text() {
        for head in
            ["PAR1,kind\n1,order_placed\n", "ORC\n", "BZh,kind", "Obj", "PK", "kind,event_time\n", "", "<h>,a\n"]
        {
            assert_eq!(Contents::of(head.as_bytes()), Contents::Text, "{head}");
        }
    }

    #[test]
    fn compressed_streams_are_known_with_and_without_checksum() {
        assert_eq!(Contents::of(b"\x1f\x8b\x08"), Contents::Gzip);
        assert_eq!(Contents::of(b"\x28\xb5\x2f\xfd\x04\x88"), Contents::Zstd { has_checksum: Some(true) });
        assert_eq!(Contents::of(b"\x28\xb5\x2f\xfd\x00\x88"), Contents::Zstd { has_checksum: Some(false) });
        assert_eq!(Contents::of(b"\x50\x2a\x4d\x18\x04\0\0\0"), Contents::Zstd { has_checksum: None });
        assert_eq!(Contents::of(b"PK\x03\x04\x14\0"), Contents::Zip);
        assert_eq!(Contents::of(b"PAR1\x15\x04\x15\x10"), Contents::Parquet);
    }
}
