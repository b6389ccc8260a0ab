//! Parsers of values with units.

use flowbench_events::parse_duration_ms;

/// Parses a duration that is longer than the time between heartbeats.
pub(super) fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_silent_for_a_second_at_least() {
        assert_eq!(peer_timeout_ms("1s"), Ok(1000));
        assert!(peer_timeout_ms("999ms").unwrap_err().contains("below 1s"));
        assert!(peer_timeout_ms("soon").unwrap_err().contains("write it like 250ms, 30s"));
    }
}
