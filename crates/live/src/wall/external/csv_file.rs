//! A CSV file that is read as it grows, and anew when it is replaced.
//!
//! Decision D-665.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

use super::source::EVENTS_MAX;
use crate::cloud_event::{CloudEvent, EventData};
use crate::shortened::shortened;

/// Bytes that are read at a time; of a longer file, the last ones.
const BYTES_MAX: u64 = 2 << 20;
/// Bytes of the line with the names of the columns at most.
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// Bytes before the end of what was read by which a file is known to have grown and not to be another one.
const KNOWN_BYTES: usize = 4 << 10;
/// The characters that may part columns; the first one that the header has does.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A file and how far it was read.
#[derive(Debug)]
pub(super) struct CsvFile {
    path: PathBuf,
    /// The file as it was when all of it had been read.
    seen: Option<Version>,
    /// The file as it was when its last line had no end yet.
    waiting: Option<Version>,
    position: Option<Position>,
}

/// By this a file is known to be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    bytes: u64,
    modified_ns: i128,
}

#[derive(Debug)]
struct Position {
    header: Vec<u8>,
    /// Where the next line begins.
    next: u64,
    /// The bytes before it.
    known: Vec<u8>,
    /// True if the last line that was read had no end: if it goes on, what was read of it was not the row.
    is_within_line: bool,
}

/// What has come since the last look.
#[derive(Debug, Default)]
pub(super) struct NewRows {
    /// True if the rows replace all before.
    pub(super) is_anew: bool,
    pub(super) rows: Vec<CloudEvent>,
    pub(super) refused: u64,
    pub(super) why_refused: String,
}

impl CsvFile {
    pub(super) fn new(path: PathBuf) -> CsvFile {
        CsvFile { path, seen: None, waiting: None, position: None }
    }

    /// Looks at the file; `None` if it is as it was.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub(super) fn look(&mut self) -> Result<Option<NewRows>, String> {
        let looked = self.read_on();
        if looked.is_err() {
            (self.seen, self.waiting, self.position) = (None, None, None);
        }
        looked
    }

    fn read_on(&mut self) -> Result<Option<NewRows>, String> {
        // A pipe would keep whoever opens it waiting.
        let version = Version::of(&regular(fs::metadata(&self.path))?);
        if self.seen == Some(version) {
            return Ok(None);
        }
        let mut file = File::open(&self.path).map_err(|error| error.to_string())?;
        let length = regular(file.metadata())?.len();
        let header = header(&mut file).map_err(|error| error.to_string())?;
        if header.is_empty() {
            return Err("it is empty; its first line names the columns".to_owned());
        }
        let goes_on = match &self.position {
            Some(position) => position.goes_on(&mut file, &header, length).map_err(|error| error.to_string())?,
            None => false,
        };
        let from = self.position.as_ref().filter(|_| goes_on).map_or(header.len() as u64, |position| position.next);
        let (mut bytes, begin) = bytes_of(&mut file, from, length).map_err(|error| error.to_string())?;
        // A line without an end may be half of one. If it is the same a look later, it is whole.
        let is_whole = bytes.is_empty() || bytes.ends_with(b"\n") || self.waiting == Some(version);
        if !is_whole {
            bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        }
        (self.seen, self.waiting) = (is_whole.then_some(version), (!is_whole).then_some(version));
        Ok(Some(self.rows(header, goes_on && begin == from, &bytes, begin)))
    }

    /// Reads the lines of `bytes`, which begin at `begin` of the file, and notes where the next one will be.
    fn rows(&mut self, header: Vec<u8>, goes_on: bool, bytes: &[u8], begin: u64) -> NewRows {
        let separator = separator_of(&header);
        let names = fields(&header, separator);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let lines: Vec<&[u8]> = lines.collect();
        let mut new = NewRows { is_anew: !goes_on, ..NewRows::default() };
        for line in &lines[lines.len().saturating_sub(EVENTS_MAX)..] {
            match row(&names, &fields(line, separator), &self.path) {
                Ok(row) => new.rows.push(row),
                Err(why) => (new.refused, new.why_refused) = (new.refused + 1, why),
            }
        }
        let before = self.position.take().filter(|_| goes_on).map(|position| position.known).unwrap_or_default();
        let known = [before.as_slice(), bytes].concat();
        self.position = Some(Position {
            is_within_line: !bytes.is_empty() && !bytes.ends_with(b"\n"),
            header,
            next: begin + bytes.len() as u64,
            known: known[known.len().saturating_sub(KNOWN_BYTES)..].to_vec(),
        });
        new
    }
}

impl Position {
    /// Returns true if the file is still the one that was read, and what follows are whole lines.
    fn goes_on(&self, file: &mut File, header: &[u8], length: u64) -> io::Result<bool> {
        if self.header != header || length < self.next || self.is_within_line && length > self.next {
            return Ok(false);
        }
        let mut known = vec![0; self.known.len()];
        file.seek(SeekFrom::Start(self.next - known.len() as u64))?;
        Ok(file.read_exact(&mut known).is_ok() && known == self.known)
    }
}

impl Version {
    fn of(metadata: &Metadata) -> Version {
        let modified_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Version { inode: metadata.ino(), bytes: metadata.len(), modified_ns }
    }
}

fn regular(metadata: io::Result<Metadata>) -> Result<Metadata, String> {
    let metadata = metadata.map_err(|error| error.to_string())?;
    if metadata.is_file() { Ok(metadata) } else { Err("it is not a regular file".to_owned()) }
}

/// Returns the first line with its end.
fn header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(HEADER_BYTES_MAX).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// Returns the bytes from `from` on, or the last whole lines of them, and where they begin.
fn bytes_of(file: &mut File, from: u64, length: u64) -> io::Result<(Vec<u8>, u64)> {
    let begin = from.max(length.saturating_sub(BYTES_MAX));
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(begin))?;
    // What is written while this reads is left for the next look.
    file.by_ref().take(length.saturating_sub(begin)).read_to_end(&mut bytes)?;
    if begin == from {
        return Ok((bytes, begin));
    }
    let cut = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    Ok((bytes.split_off(cut), begin + cut as u64))
}

fn separator_of(header: &[u8]) -> u8 {
    SEPARATORS.into_iter().find(|separator| header.contains(separator)).unwrap_or(SEPARATORS[0])
}

/// Returns the fields of a line. Bytes that are not UTF-8 are replaced.
fn fields(line: &[u8], separator: u8) -> Vec<String> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(line.len().clamp(16, 8 << 10))
        .from_reader(line);
    let record = reader.byte_records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
}

fn row(names: &[String], fields: &[String], path: &Path) -> Result<CloudEvent, String> {
    if fields.len() != names.len() {
        let (line, found, expected) = (shortened(&fields.join(", "), 60), fields.len(), names.len());
        return Err(format!("'{line}' has {found} fields where the first line has {expected}"));
    }
    let columns = names.iter().cloned().zip(fields.iter().map(|field| Value::from(field.as_str())));
    let data = to_raw_value(&columns.collect::<Map<_, _>>()).map_err(|error| error.to_string())?;
    let mut event = CloudEvent::new("", path.display().to_string(), "csv.row");
    event.data = Some(EventData::Json(data));
    Ok(event)
}
