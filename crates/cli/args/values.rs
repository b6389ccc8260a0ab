//! Parsers of values with parts or units.

use std::path::PathBuf;

use flowbench_events::{did_you_mean_or_list, parse_duration_ms};
use flowbench_measurement::export::{EXPORT_FORMATS, ExportFormat, ExportOutput};

/// A format of another tool, and what it is written to: standard output if no file is named.
#[derive(Debug, Clone)]
pub(crate) struct ExportTo {
    pub(crate) format: &'static ExportFormat,
    pub(crate) output: Option<PathBuf>,
}

/// Parses `FORMAT=FILE`, or the name of a format that knows where it is written.
pub(super) fn export_to(text: &str) -> Result<ExportTo, String> {
    let (name, output) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
    let named = ExportFormat::named(name);
    let format = named.ok_or_else(|| {
        let near = did_you_mean_or_list(name, EXPORT_FORMATS.iter().map(|format| format.name));
        format!("there is no format '{name}'{near}")
    })?;
    match output {
        None if format.output != ExportOutput::StepSummary => Err(format!("write {name}=FILE")),
        Some("-") if format.output == ExportOutput::File => Ok(ExportTo { format, output: None }),
        Some("" | "-") => Err(format!("{name} needs a file")),
        output => Ok(ExportTo { format, output: output.map(PathBuf::from) }),
    }
}

/// Parses `THEIRS=OURS`. The last `=` counts, since the name of a foreign column may hold one.
pub(super) fn renamed(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((theirs, ours)) if !theirs.is_empty() && !ours.is_empty() => Ok((theirs.to_owned(), ours.to_owned())),
        _ => Err(format!("'{text}' renames nothing; write THEIRS=OURS, such as user=customer")),
    }
}

/// Parses a duration that is longer than the time between heartbeats.
pub(super) fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_silent_for_a_second_at_least() {
        assert_eq!(peer_timeout_ms("1s"), Ok(1000));
        assert!(peer_timeout_ms("999ms").unwrap_err().contains("below 1s"));
        assert!(peer_timeout_ms("soon").unwrap_err().contains("write it like 250ms, 30s"));
    }
}
