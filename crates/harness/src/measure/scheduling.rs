//! What the kernel's scheduler did to a thread, and how much CPU time it had.

use std::fs;
use std::num::NonZero;
use std::ops::Sub;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Counts of one thread, or of several together; absent where the kernel does not report them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Scheduling {
    /// Time it was ready to run and had no CPU, ns.
    pub(crate) run_delay_ns: Option<u64>,
    /// How often it was taken off the CPU involuntarily.
    pub(crate) involuntary_switches: Option<u64>,
}

impl Scheduling {
    /// Returns the counts of the calling thread since it began.
    pub(crate) fn of_this_thread() -> Self {
        Self { run_delay_ns: run_delay_ns(), involuntary_switches: involuntary_switches() }
    }

    /// Returns the sum of the counts of two threads.
    pub(crate) fn and(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        Self {
            run_delay_ns: sum(self.run_delay_ns, other.run_delay_ns),
            involuntary_switches: sum(self.involuntary_switches, other.involuntary_switches),
        }
    }
}

/// The counts since an earlier state.
impl Sub for Scheduling {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            run_delay_ns: since(self.run_delay_ns, before.run_delay_ns),
            involuntary_switches: since(self.involuntary_switches, before.involuntary_switches),
        }
    }
}

/// Makes the kernel wake the calling thread on time: without this it may round every sleep up by 50 µs.
pub(crate) fn wake_up_in_time() {
    let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
}

/// Returns the CPU time of the calling thread, user and system, ns.
pub(crate) fn thread_cpu_ns() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// Returns the CPU time of this process, user and system, ns.
pub(crate) fn process_cpu_ns() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Returns the second number of schedstat: the time on the run queue, ns.
fn run_delay_ns() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().nth(1)?.parse().ok()
}

fn involuntary_switches() -> Option<u64> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_has_cpu_time_and_is_known_to_the_kernel() {
        let before = thread_cpu_ns();
        let sum = (0..1_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        assert!(thread_cpu_ns() > before && process_cpu_ns() >= thread_cpu_ns() - before);
        let now = Scheduling::of_this_thread();
        assert!(now.involuntary_switches.is_some(), "{now:?}");
        assert_eq!((now - now).involuntary_switches, Some(0));
    }

    #[test]
    fn what_one_thread_does_not_know_is_not_known_of_both() {
        let known = Scheduling { run_delay_ns: Some(3), involuntary_switches: Some(1) };
        let unknown = Scheduling { run_delay_ns: None, ..known };
        assert_eq!(known.and(known), Scheduling { run_delay_ns: Some(6), involuntary_switches: Some(2) });
        assert_eq!(known.and(unknown), Scheduling { run_delay_ns: None, involuntary_switches: Some(2) });
        assert_eq!((known - unknown).run_delay_ns, None);
    }
}
