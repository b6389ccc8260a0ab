//! The time that the machine takes from threads that sleep or spin.

use std::thread;
use std::time::{Duration, Instant};

use flowbench_measurement::latency::LatencyHistogram;

use crate::measure::scheduling::{thread_cpu_ns, wake_up_in_time};

/// What a thread sees that only looks at the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spin {
    /// Share (0 to 1) of the time in which it was off the CPU.
    pub lost_share: f64,
    /// How far the work done in a hundredth of a second lies from its median, as a share of that: half the distance
    /// between the 0.05 and the 0.95 quantile. Absent if there were too few.
    pub noise_share: Option<f64>,
    /// The smallest step of the clock, ns.
    pub clock_step_ns: u64,
}

/// Spins for `length` and returns what was seen.
pub fn spin(length: Duration) -> Spin {
    let (begun, cpu_ns) = (Instant::now(), thread_cpu_ns());
    let (mut blocks, mut looks, mut block_ends) = (Vec::new(), 0_u64, BLOCK);
    let (mut last, mut clock_step) = (begun, Duration::MAX);
    while last - begun < length {
        let now = Instant::now();
        if now > last {
            clock_step = clock_step.min(now - last);
        }
        (last, looks) = (now, looks + 1);
        if now - begun >= block_ends {
            blocks.push(looks as f64);
            (looks, block_ends) = (0, now - begun + BLOCK);
        }
        std::hint::spin_loop();
    }
    let (elapsed_ns, had_ns) = (begun.elapsed().as_nanos() as f64, (thread_cpu_ns() - cpu_ns) as f64);
    Spin {
        lost_share: (1.0 - had_ns / elapsed_ns.max(1.0)).clamp(0.0, 1.0),
        noise_share: noise_share(blocks),
        clock_step_ns: clock_step.as_nanos().try_into().unwrap_or(u64::MAX),
    }
}

/// Returns half the distance between the 0.05 and the 0.95 quantile as a share of the median.
fn noise_share(mut blocks: Vec<f64>) -> Option<f64> {
    blocks.sort_by(f64::total_cmp);
    let at = |quantile: f64| blocks[(quantile * (blocks.len() - 1) as f64).round() as usize];
    (blocks.len() >= BLOCKS_MIN).then(|| (at(0.95) - at(0.05)) / 2.0 / at(0.5))
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

/// Length of the stretches whose work is compared.
const BLOCK: Duration = Duration::from_millis(10);
/// Number of stretches from which they can be compared.
const BLOCKS_MIN: usize = 20;
/// The requested sleep.
const NAP: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_spins_sees_what_it_loses_and_how_the_clock_steps() {
        let seen = spin(Duration::from_millis(20));
        assert!((0.0..1.0).contains(&seen.lost_share) && seen.clock_step_ns > 0, "{seen:?}");
        assert_eq!(seen.noise_share, None);
    }

    #[test]
    fn noise_is_how_far_stretches_lie_apart() {
        assert_eq!(noise_share(vec![100.0; 20]), Some(0.0));
        assert_eq!(noise_share((0..=100).map(|n| 50.0 + f64::from(n)).collect()), Some(0.45));
        assert_eq!(noise_share(vec![1.0; 19]), None);
    }
}
