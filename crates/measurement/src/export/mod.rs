//! Results in the formats of other tools, so that their dashboards, comparisons and gates can be used.
//!
//! A [format](EXPORT_FORMATS) turns an [`ExportSource`] into named files; who writes them where is not its concern. All
//! formats name cases alike, and give the median over the repeats with its ends, as a
//! [`Spread`](crate::repeats::Spread) has them. A case without numbers exports none.

mod baseline;
mod bencher;
mod benchstat;
mod criterion;
mod github_benchmark;
mod growth;
mod hgrm;
mod hyperfine;
mod junit;
mod markdown;
mod metric;
#[cfg(feature = "parquet")]
mod parquet;
mod prometheus;
mod source;
mod table;
mod vega_lite;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use growth::{AppendError, appended, with_entries};
pub use source::{ExportSource, ExportedFile, FileGrowth};

/// A format: its name, what it is, and what it leaves.
#[derive(Debug, Clone, Copy)]
pub struct ExportFormat {
    /// Name of the format.
    pub name: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// What it is written to.
    pub output: ExportOutput,
    /// True if a run without any number has nothing to export.
    needs_numbers: bool,
    /// Absent if this build is without the format.
    files: Option<FilesOf>,
}

/// What makes the files of an export.
type FilesOf = fn(&ExportSource) -> Vec<ExportedFile>;

/// What a format is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportOutput {
    /// One file, or standard output.
    File,
    /// Several files in a folder.
    Folder,
    /// A file that grows by each run, and has to be named.
    GrowingFile,
    /// The file that `GITHUB_STEP_SUMMARY` names, to whose end it is added.
    StepSummary,
}

/// The reason why nothing is exported.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ExportError {
    /// No case has numbers.
    #[error("no case has numbers yet: `{0}` would be empty")]
    NoNumbers(&'static str),
    /// The format needs a feature that is not built in.
    #[error("this build cannot write `{0}`: build flowbench with `cargo build --release --features {0}`")]
    NotBuiltIn(&'static str),
    /// What the format shows is not in the results directory.
    #[error("there is nothing to export as `{0}`: the directory has no {1}")]
    Nothing(&'static str, &'static str),
}

/// All formats, in the order in which they are listed.
pub const EXPORT_FORMATS: [ExportFormat; 18] = {
    use ExportOutput::{File, Folder, GrowingFile, StepSummary};
    [
        format("bencher", "Bencher Metric Format (JSON)", File, true, bencher::bencher),
        format(
            "gha-smaller",
            "github-action-benchmark, customSmallerIsBetter (JSON)",
            File,
            true,
            github_benchmark::smaller_is_better,
        ),
        format(
            "gha-bigger",
            "github-action-benchmark, customBiggerIsBetter (JSON)",
            File,
            true,
            github_benchmark::bigger_is_better,
        ),
        format("benchstat", "Go benchmark text, one line a repeat", File, true, benchstat::benchstat),
        format("criterion", "directory tree of Criterion, for critcmp", Folder, true, criterion::criterion),
        format("hyperfine", "JSON of hyperfine, times only", File, true, hyperfine::hyperfine),
        format(
            "otava",
            "Apache Otava: a CSV for each case that grows by each run, and otava.yaml",
            Folder,
            true,
            table::otava,
        ),
        format("junit", "JUnit XML: wrong answers are failures, failed cases errors", File, false, junit::junit),
        format("prometheus", "Prometheus text exposition 0.0.4, in base units", File, false, prometheus::prometheus),
        format("vega-lite", "a Vega-Lite chart with its data for each figure", Folder, false, vega_lite::vega_lite),
        format("hgrm", "HdrHistogram percentiles of the latency of each case, in µs", Folder, true, hgrm::hgrm),
        format("markdown", "tables in GitHub Flavored Markdown", File, false, markdown::markdown),
        format("github", "the same tables, added to $GITHUB_STEP_SUMMARY", StepSummary, false, markdown::markdown),
        format(
            "csv",
            "a row for each case: the metrics that `compare` uses, with medians and their ends",
            File,
            false,
            table::csv,
        ),
        format("jsonl", "the same rows as JSON objects, one a line", File, false, table::jsonl),
        ExportFormat {
            name: "parquet",
            summary: "Apache Parquet: cases and metrics with typed columns; needs the feature parquet",
            output: Folder,
            needs_numbers: true,
            files: PARQUET,
        },
        format("baseline", "one checksummed file for `compare` and `gate --baseline`", File, true, baseline::baseline),
        format("history", "the rows of csv, appended to a file of many runs", GrowingFile, false, table::history),
    ]
};

#[cfg(feature = "parquet")]
const PARQUET: Option<FilesOf> = Some(parquet::parquet);
#[cfg(not(feature = "parquet"))]
const PARQUET: Option<FilesOf> = None;

const fn format(
    name: &'static str,
    summary: &'static str,
    output: ExportOutput,
    needs_numbers: bool,
    files: FilesOf,
) -> ExportFormat {
    ExportFormat { name, summary, output, needs_numbers, files: Some(files) }
}

impl ExportFormat {
    /// Returns the format of a name.
    pub fn named(name: &str) -> Option<&'static ExportFormat> {
        EXPORT_FORMATS.iter().find(|format| format.name == name)
    }

    /// Returns a file of an export without cases, whose growth shows whether one that is there already can grow; absent
    /// where nothing grows.
    pub fn empty(&self) -> Option<ExportedFile> {
        match self.name {
            "history" => Some(table::empty_history()),
            "otava" => Some(table::empty_otava()),
            _ => None,
        }
    }

    /// Checks that this build has the format.
    ///
    /// # Errors
    ///
    /// [`ExportError::NotBuiltIn`] if it is without.
    pub fn check(&self) -> Result<(), ExportError> {
        self.files.map(drop).ok_or(ExportError::NotBuiltIn(self.name))
    }

    /// Returns the files of an export. The same results give the same bytes.
    ///
    /// # Errors
    ///
    /// [`ExportError::NotBuiltIn`] if this build is without the format, [`ExportError::NoNumbers`] if the format has no use
    /// for cases without numbers and there are no others, [`ExportError::Nothing`] if what it shows is not there.
    pub fn files(&self, source: &ExportSource) -> Result<Vec<ExportedFile>, ExportError> {
        let Some(files) = self.files else { return Err(ExportError::NotBuiltIn(self.name)) };
        if self.needs_numbers && source.cases.iter().all(|case| case.numbers.is_none()) {
            return Err(ExportError::NoNumbers(self.name));
        }
        let files = files(source);
        match files.is_empty() {
            true if self.name == "hgrm" => Err(ExportError::Nothing(self.name, "latency histograms")),
            true => Err(ExportError::Nothing(self.name, "figures with a CSV, which `flowbench report` draws")),
            false => Ok(files),
        }
    }
}
