//! Times as RFC 3339 in UTC with milliseconds, and durations.

use jiff::Timestamp;
use thiserror::Error;

/// The earliest time of an event (48 bits), in ms since the Unix epoch.
pub const TIME_MS_MIN: i64 = -(1 << 47);
/// The latest time of an event (48 bits), in ms since the Unix epoch.
pub const TIME_MS_MAX: i64 = (1 << 47) - 1;

const DAY_MS: i64 = 86_400_000;

/// A text is not a time as RFC 3339 writes it. The message says why, without the place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TimeError(String);

/// A text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a duration; write it like 250ms, 30s, 15min, 48h, 7d or 1h30min")]
pub struct DurationError(String);

/// Reads a time with its offset as RFC 3339 writes it (`2011-12-09T12:50:00.000Z`, `…+01:00`), and returns it in ms
/// since the Unix epoch. Digits below 1 ms are cut off.
///
/// # Errors
///
/// Returns [`TimeError`] if the text is not such a time.
pub fn parse_rfc3339_ms(text: &str) -> Result<i64, TimeError> {
    if let Some(ms) = parse_canonical(text.as_bytes()) {
        return Ok(ms);
    }
    let timestamp: Timestamp = text.parse().map_err(|error: jiff::Error| TimeError(error.to_string()))?;
    Ok(timestamp.as_nanosecond().div_euclid(1_000_000) as i64)
}

/// Appends a time in ms since the Unix epoch as RFC 3339 in UTC with milliseconds, as in `2011-12-09T12:50:00.000Z`.
///
/// Years outside 0 to 9999 are written with a sign and six digits, as ISO 8601 expands them.
pub fn push_rfc3339(ms: i64, out: &mut String) {
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (year_digits, year_from) = if (0..=9999).contains(&year) { (4, 3) } else { (6, 0) };
    // Room for a sign and a year of six digits; the last 24 bytes are the usual ones.
    let mut text = *b"+000000-00-00T00:00:00.000Z";
    if year < 0 {
        text[0] = b'-';
    }
    for (number, from, digits) in [
        (year.abs(), 7 - year_digits, year_digits),
        (i64::from(month), 8, 2),
        (i64::from(day), 11, 2),
        (of_day / 3_600_000, 14, 2),
        (of_day / 60_000 % 60, 17, 2),
        (of_day / 1000 % 60, 20, 2),
        (of_day % 1000, 23, 3),
    ] {
        put_digits(number as u32, &mut text[from..from + digits]);
    }
    out.push_str(std::str::from_utf8(&text[year_from..]).unwrap_or_default());
}

/// Returns what [`push_rfc3339`] appends.
pub fn rfc3339(ms: i64) -> String {
    let mut text = String::with_capacity(24);
    push_rfc3339(ms, &mut text);
    text
}

/// Reads a duration such as `250ms`, `1s`, `30min`, `48h`, `7d` or `1h30min`, and returns it in ms. A number needs a
/// unit, unless it is `0`.
///
/// # Errors
///
/// Returns [`DurationError`] if the text is not a duration or does not fit.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::parse_duration_ms("1h30min"), Ok(5_400_000));
/// ```
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    let text = text.trim();
    let wrong = || DurationError(text.to_owned());
    if text == "0" {
        return Ok(0);
    }
    let mut total_ms: i64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_ms = match &rest[digits..digits + letters] {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => DAY_MS,
            _ => return Err(wrong()),
        };
        total_ms = number.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(wrong)?;
        rest = rest[digits + letters..].trim_start();
    }
    Ok(total_ms)
}

/// Writes a duration in whole units, the largest first, as [`parse_duration_ms`] reads it. A negative one begins with a
/// minus sign, which no duration that is read may have.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::duration_text(68_880_000), "19h8min");
/// ```
pub fn duration_text(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = if ms < 0 { "-".to_owned() } else { String::new() };
    let mut rest_ms = ms.unsigned_abs();
    for (unit, unit_ms) in [("d", DAY_MS as u64), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)] {
        if rest_ms >= unit_ms {
            text.push_str(&format!("{}{unit}", rest_ms / unit_ms));
            rest_ms %= unit_ms;
        }
    }
    text
}

/// Reads exactly what [`push_rfc3339`] writes for the years 0 to 9999, which is the fast path.
fn parse_canonical(text: &[u8]) -> Option<i64> {
    if text.len() != 24 || text[23] != b'Z' {
        return None;
    }
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if marks.into_iter().any(|(at, mark)| text[at] != mark) {
        return None;
    }
    let digits = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second, ms) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?, digits(20, 23)?);
    let days = days_from_civil(year, month, day);
    let valid = hour < 24 && minute < 60 && second < 60 && (1..=days_in_month(year, month)).contains(&day);
    valid.then_some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms)
}

/// Returns the number of days of a month, or 0 if there is no such month.
fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Returns the days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the year, month and day of a number of days since 1970-01-01; the inverse of [`days_from_civil`].
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

fn put_digits(number: u32, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_agree_with_the_library() {
        for ms in [0, -1, 1, 1_291_191_960_000, -62_167_219_200_000, 253_402_207_200_000, 951_782_400_123] {
            let text = rfc3339(ms);
            assert_eq!(parse_rfc3339_ms(&text), Ok(ms), "{text}");
            assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), ms, "{text}");
        }
        assert_eq!(rfc3339(1_291_191_960_000), "2010-12-01T08:26:00.000Z");
        assert_eq!(parse_rfc3339_ms("2010-12-01T09:26:00+01:00"), Ok(1_291_191_960_000));
        for ms in [TIME_MS_MIN, 253_402_300_800_000, -62_167_219_200_001] {
            let text = rfc3339(ms);
            assert!(text.starts_with(['+', '-']) && text.len() == 27, "{text}");
        }
    }

    #[test]
    fn wrong_times_are_refused() {
        for text in
            ["", "2011-02-29T00:00:00.000Z", "2011-13-01T00:00:00.000Z", "2011-01-01", "2011-01-01T24:00:00.000Z"]
        {
            assert!(parse_rfc3339_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_fast_path_knows_the_same_dates_as_the_library() {
        for year in [1900, 1999, 2000, 2024, 2026] {
            for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
                let text = format!("{year:04}-{month:02}-{day:02}T01:02:03.004Z");
                let library = text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
                assert_eq!(parse_canonical(text.as_bytes()), library, "{text}");
            }
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [("0", 0), ("0s", 0), ("250ms", 250), ("1h30min", 5_400_000), ("7d", 604_800_000)] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for (ms, text) in [(0, "0s"), (68_880_000, "19h8min"), (90_001, "1min30s1ms"), (-604_800_000, "-7d")] {
            assert_eq!(duration_text(ms), text);
        }
        for ms in [1, 999, 1001, 86_399_999, DAY_MS, i64::MAX] {
            assert_eq!(parse_duration_ms(&duration_text(ms)), Ok(ms));
        }
        for text in ["", "5", "h", "2 h", "-1s", "1x", "99999999999999999d"] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }
}
