//! `answers`: the kept answers of a part, over event time or along one of their columns.

use flowbench_measurement::record::FigureSpec;
use flowbench_measurement::results_dir::answers_file;

use crate::Results;
use crate::answers::{AnswersTable, answers_figures};
use crate::chart::{Chart, Mark, X};
use crate::figures::check::FigureError;

pub(crate) fn chart(spec: &FigureSpec, part: &str, results: &Results) -> Result<Chart, FigureError> {
    let file = answers_file(part);
    let Some(text) = results.answers.get(part) else {
        return Ok(nothing(spec, format!("{file} is not there: the first case of the part has no right answers.")));
    };
    let failed = |problem| FigureError::Answers { figure: spec.name.clone(), problem };
    let answers = AnswersTable::read(&file, text).map_err(failed)?;
    let mut figures = answers_figures(&answers, &spec.question, &[]).map_err(failed)?;
    match figures.iter().position(|figure| figure.along == spec.x) {
        Some(at) => Ok(figures.swap_remove(at).named(&spec.name)),
        None => Ok(nothing(spec, format!("{file} has nothing to draw along `{}`.", spec.x))),
    }
}

/// Returns a chart that says why it is empty.
fn nothing(spec: &FigureSpec, why: String) -> Chart {
    let x = X::Names { column: "answers".to_owned(), names: Vec::new(), mark: Mark::Bar };
    Chart { notes: vec![why], ..Chart::new(&spec.name, &spec.question, x, Vec::new()) }
}
