//! Answers whose columns say nothing of a drawing: their number over time, and what their numbers come to.

use crate::answers::buckets::Buckets;
use crate::answers::drawing::Drawing;
use crate::answers::parts::{added, alone, columns, distinct, line, quantiles, ratios, sums, with_line};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::chart::{Panel, Point};
use crate::quantity::{Quantity, words};

pub(super) const DRAWING: Drawing = Drawing::new(&[], panels).noted(notes);
/// Views, each with its band.
pub(super) const OF_BANDS: Drawing = Drawing::new(&["customer", "product", "band"], panels_of_bands);

/// Columns that are names, even where they are numbers.
const NAMES: [&str; 6] = ["event_id", "customer", "order", "product", "reference", "country"];
/// Columns of which a sum means nothing: their middle is drawn.
const NOT_SUMMED: [&str; 5] = ["n", "rank", "rating", "orders", "spent"];

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let times_ms = answers.times_ms();
    let counts = sums(buckets, times_ms.iter().map(|ms| (*ms, 1.0)));
    let counts = columns("Answers", Quantity::Count, vec![("answers".to_owned(), counts)]);
    let mut numbers = number_columns(answers).into_iter().zip(1..).map(|((column, values), colour)| {
        // Ranges over columns would be hard to read.
        let ranges = colour > 1;
        let values = times_ms.iter().copied().zip(values).filter_map(|(ms, value)| Some((ms, value?)));
        let (what, points): (&str, Vec<Point>) = match is_summed(column) {
            true => ("sum", sums(buckets, values)),
            false => ("median", quantiles(buckets, values, 0.5, ranges)),
        };
        let name = format!("{}, {what}", words(column));
        line(&name, Quantity::of(column), &name, colour, points)
    });
    let first = match numbers.next() {
        Some(line) => with_line(counts, line),
        None => counts,
    };
    Ok(std::iter::once(first).chain(numbers.map(alone)).collect())
}

fn panels_of_bands(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let (bands, times_ms) = (answers.texts("band")?, answers.times_ms());
    let of = |band: &str| {
        let rows = (0..answers.len()).filter(|row| bands[*row] == band);
        sums(buckets, rows.map(|row| (times_ms[row], 1.0)))
    };
    let known = distinct(&bands);
    let series: Vec<(String, Vec<Point>)> = known.iter().map(|band| ((*band).to_owned(), of(band))).collect();
    let all = added(&series.iter().map(|(_, points)| points.clone()).collect::<Vec<_>>());
    let slow = ratios(&minus(&all, &of("good")), &all);
    let slow = line("Share that is not good", Quantity::Share, "share that is not good", known.len(), slow);
    Ok(vec![with_line(columns("Page views by load time", Quantity::Count, series), slow)])
}

fn minus(whole: &[Point], part: &[Point]) -> Vec<Point> {
    whole.iter().zip(part).map(|(whole, part)| Point::exact(whole.x, whole.y - part.y)).collect()
}

/// Returns the columns that hold numbers and are not names, with their numbers.
fn number_columns(answers: &AnswersTable) -> Vec<(&str, Vec<Option<f64>>)> {
    let is_name = |column: &&str| NAMES.contains(column) || *column == "id" || column.ends_with("_id");
    answers
        .columns()
        .filter(|column| !is_name(column))
        .filter_map(|column| Some((column, answers.numbers_if_all(column)?)))
        .collect()
}

/// Returns true if the numbers of a column are amounts of their own, not shares, times or running totals.
fn is_summed(column: &str) -> bool {
    Quantity::of(column) == Quantity::Count && !NOT_SUMMED.contains(&column)
}

fn notes(answers: &AnswersTable) -> Vec<String> {
    let has_ranges = number_columns(answers).iter().skip(1).any(|(column, _)| !is_summed(column));
    has_ranges.then(|| "Ranges are from the 10 % to the 90 % quantile.".to_owned()).into_iter().collect()
}
