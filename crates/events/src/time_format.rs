//! The ways a log can write its times.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use crate::time::parse_rfc3339_ms;

/// How a text is read as an instant. Digits below 1 ms are cut off.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// RFC 3339; a time without offset is local to the zone, if there is one.
    Rfc3339(Option<TimeZone>),
    /// Whole milliseconds since the Unix epoch.
    EpochMs,
    /// Seconds since the Unix epoch, decimals allowed.
    EpochS,
    /// A strftime format; a time without offset is local to the zone.
    Strftime(String, TimeZone),
}

impl TimeFormat {
    /// The format of that name (`epoch_ms`, `epoch_s`) or pattern. The error says what is wrong with it.
    pub(crate) fn new(format: Option<&str>, timezone: Option<&str>) -> Result<TimeFormat, String> {
        let zone = timezone.map(|name| {
            let unknown = |_| format!("'{name}' is not a time zone; use an IANA name such as UTC or Europe/London");
            TimeZone::get(name).map_err(unknown)
        });
        let zone = zone.transpose()?;
        match format {
            None => Ok(TimeFormat::Rfc3339(zone)),
            Some("epoch_ms" | "epoch_s") if zone.is_some() => {
                Err("a count since the epoch has no timezone; leave it out".to_owned())
            }
            Some("epoch_ms") => Ok(TimeFormat::EpochMs),
            Some("epoch_s") => Ok(TimeFormat::EpochS),
            Some(pattern) => {
                let format = TimeFormat::Strftime(pattern.to_owned(), zone.unwrap_or(TimeZone::UTC));
                format.check(pattern)?;
                Ok(format)
            }
        }
    }

    /// The instant `text` means, ms since the Unix epoch. The error says what is wrong, without the place.
    pub(crate) fn parse(&self, text: &str) -> Result<i64, String> {
        match self {
            TimeFormat::Rfc3339(zone) => parse_rfc3339_ms(text).or_else(|wrong| match zone {
                Some(zone) => text.parse().map_err(|_| wrong).and_then(|local| local_ms(local, zone)),
                None if text.parse::<DateTime>().is_ok() => Err("it has no offset such as Z or +01:00".to_owned()),
                None => Err(wrong),
            }),
            TimeFormat::EpochMs => text.parse().map_err(|_| "it is not a whole number of milliseconds".to_owned()),
            TimeFormat::EpochS => epoch_s(text).ok_or_else(|| "it is not a number of seconds".to_owned()),
            TimeFormat::Strftime(pattern, zone) => strftime(pattern, zone, text),
        }
    }

    /// A pattern must be able to read what it writes, or every row would be rejected.
    fn check(&self, pattern: &str) -> Result<(), String> {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let complain = |error: String| format!("the format '{pattern}' does not give a time: {error}");
        let text = strtime::format(pattern, &sample).map_err(|error| complain(error.to_string()))?;
        self.parse(&text).map(drop).map_err(complain)
    }
}

fn strftime(pattern: &str, zone: &TimeZone, text: &str) -> Result<i64, String> {
    let parsed = BrokenDownTime::parse(pattern, text).map_err(|error| error.to_string())?;
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        return parsed.to_timestamp().map(floor_ms).map_err(|error| error.to_string());
    }
    local_ms(parsed.to_datetime().map_err(|error| error.to_string())?, zone)
}

/// A local time that occurs twice means its first occurrence; one that a clock change skips, the instant as far after
/// the change.
fn local_ms(local: DateTime, zone: &TimeZone) -> Result<i64, String> {
    zone.to_ambiguous_timestamp(local).compatible().map(floor_ms).map_err(|error| error.to_string())
}

fn floor_ms(timestamp: Timestamp) -> i64 {
    timestamp.as_nanosecond().div_euclid(1_000_000) as i64
}

fn epoch_s(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let whole_s: i64 = whole.parse().ok()?;
    if decimals.is_empty() || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digit = |at: usize| decimals.as_bytes().get(at).map_or(0, |byte| i64::from(byte - b'0'));
    let part_ms = digit(0) * 100 + digit(1) * 10 + digit(2);
    let cut_off = decimals.bytes().skip(3).any(|byte| byte != b'0');
    let whole_ms = whole_s.checked_mul(1000)?;
    if whole.starts_with('-') {
        whole_ms.checked_sub(part_ms + i64::from(cut_off))
    } else {
        whole_ms.checked_add(part_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(format: Option<&str>, timezone: Option<&str>, text: &str) -> Result<i64, String> {
        TimeFormat::new(format, timezone).unwrap().parse(text)
    }

    #[test]
    fn counts_since_the_epoch_are_exact() {
        assert_eq!(parse(Some("epoch_ms"), None, "-5"), Ok(-5));
        assert_eq!(parse(Some("epoch_s"), None, "1291191960"), Ok(1_291_191_960_000));
        assert_eq!(parse(Some("epoch_s"), None, "1291191960.1239"), Ok(1_291_191_960_123));
        assert_eq!(parse(Some("epoch_s"), None, "-0.0001"), Ok(-1));
        assert_eq!(parse(Some("epoch_s"), None, "-1.5"), Ok(-1500));
        for text in ["", "1.", ".5", "1e9", "9223372036854775807", "now"] {
            assert!(parse(Some("epoch_s"), None, text).is_err(), "{text}");
        }
        assert!(parse(Some("epoch_ms"), None, "1.5").is_err());
    }

    #[test]
    fn local_times_are_those_of_their_zone() {
        let format = Some("%d/%m/%Y %H:%M");
        let london = Some("Europe/London");
        let utc = |text: &str| parse_rfc3339_ms(text);
        assert_eq!(parse(format, london, "01/07/2026 00:30"), utc("2026-06-30T23:30:00Z"));
        assert_eq!(parse(format, london, "25/10/2026 01:30"), utc("2026-10-25T00:30:00Z"));
        assert_eq!(parse(format, london, "29/03/2026 01:30"), utc("2026-03-29T01:30:00Z"));
        assert_eq!(parse(format, None, "01/07/2026 00:30"), utc("2026-07-01T00:30:00Z"));
        assert_eq!(parse(Some("%Y-%m-%d"), None, "2026-07-01"), utc("2026-07-01T00:00:00Z"));
        assert_eq!(parse(Some("%Y-%m-%dT%H:%M:%S%z"), london, "2026-07-01T00:00:00+0300"), utc("2026-06-30T21:00:00Z"));
        assert_eq!(parse(None, london, "2026-07-01 00:30:00.25"), utc("2026-06-30T23:30:00.250Z"));
        assert_eq!(parse(None, london, "2026-07-01T00:30:00Z"), utc("2026-07-01T00:30:00Z"));
        assert!(parse(None, None, "2026-07-01T00:30:00").unwrap_err().contains("no offset"));
    }

    #[test]
    fn a_format_that_can_never_give_a_time_is_refused_at_once() {
        for format in ["%H:%M", "%Y-%m", "%Q%Q", "time", "%"] {
            assert!(TimeFormat::new(Some(format), None).is_err(), "{format}");
        }
        assert!(TimeFormat::new(Some("epoch_ms"), Some("UTC")).is_err());
        assert!(TimeFormat::new(None, Some("Europe/Lodnon")).unwrap_err().contains("Europe/Lodnon"));
    }
}
