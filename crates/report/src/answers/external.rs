//! Series from elsewhere, drawn beside answers.

use crate::answers::buckets::Buckets;
use crate::answers::parts::{alone, line};
use crate::answers::table::AnswersError;
use crate::answers::times::any_time_ms;
use crate::chart::{Panel, Point};
use crate::quantity::{Quantity, words};
use crate::text::counted;

/// Maximum number of points of a line; more are averaged.
const POINTS_MOST: usize = 400;

/// A series of numbers over time from any source, such as a monitoring system.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalSeries {
    origin: String,
    name: String,
    /// Times in ms since the Unix epoch, ascending, with their values.
    points: Vec<(i64, f64)>,
}

impl ExternalSeries {
    /// Reads a series from CSV with a header line and two columns, time and value; the header of the second is its name.
    /// Errors name `origin`.
    ///
    /// # Errors
    ///
    /// Returns the first cell that is neither empty nor what its column should hold, or the missing column.
    pub fn read(origin: &str, series_csv: &str) -> Result<ExternalSeries, AnswersError> {
        let csv = |error: csv::Error| AnswersError::NotCsv { origin: origin.to_owned(), problem: error.to_string() };
        let mut reader = csv::Reader::from_reader(series_csv.trim_start_matches('\u{feff}').as_bytes());
        let header = reader.headers().map_err(csv)?.clone();
        let (Some(time), Some(name)) = (header.get(0), header.get(1)) else {
            let found = header.iter().collect::<Vec<_>>().join(", ");
            let fix = "a series has two columns, a time and a value, separated by a comma".to_owned();
            return Err(AnswersError::Column { origin: origin.to_owned(), column: "value".to_owned(), found, fix });
        };
        let mut points = Vec::new();
        for row in reader.records() {
            let row = row.map_err(csv)?;
            let cell = |place: usize| row.get(place).unwrap_or_default().trim();
            if cell(1).is_empty() {
                continue; // not measured
            }
            let wrong = |place: usize, column: &str, expected| AnswersError::Cell {
                origin: origin.to_owned(),
                line: row.position().map_or(0, csv::Position::line),
                column: column.to_owned(),
                value: cell(place).to_owned(),
                expected,
            };
            let ms = any_time_ms(cell(0)).ok_or_else(|| wrong(0, time, TIME))?;
            let value: Option<f64> = cell(1).parse().ok().filter(|value: &f64| value.is_finite());
            points.push((ms, value.ok_or_else(|| wrong(1, name, "a number such as 12.5"))?));
        }
        points.sort_by_key(|(ms, _)| *ms);
        Ok(ExternalSeries { origin: origin.to_owned(), name: name.to_owned(), points })
    }

    /// Returns a panel with the series within the span of the buckets, and a note on what is not or not singly drawn.
    pub(super) fn panel(&self, buckets: &Buckets) -> (Panel, Option<String>) {
        let inside: Vec<(i64, f64)> = self.points.iter().copied().filter(|(ms, _)| buckets.contain(*ms)).collect();
        let (origin, outside) = (&self.origin, self.points.len() - inside.len());
        let mut said = Vec::new();
        if outside > 0 {
            let all = counted(self.points.len(), "point");
            said.push(format!("{outside} of {all} lie outside the time of the answers and are not drawn"));
        }
        let points = match inside.len() > POINTS_MOST {
            true => {
                said.push(format!("its {} points are drawn as means", inside.len()));
                means(&inside)
            }
            false => inside.into_iter().map(|(ms, value)| Point::exact(ms as f64, value)).collect(),
        };
        let note = (!said.is_empty()).then(|| format!("{origin}: {}.", said.join("; ")));
        (alone(line(&words(&self.name), Quantity::of(&self.name), &self.name, EXTERNAL_COLOUR, points)), note)
    }
}

/// What is expected of a time.
const TIME: &str = "a time; write it like 2026-01-05T10:00:00Z, or in seconds or milliseconds since 1970";
/// The colour of external series, which answers do not use.
const EXTERNAL_COLOUR: usize = 5;

/// Returns the means of runs of neighbouring points.
fn means(points: &[(i64, f64)]) -> Vec<Point> {
    let run = points.len().div_ceil(POINTS_MOST);
    let mean = |run: &[(i64, f64)]| {
        Point::exact(run[run.len() / 2].0 as f64, run.iter().map(|(_, value)| value).sum::<f64>() / run.len() as f64)
    };
    points.chunks(run).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_takes_its_name_from_the_header_and_skips_gaps() {
        let text = "time,cpu_share\n2026-01-05T11:00:00Z,0.5\n1767607200,0.25\n1767607201000,\n";
        let series = ExternalSeries::read("cpu.csv", text).unwrap();
        assert_eq!(series.points, [(1_767_607_200_000, 0.25), (1_767_610_800_000, 0.5)]);
        let buckets = Buckets::over([1_767_607_200_000].into_iter(), 3_600_000).unwrap();
        let (panel, note) = series.panel(&buckets);
        assert_eq!((panel.quantity, panel.series[0].points.len()), (Quantity::Share, 1));
        assert_eq!(note.unwrap(), "cpu.csv: 1 of 2 points lie outside the time of the answers and are not drawn.");
    }

    #[test]
    fn errors_name_file_line_column_and_fix() {
        let error = |text: &str| ExternalSeries::read("cpu.csv", text).unwrap_err().to_string();
        assert_eq!(
            error("time,load\nnow,1\n"),
            "cpu.csv, line 2, column 'time': 'now' is not a time; write it like 2026-01-05T10:00:00Z, or in seconds or \
             milliseconds since 1970"
        );
        assert_eq!(
            error("time,load\n1767607200,1\n1767607201,\"1,5\"\n"),
            "cpu.csv, line 3, column 'load': '1,5' is not a number such as 12.5"
        );
        assert!(
            error("time;load\n1;2\n").contains("there is no column 'value' (columns: time;load); a series has two")
        );
        assert!(error("time,load\n1\n").contains("CSV error"));
    }

    #[test]
    fn long_series_are_drawn_as_means() {
        let text: String = (0..1000).map(|second| format!("{second},{}\n", second % 2)).collect();
        let series = ExternalSeries::read("a.csv", &format!("time,load\n{text}")).unwrap();
        let buckets = Buckets::over([0, 999_000].into_iter(), 1).unwrap();
        let (panel, note) = series.panel(&buckets);
        assert_eq!(panel.series[0].points.len(), 334);
        assert_eq!(note.unwrap(), "a.csv: its 1000 points are drawn as means.");
    }
}
