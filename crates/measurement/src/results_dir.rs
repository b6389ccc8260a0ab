//! The results directory of a run: checked before anything is measured, complete up to the last finished case whenever
//! the run stops.
//!
//! `run.json` and `cases.csv` are replaced as a whole (temporary file, fsync, rename, fsync of the directory).
//! `cases.ndjson`, `timeline.csv`, `latency.hlog` and, if activity was logged, `operators.csv` and `channels.csv` grow;
//! a case's line in `cases.ndjson` is written last, so that a case which is listed has all its data on disk. A crash
//! can leave an unfinished last line, which readers skip and count, and data of a case that is not listed, which
//! [`ResultsDir::resume`] removes.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::hlog::{self, HlogError, Interval};
use crate::latency::LatencyHistogram;
use crate::record::{CaseRecord, ChannelLoad, OperatorTime, Run, SCHEMA_VERSION, TimelinePoint, cases_csv};
use crate::{activity, timeline};

/// What was run.
pub const RUN_JSON: &str = "run.json";
/// The cases, one JSON object a line.
pub const CASES_NDJSON: &str = "cases.ndjson";
/// The cases as a flat table.
pub const CASES_CSV: &str = "cases.csv";
/// The cases over time.
pub const TIMELINE_CSV: &str = "timeline.csv";
/// The histograms.
pub const LATENCY_HLOG: &str = "latency.hlog";
/// Time by operator; only if activity was logged.
pub const OPERATORS_CSV: &str = "operators.csv";
/// What crossed the channels of the dataflows; only if activity was logged.
pub const CHANNELS_CSV: &str = "channels.csv";

/// What went wrong with a results directory: the path, the reason, the likely fix.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source} ({})", path.display(), advice(source))]
    Io {
        /// What was tried: `write`, `read`, …
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another run has it.
    #[error("{} is in use by another run: wait for it to end, or choose another directory", .0.display())]
    Locked(PathBuf),
    /// It holds results, and new ones would mix with them.
    #[error("{} already holds a run: resume it, or choose another directory", .0.display())]
    Taken(PathBuf),
    /// It holds none.
    #[error("{} holds no results: there is no run.json in it", .0.display())]
    NoResults(PathBuf),
    /// A line that cannot be read.
    #[error("{} line {line}: {what}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// In words.
        what: String,
    },
    /// Written by a later flowbench.
    #[error(
        "{} line {line} has schema version {found}, this flowbench reads up to {SCHEMA_VERSION}: use the flowbench \
         that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The version found.
        found: u32,
    },
    /// A record that would not be read back as it is, such as one with a number that is not finite.
    #[error("{name} cannot be recorded: {what}")]
    Unrecordable {
        /// `run.json`, or the tag of the case or histogram.
        name: String,
        /// In words.
        what: String,
    },
}

/// A results directory to write to. It is locked against other runs until it is dropped.
#[derive(Debug)]
pub struct ResultsDir {
    path: PathBuf,
    /// The directory itself: carries the lock, and is synced after a rename.
    handle: File,
    started_at_ms: Option<u64>,
    cases: Vec<CaseRecord>,
}

/// What a case leaves beside its record.
#[derive(Debug, Clone, Copy, Default)]
pub struct CaseData<'a> {
    /// When the case began, in ns since the run of the experiment began.
    pub start_ns: u64,
    /// How long it was recorded, in ns.
    pub length_ns: u64,
    /// Histograms by kind: `latency`, `processing-delay`, `driver-lag`, `hiccup`.
    pub histograms: &'a [(&'a str, &'a LatencyHistogram)],
    /// Samples, oldest first.
    pub timeline: &'a [TimelinePoint],
    /// Time by operator and worker; empty if that was not logged.
    pub operators: &'a [OperatorTime],
    /// What each worker sent over each channel; empty if that was not logged.
    pub channels: &'a [ChannelLoad],
}

/// What was read from a file that grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// One for each complete line.
    pub rows: Vec<T>,
    /// 1 if the last line was unfinished (the run was killed while writing it) and was skipped, else 0.
    pub skipped: usize,
}

impl ResultsDir {
    /// Makes the directory with its parents, checks that files can be written in it, and locks it. One that already
    /// holds a run is refused.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(path).map_err(|source| failed("create", path, source))?;
        let results = Self::lock(path)?;
        if path.join(RUN_JSON).exists() || path.join(CASES_NDJSON).exists() {
            return Err(ResultsError::Taken(path.to_owned()));
        }
        results.probe()?;
        Ok(results)
    }

    /// Goes on with a run: locks the directory and removes whatever belongs to cases that were not finished.
    pub fn resume(path: &Path) -> Result<Self, ResultsError> {
        if !path.join(RUN_JSON).exists() {
            return Err(ResultsError::NoResults(path.to_owned()));
        }
        let mut results = Self::lock(path)?;
        results.probe()?;
        results.started_at_ms = epoch_ms(&read_run(path)?.started_at);
        results.cases = read_cases(path)?.rows;
        results.drop_unfinished()?;
        Ok(results)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The finished cases, in the order they ended.
    pub fn cases(&self) -> &[CaseRecord] {
        &self.cases
    }

    /// Writes or replaces `run.json`: when the run begins, and again when it ends.
    pub fn write_run(&mut self, run: &Run) -> Result<(), ResultsError> {
        let unrecordable = |what: serde_json::Error| unrecordable(RUN_JSON, &what);
        let mut text = serde_json::to_string_pretty(run).map_err(unrecordable)?;
        text.push('\n');
        serde_json::from_str::<Run>(&text).map_err(unrecordable)?;
        self.started_at_ms = epoch_ms(&run.started_at);
        self.write(RUN_JSON, text.as_bytes())
    }

    /// Puts a finished case on disk, its line in `cases.ndjson` last. After an error the files are whole; histograms
    /// and samples written before it stay until [`resume`](Self::resume).
    pub fn append_case(&mut self, case: &CaseRecord, data: &CaseData<'_>) -> Result<(), ResultsError> {
        let tag = case.tag();
        let mut line = serde_json::to_string(case).map_err(|what| unrecordable(&tag, &what))?;
        serde_json::from_str::<CaseRecord>(&line).map_err(|what| unrecordable(&tag, &what))?;
        line.push('\n');
        let mut histograms = String::new();
        for (kind, histogram) in data.histograms {
            let tag = format!("{tag}.{kind}");
            let row = hlog::line(&tag, data.start_ns, data.length_ns, histogram);
            histograms.push_str(&row.map_err(|what| unrecordable(&tag, &what))?);
        }
        self.append(LATENCY_HLOG, &hlog::header(self.started_at_ms), &histograms)?;
        let rows = timeline::csv_rows(case.case, case.repeat, data.timeline);
        self.append(TIMELINE_CSV, &timeline::csv_header(), &rows)?;
        let rows = activity::operator_rows(case.case, case.repeat, data.operators);
        self.append_if_any(OPERATORS_CSV, activity::OPERATORS_HEADER, &rows)?;
        let rows = activity::channel_rows(case.case, case.repeat, data.channels);
        self.append_if_any(CHANNELS_CSV, activity::CHANNELS_HEADER, &rows)?;
        self.append(CASES_NDJSON, "", &line)?;
        self.cases.push(case.clone());
        self.write(CASES_CSV, cases_csv(&self.cases).as_bytes())
    }

    /// Writes or replaces a whole file of the directory (a figure, the report): it is there completely or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ResultsError> {
        write_atomically(&self.path.join(name), bytes)?;
        self.handle.sync_all().map_err(|source| failed("sync", &self.path, source))
    }

    fn lock(path: &Path) -> Result<Self, ResultsError> {
        let handle = File::open(path).map_err(|source| failed("open", path, source))?;
        match handle.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), handle, started_at_ms: None, cases: Vec::new() }),
            Err(TryLockError::WouldBlock) => Err(ResultsError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed("lock", path, source)),
        }
    }

    /// Finds out now, not after an hour, that the disk is full or the directory is not ours.
    fn probe(&self) -> Result<(), ResultsError> {
        let probe = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            write_and_sync(file.as_file_mut(), &[b' '; 1 << 16])?;
            file.close()
        };
        probe().map_err(|source| failed("write in", &self.path, source))
    }

    fn append(&self, name: &str, header: &str, rows: &str) -> Result<(), ResultsError> {
        let path = self.path.join(name);
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            let length = file.metadata()?.len();
            let text = if length == 0 { format!("{header}{rows}") } else { rows.to_owned() };
            let written = write_and_sync(&mut file, text.as_bytes());
            if written.is_err() {
                // Half a line must not stand in front of the next one. The first error is the one to report.
                let _ = file.set_len(length);
            }
            written
        };
        append().map_err(|source| failed("append to", &path, source))
    }

    /// A file that is there only if something is in it.
    fn append_if_any(&self, name: &str, header: &str, rows: &str) -> Result<(), ResultsError> {
        if rows.is_empty() { Ok(()) } else { self.append(name, header, rows) }
    }

    /// Rewrites the files that grow with the lines of finished cases only.
    fn drop_unfinished(&self) -> Result<(), ResultsError> {
        let finished: BTreeSet<String> = self.cases.iter().map(CaseRecord::tag).collect();
        let of_finished = |line: &str| owner(line).is_none_or(|tag| finished.contains(&tag));
        let logged = [OPERATORS_CSV, CHANNELS_CSV].into_iter().filter(|name| self.path.join(name).exists());
        for name in [LATENCY_HLOG, TIMELINE_CSV].into_iter().chain(logged) {
            let (text, _) = read_complete_lines(&self.path.join(name))?;
            let kept: String = text.split_inclusive('\n').filter(|line| of_finished(line)).collect();
            self.write(name, kept.as_bytes())?;
        }
        self.renew_timeline()?;
        let (lines, _) = read_complete_lines(&self.path.join(CASES_NDJSON))?;
        self.write(CASES_NDJSON, lines.as_bytes())?;
        self.write(CASES_CSV, cases_csv(&self.cases).as_bytes())
    }

    /// Gives an old timeline the columns of today, so that the rows to come stand under a header of theirs.
    fn renew_timeline(&self) -> Result<(), ResultsError> {
        let (text, _) = read_complete_lines(&self.path.join(TIMELINE_CSV))?;
        if text.is_empty() || text.starts_with(&timeline::csv_header()) {
            return Ok(());
        }
        let rows = read_timeline(&self.path)?.rows;
        let rows = rows.iter().map(|row| timeline::csv_rows(row.case, row.repeat, &[row.point]));
        self.write(TIMELINE_CSV, (timeline::csv_header() + &rows.collect::<String>()).as_bytes())
    }
}

/// Reads `run.json`.
pub fn read_run(dir: &Path) -> Result<Run, ResultsError> {
    let path = dir.join(RUN_JSON);
    if dir.is_dir() && !path.exists() {
        return Err(ResultsError::NoResults(dir.to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|source| failed("read", &path, source))?;
    from_json(&path, 1, &text)
}

/// Reads `cases.ndjson`; no case if there is no such file yet.
pub fn read_cases(dir: &Path) -> Result<Read<CaseRecord>, ResultsError> {
    let path = dir.join(CASES_NDJSON);
    let (text, skipped) = read_complete_lines(&path)?;
    let rows = (1..).zip(text.lines()).map(|(line, text)| from_json(&path, line, text));
    Ok(Read { rows: rows.collect::<Result<_, _>>()?, skipped })
}

/// Reads `timeline.csv`; no row if there is no such file yet.
pub fn read_timeline(dir: &Path) -> Result<Read<timeline::Row>, ResultsError> {
    read_table(&dir.join(TIMELINE_CSV), timeline::read_csv)
}

/// Reads `operators.csv`; no row if none was logged.
pub fn read_operators(dir: &Path) -> Result<Read<activity::Row<OperatorTime>>, ResultsError> {
    read_table(&dir.join(OPERATORS_CSV), activity::read_operators)
}

/// Reads `channels.csv`; no row if none was logged.
pub fn read_channels(dir: &Path) -> Result<Read<activity::Row<ChannelLoad>>, ResultsError> {
    read_table(&dir.join(CHANNELS_CSV), activity::read_channels)
}

/// Reads `latency.hlog`; no histogram if there is no such file yet. The tag is [`CaseRecord::tag`], a dot, the kind.
pub fn read_histograms(dir: &Path) -> Result<Read<Interval>, ResultsError> {
    let path = dir.join(LATENCY_HLOG);
    let (text, skipped) = read_complete_lines(&path)?;
    let rows = hlog::read(&text).map_err(|error| match error {
        HlogError::Line { line, what } => ResultsError::Line { path, line, what },
        other => ResultsError::Line { path, line: 0, what: other.to_string() },
    })?;
    Ok(Read { rows, skipped })
}

/// Writes or replaces a whole file: a temporary file beside it, fsync, rename. The directory is not synced.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    let write = || {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = temporary_file(dir)?;
        write_and_sync(file.as_file_mut(), bytes)?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|source| failed("write", path, source))
}

/// Temporary files are private by default; results are as readable as any other file of the user.
fn temporary_file(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir)
}

fn write_and_sync(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// The rows of a table that grows; none if there is no such file.
fn read_table<T>(path: &Path, read: impl Fn(&str) -> Result<Vec<T>, (usize, String)>) -> Result<Read<T>, ResultsError> {
    let (text, skipped) = read_complete_lines(path)?;
    if text.is_empty() {
        return Ok(Read { rows: Vec::new(), skipped });
    }
    let rows = read(&text).map_err(|(line, what)| ResultsError::Line { path: path.to_owned(), line, what })?;
    Ok(Read { rows, skipped })
}

/// The text up to the last line break, and 1 if something unfinished came after it. An absent file is empty.
fn read_complete_lines(path: &Path) -> Result<(String, usize), ResultsError> {
    let mut bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|source| failed("read", path, source))?,
    };
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let skipped = usize::from(complete < bytes.len());
    bytes.truncate(complete);
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        ResultsError::Line { path: path.to_owned(), line, what: "it is not UTF-8 text".into() }
    })?;
    Ok((text, skipped))
}

/// Reads one object, its version before the rest: a later version may have any other shape.
fn from_json<T: DeserializeOwned>(path: &Path, line: usize, text: &str) -> Result<T, ResultsError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let unreadable = |error: serde_json::Error| ResultsError::Line {
        path: path.to_owned(),
        line: line + error.line().saturating_sub(1),
        what: error.to_string(),
    };
    let found = serde_json::from_str::<Versioned>(text).map_err(unreadable)?.schema_version;
    if found > SCHEMA_VERSION {
        return Err(ResultsError::Newer { path: path.to_owned(), line, found });
    }
    serde_json::from_str(text).map_err(unreadable)
}

/// The tag of the case a line of a file that grows belongs to; `None` for headers and comments.
fn owner(line: &str) -> Option<String> {
    if let Some(tagged) = line.strip_prefix("Tag=") {
        return tagged.split(['.', ',']).next().map(str::to_owned);
    }
    let (case, rest) = line.split_once(',')?;
    let (repeat, _) = rest.split_once(',')?;
    let numbers = case.parse::<usize>().ok().zip(repeat.parse::<usize>().ok());
    numbers.map(|(case, repeat)| format!("c{case}r{repeat}"))
}

/// `2026-01-31T10:00:00[.250]Z` in ms since the Unix epoch; `None` if it is anything else.
fn epoch_ms(rfc3339: &str) -> Option<u64> {
    let text = rfc3339.strip_suffix('Z')?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let numbers: Vec<u64> = seconds.split(['-', 'T', ':']).map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year @ 1970..=9999, month @ 1..=12, day @ 1..=31, hour @ 0..=23, minute @ 0..=59, second @ 0..=60] =
        numbers[..]
    else {
        return None;
    };
    // Days since 1970 by counting years from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let thousandths: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + thousandths)
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> ResultsError {
    ResultsError::Io { doing, path: path.to_owned(), source }
}

fn unrecordable(name: &str, what: &dyn std::error::Error) -> ResultsError {
    ResultsError::Unrecordable { name: name.to_owned(), what: what.to_string() }
}

/// The likely fix for an error of the operating system.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or choose another directory",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a directory you may write to, or change its permissions"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file: choose another directory"
        }
        io::ErrorKind::NotFound => "check the spelling of the path",
        _ => "check the path and the disk",
    }
}

#[cfg(test)]
mod tests;
