//! Texts of foreign engines in one form each: times as instants, numbers by their value, durations in milliseconds.

use jiff::{Span, SpanRelativeTo};

use crate::decimal::{Decimal, NumberStyle};
use crate::time::parse_duration_ms;
use crate::time_format::TimeFormat;

/// How times from elsewhere are written.
#[derive(Debug, Clone)]
pub struct TimeReading(TimeFormat);

impl TimeReading {
    /// Returns how times in this format (`rfc3339`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns` or a strftime
    /// pattern; by default RFC 3339, with `T` or a space and with or without a fraction) and of this zone are read.
    /// The zone, an IANA name, is that of times without an offset; by default it is UTC.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the format or the zone.
    pub fn new(format: Option<&str>, timezone: Option<&str>) -> Result<TimeReading, String> {
        let is_count = format.is_some_and(TimeFormat::is_count);
        TimeFormat::new(format, timezone.or((!is_count).then_some("UTC"))).map(TimeReading)
    }

    /// Returns the instant that a text means, in ms since the Unix epoch. Digits below 1 ms are cut off.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without the place.
    pub fn parse_ms(&self, text: &str) -> Result<i64, String> {
        let text = text.trim();
        // As some databases print what has a time zone.
        let in_utc = text.strip_suffix(" UTC").map(|text| format!("{text}Z"));
        self.0.parse(text).or_else(|wrong| in_utc.and_then(|text| self.0.parse(&text).ok()).ok_or(wrong))
    }
}

/// Returns a number in the one form that all texts of its value share, such as `1203.5` for `1203.50` and `1.2035e3`.
/// `None` if the text is not a number, or has more than 38 digits.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::canonical_number("1203.50"), flowbench_events::canonical_number("1.2035e3"));
/// assert_eq!(flowbench_events::canonical_number("ten"), None);
/// ```
pub fn canonical_number(text: &str) -> Option<String> {
    Decimal::parse(text, NumberStyle::PLAIN).ok().map(|number| number.to_string())
}

/// Returns a duration in ms, with the digits below: `12s91ms`, `00:00:12.091`, `3 days 04:00:00` and `PT12.091S`, or a number,
/// which counts milliseconds. A day has 24 hours. `None` if the text is no duration.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::canonical_duration("00:00:12.091"), Some("12091".to_owned()));
/// ```
pub fn canonical_duration(text: &str) -> Option<String> {
    if let Some(number) = canonical_number(text) {
        return Some(number);
    }
    let text = text.trim();
    let (sign, amount) = text.strip_prefix('-').map_or((1, text), |amount| (-1, amount));
    if let Ok(ms) = parse_duration_ms(amount) {
        return Some((sign * ms).to_string());
    }
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    canonical_number(&format!("{}e-6", duration.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_may_be_written_in_many_ways() {
        let at_ms = 1_767_607_200_000;
        let default = TimeReading::new(None, None).unwrap();
        for text in [
            "2026-01-05T10:00:00.000Z",
            "2026-01-05T10:00:00Z",
            "2026-01-05T10:00:00",
            "2026-01-05 10:00:00",
            "2026-01-05 10:00:00.000000",
            "2026-01-05 10:00:00+00",
            "2026-01-05 11:00:00+01:00",
            "2026-01-05 10:00:00 UTC",
            "2026-01-05 10:00:00.000 UTC",
            "2026-01-05 10:00",
            " 2026-01-05T10:00Z ",
        ] {
            assert_eq!(default.parse_ms(text), Ok(at_ms), "{text}");
        }
        assert_eq!(default.parse_ms("2026-01-05"), Ok(at_ms - 36_000_000));
        for (format, text) in
            [("epoch_s", "1767607200"), ("epoch_ms", "1767607200000.0"), ("epoch_us", "1767607200000999")]
        {
            assert_eq!(TimeReading::new(Some(format), None).unwrap().parse_ms(text), Ok(at_ms), "{text}");
        }
        let in_berlin = TimeReading::new(None, Some("Europe/Berlin")).unwrap();
        assert_eq!(in_berlin.parse_ms("2026-01-05 11:00:00"), Ok(at_ms));
        assert_eq!(in_berlin.parse_ms("2026-01-05T10:00:00Z"), Ok(at_ms));
        assert!(default.parse_ms("1767607200000").is_err() && default.parse_ms("noon").is_err());
        assert!(TimeReading::new(Some("epoch"), None).unwrap_err().contains("epoch_s"));
        assert!(TimeReading::new(None, Some("Berlin")).unwrap_err().contains("not a time zone"));
    }

    #[test]
    fn a_duration_has_one_form_by_its_length() {
        for (form, texts) in [
            (
                "12091",
                &["12s91ms", "12091", "12091.0", "00:00:12.091", "PT12.091S", "12s 91ms", "12.091s", "12091 ms"][..],
            ),
            ("273600000", &["3d4h", "3 days 04:00:00", "P3DT4H", "76:00:00", "PT76H"]),
            ("-1500", &["-1s500ms", "-1500", "-PT1.5S"]),
            ("0.25", &["250us", "0.25", "PT0.00025S"]),
            ("0", &["0s", "0", "00:00:00", "PT0S"]),
        ] {
            for text in texts {
                assert_eq!(canonical_duration(text).as_deref(), Some(form), "{text}");
            }
        }
        for text in ["", "soon", "1 month", "P1Y", "2026-01-05"] {
            assert_eq!(canonical_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_one_form_by_its_value() {
        for (form, texts) in [
            ("1203.5", &["1203.5", "1203.50", "01203.500", "+1203.5", "1.2035e3", " 12035E-1 "][..]),
            ("-0.01", &["-.01", "-0.010", "-1e-2"]),
            ("0", &["0", "-0.0", "0e9", ".0"]),
            ("1200", &["1200", "1.2e3", "1200."]),
            ("7", &["7", "7.0", "007"]),
        ] {
            for text in texts {
                assert_eq!(canonical_number(text).as_deref(), Some(form), "{text}");
            }
        }
        for text in ["", "ten", "1,5", "0x10", "NaN", "2026-01-05", "1 000"] {
            assert_eq!(canonical_number(text), None, "{text}");
        }
        assert_eq!(canonical_number("1e400"), canonical_number("10e399"));
    }
}
