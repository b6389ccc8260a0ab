//! A funnel: how many reach each stage, and how long after the first.

use crate::answers::buckets::Buckets;
use crate::answers::drawing::{Along, Drawing, NAME};
use crate::answers::parts::{columns, distinct, line, lines, logarithmic, quantiles, spread_at, sums, with_line};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::chart::{Chart, Mark, Panel, Point, X};
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing =
    Drawing::new(&["customer", "stage", "since_start_ms"], panels).along(&[Along { column: "stage", draw: by_stage }]);

/// Returns the stages from the first on, which is the start of all; then by how many reach them.
fn stages<'a>(stages: &[&'a str], since_ms: &[f64]) -> Vec<&'a str> {
    let mut known = distinct(stages);
    let of = |stage: &str| -> Vec<f64> {
        stages.iter().zip(since_ms).filter(|(name, _)| **name == stage).map(|(_, ms)| *ms).collect()
    };
    known.sort_by_cached_key(|stage| {
        let since_ms = of(stage);
        (since_ms.iter().any(|ms| *ms != 0.0), std::cmp::Reverse(since_ms.len()))
    });
    known
}

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let (names, since_ms) = (answers.texts("stage")?, answers.numbers("since_start_ms")?);
    let stages = stages(&names, &since_ms);
    let of = |stage: &str| {
        let rows = (0..answers.len()).filter(|row| names[*row] == stage);
        rows.map(|row| (answers.times_ms()[row], since_ms[row])).collect::<Vec<_>>()
    };
    let reached = |stage: &&str| {
        let counts = of(stage).into_iter().map(|(ms, _)| (ms, 1.0));
        ((*stage).to_owned(), sums(buckets, counts))
    };
    let since = |stage: &&str| ((*stage).to_owned(), quantiles(buckets, of(stage), 0.5, false));
    let after = lines("Time since the start, median", Quantity::Milliseconds, stages.iter().map(since).collect());
    let mut after = logarithmic(after);
    // The first stage is the start. The others keep the colours they have above.
    after.series.retain(|series| series.points.iter().any(|point| point.y > 0.0));
    Ok(vec![lines("Customers who reach a stage", Quantity::Count, stages.iter().map(reached).collect()), after])
}

fn by_stage(answers: &AnswersTable, question: &str) -> Result<Chart, AnswersError> {
    let (names, since_ms) = (answers.texts("stage")?, answers.numbers("since_start_ms")?);
    let stages = stages(&names, &since_ms);
    let of = |stage: &str| -> Vec<f64> {
        names.iter().zip(&since_ms).filter(|(name, _)| **name == stage).map(|(_, ms)| *ms).collect()
    };
    let reached = (0..).zip(&stages).map(|(at, stage)| Point::exact(f64::from(at), of(stage).len() as f64)).collect();
    let since = (0..).zip(&stages).filter_map(|(at, stage)| spread_at(f64::from(at), &of(stage), 0.5, true)).collect();
    let names = stages.iter().map(|stage| (*stage).to_owned()).collect();
    let x = X::Names { column: "stage".to_owned(), names, mark: Mark::Column };
    let line = line("Time since the start, median", Quantity::Milliseconds, "time since the start, median", 1, since);
    let bars = columns("Times that a stage was reached", Quantity::Count, vec![("reached".to_owned(), reached)]);
    let mut chart = Chart::new(NAME, question, x, vec![with_line(bars, logarithmic(line))]);
    chart.notes.push("Ranges are from the 10 % to the 90 % quantile.".to_owned());
    Ok(chart)
}
