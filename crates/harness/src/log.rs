//! Logs as traces: what a log holds is learnt when the cases are planned, and the process of each case reads it again.

use std::path::{Path, PathBuf};

use flowbench_events::{
    BadRowLimit, Event, Input, Mapping, MappingError, ReadError, ReadOptions, ReadSummary, Symbols, Trace, TraceDigest,
    duration_text, read_events, read_trace,
};
use flowbench_measurement::record::LogRecord;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A log that the process of a case reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// Path of the log.
    pub file: PathBuf,
    /// Path of its mapping, if it has one.
    pub map: Option<PathBuf>,
    /// What it held when the case was planned.
    pub record: LogRecord,
}

/// A log with what planning needs to know about it.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    /// The log as the cases read it.
    pub(crate) spec: LogSpec,
    /// The smallest slack with which none of its events is late, ms.
    pub(crate) slack_ms: i64,
    /// What a user should know about its rows, a line each.
    pub(crate) remarks: Vec<String>,
}

/// Why a log cannot be the trace of a case.
#[derive(Debug, Error)]
pub enum LogError {
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log is a pipe or standard input, which can be read only once.
    #[error("{0}: every case reads the log by itself, so it has to be a file; save it first")]
    NotAFile(String),
    /// The log has no event.
    #[error("{file}: nothing can be measured without events: {rows}")]
    NoEvents {
        /// The log.
        file: String,
        /// What became of its rows.
        rows: String,
    },
    /// The log has more bad rows than are allowed.
    #[error("{file}: {rejects} of {rows} rows are bad, more than max_bad = {limit} allows\n  {}", reasons.join("\n  "))]
    TooManyBadRows {
        /// The log.
        file: String,
        /// Number of bad rows.
        rejects: u64,
        /// Number of rows.
        rows: u64,
        /// How many rows may be bad.
        limit: BadRowLimit,
        /// The first bad rows, a line each.
        reasons: Vec<String>,
    },
    /// The log has changed since the cases were planned.
    #[error(
        "{file} has changed since the run was planned: its events had the digest {planned}, now they have {found}; \
         restore it and resume the run, or start a new one"
    )]
    Changed {
        /// The log.
        file: String,
        /// The digest when the cases were planned.
        planned: String,
        /// The digest now.
        found: String,
    },
}

impl LogSpec {
    /// Reads the events that cases may use, in the order of the file.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read or has changed since it was planned.
    pub(crate) fn read(&self) -> Result<Trace, LogError> {
        let options = options(self.map.as_deref())?;
        let (mut trace, _) = read_trace(&Input::new(&self.file), &options, &mut |_| Ok(()))?;
        trace.events.truncate(usize::try_from(self.record.events).unwrap_or(usize::MAX));
        check_same(&self.record, trace.digest())?;
        Ok(trace)
    }
}

/// Fails if the digest of the events of a log is not the recorded one. Rows behind these events may have been added.
pub(crate) fn check_same(record: &LogRecord, found: String) -> Result<(), LogError> {
    if found == record.digest {
        return Ok(());
    }
    Err(LogError::Changed { file: record.file.clone(), planned: record.digest.clone(), found })
}

/// Reads a log to its end in constant memory, and returns the facts of its first `events_max` events.
///
/// # Errors
///
/// Fails if the log or its mapping cannot be read, if there is no event, and if more than `max_bad` rows are bad.
pub(crate) fn survey(
    file: &Path,
    map: Option<&Path>,
    events_max: Option<u64>,
    max_bad: Option<BadRowLimit>,
) -> Result<Survey, LogError> {
    if file == Path::new("-") || file.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(LogError::NotAFile(file.display().to_string()));
    }
    let mut facts = Facts::default();
    let mut rejects = Vec::new();
    let mut on_event = |event: Event, symbols: &Symbols| {
        if events_max.is_none_or(|most| facts.events < most) {
            facts.add(event, symbols);
        }
        Ok(())
    };
    let mut on_reject = |reject: &flowbench_events::Reject| {
        if rejects.len() < REJECTS_SHOWN {
            rejects.push(format!("rejected: {reject}"));
        }
        Ok(())
    };
    let input = Input::new(file);
    let summary = read_events(&input, &options(map)?, &mut Symbols::default(), &mut on_event, &mut on_reject)?;
    if facts.events == 0 {
        let rows = std::iter::once(summary.to_string()).chain(rejects).collect::<Vec<_>>().join("\n  ");
        return Err(LogError::NoEvents { file: input.to_string(), rows });
    }
    if let Some(limit) = max_bad.filter(|limit| !limit.allows(&summary)) {
        let (file, rejects, rows, reasons) = (input.to_string(), summary.rejects, summary.rows, rejects);
        return Err(LogError::TooManyBadRows { file, rejects, rows, limit, reasons });
    }
    let remarks = remarks(&name_of(file), &summary, rejects, &facts);
    let slack_ms = facts.slack_ms;
    let record = facts.record(file, map, &summary);
    let spec = LogSpec { file: file.to_owned(), map: map.map(Path::to_owned), record };
    Ok(Survey { spec, slack_ms, remarks })
}

/// The number of bad rows that are shown.
const REJECTS_SHOWN: usize = 3;

/// The facts of the events of a log.
#[derive(Default)]
struct Facts {
    events: u64,
    newest_ms: Option<i64>,
    slack_ms: i64,
    newest_arrival_ms: Option<i64>,
    arrivals_back: u64,
    digest: TraceDigest,
}

impl Facts {
    fn add(&mut self, event: Event, symbols: &Symbols) {
        self.events += 1;
        let newest_ms = event.event_time_ms().max(self.newest_ms.unwrap_or(i64::MIN));
        self.slack_ms = self.slack_ms.max(newest_ms - event.event_time_ms());
        self.newest_ms = Some(newest_ms);
        let arrival_ms = event.arrival_time_ms();
        self.arrivals_back += u64::from(self.newest_arrival_ms.is_some_and(|newest_ms| arrival_ms < newest_ms));
        self.newest_arrival_ms = self.newest_arrival_ms.max(Some(arrival_ms));
        self.digest.update(&[event], symbols);
    }

    fn record(self, file: &Path, map: Option<&Path>, summary: &ReadSummary) -> LogRecord {
        LogRecord {
            file: name_of(file),
            map: map.map(name_of),
            rows: summary.rows,
            skipped: summary.skipped,
            rejected: summary.rejects,
            events: self.events,
            arrivals_back: self.arrivals_back,
            digest: self.digest.finish(),
        }
    }
}

fn options(map: Option<&Path>) -> Result<ReadOptions, LogError> {
    Ok(ReadOptions { mapping: map.map(Mapping::load).transpose()?, ..ReadOptions::default() })
}

/// Returns the name of a file without its folder.
fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn remarks(file: &str, summary: &ReadSummary, rejects: Vec<String>, facts: &Facts) -> Vec<String> {
    let mut lines = vec![format!("{file}: {summary}")];
    lines.extend(rejects);
    if summary.rejects > REJECTS_SHOWN as u64 {
        lines.push("  and more; `flowbench inspect --rejects FILE` lists them".to_owned());
    }
    if !summary.assumed.is_empty() {
        lines.push(format!("read {file} as {}; a mapping overrides this", summary.assumed.join(", ")));
    }
    lines.extend(summary.remarks.iter().map(|remark| format!("note: {remark}")));
    if facts.events < summary.events {
        lines.push(format!("only the first {} of its events are used", facts.events));
    }
    if facts.slack_ms > 0 {
        lines.push(format!("note: no event is late with a slack of {}", duration_text(facts.slack_ms)));
    }
    if facts.arrivals_back > 0 {
        lines.push(format!(
            "note: {} events have an arrival time before that of one in front of them; \"as-recorded\" offers them \
             together with that one",
            facts.arrivals_back
        ));
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;

    use super::*;

    /// The text of a log in the interchange format, with an order at each of these seconds.
    pub(crate) fn log_of(seconds: impl IntoIterator<Item = i64>) -> String {
        let row = |(id, second): (usize, i64)| {
            let time = flowbench_events::rfc3339(1_767_600_000_000 + second * 1000);
            format!("{id},order_placed,{time},c{},{id}.5\n", id % 7)
        };
        let rows: String = seconds.into_iter().enumerate().map(row).collect();
        format!("event_id,kind,event_time,customer,value\n{rows}")
    }

    #[test]
    fn a_survey_has_the_digest_the_slack_and_the_rows_and_a_reader_gets_the_same_events() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("log.csv");
        std::fs::write(&file, log_of([0, 5, 2, 9]) + "x,order_placed,someday,c1,1\n").unwrap();
        let Survey { spec, slack_ms, remarks } = survey(&file, None, None, None).unwrap();
        let trace = spec.read().unwrap();
        assert_eq!((spec.record.digest.clone(), slack_ms), (trace.digest(), trace.slack_to_lose_nothing_ms()));
        let record = &spec.record;
        assert_eq!((record.rows, record.rejected, record.events, record.arrivals_back), (5, 1, 4, 1));
        assert_eq!((record.file.as_str(), slack_ms), ("log.csv", 3000));
        assert!(remarks.iter().any(|line| line.contains("5 rows: 4 events") && line.contains("1 rejected")));
        assert!(remarks.iter().any(|line| line.starts_with("rejected: line 6, column event_time: 'someday'")));

        let first = survey(&file, None, Some(2), None).unwrap();
        assert_eq!((first.spec.read().unwrap().events.len(), first.slack_ms), (2, 0));
        assert_ne!(first.spec.record.digest, spec.record.digest);
    }

    #[test]
    fn the_slack_is_told_as_replay_tells_it() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("log.csv");
        std::fs::write(&file, log_of([68_880, 0])).unwrap();
        let remarks = survey(&file, None, None, None).unwrap().remarks;
        let told = "note: no event is late with a slack of 19h8min";
        assert!(remarks.iter().any(|remark| remark == told), "{remarks:?}");
    }

    #[test]
    fn a_log_that_has_changed_names_both_digests() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("log.csv");
        std::fs::write(&file, log_of(0..10)).unwrap();
        let spec = survey(&file, None, None, None).unwrap().spec;
        std::fs::write(&file, log_of(0..11)).unwrap();
        assert_eq!(spec.read().unwrap().digest(), spec.record.digest, "rows added at the end are not used");
        std::fs::write(&file, log_of(1..11)).unwrap();
        let other = survey(&file, None, None, None).unwrap().spec.record.digest;
        let error = spec.read().unwrap_err().to_string();
        assert!(error.starts_with("log.csv has changed") && error.contains(&spec.record.digest), "{error}");
        assert_ne!(other, spec.record.digest);
    }

    #[test]
    fn what_is_no_log_is_refused_with_the_reason() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("log.csv");
        std::fs::write(&file, log_of([])).unwrap();
        let error = |file: &Path| survey(file, None, None, None).unwrap_err().to_string();
        assert!(error(&file).contains("nothing can be measured without events: 0 rows"), "{}", error(&file));
        assert!(error(Path::new("-")).contains("it has to be a file"));
        assert!(error(&dir.path().join("none.csv")).contains("there is no such file"));
    }
}
