//! The results directory of a run: checked before anything is measured, complete up to the last finished case whenever
//! the run stops.
//!
//! `run.json` is replaced as a whole (temporary file, fsync, rename, fsync of the directory), and the directory is synced
//! after every file that is created, so that what was reported as written is there after a power cut. `cases.ndjson`, `cases.csv`,
//! `timeline.csv`, `state.csv`, `latency.hlog` and, if activity was logged, `operators.csv` and `channels.csv` grow by what a case
//! leaves, so that the last case costs no more than the first. A case's line in `cases.ndjson` is written after its data,
//! so that a case which is listed has all of it on disk, and its row in `cases.csv` after that. A crash can leave an
//! unfinished last line, which readers skip and count, a header without its last lines, data of a case that is not listed,
//! and a `cases.csv` without the last row; [`ResultsDir::resume`] puts all of them right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::columns::cases_csv;
use crate::hlog::{self, HistogramLog, HlogError};
use crate::latency::LatencyHistogram;
use crate::operator_profile::{self, WorkerRow};
use crate::record::{CaseRecord, ChannelLoad, OperatorState, OperatorTime, RunRecord, SCHEMA_VERSION, TimelinePoint};
use crate::table::TableError;
use crate::timeline::{self, TimelineRow};

mod disk;

/// File of the run: what was run, and on which machine.
pub const RUN_JSON: &str = "run.json";
/// File of the cases, one JSON object per line.
pub const CASES_NDJSON: &str = "cases.ndjson";
/// File of the cases as a flat table.
pub const CASES_CSV: &str = "cases.csv";
/// File of the samples of the cases over time.
pub const TIMELINE_CSV: &str = "timeline.csv";
/// File of what each operator of each worker held over time.
pub const STATE_CSV: &str = "state.csv";
/// File of the latency histograms.
pub const LATENCY_HLOG: &str = "latency.hlog";
/// File of the time by operator; present only if operators were logged.
pub const OPERATORS_CSV: &str = "operators.csv";
/// File of the load of each dataflow channel; present only if operators were logged.
pub const CHANNELS_CSV: &str = "channels.csv";
/// All files of a run.
pub const FILES: [&str; 8] =
    [RUN_JSON, CASES_NDJSON, CASES_CSV, TIMELINE_CSV, STATE_CSV, LATENCY_HLOG, OPERATORS_CSV, CHANNELS_CSV];

/// An error of a results directory, with its path, reason and likely fix.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// The operating system refused an operation.
    #[error("cannot {doing} {}: {source} ({})", path.display(), advice(source))]
    Io {
        /// The operation: `write`, `read`, …
        doing: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process writes to the directory.
    #[error("{} is in use by another flowbench: wait for it to end, or choose another directory", .0.display())]
    Locked(PathBuf),
    /// The directory holds a run already.
    #[error("{} already holds a run: resume it, or choose another directory", .0.display())]
    Taken(PathBuf),
    /// The directory holds foreign files that the run would replace.
    #[error("{} holds {} already, and the run would replace it: move it away, or choose another directory", path.display(), names.join(", "))]
    Leftovers {
        /// The directory.
        path: PathBuf,
        /// The names of the files.
        names: Vec<String>,
    },
    /// A file that only grows was removed or changed.
    #[error(
        "{} was removed or changed while the run went on: cases that it does not hold any more have to be run again, and \
         nobody else may write to the directory of a run",
        .0.display()
    )]
    Changed(PathBuf),
    /// The directory holds no results.
    #[error("{} holds no results: there is no run.json in it", .0.display())]
    NoResults(PathBuf),
    /// A line that cannot be read.
    #[error("{} line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Description of the problem.
        what: String,
    },
    /// The file was written by a later version of flowbench.
    #[error(
        "{} line {line} has schema version {found}, this flowbench reads up to {SCHEMA_VERSION}: use the flowbench \
         that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The schema version that was found.
        found: u32,
    },
    /// A record that would not be read back unchanged, such as one with a number that is not finite.
    #[error("{name} cannot be recorded: {what}")]
    Unrecordable {
        /// `run.json`, or the tag of the case or histogram.
        name: String,
        /// Description of the problem.
        what: String,
    },
}

/// A results directory to write to, locked against other runs until it is dropped.
#[derive(Debug)]
pub struct ResultsDir {
    path: PathBuf,
    /// Handle of the directory, which carries the lock and is synced after a file is created.
    handle: File,
    started_at_ms: Option<u64>,
    cases: Vec<CaseRecord>,
    /// Expected length of each growing file, in bytes; any other length means that another process has changed it.
    lengths: BTreeMap<&'static str, u64>,
}

/// The data of a case beside its record.
#[derive(Debug, Clone, Copy, Default)]
pub struct CaseData<'a> {
    /// Start of the case, in ns since the run of the experiment began.
    pub start_ns: u64,
    /// Duration of the recording, in ns.
    pub length_ns: u64,
    /// Histograms by kind: `latency`, `processing-delay`, `driver-lag`, `from-admission`, `lost-time`.
    pub histograms: &'a [(&'a str, &'a LatencyHistogram)],
    /// Samples, oldest first.
    pub timeline: &'a [TimelinePoint],
    /// What each operator of each worker held over time.
    pub states: &'a [OperatorState],
    /// Time by operator and worker; empty if it was not logged.
    pub operators: &'a [OperatorTime],
    /// Messages sent by each worker over each channel; empty if they were not logged.
    pub channels: &'a [ChannelLoad],
}

/// The content of a growing file.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// One row for each complete line.
    pub rows: Vec<T>,
    /// 1 if the last line was incomplete, because the run was killed while writing it, and was skipped; otherwise 0.
    pub skipped: usize,
}

impl ResultsDir {
    /// Creates the directory with its parents, checks that files can be written in it, and locks it.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Taken`] if it holds a run already, [`ResultsError::Leftovers`] if it holds any other file with
    /// the name of a run's file, [`ResultsError::Locked`] if another process writes to it, [`ResultsError::Io`] if it
    /// cannot be created or written to.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        disk::create_folders(path).map_err(|source| failed("create", path, source))?;
        let results = Self::lock(path)?;
        if path.join(RUN_JSON).exists() || path.join(CASES_NDJSON).exists() {
            return Err(ResultsError::Taken(path.to_owned()));
        }
        results.refuse_leftovers(FILES)?;
        results.probe()?;
        Ok(results)
    }

    /// Checks that no file with one of these names exists in the directory.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Leftovers`] with the names that do.
    pub fn refuse_leftovers(&self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<(), ResultsError> {
        let names = names.into_iter().map(Into::into);
        let names: Vec<String> = names.filter(|name| self.path.join(name).symlink_metadata().is_ok()).collect();
        if names.is_empty() { Ok(()) } else { Err(ResultsError::Leftovers { path: self.path.clone(), names }) }
    }

    /// Opens the directory of a run to continue it: locks it and removes all data of cases that were not finished.
    ///
    /// # Errors
    ///
    /// [`ResultsError::NoResults`] if it holds no run, [`ResultsError::Locked`] if another process writes to it, any
    /// other error if its files cannot be read or rewritten.
    pub fn resume(path: &Path) -> Result<Self, ResultsError> {
        if !path.join(RUN_JSON).exists() {
            return Err(ResultsError::NoResults(path.to_owned()));
        }
        let mut results = Self::lock(path)?;
        results.probe()?;
        results.started_at_ms = epoch_ms(&read_run(path)?.started_at);
        results.cases = read_cases(path)?.rows;
        results.forget(|_| false)?;
        Ok(results)
    }

    /// Locks a run against being resumed while its report is drawn, and removes files that a killed run left
    /// incomplete. Returns `None` if another process writes to the directory or it cannot be locked; it can still be
    /// read.
    pub fn hold(path: &Path) -> Option<Self> {
        Self::lock(path).ok()
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the finished cases in the order in which they ended.
    pub fn cases(&self) -> &[CaseRecord] {
        &self.cases
    }

    /// Writes or replaces `run.json`, at the start of the run and again at its end.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Unrecordable`] if the record would not be read back, [`ResultsError::Io`] if it cannot be
    /// written.
    pub fn write_run(&mut self, run: &RunRecord) -> Result<(), ResultsError> {
        let unrecordable = |what: serde_json::Error| unrecordable(RUN_JSON, &what);
        let mut text = serde_json::to_string_pretty(run).map_err(unrecordable)?;
        text.push('\n');
        serde_json::from_str::<RunRecord>(&text).map_err(unrecordable)?;
        self.started_at_ms = epoch_ms(&run.started_at);
        self.write(RUN_JSON, text.as_bytes())
    }

    /// Writes a finished case to disk, its line in `cases.ndjson` last. After an error all files are intact; histograms
    /// and samples written before it stay until [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// [`ResultsError::Unrecordable`] if the record would not be read back, [`ResultsError::Changed`] if another
    /// process has changed a file, [`ResultsError::Io`] if a file cannot be written.
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
        self.append_if_any(
            STATE_CSV,
            timeline::STATE_HEADER,
            &timeline::state_rows(case.case, case.repeat, data.states),
        )?;
        let rows = operator_profile::operator_rows(case.case, case.repeat, data.operators);
        self.append_if_any(OPERATORS_CSV, operator_profile::OPERATORS_HEADER, &rows)?;
        let rows = operator_profile::channel_rows(case.case, case.repeat, data.channels);
        self.append_if_any(CHANNELS_CSV, operator_profile::CHANNELS_HEADER, &rows)?;
        log::debug!("{tag} is added to {}", self.path.display());
        self.append(CASES_NDJSON, "", &line)?;
        self.cases.push(case.clone());
        let table = cases_csv(std::slice::from_ref(case));
        let (header, row) = table.split_at(table.find('\n').map_or(0, |end| end + 1));
        self.append(CASES_CSV, header, row)
    }

    /// Removes cases from the record, with all their data and the data of cases that are not listed.
    ///
    /// # Errors
    ///
    /// Any error of reading or writing the files.
    pub fn forget(&mut self, is_forgotten: impl Fn(&CaseRecord) -> bool) -> Result<(), ResultsError> {
        let (lines, _) = read_complete_lines(&self.path.join(CASES_NDJSON))?;
        let (cases, lines): (Vec<CaseRecord>, Vec<&str>) = (std::mem::take(&mut self.cases).into_iter())
            .zip(lines.split_inclusive('\n'))
            .filter(|(case, _)| !is_forgotten(case))
            .unzip();
        self.cases = cases;
        self.rewrite(CASES_NDJSON, &lines.concat())?;
        self.rewrite(CASES_CSV, &cases_csv(&self.cases))?;
        self.drop_unlisted()
    }

    /// Checks that all files are as they were written.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Changed`] for the first file that is not.
    pub fn check(&self) -> Result<(), ResultsError> {
        self.lengths.iter().try_for_each(|(name, length)| {
            let path = self.path.join(name);
            let is_so = fs::metadata(&path).is_ok_and(|found| found.len() == *length);
            if is_so { Ok(()) } else { Err(ResultsError::Changed(path)) }
        })
    }

    /// Writes or replaces a whole file of the directory, such as a figure or the report; it exists completely or not at
    /// all.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Io`] if it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ResultsError> {
        write_atomically(&self.path.join(name), bytes)
    }

    fn lock(path: &Path) -> Result<Self, ResultsError> {
        let handle = File::open(path).map_err(|source| failed("open", path, source))?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ResultsError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("lock", path, source)),
        }
        disk::remove_temporary_files(path).map_err(|source| failed("tidy up", path, source))?;
        let (path, cases, lengths) = (path.to_owned(), Vec::new(), BTreeMap::new());
        Ok(Self { path, handle, started_at_ms: None, cases, lengths })
    }

    /// Checks before the run that files can be written, so that a full disk shows now and not after an hour.
    fn probe(&self) -> Result<(), ResultsError> {
        disk::probe(&self.path).map_err(|source| failed("write in", &self.path, source))
    }

    fn append(&mut self, name: &'static str, header: &str, rows: &str) -> Result<(), ResultsError> {
        let path = self.path.join(name);
        let length = self.lengths.get(name).copied().unwrap_or(0);
        let text = if length == 0 { format!("{header}{rows}") } else { rows.to_owned() };
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound if length > 0 => ResultsError::Changed(path.clone()),
            _ => failed("append to", &path, source),
        };
        let mut file = OpenOptions::new().create(length == 0).append(true).open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != length {
            return Err(ResultsError::Changed(path));
        }
        let written = disk::write_and_sync(&mut file, text.as_bytes());
        // A new file is only as safe as its entry in the directory.
        let written = written.and_then(|()| if length == 0 { disk::sync(&self.handle) } else { Ok(()) });
        written.map_err(|error| {
            // Half a line must not stand in front of the next one. The first error is the one to report.
            let _ = disk::cut(&file, length);
            failed(error)
        })?;
        self.lengths.insert(name, length + text.len() as u64);
        Ok(())
    }

    /// Appends to a file that exists only if it has rows.
    fn append_if_any(&mut self, name: &'static str, header: &str, rows: &str) -> Result<(), ResultsError> {
        if rows.is_empty() { Ok(()) } else { self.append(name, header, rows) }
    }

    /// Rewrites a growing file.
    fn rewrite(&mut self, name: &'static str, text: &str) -> Result<(), ResultsError> {
        self.write(name, text.as_bytes())?;
        self.lengths.insert(name, text.len() as u64);
        Ok(())
    }

    /// Rewrites the data files with the lines of the listed cases only.
    fn drop_unlisted(&mut self) -> Result<(), ResultsError> {
        let listed: BTreeSet<String> = self.cases.iter().map(CaseRecord::tag).collect();
        let of_listed = |line: &str| owner(line).is_none_or(|tag| listed.contains(&tag));
        for name in [LATENCY_HLOG, TIMELINE_CSV, STATE_CSV, OPERATORS_CSV, CHANNELS_CSV] {
            let path = self.path.join(name);
            let only_if_any = [STATE_CSV, OPERATORS_CSV, CHANNELS_CSV].contains(&name);
            if only_if_any && !path.exists() {
                continue;
            }
            let (text, _) = read_complete_lines(&path)?;
            let mut kept: String = text.split_inclusive('\n').filter(|line| of_listed(line)).collect();
            if name == LATENCY_HLOG && !kept.is_empty() && kept.lines().all(|line| owner(line).is_none()) {
                // Its header has several lines, of which a crash may have left the first ones.
                kept = hlog::header(self.started_at_ms);
            }
            self.rewrite(name, &kept)?;
        }
        self.renew_states()?;
        self.renew_timeline()
    }

    /// Gives old looks at operators the current columns.
    fn renew_states(&mut self) -> Result<(), ResultsError> {
        let path = self.path.join(STATE_CSV);
        if !path.exists() {
            return Ok(());
        }
        let (text, _) = read_complete_lines(&path)?;
        let Some(rows) = text.strip_prefix(timeline::STATE_HEADER_BEFORE) else { return Ok(()) };
        let rows: String = rows.lines().map(|row| format!("{row},\n")).collect();
        self.rewrite(STATE_CSV, &(timeline::STATE_HEADER.to_owned() + &rows))
    }

    /// Gives an old timeline the current columns, so that its header fits the rows that will be appended.
    fn renew_timeline(&mut self) -> Result<(), ResultsError> {
        let (text, _) = read_complete_lines(&self.path.join(TIMELINE_CSV))?;
        if text.is_empty() || text.starts_with(&timeline::csv_header()) {
            return Ok(());
        }
        let rows = read_timeline(&self.path)?.rows;
        let rows = rows.iter().map(|row| timeline::csv_rows(row.case, row.repeat, &[row.point]));
        self.rewrite(TIMELINE_CSV, &(timeline::csv_header() + &rows.collect::<String>()))
    }
}

/// Returns the name of the file with the kept answers of a part.
pub fn answers_file(part: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    format!("answers-{}.csv", part.chars().map(plain).collect::<String>())
}

/// Reads the kept answers of a part; `None` if there are none.
///
/// # Errors
///
/// [`ResultsError::Io`] if there are and they cannot be read.
pub fn read_answers(dir: &Path, part: &str) -> Result<Option<String>, ResultsError> {
    let path = dir.join(answers_file(part));
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", &path, source)),
    }
}

/// Reads `run.json`.
///
/// # Errors
///
/// [`ResultsError::NoResults`] if there is none, [`ResultsError::Newer`] if a later version wrote it,
/// [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be read.
pub fn read_run(dir: &Path) -> Result<RunRecord, ResultsError> {
    let path = dir.join(RUN_JSON);
    if dir.is_dir() && !path.exists() {
        return Err(ResultsError::NoResults(dir.to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|source| failed("read", &path, source))?;
    from_json(&path, 1, &text)
}

/// Reads `cases.ndjson`; there are no cases if the file does not exist yet.
///
/// # Errors
///
/// [`ResultsError::Newer`] if a later version wrote it, [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be
/// read.
pub fn read_cases(dir: &Path) -> Result<Read<CaseRecord>, ResultsError> {
    let path = dir.join(CASES_NDJSON);
    let (text, skipped) = read_complete_lines(&path)?;
    let rows = (1..).zip(text.lines()).map(|(line, text)| from_json(&path, line, text));
    Ok(Read { rows: rows.collect::<Result<_, _>>()?, skipped })
}

/// Reads `timeline.csv`; there are no rows if the file does not exist yet.
///
/// # Errors
///
/// [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be read.
pub fn read_timeline(dir: &Path) -> Result<Read<TimelineRow>, ResultsError> {
    read_table(&dir.join(TIMELINE_CSV), timeline::read_csv)
}

/// Reads `operators.csv`; there are no rows if nothing was logged.
///
/// # Errors
///
/// [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be read.
pub fn read_operators(dir: &Path) -> Result<Read<WorkerRow<OperatorTime>>, ResultsError> {
    read_table(&dir.join(OPERATORS_CSV), operator_profile::read_operators)
}

/// Reads `channels.csv`; there are no rows if nothing was logged.
///
/// # Errors
///
/// [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be read.
pub fn read_channels(dir: &Path) -> Result<Read<WorkerRow<ChannelLoad>>, ResultsError> {
    read_table(&dir.join(CHANNELS_CSV), operator_profile::read_channels)
}

/// Reads `latency.hlog` and returns it with the number of skipped incomplete lines; the log is empty if the file does
/// not exist yet. A tag is [`CaseRecord::tag`], a dot, and the kind.
///
/// # Errors
///
/// [`ResultsError::Line`] or [`ResultsError::Io`] if it cannot be read.
pub fn read_histograms(dir: &Path) -> Result<(HistogramLog, usize), ResultsError> {
    let path = dir.join(LATENCY_HLOG);
    let (text, skipped) = read_complete_lines(&path)?;
    let log = HistogramLog::new(text).map_err(|error| match error {
        HlogError::Line { line, what } => ResultsError::Line { path, line, what },
        other => ResultsError::Line { path, line: 0, what: other.to_string() },
    })?;
    Ok((log, skipped))
}

/// Reads the numbers of a figure as CSV text; `None` if the figure was not drawn.
///
/// # Errors
///
/// [`ResultsError::Io`] if the file exists and cannot be read.
pub fn read_figure_csv(dir: &Path, figure: &str) -> Result<Option<String>, ResultsError> {
    let path = dir.join(format!("{figure}.csv"));
    match fs::read_to_string(&path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(|source| failed("read", &path, source)),
    }
}

/// Writes or replaces a whole file by a temporary file beside it, fsync, rename and fsync of the directory.
///
/// # Errors
///
/// [`ResultsError::Io`] if it cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    disk::replace(path, bytes).map_err(|source| failed("write", path, source))
}

/// Checks that a file can be written, or files in a folder which need not exist yet, by writing 64 KiB in the nearest
/// folder that exists and removing them again.
///
/// # Errors
///
/// [`ResultsError::Io`] with the path if it cannot be written.
pub fn check_writable(path: &Path, is_folder: bool) -> Result<(), ResultsError> {
    let existing = || path.ancestors().map(disk::or_current).find(|folder| folder.exists());
    let folder = if is_folder { existing().unwrap_or(path) } else { disk::parent(path) };
    disk::probe(folder).map_err(|source| failed("write", path, source))
}

/// Returns the rows of a growing table; there are none if the file does not exist.
fn read_table<T>(path: &Path, read: impl Fn(&str) -> Result<Vec<T>, TableError>) -> Result<Read<T>, ResultsError> {
    let (text, skipped) = read_complete_lines(path)?;
    if text.is_empty() {
        return Ok(Read { rows: Vec::new(), skipped });
    }
    let rows =
        read(&text).map_err(|TableError { line, what }| ResultsError::Line { path: path.to_owned(), line, what })?;
    Ok(Read { rows, skipped })
}

/// Returns the text up to the last line break, and 1 if an incomplete line follows it. An absent file is empty.
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

/// Reads one object, and its version first, because a later version may have any other shape.
pub(crate) fn from_json<T: DeserializeOwned>(path: &Path, line: usize, text: &str) -> Result<T, ResultsError> {
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

/// Returns the tag of the case that a line of a growing file belongs to; `None` for headers and comments.
fn owner(line: &str) -> Option<String> {
    if let Some(tagged) = line.strip_prefix("Tag=") {
        return tagged.split(['.', ',']).next().map(str::to_owned);
    }
    let (case, rest) = line.split_once(',')?;
    let (repeat, _) = rest.split_once(',')?;
    let numbers = case.parse::<usize>().ok().zip(repeat.parse::<usize>().ok());
    numbers.map(|(case, repeat)| format!("c{case}r{repeat}"))
}

/// Returns `2026-01-31T10:00:00[.250]Z` in ms since the Unix epoch; `None` if it is anything else.
pub fn epoch_ms(rfc3339: &str) -> Option<u64> {
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

/// Returns the likely fix for an error of the operating system.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or choose another directory",
        io::ErrorKind::FileTooLarge => "raise the limit on the size of files, `ulimit -f`",
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
