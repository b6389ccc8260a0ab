//! The answers that are due: from all events, and from those that a slack lets through.

use flowbench_events::{Event, Horizon, TimeReading, Trace, WatermarkRule};
use flowbench_pipelines::{Answers, BoundPipeline, Pipeline, oracle};

use crate::replay::{ReplayError, ReplayRequest};

use super::answer_form::{AnswerForm, AnswerRow};

/// The answers of the oracle to a question about a trace.
pub struct DueAnswers<'a> {
    trace: &'a Trace,
    prepared: Box<dyn BoundPipeline>,
    deduplicate: Option<Horizon>,
    /// To all events.
    truth: Box<dyn Answers>,
}

impl<'a> DueAnswers<'a> {
    /// Answers the question of a pipeline, with the settings of `request`, from all events of a trace; only from first
    /// deliveries if it asks for that.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Setting`] if the pipeline does not take a setting.
    pub fn new(request: &ReplayRequest<'_>, trace: &'a Trace) -> Result<DueAnswers<'a>, ReplayError> {
        let prepared = request.prepared(&trace.symbols)?;
        let deduplicate = prepared.counts(request.config.deduplicate);
        let truth = prepared.oracle(&oracle::delivered(trace, None, deduplicate));
        Ok(DueAnswers { trace, prepared, deduplicate, truth })
    }

    /// Returns the answers to all events.
    pub fn truth(&self) -> &dyn Answers {
        &*self.truth
    }

    /// Returns the answers to the events that are not late for this slack, ms: those that the order policy `watermark`
    /// has to give.
    pub fn for_slack(&self, slack_ms: i64) -> Box<dyn Answers> {
        let rule = WatermarkRule::from(slack_ms);
        self.prepared.oracle(&oracle::delivered(self.trace, Some(rule), self.deduplicate))
    }

    /// Returns the form in which these answers are compared with those from elsewhere.
    pub fn form(&self, pipeline: &dyn Pipeline, ignored: &[String], times: TimeReading) -> AnswerForm {
        let cells = if self.truth.is_empty() { Vec::new() } else { self.truth.cells(0, &self.trace.symbols) };
        let kinds: Vec<_> = cells.iter().map(|(kind, _)| *kind).collect();
        AnswerForm::new(pipeline, &kinds, &self.truth.subject_columns(), ignored, times)
    }

    /// Returns answers in this form, in canonical order.
    pub fn rows(&self, answers: &dyn Answers, form: &AnswerForm) -> Vec<AnswerRow> {
        let row = |at| form.own_row(&answers.cells(at, &self.trace.symbols));
        let mut rows: Vec<AnswerRow> = (0..answers.len()).map(row).collect();
        rows.sort_unstable();
        rows
    }

    /// Returns the events that are late for this slack, ms, in order of their arrival: each with its number in the
    /// trace, from 1, and the watermark at its arrival, ms.
    pub fn late_events(trace: &Trace, slack_ms: i64) -> Vec<(usize, &Event, i64)> {
        let (mut late, mut watermark_ms) = (Vec::new(), i64::MIN);
        WatermarkRule::from(slack_ms).walk(trace, |at, is_late, after_ms| {
            late.extend(is_late.then(|| (at + 1, &trace.events[at], watermark_ms)));
            watermark_ms = after_ms;
        });
        late
    }
}
