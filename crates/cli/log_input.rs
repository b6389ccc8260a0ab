//! The log that a command reads: options, remarks and rejected rows.

use std::io;
use std::path::Path;
use std::sync::Arc;

use flowbench_events::{Horizon, Input, Mapping, MappingError, ReadOptions, ReadSummary, Trace, read_trace};

use crate::args::Log;
use crate::failure::{Failure, eprint};
use crate::overwriting::Named;
use crate::rejects::{Place, Rejects};

/// Reads a whole log into memory, and prints remarks about it unless `quiet`.
pub(crate) fn read(log: &Log, mut rejects: Rejects, quiet: bool) -> Result<(Arc<Trace>, ReadSummary), Failure> {
    let (input, options) = (Input::new(&log.input), options(log)?);
    let read = read_trace(&input, &options, &mut |reject| rejects.take(reject));
    let (trace, summary) = read.map_err(Failure::failed)?;
    let rejected = rejects.finish()?;
    eprint_assumed(&input, &summary, quiet);
    refuse_log_without_events(&input, &summary, &rejected)?;
    refuse_too_many_bad_rows(log, &input, &summary, &rejected)?;
    eprint_remarks(&input, &summary, rejected, quiet);
    Ok((Arc::new(trace), summary))
}

/// Prints what was detected about the log and is not given by a mapping.
pub(crate) fn eprint_assumed(input: &Input, summary: &ReadSummary, quiet: bool) {
    if !quiet && !summary.assumed.is_empty() {
        eprint(format!("read {input} as {}; a mapping overrides this", summary.assumed.join(", ")));
    }
}

/// Returns how a log is read.
///
/// A mapping that cannot be read is a failure, one that is wrong a usage error.
pub(crate) fn options(log: &Log) -> Result<ReadOptions, Failure> {
    let mapping = log.map.as_ref().map(Mapping::load).transpose().map_err(|error| match error {
        MappingError::File(_) if !is_no_text(&error) => Failure::failed(error),
        MappingError::File(_) => Failure::usage_error(error),
        MappingError::Wrong(problems) => Failure::problems(&problems),
    })?;
    Ok(ReadOptions { format: log.format.map(Into::into), mapping, strict: log.strict })
}

/// Returns true if the file was read and is not text: its content is wrong, as in any other bad mapping.
fn is_no_text(error: &MappingError) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

/// Returns the files that a command writes, with the option that names each.
pub(crate) fn written<'a>(answers: Option<&'a Path>, rejects: &'a Place) -> Vec<(Named<'a>, &'static str)> {
    let answers = answers.map(|path| (("answers", path), "-o"));
    let rejects = rejects.path().map(|path| (("list of rejects", path), "--rejects"));
    answers.into_iter().chain(rejects).collect()
}

/// Returns the files that a log is read from.
pub(crate) fn read_files(log: &Log) -> Vec<Named<'_>> {
    let mapping = log.map.as_deref().map(|path| ("mapping", path));
    std::iter::once(("log", log.input.as_path())).chain(mapping).collect()
}

/// Fails with the reasons if there are rows and none of them became an event.
pub(crate) fn refuse_log_without_events(input: &Input, summary: &ReadSummary, rejected: &str) -> Result<(), Failure> {
    if summary.rows == 0 || summary.events > 0 {
        return Ok(());
    }
    let mut problem = format!("{input}: no row became an event: {summary}");
    if !rejected.is_empty() {
        problem.push_str(&format!("\n{rejected}"));
    }
    if summary.skipped > 0 {
        problem
            .push_str("\nthe mapping does not list the kinds that were skipped: add them to kind = { values = ... }");
    }
    Err(Failure::failed(problem))
}

/// Fails with the reasons if more rows are bad than `--max-bad` allows.
pub(crate) fn refuse_too_many_bad_rows(
    log: &Log,
    input: &Input,
    summary: &ReadSummary,
    rejected: &str,
) -> Result<(), Failure> {
    match log.max_bad {
        Some(limit) if !limit.allows(summary) => {
            let ReadSummary { rows, rejects, .. } = summary;
            let problem = format!("{input}: {rejects} of {rows} rows are bad, more than --max-bad {limit} allows");
            Err(Failure::failed(format!("{problem}\n{rejected}")))
        }
        _ => Ok(()),
    }
}

/// Prints remarks about a log that was read, and what became of its rejected rows.
pub(crate) fn eprint_remarks(input: &Input, summary: &ReadSummary, rejected: String, quiet: bool) {
    let no_rows = (summary.rows == 0).then(|| format!("{input} has no rows"));
    if !quiet {
        summary.remarks.iter().map(|remark| format!("note: {remark}")).chain(no_rows).for_each(eprint);
        Some(rejected).filter(|words| !words.is_empty()).into_iter().for_each(eprint);
    }
}

/// Returns for how long repeated deliveries are recognized: forever, unless a number of ms is given.
pub(crate) fn horizon(horizon_ms: Option<i64>) -> Horizon {
    horizon_ms.map_or(Horizon::FOR_GOOD, Horizon::from_ms)
}
