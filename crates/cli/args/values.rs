//! Parsers of values with units.

use flowbench_events::parse_duration_ms;

/// Parses a duration that is longer than the time between heartbeats.
pub(super) fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

/// Parses a whole number, which may have `_` between its digits and `k`, `M` or `G` after them.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let (digits, factor) = match plain.as_bytes().last() {
        Some(b'k') => (&plain[..plain.len() - 1], 1_000),
        Some(b'M') => (&plain[..plain.len() - 1], 1_000_000),
        Some(b'G') => (&plain[..plain.len() - 1], 1_000_000_000),
        _ => (plain.as_str(), 1),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "write a whole number such as 500000, 500k or 2M".to_owned())
}
