//! Scales of points in time: ticks at whole minutes, hours, days, months and years in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::clock_units::{DAY_MS, HOUR_MS, MINUTE_MS, MONDAY_MS, SECOND_MS, WEEK_MS};
use crate::draw::scale::{Scale, Tick, scale};
use crate::quantity::Quantity;

/// Distances between ticks up to a week.
const STEPS_MS: [i64; 19] = [
    SECOND_MS,
    2 * SECOND_MS,
    5 * SECOND_MS,
    15 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    WEEK_MS,
    2 * WEEK_MS,
];
/// Distances between ticks beyond that, in months.
const STEPS_MONTHS: [i32; 7] = [1, 3, 6, 12, 24, 60, 120];
/// Least distance between two ticks in px.
const APART_PX: f64 = 62.0;

impl Scale {
    /// Returns a scale from one point in time to another, in Unix ms.
    pub(crate) fn clock(low: f64, high: f64, width_px: f64) -> Scale {
        let (low, high) = if low < high { (low, high) } else { (low - 5e2, low + 5e2) };
        let most = (width_px / APART_PX).max(1.0);
        let step = STEPS_MS.into_iter().find(|step| (high - low) / *step as f64 <= most);
        let ticks = match step {
            Some(step) => even_ticks(low, high, step),
            None => calendar_ticks(low, high, most),
        };
        scale(Quantity::Clock, false, &[high], 1).with_ticks(low, high, ticks, "")
    }
}

fn utc(unix_ms: i64) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(unix_ms).ok()?.to_zoned(TimeZone::UTC))
}

/// Returns ticks at multiples of a step.
fn even_ticks(low: f64, high: f64, step: i64) -> Vec<Tick> {
    let from = if step > DAY_MS { MONDAY_MS } else { 0 };
    let first = ((low - from as f64) / step as f64).ceil() as i64;
    let times = (first..).map(|n| from + n * step).take_while(|ms| *ms as f64 <= high);
    times.filter_map(|ms| Some(Tick { value: ms as f64, label: label(&utc(ms)?, step) })).collect()
}

/// Returns ticks at the first days of months, as many months apart as fit.
fn calendar_ticks(low: f64, high: f64, most: f64) -> Vec<Tick> {
    let (Some(first), Some(last)) = (utc(low as i64), utc(high as i64)) else { return Vec::new() };
    let month = |time: &Zoned| i32::from(time.year()) * 12 + i32::from(time.month()) - 1;
    let (first, last) = (month(&first), month(&last));
    let step = STEPS_MONTHS.into_iter().find(|step| f64::from((last - first) / step) <= most).unwrap_or(120);
    let begin = |month: i32| {
        let date = Date::new((month.div_euclid(12)) as i16, (month.rem_euclid(12) + 1) as i8, 1).ok()?;
        date.to_zoned(TimeZone::UTC).ok()
    };
    let months = (first.div_euclid(step)..=last.div_euclid(step)).filter_map(|n| begin(n * step));
    let form = if step < 12 { "%b %Y" } else { "%Y" };
    let tick =
        |time: Zoned| Tick { value: time.timestamp().as_millisecond() as f64, label: time.strftime(form).to_string() };
    months.map(tick).filter(|tick| tick.value >= low && tick.value <= high).collect()
}

/// Returns the time of day, or the date where a day begins.
fn label(time: &Zoned, step: i64) -> String {
    let form = match time.time() == jiff::civil::Time::midnight() {
        true => "%-d %b",
        false if step < MINUTE_MS => "%H:%M:%S",
        false => "%H:%M",
    };
    time.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels of a scale of 600 px that begins on Saturday, 1 March 2025 at 10:20.
    fn labels(length_ms: i64) -> Vec<String> {
        let begin = 1_740_824_400_000.0;
        Scale::clock(begin, begin + length_ms as f64, 600.0).ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_stand_at_round_times_and_days_begin_with_their_date() {
        assert_eq!(labels(30 * SECOND_MS)[..3], ["10:20:00", "10:20:05", "10:20:10"]);
        assert_eq!(labels(3 * HOUR_MS)[..3], ["10:30", "11:00", "11:30"]);
        assert_eq!(labels(DAY_MS), ["12:00", "15:00", "18:00", "21:00", "2 Mar", "03:00", "06:00", "09:00"]);
        assert_eq!(labels(6 * DAY_MS), ["2 Mar", "3 Mar", "4 Mar", "5 Mar", "6 Mar", "7 Mar"]);
        assert_eq!(labels(30 * DAY_MS), ["3 Mar", "10 Mar", "17 Mar", "24 Mar", "31 Mar"]);
        assert_eq!(labels(400 * DAY_MS), ["Apr 2025", "Jul 2025", "Oct 2025", "Jan 2026", "Apr 2026"]);
        assert_eq!(labels(4_000 * DAY_MS).first().map(String::as_str), Some("2026"));
    }

    #[test]
    fn one_point_in_time_still_gives_a_scale() {
        assert!(labels(0).len() <= 1);
    }
}
