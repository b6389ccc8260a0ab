//! The whole judgement of answers: what differs from what is due, from the truth, and what may explain it.

use flowbench_events::{Horizon, Trace};
use flowbench_pipelines::oracle;

use super::answer_form::AnswerForm;
use super::changelog::GivenAnswers;
use super::due::DueAnswers;
use super::findings::Findings;
use crate::replay::{ReplayError, ReplayRequest};

/// How answers compare with what is due.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// What differs from the answers that are due: for the slack if there is one, else from the truth.
    pub findings: Findings,
    /// What differs from the truth, if there is a slack.
    pub against_truth: Option<Findings>,
    /// True if the answers are not exact, and would be if repeated deliveries counted the other way: once instead of each
    /// time, or each time instead of once.
    pub is_exact_for_other_deliveries: bool,
}

impl Assessment {
    /// Compares answers in this form with those that are due for `request`: its pipeline, settings and slack, and
    /// whether only first deliveries count.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Setting`] if the pipeline does not take a setting.
    pub fn new(
        request: &ReplayRequest<'_>,
        trace: &Trace,
        due: &DueAnswers<'_>,
        form: &AnswerForm,
        answers: &GivenAnswers,
    ) -> Result<Assessment, ReplayError> {
        let (findings, against_truth) = compare(request, due, form, answers);
        let is_exact_for_other_deliveries = !findings.is_exact()
            && oracle::occurrences(&trace.events).len() < trace.events.len()
            && is_exact_for_other_deliveries(request, trace, form, answers)?;
        Ok(Assessment { findings, against_truth, is_exact_for_other_deliveries })
    }
}

fn compare(
    request: &ReplayRequest<'_>,
    due: &DueAnswers<'_>,
    form: &AnswerForm,
    answers: &GivenAnswers,
) -> (Findings, Option<Findings>) {
    let truth = due.rows(due.truth(), form);
    let against_truth = Findings::new(form, &truth, None, answers);
    match request.slack_ms {
        None => (against_truth, None),
        Some(slack_ms) => {
            let in_time = due.rows(&*due.for_slack(slack_ms), form);
            (Findings::new(form, &in_time, Some(&truth), answers), Some(against_truth))
        }
    }
}

fn is_exact_for_other_deliveries(
    request: &ReplayRequest<'_>,
    trace: &Trace,
    form: &AnswerForm,
    answers: &GivenAnswers,
) -> Result<bool, ReplayError> {
    let mut other = *request;
    other.config.deduplicate = match request.config.deduplicate {
        Some(_) => None,
        None => Some(Horizon::FOR_GOOD),
    };
    let due = DueAnswers::new(&other, trace)?;
    Ok(compare(&other, &due, form, answers).0.is_exact())
}
