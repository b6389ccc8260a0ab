//! Page load time and conversion: views as columns, the conversion rate as a line.

use flowbench_measurement::what_if::{BANDS, BandHour, NotBandHours, WHAT_IF_COLUMNS, band_rates};

use crate::answers::buckets::Buckets;
use crate::answers::drawing::{Along, Drawing, NAME};
use crate::answers::parts::{added, columns, line, lines, ratios, sums, with_line};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::chart::{Chart, Mark, Panel, Point, X};
use crate::clock_units::HOUR_MS;
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing = Drawing::new(&WHAT_IF_COLUMNS, panels)
    .timed(|answers| Ok(rows(answers)?.iter().map(|row| row.hour_ms as i64).collect()), HOUR_MS)
    .noted(what_if_note)
    .along(&[Along { column: "band", draw: by_band }]);

/// The colour of the conversion rate, after those of the bands.
pub(super) const RATE_COLOUR: usize = BANDS.len();

/// Reads the rows of answers.
pub(super) fn rows(answers: &AnswersTable) -> Result<Vec<BandHour>, AnswersError> {
    let [hour, band, views, conversions] = WHAT_IF_COLUMNS.map(|column| answers.texts(column));
    let (hour, band, views, conversions) = (hour?, band?, views?, conversions?);
    let row = |at: usize| {
        let cells = [hour[at], band[at], views[at], conversions[at]];
        BandHour::of_cells(cells, at).map_err(|error| match error {
            NotBandHours::Cell { column, value, expected, .. } => answers.cell_error(at, column, &value, expected),
            other => AnswersError::NotCsv { origin: answers.origin().to_owned(), problem: other.to_string() },
        })
    };
    (0..answers.len()).map(row).collect()
}

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let rows = rows(answers)?;
    let sums_of = |band: usize, count: fn(&BandHour) -> u64| {
        let of_band = rows.iter().filter(move |row| row.band == band);
        sums(buckets, of_band.map(|row| (row.hour_ms as i64, count(row) as f64)))
    };
    let views: Vec<Vec<Point>> = (0..BANDS.len()).map(|band| sums_of(band, |row| row.views)).collect();
    let conversions: Vec<Vec<Point>> = (0..BANDS.len()).map(|band| sums_of(band, |row| row.conversions)).collect();
    let named = |what: &str, series: Vec<Vec<Point>>| {
        BANDS.iter().map(|band| format!("{band}{what}")).zip(series).collect::<Vec<_>>()
    };
    let rate = ratios(&added(&conversions), &added(&views));
    let rates = (0..BANDS.len()).map(|band| ratios(&conversions[band], &views[band])).collect();
    let rate = line("Conversion rate", Quantity::Share, "conversion rate", RATE_COLOUR, rate);
    Ok(vec![
        with_line(columns("Page views by load time", Quantity::Count, named("", views)), rate),
        lines("Conversion rate by load time", Quantity::Share, named(": conversion rate", rates)),
    ])
}

fn what_if_note(answers: &AnswersTable) -> Vec<String> {
    let sentence = super::what_if(answers).map(|what_if| what_if.sentence());
    sentence.map(|sentence| format!("What {sentence}.")).into_iter().collect()
}

/// Draws the bands side by side: their views, and the conversion rate of each with its interval.
fn by_band(answers: &AnswersTable, question: &str) -> Result<Chart, AnswersError> {
    let rates = band_rates(&rows(answers)?);
    let names = rates.iter().map(|rate| BANDS[rate.band].to_owned()).collect();
    let views = (0..).zip(&rates).map(|(at, rate)| Point::exact(f64::from(at), rate.views as f64)).collect();
    let line_points = (0..).zip(&rates).map(|(at, rate)| {
        let rate = rate.rate;
        Point { low: rate.low, high: rate.high, ..Point::exact(f64::from(at), rate.estimate) }
    });
    let line = line("Conversion rate", Quantity::Share, "conversion rate", RATE_COLOUR, line_points.collect());
    let panel = with_line(columns("Page views", Quantity::Count, vec![("page views".to_owned(), views)]), line);
    let x = X::Names { column: "band".to_owned(), names, mark: Mark::Column };
    let mut chart = Chart::new(NAME, question, x, vec![panel]);
    if rates.iter().any(|rate| rate.rate.low < rate.rate.high) {
        chart.notes.push("Ranges: 95 % intervals of the rates, from drawing hours again.".to_owned());
    }
    chart.notes.extend(what_if_note(answers));
    Ok(chart)
}
