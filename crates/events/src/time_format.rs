//! The ways in which logs write times.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{AmbiguousTimestamp, TimeZone};

use crate::decimal::{Decimal, NumberStyle};
use crate::suggest::did_you_mean;
use crate::time::{TIME_MS_MAX, TIME_MS_MIN, parse_rfc3339_ms};

/// The formats of a time field. The first one that can read a text decides what it means.
#[derive(Debug, Clone)]
pub(crate) struct TimeFormats {
    first: TimeFormat,
    others: Vec<TimeFormat>,
}

/// A format that reads a text as an instant. Digits below 1 ms are cut off.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// RFC 3339. A time without an offset is local to the zone, if there is one.
    Rfc3339(Option<TimeZone>),
    /// A count since the Unix epoch, which may have decimals and an exponent.
    Epoch(Epoch),
    /// A strftime pattern. A time without an offset is local to the zone.
    Strftime(String, TimeZone),
}

/// The units in which logs count time since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epoch {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl TimeFormats {
    /// Returns the format of the interchange formats.
    pub(crate) fn rfc3339() -> TimeFormats {
        TimeFormats { first: TimeFormat::Rfc3339(None), others: Vec::new() }
    }

    /// Returns these formats in this order, or `None` if there are none.
    pub(crate) fn new(formats: Vec<TimeFormat>) -> Option<TimeFormats> {
        let mut formats = formats.into_iter();
        Some(TimeFormats { first: formats.next()?, others: formats.collect() })
    }

    /// Returns the instant that a text means, in ms since the Unix epoch. Spaces around it are ignored.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without the place.
    #[inline]
    pub(crate) fn parse(&self, text: &str) -> Result<i64, String> {
        match self.first.parse(text) {
            Ok(ms) if self.others.is_empty() => Ok(ms),
            first => self.parse_otherwise(text, first),
        }
    }

    /// Tries the other formats on a text of which the first one made `first`.
    #[cold]
    fn parse_otherwise(&self, text: &str, first: Result<i64, String>) -> Result<i64, String> {
        let trimmed = text.trim();
        if self.others.is_empty() {
            return if trimmed.len() < text.len() { self.first.parse(trimmed) } else { first };
        }
        let in_range = |ms: &i64| (TIME_MS_MIN..=TIME_MS_MAX).contains(ms);
        let all = || [&self.first].into_iter().chain(&self.others);
        let read = |text| all().find_map(|format| format.parse(text).ok().filter(in_range));
        read(text).or_else(|| read(trimmed)).ok_or_else(|| format!("none of the {} formats reads it", all().count()))
    }

    /// Returns the format that counts in a larger unit, and the time in ms that it would have given, if `latest_ms` is
    /// so early that this unit must be meant.
    pub(crate) fn coarser(&self, latest_ms: i64) -> Option<(&'static str, i64)> {
        let likely_ms = 315_532_800_000..4_102_444_800_000; // 1980 to 2099
        let counted = [&self.first].into_iter().chain(&self.others).find_map(|format| match format {
            TimeFormat::Epoch(unit) if latest_ms < 31 * 86_400_000 => Some(*unit),
            _ => None,
        })?;
        Epoch::ALL.into_iter().take_while(|unit| *unit != counted).find_map(|unit| {
            let factor = 10_i64.checked_pow((counted.decimals_of_ms() - unit.decimals_of_ms()).unsigned_abs() as u32)?;
            let meant_ms = latest_ms.checked_mul(factor)?;
            likely_ms.contains(&meant_ms).then_some((unit.name(), meant_ms))
        })
    }
}

impl TimeFormat {
    /// Returns the format with that name (`rfc3339`, `epoch_s`, ...) or pattern.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the format or the time zone.
    pub(crate) fn new(format: Option<&str>, timezone: Option<&str>) -> Result<TimeFormat, String> {
        let zone = timezone.map(|name| {
            let unknown = |_| format!("'{name}' is not a time zone; use an IANA name such as UTC or Europe/London");
            TimeZone::get(name).map_err(unknown)
        });
        let zone = zone.transpose()?;
        match (format.unwrap_or(RFC3339), format.and_then(Epoch::from_name)) {
            (RFC3339, _) => Ok(TimeFormat::Rfc3339(zone)),
            (_, Some(_)) if zone.is_some() => Err("a count since the epoch has no timezone; leave it out".to_owned()),
            (_, Some(unit)) => Ok(TimeFormat::Epoch(unit)),
            (name, None) if !name.contains('%') => Err(unknown_format(name)),
            (pattern, None) => {
                let format = TimeFormat::Strftime(pattern.to_owned(), zone.unwrap_or(TimeZone::UTC));
                format.check(pattern)?;
                Ok(format)
            }
        }
    }

    /// Returns true if this is the name of a format without time zones.
    pub(crate) fn is_count(format: &str) -> bool {
        Epoch::from_name(format).is_some()
    }

    /// Returns the instant that a text means, in ms since the Unix epoch.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without the place.
    pub(crate) fn parse(&self, text: &str) -> Result<i64, String> {
        match self {
            TimeFormat::Rfc3339(zone) => parse_rfc3339_ms(text).or_else(|wrong| match zone {
                Some(zone) => text.parse().map_err(|_| wrong.to_string()).and_then(|local| local_ms(local, zone)),
                None if text.parse::<DateTime>().is_ok() => Err("it has no offset such as Z or +01:00".to_owned()),
                None => Err(wrong.to_string()),
            }),
            TimeFormat::Epoch(unit) => unit.parse(text),
            TimeFormat::Strftime(pattern, zone) => strftime(pattern, zone, text),
        }
    }

    /// Refuses a pattern that cannot read what it writes, since it would reject every row.
    fn check(&self, pattern: &str) -> Result<(), String> {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let complain = |error: String| format!("the format '{pattern}' does not give a time: {error}");
        let text = strtime::format(pattern, &sample).map_err(|error| complain(error.to_string()))?;
        self.parse(&text).map(drop).map_err(|error| {
            if pattern.contains("%Z") {
                let fix = pattern.replace("%Z", "UTC");
                return complain(format!("%Z, the short name of a zone, cannot be read; write UTC itself, '{fix}'"));
            }
            complain(error)
        })
    }
}

impl Epoch {
    /// The units from the coarsest to the finest.
    const ALL: [Epoch; 4] = [Epoch::Seconds, Epoch::Milliseconds, Epoch::Microseconds, Epoch::Nanoseconds];

    /// Returns the name in a mapping.
    fn name(self) -> &'static str {
        match self {
            Epoch::Seconds => "epoch_s",
            Epoch::Milliseconds => "epoch_ms",
            Epoch::Microseconds => "epoch_us",
            Epoch::Nanoseconds => "epoch_ns",
        }
    }

    fn from_name(name: &str) -> Option<Epoch> {
        Epoch::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Returns the `decimals` for which a millisecond is `10^-decimals` of the unit.
    fn decimals_of_ms(self) -> i64 {
        match self {
            Epoch::Seconds => 3,
            Epoch::Milliseconds => 0,
            Epoch::Microseconds => -3,
            Epoch::Nanoseconds => -6,
        }
    }

    fn parse(self, text: &str) -> Result<i64, String> {
        if let Some(ms) = self.whole_ms(text) {
            return Ok(ms);
        }
        let ms = Decimal::parse(text, NumberStyle::PLAIN).and_then(|count| count.floor_units(self.decimals_of_ms()));
        let unit = match self {
            Epoch::Seconds => "seconds",
            Epoch::Milliseconds => "milliseconds",
            Epoch::Microseconds => "microseconds",
            Epoch::Nanoseconds => "nanoseconds",
        };
        ms.ok().and_then(|ms| i64::try_from(ms).ok()).ok_or_else(|| format!("it is not a number of {unit} since 1970"))
    }

    /// Reads a count without decimals, which is the fast path.
    fn whole_ms(self, text: &str) -> Option<i64> {
        let count: i64 = text.parse().ok()?;
        match self {
            Epoch::Seconds => count.checked_mul(1000),
            Epoch::Milliseconds => Some(count),
            Epoch::Microseconds => Some(count.div_euclid(1000)),
            Epoch::Nanoseconds => Some(count.div_euclid(1_000_000)),
        }
    }
}

const RFC3339: &str = "rfc3339";

fn unknown_format(name: &str) -> String {
    let names = [RFC3339].into_iter().chain(Epoch::ALL.map(Epoch::name));
    let near = did_you_mean(name, names);
    let epochs = Epoch::ALL.map(Epoch::name).join(", ");
    format!(
        "the format '{name}' does not give a time{near} (formats: {epochs}, {RFC3339}, or a pattern such as \
         %Y-%m-%d %H:%M:%S)"
    )
}

fn strftime(pattern: &str, zone: &TimeZone, text: &str) -> Result<i64, String> {
    let parsed = BrokenDownTime::parse(pattern, text).map_err(|_| format!("it does not match '{pattern}'"))?;
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        return parsed.to_timestamp().map(floor_ms).map_err(|error| error.to_string());
    }
    local_ms(parsed.to_datetime().map_err(|error| error.to_string())?, zone)
}

/// Returns the instant of a local time in ms. A time that occurs twice means its first occurrence, and one that a clock
/// change skips means the instant as far after the change.
fn local_ms(local: DateTime, zone: &TimeZone) -> Result<i64, String> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let first = match ambiguous.is_ambiguous() {
        true => first_occurrence(local, ambiguous, zone),
        false => None,
    };
    first.map_or_else(|| ambiguous.compatible(), Ok).map(floor_ms).map_err(|error| error.to_string())
}

/// Returns the first instant at which the clocks of the zone show `local`, or `None` if they skip it.
///
/// The library mistakes the change that begins the rule for all future years for one of that rule, and so a local time
/// close to it for one that occurs twice although the clocks were not changed, as in America/Nuuk in October 2023.
fn first_occurrence(local: DateTime, ambiguous: AmbiguousTimestamp, zone: &TimeZone) -> Option<Timestamp> {
    let candidates = [ambiguous.earlier(), ambiguous.later()].into_iter().filter_map(Result::ok);
    candidates.filter(|instant| zone.to_datetime(*instant) == local).min()
}

fn floor_ms(timestamp: Timestamp) -> i64 {
    timestamp.as_nanosecond().div_euclid(1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(format: Option<&str>, timezone: Option<&str>, text: &str) -> Result<i64, String> {
        TimeFormat::new(format, timezone).unwrap().parse(text)
    }

    #[test]
    fn counts_since_the_epoch_are_exact_and_cut_to_the_millisecond() {
        for (format, text, ms) in [
            ("epoch_ms", "-5", -5),
            ("epoch_ms", "1433227005006.0", 1_433_227_005_006),
            ("epoch_ms", "1.43E12", 1_430_000_000_000),
            ("epoch_ms", "1.433226571398E12", 1_433_226_571_398),
            ("epoch_ms", "1.9", 1),
            ("epoch_ms", "-0.1", -1),
            ("epoch_s", "1291191960", 1_291_191_960_000),
            ("epoch_s", "1291191960.1239", 1_291_191_960_123),
            ("epoch_s", "1.5e9", 1_500_000_000_000),
            ("epoch_s", "-0.0001", -1),
            ("epoch_s", "-1.5", -1500),
            ("epoch_s", ".5", 500),
            ("epoch_us", "1569888000123999", 1_569_888_000_123),
            ("epoch_us", "-1", -1),
            ("epoch_us", "1569888000123999.5", 1_569_888_000_123),
            ("epoch_ns", "1569888000123999999", 1_569_888_000_123),
            ("epoch_ns", "1.569888000123999999e18", 1_569_888_000_123),
        ] {
            assert_eq!(parse(Some(format), None, text), Ok(ms), "{text}");
        }
        for text in ["", "9223372036854775807", "1e999999999", "now", "2026-07-01", "1,5"] {
            assert!(parse(Some("epoch_s"), None, text).unwrap_err().contains("number of seconds since 1970"), "{text}");
        }
    }

    #[test]
    fn of_several_formats_the_first_that_reads_a_text_says_what_it_means() {
        let formats = ["%d/%m/%Y %H:%M", "epoch_s", "epoch_ms", "rfc3339"];
        let formats =
            TimeFormats::new(formats.map(|name| TimeFormat::new(Some(name), None).unwrap()).to_vec()).unwrap();
        let noon_ms = 1_782_907_200_000;
        for text in ["01/07/2026 12:00", "1782907200", "1782907200000", "2026-07-01T12:00:00Z", " 1782907200 "] {
            assert_eq!(formats.parse(text), Ok(noon_ms), "{text}");
        }
        assert_eq!(formats.parse("noon"), Err("none of the 4 formats reads it".to_owned()));
    }

    #[test]
    fn a_unit_that_is_too_small_is_noticed() {
        let coarser = |format: &str, text: &str| {
            let formats = TimeFormats::new(vec![TimeFormat::new(Some(format), None).unwrap()]).unwrap();
            formats.coarser(formats.parse(text).unwrap()).map(|(name, _)| name)
        };
        assert_eq!(coarser("epoch_ms", "1569888000"), Some("epoch_s"));
        assert_eq!(coarser("epoch_us", "1569888000123"), Some("epoch_ms"));
        assert_eq!(coarser("epoch_ns", "1569888000"), Some("epoch_s"));
        assert_eq!(coarser("epoch_ms", "1569888000123"), None);
        assert_eq!(coarser("epoch_ms", "86400000"), None); // a simulation that begins with the epoch
        assert_eq!(coarser("epoch_s", "1569888"), None);
    }

    #[test]
    fn local_times_are_those_of_their_zone() {
        let format = Some("%d/%m/%Y %H:%M");
        let london = Some("Europe/London");
        let utc = |text: &str| parse_rfc3339_ms(text).map_err(|wrong| wrong.to_string());
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
    fn a_change_that_turns_no_clock_makes_no_local_time_come_twice() {
        let nuuk = |text| parse(None, Some("America/Nuuk"), text);
        let utc = |text: &str| parse_rfc3339_ms(text).map_err(|wrong| wrong.to_string());
        assert_eq!(nuuk("2023-10-28 22:59:59"), utc("2023-10-29T00:59:59Z"));
        assert_eq!(nuuk("2023-10-28 23:00:00"), utc("2023-10-29T01:00:00Z"));
        assert_eq!(nuuk("2023-10-28 23:59:59"), utc("2023-10-29T01:59:59Z"));
        assert_eq!(nuuk("2023-10-29 00:00:00"), utc("2023-10-29T02:00:00Z"));
        // A year later they are turned back, and the hour comes twice.
        assert_eq!(nuuk("2024-10-26 23:30:00"), utc("2024-10-27T00:30:00Z"));
        assert_eq!(nuuk("2024-03-30 23:30:00"), utc("2024-03-31T01:30:00Z"));
    }

    #[test]
    fn every_zone_reads_back_what_its_clocks_show_around_every_change_as_the_first_instant_that_shows_it() {
        let (first, last) = (parse_rfc3339_ms("1900-01-01T00:00:00Z"), parse_rfc3339_ms("2040-01-01T00:00:00Z"));
        let first = Timestamp::from_millisecond(first.unwrap()).unwrap();
        let around_s = [-7200, -3601, -3600, -1800, -1, 0, 1, 1800, 3599, 3600, 7199];
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            let changes = zone.following(first).map(|change| change.timestamp().as_millisecond());
            for change_ms in changes.take_while(|ms| *ms < last.as_ref().copied().unwrap()) {
                for time_ms in around_s.map(|step_s| change_ms + step_s * 1000) {
                    let clock = |ms: i64| zone.to_datetime(Timestamp::from_millisecond(ms).unwrap());
                    let local = clock(time_ms);
                    let read_ms = local_ms(local, &zone).unwrap();
                    assert!(clock(read_ms) == local && read_ms <= time_ms, "{name} {local}: {time_ms} as {read_ms}");
                }
            }
        }
    }

    #[test]
    fn a_format_that_can_never_give_a_time_is_refused_at_once() {
        for format in ["%H:%M", "%Y-%m", "%Q%Q", "time", "%"] {
            assert!(TimeFormat::new(Some(format), None).is_err(), "{format}");
        }
        let wrong = |format| TimeFormat::new(Some(format), None).unwrap_err();
        assert!(
            wrong("epoch_sec").contains("did you mean 'epoch_s'? (formats: epoch_s, epoch_ms, epoch_us, epoch_ns, ")
        );
        assert!(wrong("%Y-%m-%d %H:%M:%S %Z").contains("write UTC itself, '%Y-%m-%d %H:%M:%S UTC'"));
        assert!(TimeFormat::new(Some("epoch_ms"), Some("UTC")).is_err());
        assert!(TimeFormat::new(None, Some("Europe/Lodnon")).unwrap_err().contains("Europe/Lodnon"));
    }
}
