//! When a failed request is repeated.
//!
//! Decision D-635.

use std::time::{Duration, UNIX_EPOCH};

use flowbench_events::mix;

/// Pauses after the first failures of a request, in seconds; the last one is repeated.
const PAUSES_S: [u64; 5] = [5, 30, 5 * 60, 30 * 60, 60 * 60];
/// The longest time a receiver can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Spreads pauses, so that not all senders come back at the same moment. Equal seeds give equal sequences.
#[derive(Debug, Clone)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Returns the jitter of a sink, which is another one for each name.
    pub(crate) fn new(seed: u64, name: &str) -> Jitter {
        Jitter(name.bytes().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte))))
    }

    /// Returns a pause lengthened by up to a fifth.
    pub(crate) fn lengthen(&mut self, pause: Duration) -> Duration {
        self.0 = mix(self.0);
        let share = (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        pause + pause.mul_f64(share / 5.0)
    }
}

/// Returns the pause after this many failures of a request, at least 1, in which the receiver may have asked for a longer
/// one.
pub(crate) fn pause(failures: u32, asked: Option<Duration>, jitter: &mut Jitter) -> Duration {
    let step = (failures.max(1) as usize - 1).min(PAUSES_S.len() - 1);
    let ours = jitter.lengthen(Duration::from_secs(PAUSES_S[step]));
    ours.max(asked.unwrap_or_default())
}

/// Reads `Retry-After`, which is a number of seconds or a date. More than a day is taken for a day, and what cannot be read
/// as no wish.
pub(crate) fn retry_after(header: &str, now_ms: u64) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let until = date.duration_since(UNIX_EPOCH).ok()?;
    Some(until.saturating_sub(Duration::from_millis(now_ms)).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_are_up_to_a_fifth_longer() {
        let mut jitter = Jitter::new(7, "shop");
        let mut lengthened = 0;
        for (failures, seconds) in [(1, 5), (2, 30), (3, 300), (4, 1800), (5, 3600), (6, 3600), (u32::MAX, 3600)] {
            for _ in 0..100 {
                let pause = pause(failures, None, &mut jitter).as_secs_f64() / seconds as f64;
                assert!((1.0..=1.2).contains(&pause), "{pause}");
                lengthened += u32::from(pause > 1.1);
            }
        }
        assert!((250..450).contains(&lengthened), "{lengthened} of 700");
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_sink_others() {
        let pauses = |seed, name| {
            let mut jitter = Jitter::new(seed, name);
            (1..9).map(|failures| pause(failures, None, &mut jitter)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(7, "shop"), pauses(7, "shop"));
        assert_ne!(pauses(7, "shop"), pauses(8, "shop"));
        assert_ne!(pauses(7, "shop"), pauses(7, "shops"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_a_day() {
        let seconds = |text| retry_after(text, 784_111_717_500).map(|wait| wait.as_millis());
        assert_eq!(seconds("120"), Some(120_000));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(59_500));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:48:00 GMT"), Some(0));
        assert_eq!(seconds("Sat, 06 Nov 2094 08:49:37 GMT"), Some(86_400_000));
        assert_eq!(seconds("99999999999999999999999"), Some(86_400_000));
        for wrong in ["", "-1", "1.5", "soon", "\u{fc}"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_receiver_can_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        let mut jitter = Jitter::new(7, "shop");
        assert_eq!(pause(1, Some(Duration::from_secs(60)), &mut jitter), Duration::from_secs(60));
        assert!(pause(4, Some(Duration::from_secs(1)), &mut jitter) >= Duration::from_secs(1800));
    }
}
