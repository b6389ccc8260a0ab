//! Parsers of values with units.

use flowbench_events::parse_duration_ms;

/// Parses a duration that is longer than the time between heartbeats.
pub(super) fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

/// Parses a whole number, which may have `_` between its digits and `k`, `M` or `G` after them: `20_000`, `20k`, `1.5M`.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let (number, zeros) = match plain.as_bytes().last() {
        Some(b'k') => (&plain[..plain.len() - 1], 3),
        Some(b'M') => (&plain[..plain.len() - 1], 6),
        Some(b'G') => (&plain[..plain.len() - 1], 9),
        _ => (plain.as_str(), 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && is_digits(whole) && is_digits(fraction) && fraction.len() <= zeros;
    let digits = format!("{whole}{fraction:0<zeros$}");
    let count = digits.parse().ok().filter(|_| is_number && !number.ends_with('.'));
    count.ok_or_else(|| "write a whole number such as 500000, 500k or 2M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_have_a_unit_and_is_whole() {
        for (text, number) in [
            ("0", 0),
            ("20000", 20_000),
            ("20_000", 20_000),
            ("20k", 20_000),
            ("1.5M", 1_500_000),
            ("2G", 2_000_000_000),
        ] {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in ["", "k", "1.5", "1.0005k", "-1", "+1", "1e6", "2.k", ".5k", "ten", "2m", "99999999999G"] {
            assert!(count(text).unwrap_err().contains("such as 500000, 500k or 2M"), "{text}");
        }
    }

    #[test]
    fn a_process_may_be_silent_for_a_second_at_least() {
        assert_eq!(peer_timeout_ms("1s"), Ok(1000));
        assert!(peer_timeout_ms("999ms").unwrap_err().contains("below 1s"));
        assert!(peer_timeout_ms("soon").unwrap_err().contains("write it like 250ms, 30s"));
    }
}
