//! The time that the machine takes from threads that sleep or spin.

use std::thread;
use std::time::{Duration, Instant};

use flowbench_measurement::latency::LatencyHistogram;

use crate::measure::scheduling::{thread_cpu_ns, wake_up_in_time};

/// Returns the share (0 to 1) of `length` in which this thread was off the CPU although it only looked at the clock.
pub fn share_lost_spinning(length: Duration) -> f64 {
    let (begun, cpu_ns) = (Instant::now(), thread_cpu_ns());
    while begun.elapsed() < length {
        std::hint::spin_loop();
    }
    let (elapsed_ns, had_ns) = (begun.elapsed().as_nanos() as f64, (thread_cpu_ns() - cpu_ns) as f64);
    (1.0 - had_ns / elapsed_ns.max(1.0)).clamp(0.0, 1.0)
}

/// Measures, like jHiccup, how much later than requested this thread wakes up while it only sleeps, a millisecond at
/// a time, for `length`.
pub fn wake_up_delays(length: Duration) -> LatencyHistogram {
    wake_up_in_time();
    let (begun, mut delays) = (Instant::now(), LatencyHistogram::new());
    while begun.elapsed() < length {
        let before = Instant::now();
        thread::sleep(NAP);
        delays.record_ns(before.elapsed().saturating_sub(NAP).as_nanos() as i64);
    }
    delays
}

/// The requested sleep.
const NAP: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_spins_loses_a_share() {
        assert!((0.0..1.0).contains(&share_lost_spinning(Duration::from_millis(20))));
    }
}
