//! How answers are drawn: panels over event time, and drawings along other columns.

use crate::answers::buckets::Buckets;
use crate::answers::external::ExternalSeries;
use crate::answers::parts::time_axis;
use crate::answers::table::{AnswersError, AnswersTable};
use crate::chart::{Chart, Panel};
use crate::clock_units::SECOND_MS;

/// How answers with certain columns are drawn.
pub(super) struct Drawing {
    /// The columns that answers must have.
    pub(super) columns: &'static [&'static str],
    /// The panels over event time.
    panels: fn(&AnswersTable, &Buckets) -> Result<Vec<Panel>, AnswersError>,
    /// The time of each answer, in ms: its event time, or the beginning of what it is about.
    times_ms: fn(&AnswersTable) -> Result<Vec<i64>, AnswersError>,
    /// The narrowest buckets, in ms: an answer may be about an hour or a day.
    bucket_least_ms: i64,
    /// More of what a reader should know of the panels.
    notes: fn(&AnswersTable) -> Vec<String>,
    /// Drawings along other columns than event time.
    pub(super) along: &'static [Along],
}

/// A drawing along a column of the answers.
pub(super) struct Along {
    pub(super) column: &'static str,
    pub(super) draw: fn(&AnswersTable, &str) -> Result<Chart, AnswersError>,
}

impl Drawing {
    pub(super) const fn new(
        columns: &'static [&'static str],
        panels: fn(&AnswersTable, &Buckets) -> Result<Vec<Panel>, AnswersError>,
    ) -> Drawing {
        Drawing {
            columns,
            panels,
            times_ms: |answers| Ok(answers.times_ms().to_vec()),
            bucket_least_ms: SECOND_MS,
            notes: |_| Vec::new(),
            along: &[],
        }
    }

    pub(super) const fn timed(
        mut self,
        times_ms: fn(&AnswersTable) -> Result<Vec<i64>, AnswersError>,
        bucket_least_ms: i64,
    ) -> Drawing {
        (self.times_ms, self.bucket_least_ms) = (times_ms, bucket_least_ms);
        self
    }

    pub(super) const fn noted(mut self, notes: fn(&AnswersTable) -> Vec<String>) -> Drawing {
        self.notes = notes;
        self
    }

    pub(super) const fn along(mut self, along: &'static [Along]) -> Drawing {
        self.along = along;
        self
    }

    /// Draws answers over event time, with `external` series below.
    pub(super) fn over_time(
        &self,
        answers: &AnswersTable,
        question: &str,
        external: &[ExternalSeries],
    ) -> Result<Chart, AnswersError> {
        let mut chart = Chart::new(NAME, question, time_axis(), Vec::new());
        chart.legend_once = false;
        let times_ms = (self.times_ms)(answers)?;
        let Some(buckets) = Buckets::over(times_ms.iter().copied(), self.bucket_least_ms) else {
            chart.notes.push(format!("{} has no answer.", answers.origin()));
            return Ok(chart);
        };
        chart.panels = (self.panels)(answers, &buckets)?;
        chart.notes.push(buckets.note());
        chart.notes.extend((self.notes)(answers));
        for series in external {
            let (panel, note) = series.panel(&buckets);
            chart.panels.push(panel);
            chart.notes.extend(note);
        }
        chart.leave_out_what_has_no_logarithm();
        chart.leave_out_what_is_empty();
        Ok(chart)
    }
}

/// Name of a chart until its file gives it another.
pub(super) const NAME: &str = "answers";
