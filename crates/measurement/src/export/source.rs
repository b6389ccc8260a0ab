//! What an export is made from, and what it is made of.

use std::path::Path;

use crate::case_name::{CaseName, case_names};
use crate::hlog::HistogramLog;
use crate::record::{CaseRecord, FigureSpec, RunRecord};
use crate::repeats::scattered;
use crate::results_dir::{ResultsError, read_cases, read_figure_csv, read_histograms, read_run};

/// A results directory in memory, as far as exports need it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSource {
    /// Description of the run.
    pub run: RunRecord,
    /// Finished cases by ascending number and repeat.
    pub cases: Vec<CaseRecord>,
    /// Latency histograms, tagged `c<case>r<repeat>.<kind>`.
    pub histograms: HistogramLog,
    /// Figures with the CSV behind each; a figure that was not drawn is not among them.
    pub figures: Vec<(FigureSpec, String)>,
}

impl ExportSource {
    /// Reads a results directory. Only `run.json` has to be there.
    ///
    /// # Errors
    ///
    /// Any error of reading `run.json`, or another file of the run that exists.
    pub fn read(dir: &Path) -> Result<ExportSource, ResultsError> {
        let run = read_run(dir)?;
        let mut cases = read_cases(dir)?.rows;
        cases.sort_by_key(|case| (case.case, case.repeat));
        let mut figures = Vec::new();
        for figure in run.parts.iter().flat_map(|part| &part.figures) {
            figures.extend(read_figure_csv(dir, &figure.name)?.map(|csv| (figure.clone(), csv)));
        }
        Ok(ExportSource { figures, histograms: read_histograms(dir)?.0, run, cases })
    }

    /// Returns the cases, each with its name and all of its repeats, by ascending number.
    pub(crate) fn measured(&self) -> Vec<MeasuredCase<'_>> {
        let repeats: Vec<&[CaseRecord]> = self.cases.chunk_by(|one, other| one.case == other.case).collect();
        let firsts: Vec<&CaseRecord> = repeats.iter().map(|repeats| &repeats[0]).collect();
        case_names(&firsts).into_iter().zip(repeats).map(|(name, repeats)| MeasuredCase { name, repeats }).collect()
    }
}

/// A case with all of its repeats; there is at least one.
#[derive(Debug, Clone)]
pub(crate) struct MeasuredCase<'a> {
    /// Name of the case, unique within the run.
    pub(crate) name: CaseName,
    /// Records of the repeats, with numbers or without.
    pub(crate) repeats: &'a [CaseRecord],
}

impl MeasuredCase<'_> {
    /// Returns the record whose part and axes are those of all repeats.
    pub(crate) fn first(&self) -> &CaseRecord {
        &self.repeats[0]
    }

    /// Returns the worst outcome of the repeats: `failed`, then `invalid`, then `ok`.
    pub(crate) fn outcome(&self) -> &'static str {
        let words: Vec<&str> = self.repeats.iter().map(|repeat| repeat.status.word()).collect();
        ["failed", "invalid"].into_iter().find(|word| words.contains(word)).unwrap_or("ok")
    }

    /// Returns the codes of the doubts about any repeat, and about all of them together, each once, in alphabetical
    /// order.
    pub(crate) fn doubts(&self) -> String {
        let together = scattered(&self.repeats.iter().collect::<Vec<_>>());
        let doubts = self.repeats.iter().flat_map(|repeat| &repeat.doubts).chain(&together);
        let mut codes: Vec<&str> = doubts.map(|doubt| doubt.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.join(" ")
    }
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Path below the output folder, with `/` between its parts; empty for the only file of a format.
    pub name: String,
    /// Content of the file, UTF-8 unless the format is binary.
    pub bytes: Vec<u8>,
    /// What becomes of a file that exists already.
    pub growth: FileGrowth,
}

/// What becomes of a file that an earlier export has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileGrowth {
    /// It is in the way: another run has another file.
    Never,
    /// It grows: the first line is a header, and the lines after it are appended.
    ByRows,
    /// It grows: entries that its last mapping lacks are added to it, and the rest stays as it is.
    ByEntries,
}

impl ExportedFile {
    /// Returns the only file of a format.
    pub(crate) fn only(text: String) -> Vec<ExportedFile> {
        vec![ExportedFile::named(String::new(), text)]
    }

    /// Returns one of several files.
    pub(crate) fn named(name: String, content: impl Into<Vec<u8>>) -> ExportedFile {
        ExportedFile { name, bytes: content.into(), growth: FileGrowth::Never }
    }
}
