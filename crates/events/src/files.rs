//! Files and standard streams by name. The content of a file decides how it is decompressed, and the ending of its name
//! how it is compressed.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use thiserror::Error;

use crate::array;
use crate::contents::{Contents, HEAD_BYTES, Unreadable};
use crate::gzip::Gzip;
use crate::replacement::Replacement;
use crate::suggest::did_you_mean;
use crate::zip;

const BUFFER_BYTES: usize = 1 << 17;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The place that a log is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file. Gzip, zstd and a zip archive of one file are decompressed, whatever the name of the file; with the cargo
    /// feature `parquet`, Parquet is read as the CSV that it would be.
    File(PathBuf),
}

/// The place that a log is written to, through a buffer, and compressed if its name ends in `.gz` or `.zst`.
///
/// A file is written beside its place, and [`Output::finish`] syncs and renames it. Until then, and if the output is
/// dropped instead, a previous file stays as it is. What is not a regular file (`-`, a pipe, a device) is written
/// directly.
pub struct Output {
    name: String,
    stream: Stream,
    replacement: Option<Replacement>,
}

/// A file cannot be opened or created. The message includes the likely fix.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct FileError {
    path: String,
    problem: String,
    #[source]
    source: io::Error,
}

/// An output cannot be written completely.
#[derive(Debug, Error)]
#[error("{name}: cannot be written: {source}{fix}")]
pub struct WriteError {
    name: String,
    fix: &'static str,
    #[source]
    source: io::Error,
}

/// An interchange format of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line, and then one row for each event.
    Csv,
    /// One line with a JSON object for each event.
    Jsonl,
    /// One line for each event, which is a CloudEvent of version 1.0 in JSON.
    CloudEvents,
}

/// A stream whose first bytes have been looked at.
type Begun = BufReader<io::Chain<Cursor<Vec<u8>>, Box<dyn Read>>>;

enum Stream {
    Plain(Plain),
    Gzip(GzEncoder<Plain>),
    Zstd(zstd::Encoder<'static, Plain>),
}

type Plain = BufWriter<Box<dyn Write + Send>>;

#[derive(Clone, Copy, PartialEq)]
enum Compression {
    Gzip,
    Zstd,
}

impl Input {
    /// Returns the file with this path, or standard input for `-`.
    pub fn new(path: impl Into<PathBuf>) -> Input {
        let path = path.into();
        if path == Path::new("-") { Input::Stdin } else { Input::File(path) }
    }

    /// Returns the format by the ending of the name, without that of a compression. `None` for standard input and for
    /// unknown endings.
    pub fn format(&self) -> Option<Format> {
        match self {
            Input::Stdin => None,
            Input::File(path) if path.extension().is_some_and(|ending| ending == "zip") => {
                Format::from_path(path.with_extension(""))
            }
            Input::File(path) => Format::from_path(path),
        }
    }

    /// Opens the input for reading, decompressed and without a byte order mark. Its first bytes decide how.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file cannot be opened or decompressed, or is not text; the message then says what
    /// it is.
    pub fn open(&self) -> Result<Box<dyn BufRead>, FileError> {
        self.open_remarking(&mut Vec::new())
    }

    /// Opens the file like [`open`](Self::open) and appends what a user should know about it to `remarks`, one
    /// sentence each.
    pub(crate) fn open_remarking(&self, remarks: &mut Vec<String>) -> Result<Box<dyn BufRead>, FileError> {
        let (head, raw) = self.open_raw().and_then(begin).map_err(|source| self.open_error(source))?;
        let contents = Contents::of(&head);
        let (head, mut plain) = self.decompress(contents, head, raw).map_err(|problem| self.unreadable(problem))?;
        match Contents::of(&head) {
            Contents::Text => {}
            Contents::Foreign(foreign) => return Err(self.unreadable(Unreadable::Refused(foreign.to_string()))),
            Contents::Parquet => {
                let compressed = "holds a Parquet file, which is compressed in itself; decompress this one first";
                return Err(self.unreadable(Unreadable::Refused(compressed.to_owned())));
            }
            _ => {
                let twice = "holds what is compressed once more; decompress it first";
                return Err(self.unreadable(Unreadable::Refused(twice.to_owned())));
            }
        }
        match contents {
            Contents::Zstd { has_checksum: Some(false) } => {
                remarks.push(format!("{self} has no checksum: if it is damaged, that may not be noticed"));
            }
            Contents::Text if self.ending().is_some() => {
                remarks.push(format!("{self} is not compressed, whatever its ending says"));
            }
            _ => {}
        }
        if plain.fill_buf().map_err(|source| self.open_error(source))?.starts_with(BYTE_ORDER_MARK) {
            plain.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Box::new(plain))
    }

    fn decompress(&self, contents: Contents, head: Vec<u8>, raw: Begun) -> Result<(Vec<u8>, Begun), Unreadable> {
        let decompressed: Box<dyn Read> = match contents {
            Contents::Gzip => Box::new(Gzip::new(raw)),
            Contents::Zstd { .. } => Box::new(zstd::Decoder::with_buffer(raw)?),
            Contents::Zip => {
                let otherwise = "is a zip archive, which is read from a file only; try: unzip -p FILE | ...";
                zip::only_file(self.regular_file(otherwise)?)?
            }
            Contents::Parquet => self.parquet()?,
            Contents::Foreign(_) | Contents::Text => return Ok((head, raw)),
        };
        Ok(begin(decompressed)?)
    }

    #[cfg(feature = "parquet")]
    fn parquet(&self) -> Result<Box<dyn Read>, Unreadable> {
        let otherwise = "is a Parquet file, which cannot be read from a stream; give its name";
        crate::parquet_rows::as_csv(self.regular_file(otherwise)?)
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(&self) -> Result<Box<dyn Read>, Unreadable> {
        let problem = "is a Parquet file, which this build does not read; build flowbench with --features parquet, or \
                       convert it to CSV first (DuckDB, for one, does so with: copy 'FILE' to 'log.csv')";
        Err(Unreadable::Refused(problem.to_owned()))
    }

    /// Opens a file whose end is read before the rest. `otherwise` says what to do if this is a stream.
    fn regular_file(&self, otherwise: &str) -> Result<File, Unreadable> {
        match self {
            Input::File(path) if path.is_file() => Ok(File::open(path)?),
            _ => Err(Unreadable::Refused(otherwise.to_owned())),
        }
    }

    fn open_raw(&self) -> io::Result<Box<dyn Read>> {
        let Input::File(path) = self else { return Ok(Box::new(io::stdin())) };
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(file))
    }

    fn ending(&self) -> Option<Compression> {
        match self {
            Input::Stdin => None,
            Input::File(path) => Compression::from_path(path),
        }
    }

    fn unreadable(&self, problem: Unreadable) -> FileError {
        let (problem, source) = match problem {
            Unreadable::Io(source) => (format!("cannot be decompressed: {source}; is the file complete?"), source),
            Unreadable::Refused(problem) => (problem, io::ErrorKind::InvalidData.into()),
        };
        FileError { path: self.to_string(), problem, source }
    }

    pub(crate) fn open_error(&self, source: io::Error) -> FileError {
        let problem = match (source.kind(), self) {
            (io::ErrorKind::NotFound, Input::File(path)) => format!("there is no such file{}", neighbour(path)),
            (io::ErrorKind::IsADirectory, _) => "is a folder; name a file in it".to_owned(),
            (io::ErrorKind::PermissionDenied, _) => "may not be read by this user; check its permissions".to_owned(),
            _ => format!("cannot be read: {source}"),
        };
        FileError { path: self.to_string(), problem, source }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Stdin => out.write_str("standard input"),
            Input::File(path) => path.display().fmt(out),
        }
    }
}

impl Output {
    /// Returns an output for the file with this path, or for standard output if it is `-`.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Output, FileError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(Output::from_writer("standard output", Box::new(io::stdout())));
        }
        Output::create_file(path).map_err(|source| create_error(path, source))
    }

    fn create_file(path: &Path) -> io::Result<Output> {
        let replacement = regular_file(path).map(|place| Replacement::begin(&place)).transpose()?;
        let file = match &replacement {
            Some(replacement) => replacement.writer()?,
            None => File::create(path)?,
        };
        let plain = plain(Box::new(file));
        let stream = match Compression::from_path(path) {
            None => Stream::Plain(plain),
            Some(Compression::Gzip) => Stream::Gzip(GzEncoder::new(plain, flate2::Compression::default())),
            Some(Compression::Zstd) => {
                let mut encoder = zstd::Encoder::new(plain, 0)?;
                encoder.include_checksum(true)?;
                Stream::Zstd(encoder)
            }
        };
        Ok(Output { name: path.display().to_string(), stream, replacement })
    }

    /// Checks that a file can be created, without creating or emptying it. Long work whose result goes there checks
    /// this first.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file cannot be created.
    pub fn check(path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(());
        }
        let checked = match (regular_file(path), path.metadata()) {
            (Some(place), _) => Replacement::begin(&place).map(drop),
            (None, Ok(found)) if found.file_type().is_fifo() => Ok(()), // opening it would wait for its reader
            (None, Ok(_)) => File::options().append(true).open(path).map(drop),
            (None, Err(_)) => folder_of(path).metadata().map(drop),
        };
        checked.map_err(|source| create_error(path, source))
    }

    /// Returns an uncompressed output to any writer, which errors call `name`.
    pub fn from_writer(name: &str, writer: Box<dyn Write + Send>) -> Output {
        Output { name: name.to_owned(), stream: Stream::Plain(plain(writer)), replacement: None }
    }

    /// Writes everything that is still buffered and the end of a compressed stream, and puts a file in its place.
    ///
    /// # Errors
    ///
    /// Returns [`WriteError`] if the output cannot be written or the file cannot be put in its place.
    pub fn finish(self) -> Result<(), WriteError> {
        let finished = match self.stream {
            Stream::Plain(plain) => Ok(plain),
            Stream::Gzip(encoder) => encoder.finish(),
            Stream::Zstd(encoder) => encoder.finish(),
        };
        let whole = finished.and_then(|mut plain| plain.flush());
        let in_place = whole.and_then(|()| self.replacement.map_or(Ok(()), Replacement::finish));
        in_place.map_err(|source| write_error(&self.name, source))?;
        log::debug!("{} is written", self.name);
        Ok(())
    }

    /// Returns the error that names this output and what went wrong with it.
    pub fn error(&self, source: io::Error) -> WriteError {
        write_error(&self.name, source)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(plain) => plain.write(bytes),
            Stream::Gzip(encoder) => encoder.write(bytes),
            Stream::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(plain) => plain.flush(),
            Stream::Gzip(encoder) => encoder.flush(),
            Stream::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

impl WriteError {
    /// Returns true if the reader at the other end has gone (`| head`), which is a reason to stop and not a failure.
    pub fn is_broken_pipe(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<WriteError> for io::Error {
    /// Keeps the kind of the error, so that a writer can be used where an [`io::Error`] is expected.
    fn from(error: WriteError) -> io::Error {
        io::Error::new(error.source.kind(), error)
    }
}

impl Format {
    /// Returns the format by the ending of a path without that of a compression: `.csv`, `.jsonl` or `.ndjson`, and
    /// `.cloudevents.jsonl` or `.cloudevents.ndjson`. `None` for other endings.
    pub fn from_path(path: impl AsRef<Path>) -> Option<Format> {
        let path = path.as_ref();
        let inner = if Compression::from_path(path).is_some() { Path::new(path.file_stem()?) } else { path };
        match inner.extension()?.to_str()? {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => {
                let stem = Path::new(inner.file_stem()?);
                let is_named = [stem.extension(), Some(stem.as_os_str())].contains(&Some("cloudevents".as_ref()));
                Some(if is_named { Format::CloudEvents } else { Format::Jsonl })
            }
            _ => None,
        }
    }

    /// Returns the format by the first part of a text, which is JSON Lines if it begins with `{` or an array of
    /// objects, and CSV otherwise.
    pub(crate) fn recognise(sample: &[u8]) -> Format {
        let first = sample.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') || array::begins(sample) { Format::Jsonl } else { Format::Csv }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    /// `csv`, `jsonl`, `ndjson` or `cloudevents`.
    fn from_str(name: &str) -> Result<Format, String> {
        match name {
            "csv" => Ok(Format::Csv),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            "cloudevents" => Ok(Format::CloudEvents),
            _ => Err(format!("'{name}' is not a format; use csv, jsonl or cloudevents")),
        }
    }
}

impl Compression {
    fn from_path(path: &Path) -> Option<Compression> {
        match path.extension()?.to_str()? {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            _ => None,
        }
    }
}

fn plain(writer: Box<dyn Write + Send>) -> Plain {
    BufWriter::with_capacity(BUFFER_BYTES, writer)
}

/// The stream, and a copy of its first bytes.
fn begin(mut stream: Box<dyn Read>) -> io::Result<(Vec<u8>, Begun)> {
    let mut head = Vec::new();
    (&mut stream).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(stream);
    Ok((head, BufReader::with_capacity(BUFFER_BYTES, whole)))
}

/// Where the file of that path is or will be, links followed; `None` if it is a device, a pipe, a folder or a link to
/// nothing, or a standard stream by another name.
fn regular_file(path: &Path) -> Option<PathBuf> {
    if path.starts_with("/dev") || path.starts_with("/proc") {
        return None;
    }
    match path.metadata() {
        Ok(found) => found.is_file().then(|| path.canonicalize().ok()).flatten(),
        Err(_) => path.symlink_metadata().is_err().then(|| path.to_owned()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn create_error(path: &Path, source: io::Error) -> FileError {
    let folder = folder_of(path);
    let problem = match source.kind() {
        io::ErrorKind::NotFound if folder == Path::new(".") => "the current folder does not exist any more".to_owned(),
        io::ErrorKind::NotFound if folder.is_dir() => {
            "no file can be created in this folder; choose another place".to_owned()
        }
        io::ErrorKind::NotFound => format!("the folder '{}' does not exist; create it first", folder.display()),
        io::ErrorKind::IsADirectory => "is a folder; name a file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be written by this user; choose another place".to_owned(),
        _ => format!("cannot be created: {source}"),
    };
    FileError { path: path.display().to_string(), problem, source }
}

fn write_error(name: &str, source: io::Error) -> WriteError {
    let fix = match source.kind() {
        io::ErrorKind::StorageFull => "; free some space or choose another place",
        io::ErrorKind::FileTooLarge => "; raise the limit on the size of files (ulimit -f) or choose a compressed file",
        _ => "",
    };
    WriteError { name: name.to_owned(), fix, source }
}

/// Returns what may have been meant by a path that does not exist.
fn neighbour(path: &Path) -> String {
    let folder = folder_of(path);
    let Ok(entries) = folder.read_dir() else {
        return format!(", nor a folder '{}'", folder.display());
    };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    did_you_mean(wanted, names.iter().map(String::as_str))
}
