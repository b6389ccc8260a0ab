//! The contents of a results directory in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use flowbench_measurement::hlog::HistogramLog;
use flowbench_measurement::operator_profile::WorkerRow;
use flowbench_measurement::record::{CaseRecord, ChannelLoad, FigureSpec, OperatorTime, RunRecord};
use flowbench_measurement::repeats::scattered;
use flowbench_measurement::results_dir::{
    ResultsError, STATE_CSV, read_answers, read_cases, read_channels, read_histograms, read_operators, read_run,
    read_timeline,
};
use flowbench_measurement::timeline::TimelineRow;

use crate::compare::SingleThreads;
use crate::text::counted;

/// Everything a report is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Description of the run: its experiment, machine and build.
    pub run: RunRecord,
    /// Finished cases by ascending number and repeat, whatever order they ran in, including doubts about repeats that
    /// scatter.
    pub cases: Vec<CaseRecord>,
    /// Samples over the time of each case, by ascending number and repeat.
    pub timeline: Vec<TimelineRow>,
    /// Latency histograms, tagged `c<case>r<repeat>.<kind>`.
    pub histograms: HistogramLog,
    /// Busy time by worker and operator, for cases whose operators were logged.
    pub operators: Vec<WorkerRow<OperatorTime>>,
    /// Messages and records by worker and channel, for cases whose operators were logged.
    pub channels: Vec<WorkerRow<ChannelLoad>>,
    /// Kept answers in CSV, by the part whose figures show them.
    pub answers: BTreeMap<String, String>,
    /// True if `state.csv` is there: what each operator held over time. It is linked and not read.
    pub has_states: bool,
    /// Sentences that name what is missing; empty if the run is complete.
    pub missing: Vec<String>,
    /// Throughputs of the single threads, see [`compare`](crate::compare); they are looked up once.
    pub(crate) single_threads: OnceLock<SingleThreads>,
}

/// Old and current names of columns that the figures of older runs ask for.
const RENAMED: [(&str, &str); 2] = [
    ("sustainable_low_events_per_s", "sustainable_bracket_low_events_per_s"),
    ("sustainable_high_events_per_s", "sustainable_bracket_high_events_per_s"),
];

fn name_columns_of_today(figure: &mut FigureSpec) {
    let of_panels = figure.panels.iter_mut().flat_map(|panel| &mut panel.y);
    for column in figure.y.iter_mut().chain(of_panels) {
        if let Some((_, name)) = RENAMED.iter().find(|(old, _)| old == column) {
            (*name).clone_into(column);
        }
    }
}

/// Returns the rows of one measurement, of rows in ascending order; `of` names the measurement of a row.
pub(crate) fn rows_of<'a, T>(rows: &'a [T], of: impl Fn(&T) -> (usize, usize), case: &CaseRecord) -> &'a [T] {
    let wanted = (case.case, case.repeat);
    let rows = &rows[rows.partition_point(|row| of(row) < wanted)..];
    &rows[..rows.partition_point(|row| of(row) == wanted)]
}

impl Results {
    /// Reads a results directory. Only `run.json` is required; other absent files are named in
    /// [`missing`](Results::missing).
    ///
    /// # Errors
    ///
    /// Returns an error if `run.json` is missing or invalid, or if another file exists and cannot be read.
    pub fn read(dir: &Path) -> Result<Results, ResultsError> {
        let mut run = read_run(dir)?;
        run.parts.iter_mut().flat_map(|part| &mut part.figures).for_each(name_columns_of_today);
        let (cases, timeline) = (read_cases(dir)?, read_timeline(dir)?);
        let (histograms, histograms_skipped) = read_histograms(dir)?;
        let (operators, channels) = (read_operators(dir)?, read_channels(dir)?);
        let skipped = cases.skipped + timeline.skipped + histograms_skipped + operators.skipped + channels.skipped;
        let mut results = Results {
            run,
            cases: cases.rows,
            timeline: timeline.rows,
            histograms,
            operators: operators.rows,
            channels: channels.rows,
            answers: BTreeMap::new(),
            has_states: dir.join(STATE_CSV).is_file(),
            missing: Vec::new(),
            single_threads: OnceLock::new(),
        };
        for part in &results.run.parts {
            if let Some(answers) = read_answers(dir, &part.name)? {
                results.answers.insert(part.name.clone(), answers);
            }
        }
        results.cases.sort_by_key(|case| (case.case, case.repeat));
        results.timeline.sort_by_key(|row| (row.case, row.repeat));
        results.operators.sort_by_key(|row| (row.case, row.repeat));
        results.channels.sort_by_key(|row| (row.case, row.repeat));
        results.doubt_what_scatters();
        results.missing = results.what_is_missing(skipped);
        Ok(results)
    }

    /// Returns the index of the colour of a strategy: its place among the strategies of the run by first case.
    pub(crate) fn colour_of(&self, strategy: &str) -> usize {
        let mut known: Vec<&str> = Vec::new();
        for of in self.cases.iter().map(|case| case.axes.strategy.as_str()) {
            if of == strategy {
                break;
            }
            if !known.contains(&of) {
                known.push(of);
            }
        }
        known.len()
    }

    /// Adds doubts about repeats that lie too far apart; a case that has just ended cannot know of the others.
    fn doubt_what_scatters(&mut self) {
        for repeats in self.cases.chunk_by_mut(|one, other| one.case == other.case) {
            let doubt = scattered(&repeats.iter().collect::<Vec<_>>());
            let measured = repeats.iter_mut().filter(|case| case.numbers.is_some());
            measured.for_each(|case| case.doubts.extend(doubt.clone()));
        }
    }

    fn what_is_missing(&self, skipped: usize) -> Vec<String> {
        let mut missing = Vec::new();
        let (done, planned) = (self.cases.len(), self.run.planned_cases);
        if done < planned {
            let why = if self.run.interrupted { "the run was interrupted" } else { "the run has not ended" };
            missing.push(format!("{done} of {planned} planned cases have finished: {why}."));
        }
        if skipped > 0 {
            missing.push(format!("{} left unfinished by a crash and skipped.", counted(skipped, "line")));
        }
        let measured = self.cases.iter().any(|case| case.numbers.is_some());
        if measured && self.timeline.is_empty() {
            missing.push("timeline.csv has no samples: figures over time stay empty.".to_owned());
        }
        if measured && self.histograms.is_empty() {
            missing.push("latency.hlog has no histograms: distributions stay empty.".to_owned());
        }
        missing
    }
}
