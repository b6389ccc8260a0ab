//! What slow pages cost: the conversions that would be won if every page view were one band faster, estimated from the
//! answers of `load-time-conversion`.
//!
//! The estimate stands on three assumptions: a view that became faster would convert like the views of the next faster band
//! in the same hour, there would be as many views, and a won order converts the views of its own visit only. The first
//! fails where something else makes pages slow and customers reluctant at once (a slow phone, a country far away); the
//! last where customers are so busy that an order converts views of another visit, and then the estimate is too low.
//! Nothing in these answers could tell. Decision D-315.

use std::collections::BTreeMap;

use rand::RngExt;
use thiserror::Error;

use crate::random::draws;
use crate::record::WhatIf;
use crate::results_dir::epoch_ms;
use crate::statistics::{ConfidenceInterval, quantile};

/// The bands of page speed, from the fastest to the slowest.
pub const BANDS: [&str; 3] = ["good", "needs-improvement", "poor"];
/// The columns from which the estimate is made.
pub const WHAT_IF_COLUMNS: [&str; 4] = ["hour", "band", "views", "conversions"];

/// The minimum number of hours for an interval: fewer say little of how much hours differ.
const HOURS_MIN: usize = 12;
/// Number of times that the hours are drawn.
const RESAMPLES: usize = 2000;
/// Seed of these draws.
const SEED: u64 = 42;

/// Views and conversions of one band in one hour: a row of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandHour {
    /// Beginning of the hour, in ms since the Unix epoch.
    pub hour_ms: u64,
    /// The band, an index into [`BANDS`].
    pub band: usize,
    /// Page views.
    pub views: u64,
    /// Those among them that led to an order.
    pub conversions: u64,
}

/// The conversion rate of a band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandRate {
    /// The band, an index into [`BANDS`].
    pub band: usize,
    /// Page views.
    pub views: u64,
    /// The share of them that led to an order, with the interval if there are enough hours; without it, both ends are the
    /// estimate.
    pub rate: ConfidenceInterval,
}

/// Answers that are not those of `load-time-conversion`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotBandHours {
    /// A column is missing.
    #[error("there is no column '{0}'; answers of load-time-conversion have hour, band, views and conversions")]
    Column(&'static str),
    /// A cell cannot be read.
    #[error("row {row}: {column} = '{value}' is not {expected}")]
    Cell {
        /// Number of the row, from 1 without the header.
        row: usize,
        /// The column.
        column: &'static str,
        /// What is written there.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The text is not CSV.
    #[error("{0}")]
    Csv(String),
}

impl BandHour {
    /// Reads the rows of answers in CSV, with their header.
    ///
    /// # Errors
    ///
    /// Returns the first problem, with its row and column.
    pub fn read(answers_csv: &str) -> Result<Vec<BandHour>, NotBandHours> {
        let csv = |error: csv::Error| NotBandHours::Csv(error.to_string());
        let mut reader = csv::Reader::from_reader(answers_csv.as_bytes());
        let header = reader.headers().map_err(csv)?.clone();
        let place = |column| header.iter().position(|name| name == column).ok_or(NotBandHours::Column(column));
        let places = [place("hour")?, place("band")?, place("views")?, place("conversions")?];
        let rows = reader.records().zip(1..);
        rows.map(|(record, row)| {
            let record = record.map_err(csv)?;
            BandHour::of_cells(places.map(|place| record.get(place).unwrap_or_default()), row)
        })
        .collect()
    }

    /// Reads one row: hour, band, views and conversions. `row` is for the error.
    ///
    /// # Errors
    ///
    /// Fails if a cell is not what its column holds.
    pub fn of_cells(cells: [&str; 4], row: usize) -> Result<BandHour, NotBandHours> {
        let wrong = |n: usize, expected| {
            let (column, value) = (WHAT_IF_COLUMNS[n], cells[n].to_owned());
            NotBandHours::Cell { row, column, value, expected }
        };
        let band = BANDS.iter().position(|band| *band == cells[1]);
        Ok(BandHour {
            hour_ms: epoch_ms(cells[0]).ok_or_else(|| wrong(0, "a time such as 2026-01-05T10:00:00.000Z"))?,
            band: band.ok_or_else(|| wrong(1, "good, needs-improvement or poor"))?,
            views: cells[2].parse().map_err(|_| wrong(2, "a whole number"))?,
            conversions: cells[3].parse().map_err(|_| wrong(3, "a whole number"))?,
        })
    }
}

impl WhatIf {
    /// Estimates what would be won. `None` if no view has a next faster band with views, so that nothing is known of it.
    ///
    /// It is standardised over the hours: the slower views of each hour get the rate of the next faster band in that hour,
    /// or over all hours if that hour has no view of it. The interval is a percentile bootstrap over hours.
    pub fn one_band_faster(rows: &[BandHour]) -> Option<WhatIf> {
        let hours = hours(rows);
        let all = Sums::of(&hours);
        let won = all.won()?;
        let slow = all.slow_views();
        // How many slow views there are is no question here: they are those of the answers.
        let interval = resampled(&hours, |sums| Some(sums.won()? * slow / sums.slow_views()));
        let views = all.pooled.iter().map(|cell| cell.views).sum::<f64>() as u64;
        let conversions = all.pooled.iter().map(|cell| cell.conversions).sum::<f64>() as u64;
        let (low, high) = interval.unzip();
        Some(WhatIf { views, conversions, won, low, high, truth: None })
    }

    /// Returns true if the interval covers a number; `None` if there is no interval.
    pub fn covers(&self, truth: f64) -> Option<bool> {
        Some((self.low?..=self.high?).contains(&truth))
    }

    /// Returns the estimate as a sentence with its assumption.
    pub fn sentence(&self) -> String {
        let share = |won: f64| 100.0 * won / self.conversions.max(1) as f64;
        let interval = match (self.low, self.high) {
            (Some(low), Some(high)) => format!("95 % interval {low:.0} to {high:.0}"),
            _ => format!("no interval below {HOURS_MIN} hours"),
        };
        format!(
            "if every page were one band faster: {:+.0} conversions ({interval}), {:+.1} % of {}, provided that views \
             which become faster convert like those that are, in the same hour; what the orders won would add to other \
             visits of the same customer is not counted",
            self.won,
            share(self.won),
            self.conversions
        )
    }
}

/// Returns the rate of each band that has views, from the fastest on.
pub fn band_rates(rows: &[BandHour]) -> Vec<BandRate> {
    let hours = hours(rows);
    let all = Sums::of(&hours);
    let rate_of = |band: usize| {
        let estimate = all.pooled[band].rate()?;
        let (low, high) = resampled(&hours, |sums| sums.pooled[band].rate()).unwrap_or((estimate, estimate));
        let views = all.pooled[band].views as u64;
        Some(BandRate { band, views, rate: ConfidenceInterval { estimate, low, high } })
    };
    (0..BANDS.len()).filter_map(rate_of).collect()
}

/// Views and conversions.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    views: f64,
    conversions: f64,
}

impl Counted {
    fn rate(self) -> Option<f64> {
        (self.views > 0.0).then(|| self.conversions / self.views)
    }

    fn add(&mut self, other: Counted) {
        self.views += other.views;
        self.conversions += other.conversions;
    }
}

/// An hour: its bands, and what each of the slower ones would win.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    bands: [Counted; BANDS.len()],
}

/// Sums over hours.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pooled: [Counted; BANDS.len()],
    /// What is won in hours whose next faster band has views.
    won_within_hours: f64,
    /// For each band, the views of hours in which the next faster band has none.
    without_faster: [Counted; BANDS.len()],
}

impl Sums {
    fn of<'a>(hours: impl IntoIterator<Item = &'a Hour>) -> Sums {
        let mut sums = Sums::default();
        for Hour { bands } in hours {
            for (pooled, cell) in sums.pooled.iter_mut().zip(bands) {
                pooled.add(*cell);
            }
            for slow in 1..BANDS.len() {
                match bands[slow - 1].rate() {
                    Some(rate) => sums.won_within_hours += bands[slow].views * rate - bands[slow].conversions,
                    None => sums.without_faster[slow].add(bands[slow]),
                }
            }
        }
        sums
    }

    /// Returns what is won; `None` if there are slow views, and the next faster band has none at all.
    fn won(&self) -> Option<f64> {
        let mut won = self.won_within_hours;
        for slow in (1..BANDS.len()).filter(|slow| self.without_faster[*slow].views > 0.0) {
            let Counted { views, conversions } = self.without_faster[slow];
            won += views * self.pooled[slow - 1].rate()? - conversions;
        }
        (self.slow_views() > 0.0).then_some(won)
    }

    fn slow_views(&self) -> f64 {
        self.pooled[1..].iter().map(|cell| cell.views).sum()
    }
}

fn hours(rows: &[BandHour]) -> Vec<Hour> {
    let mut hours: BTreeMap<u64, Hour> = BTreeMap::new();
    for row in rows {
        let cell = Counted { views: row.views as f64, conversions: row.conversions as f64 };
        hours.entry(row.hour_ms).or_default().bands[row.band].add(cell);
    }
    hours.into_values().collect()
}

/// Returns the 2.5 % and the 97.5 % quantile of a statistic over hours drawn with replacement; `None` for a few hours.
fn resampled(hours: &[Hour], statistic: impl Fn(&Sums) -> Option<f64>) -> Option<(f64, f64)> {
    if hours.len() < HOURS_MIN {
        return None;
    }
    let mut draws = draws(SEED);
    let resample = |_| {
        let drawn = (0..hours.len()).map(|_| &hours[draws.random_range(0..hours.len())]);
        statistic(&Sums::of(drawn))
    };
    let mut found: Vec<f64> = (0..RESAMPLES).filter_map(resample).collect();
    found.sort_by(f64::total_cmp);
    Some((quantile(&found, 0.025)?, quantile(&found, 0.975)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn row(hour: u64, band: usize, views: u64, conversions: u64) -> BandHour {
        BandHour { hour_ms: hour * HOUR_MS, band, views, conversions }
    }

    #[test]
    fn slow_views_get_the_rate_of_the_next_faster_band_of_their_hour() {
        // 100 slow views at 10 % instead of 4 %, and in the second hour 10 poor ones at 20 % instead of none.
        let rows = [row(0, 0, 1000, 100), row(0, 1, 100, 4), row(1, 1, 50, 10), row(1, 2, 10, 0)];
        let found = WhatIf::one_band_faster(&rows).unwrap();
        // The second hour has no good view: its 50 slow ones get the 10 % of all hours, where they have 20 %.
        assert_eq!((found.views, found.conversions, found.won), (1160, 114, 6.0 + 2.0 - 5.0));
        assert_eq!((found.low, found.high, found.covers(3.0)), (None, None, None), "two hours say nothing of hours");
    }

    #[test]
    fn the_hour_is_no_confounder() {
        // In busy hours pages are slow and customers buy less, whatever the page.
        let hours = (0..24).flat_map(|hour| match hour % 2 {
            0 => [row(hour, 0, 1000, 200), row(hour, 1, 100, 20)],
            _ => [row(hour, 0, 1000, 50), row(hour, 1, 1000, 50)],
        });
        let found = WhatIf::one_band_faster(&hours.collect::<Vec<_>>()).unwrap();
        assert_eq!((found.won, found.low, found.high), (0.0, Some(0.0), Some(0.0)));
    }

    #[test]
    fn without_a_faster_band_nothing_is_known() {
        assert_eq!(WhatIf::one_band_faster(&[]), None);
        assert_eq!(WhatIf::one_band_faster(&[row(0, 0, 10, 1)]), None, "no view is slow");
        assert_eq!(WhatIf::one_band_faster(&[row(0, 2, 10, 1)]), None, "no view is in the middle band");
    }

    #[test]
    fn the_interval_covers_a_planted_effect_about_as_often_as_it_says() {
        let (rates, volumes) = ([0.12, 0.07, 0.02], [400, 60, 20]);
        // What 48 hours of 60 and 20 slow views win.
        let truth = 48.0 * (60.0 * (rates[0] - rates[1]) + 20.0 * (rates[1] - rates[2]));
        let covered = (0..60).filter(|seed| {
            let mut draws = draws(*seed);
            let mut rows = Vec::new();
            for hour in 0..48 {
                for band in 0..BANDS.len() {
                    let views = volumes[band];
                    let conversions = (0..views).filter(|_| draws.random_bool(rates[band])).count() as u64;
                    rows.push(row(hour, band, views, conversions));
                }
            }
            WhatIf::one_band_faster(&rows).unwrap().covers(truth).unwrap()
        });
        let covered = covered.count();
        assert!((52..=60).contains(&covered), "{covered} of 60"); // 95 %: 57, less two and a half standard deviations
    }

    #[test]
    fn answers_are_read_and_an_error_names_row_and_column() {
        let header = "event_time,hour,band,views,conversions\n";
        let line = "2026-01-05T11:00:00.000Z,2026-01-05T10:00:00.000Z,poor,7,2\n";
        let rows = BandHour::read(&format!("{header}{line}")).unwrap();
        assert_eq!(rows, [BandHour { hour_ms: 1_767_607_200_000, band: 2, views: 7, conversions: 2 }]);
        let error = |text: &str| BandHour::read(text).unwrap_err().to_string();
        let slow = line.replace("poor", "slow");
        assert_eq!(
            error(&format!("{header}{line}{slow}")),
            "row 2: band = 'slow' is not good, needs-improvement or poor"
        );
        assert_eq!(
            error(&format!("{header}{}", line.replace(",7,", ",x,"))),
            "row 1: views = 'x' is not a whole number"
        );
        assert!(error("event_time,event_id\n").starts_with("there is no column 'hour'"));
        assert!(error(&format!("{header}1,2\n")).contains("fields"), "{}", error(&format!("{header}1,2\n")));
    }

    #[test]
    fn the_sentence_has_the_number_its_interval_and_its_assumption() {
        let found = WhatIf { views: 10, conversions: 200, won: 12.4, low: Some(8.0), high: Some(17.0), truth: None };
        let sentence = found.sentence();
        assert!(sentence.contains("+12 conversions (95 % interval 8 to 17), +6.2 % of 200"), "{sentence}");
        assert!(sentence.contains("convert like"), "{sentence}");
    }
}
