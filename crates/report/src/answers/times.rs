//! Times of answers and of external series.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::clock_units::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Seconds up to the year 5138: a greater number is a time in ms.
const SECONDS_MOST: f64 = 1e11;

/// Reads a time as RFC 3339 writes it, and returns it in ms since the Unix epoch.
pub(super) fn rfc3339_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Reads a day such as `2026-01-05`, and returns its beginning in UTC, in ms since the Unix epoch.
pub(super) fn day_ms(text: &str) -> Option<i64> {
    let day: Date = text.parse().ok()?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Reads a time as RFC 3339 writes it, or as seconds or milliseconds since the Unix epoch, and returns it in ms.
pub(super) fn any_time_ms(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(number) if !number.is_finite() || number.abs() >= SECONDS_MOST * 1000.0 => None,
        Ok(number) => Some(if number.abs() < SECONDS_MOST { number * 1000.0 } else { number } as i64),
        Err(_) => rfc3339_ms(text),
    }
}

/// Formats a duration in the largest unit that divides it: `15 min`.
pub(super) fn duration_words(ms: i64) -> String {
    let units = [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")];
    let unit = units.into_iter().find(|(unit_ms, _)| ms % unit_ms == 0);
    unit.map_or(format!("{ms} ms"), |(unit_ms, sign)| format!("{} {sign}", ms / unit_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_three_forms() {
        for text in ["2026-01-05T10:00:00Z", "2026-01-05T11:00:00.000+01:00", "1767607200", "1767607200000"] {
            assert_eq!(any_time_ms(text), Some(1_767_607_200_000), "{text}");
        }
        for text in ["", "yesterday", "2026-01-05", "2026-01-05T10:00:00", "NaN", "1e30", "inf"] {
            assert_eq!(any_time_ms(text), None, "{text}");
        }
        assert_eq!(day_ms("2026-01-05"), Some(1_767_571_200_000));
        assert_eq!(day_ms("05.01.2026"), None);
    }

    #[test]
    fn durations_are_written_in_one_unit() {
        let written = [1, 90_000, 900_000, 86_400_000].map(duration_words);
        assert_eq!(written, ["1 ms", "90 s", "15 min", "1 d"]);
    }
}
