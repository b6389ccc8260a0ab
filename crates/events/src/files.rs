//! Files and standard streams by name: `-`, and gzip or zstd by ending.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;

use crate::suggest::did_you_mean;

const BUFFER_BYTES: usize = 1 << 17;
const GZIP_MARK: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MARK: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a log comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file; `.gz` and `.zst` are decompressed.
    File(PathBuf),
}

/// Where a log goes to: compressed if its name ends in `.gz` or `.zst`, and buffered.
///
/// Nothing is sure to be written before [`Output::finish`]; dropping it instead leaves a compressed file cut off.
pub struct Output {
    name: String,
    stream: Stream,
}

/// What kept a file from being opened or created, with the likely fix.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct FileError {
    path: String,
    problem: String,
    #[source]
    source: io::Error,
}

/// What kept an output from being written whole.
#[derive(Debug, Error)]
#[error("{name}: cannot be written: {source}{fix}")]
pub struct WriteError {
    name: String,
    fix: &'static str,
    #[source]
    source: io::Error,
}

/// The interchange formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line, then one row an event.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

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
    /// The file of that path; `-` is standard input.
    pub fn new(path: impl Into<PathBuf>) -> Input {
        let path = path.into();
        if path == Path::new("-") { Input::Stdin } else { Input::File(path) }
    }

    /// The format its ending tells; `None` for standard input and unknown endings.
    pub fn format(&self) -> Option<Format> {
        match self {
            Input::Stdin => None,
            Input::File(path) => Format::from_path(path),
        }
    }

    /// Opens it for reading, decompressed and without a byte order mark. What has no ending that tells (standard input)
    /// is decompressed if it begins like gzip or zstd.
    pub fn open(&self) -> Result<Box<dyn BufRead>, FileError> {
        self.open_plain().map_err(|source| self.open_error(source))
    }

    fn open_plain(&self) -> io::Result<Box<dyn BufRead>> {
        let mut raw = self.open_raw()?;
        let by_ending = match self {
            Input::Stdin => None,
            Input::File(path) => Compression::from_path(path),
        };
        let compression = match by_ending {
            None if raw.fill_buf()?.starts_with(&GZIP_MARK) => Some(Compression::Gzip),
            None if raw.fill_buf()?.starts_with(&ZSTD_MARK) => Some(Compression::Zstd),
            told => told,
        };
        let mut plain: Box<dyn BufRead> = match compression {
            None => raw,
            Some(Compression::Gzip) => Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw))),
            Some(Compression::Zstd) => {
                Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::with_buffer(raw)?))
            }
        };
        if plain.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            plain.consume(BYTE_ORDER_MARK.len());
        }
        Ok(plain)
    }

    fn open_raw(&self) -> io::Result<Box<dyn BufRead>> {
        let Input::File(path) = self else {
            return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, io::stdin())));
        };
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }

    pub(crate) fn open_error(&self, source: io::Error) -> FileError {
        let problem = match (source.kind(), self) {
            (io::ErrorKind::NotFound, Input::File(path)) => format!("there is no such file{}", neighbour(path)),
            (io::ErrorKind::IsADirectory, _) => "is a folder; name a file in it".to_owned(),
            (io::ErrorKind::PermissionDenied, _) => "may not be read by this user; check its permissions".to_owned(),
            (_, Input::File(path)) if Compression::from_path(path).is_some() => {
                format!("cannot be decompressed: {source}; is it what its ending says?")
            }
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
    /// Creates the file of that path, or empties it; `-` is standard output.
    pub fn create(path: impl AsRef<Path>) -> Result<Output, FileError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(Output::from_writer("standard output", Box::new(io::stdout())));
        }
        let error = |source| create_error(path, source);
        let plain = plain(Box::new(File::create(path).map_err(error)?));
        let stream = match Compression::from_path(path) {
            None => Stream::Plain(plain),
            Some(Compression::Gzip) => Stream::Gzip(GzEncoder::new(plain, flate2::Compression::default())),
            Some(Compression::Zstd) => Stream::Zstd(zstd::Encoder::new(plain, 0).map_err(error)?),
        };
        Ok(Output { name: path.display().to_string(), stream })
    }

    /// Finds out whether the file could be created, without creating or emptying it: before long work whose result goes
    /// there.
    pub fn check(path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(());
        }
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let checked = match path.metadata() {
            Ok(_) => File::options().append(true).open(path).map(drop),
            Err(_) => parent.metadata().map(drop),
        };
        checked.map_err(|source| create_error(path, source))
    }

    /// An uncompressed output into any writer; `name` is what errors call it.
    pub fn from_writer(name: &str, writer: Box<dyn Write + Send>) -> Output {
        Output { name: name.to_owned(), stream: Stream::Plain(plain(writer)) }
    }

    /// Writes everything that is still buffered, and the end of the compressed stream.
    pub fn finish(self) -> Result<(), WriteError> {
        let finished = match self.stream {
            Stream::Plain(plain) => Ok(plain),
            Stream::Gzip(encoder) => encoder.finish(),
            Stream::Zstd(encoder) => encoder.finish(),
        };
        finished.and_then(|mut plain| plain.flush()).map_err(|source| write_error(&self.name, source))
    }

    /// This output's name beside what went wrong with it.
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
    /// True if the reader at the other end went away (`| head`): a reason to stop, not a failure.
    pub fn is_broken_pipe(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<WriteError> for io::Error {
    /// Of the same kind, so that a writer may be called where an [`io::Error`] is wanted.
    fn from(error: WriteError) -> io::Error {
        io::Error::new(error.source.kind(), error)
    }
}

impl Format {
    /// The format a path's ending tells, compression aside: `.csv`, `.jsonl` or `.ndjson`.
    pub fn from_path(path: impl AsRef<Path>) -> Option<Format> {
        let path = path.as_ref();
        let inner = if Compression::from_path(path).is_some() { Path::new(path.file_stem()?) } else { path };
        match inner.extension()?.to_str()? {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            _ => None,
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    /// `csv`, `jsonl` or `ndjson`.
    fn from_str(name: &str) -> Result<Format, String> {
        match name {
            "csv" => Ok(Format::Csv),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            _ => Err(format!("'{name}' is not a format; use csv or jsonl")),
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

fn create_error(path: &Path, source: io::Error) -> FileError {
    let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let problem = match source.kind() {
        io::ErrorKind::NotFound => format!("the folder '{folder}' does not exist; create it first"),
        io::ErrorKind::IsADirectory => "is a folder; name a file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be written by this user; choose another place".to_owned(),
        _ => format!("cannot be created: {source}"),
    };
    FileError { path: path.display().to_string(), problem, source }
}

fn write_error(name: &str, source: io::Error) -> WriteError {
    let fix = match source.kind() {
        io::ErrorKind::StorageFull => "; free some space or choose another place",
        _ => "",
    };
    WriteError { name: name.to_owned(), fix, source }
}

/// What may have been meant by a path that is not there.
fn neighbour(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = folder.read_dir() else {
        return format!(", nor a folder '{}'", folder.display());
    };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    did_you_mean(wanted, names.iter().map(String::as_str))
}
