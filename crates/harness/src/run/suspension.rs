//! Finds out that a case did not run all the time: the machine slept, or somebody stopped its processes or flowbench.
//!
//! Decision D-427.

use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::time::{ClockId, clock_gettime};

use crate::run::child_process::ChildProcess;

/// The minimum time between two looks after which flowbench itself must have been stopped. It looks a hundred times
/// per second, and no load of a machine that can be measured on keeps it waiting for that long.
const STOPPED_MIN: Duration = Duration::from_secs(2);
/// The minimum time for which a machine sleeps.
const SLEPT_MIN: Duration = Duration::from_millis(100);

/// Looks again and again whether anything stood still.
pub(crate) struct SuspensionWatch {
    last: Clocks,
}

/// Two clocks, of which only one goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    awake: Instant,
    since_boot: Duration,
}

impl SuspensionWatch {
    pub(crate) fn start() -> SuspensionWatch {
        SuspensionWatch { last: Clocks::now() }
    }

    /// Returns what stood still since the last look; `None` if nothing did.
    pub(crate) fn look(&mut self, processes: &[ChildProcess]) -> Option<String> {
        let now = Clocks::now();
        let stood_still = standstill(self.last, now);
        self.last = now;
        stood_still.or_else(|| {
            let stopped = processes.iter().position(was_stopped)?;
            Some(format!("process {stopped} of the case was stopped"))
        })
    }
}

impl Clocks {
    fn now() -> Clocks {
        let since_boot = clock_gettime(ClockId::Boottime);
        let (s, ns) = (since_boot.tv_sec.unsigned_abs(), since_boot.tv_nsec.unsigned_abs());
        Clocks { awake: Instant::now(), since_boot: Duration::from_secs(s) + Duration::from_nanos(ns) }
    }
}

/// Returns what the clocks of two looks say about the time between them.
fn standstill(last: Clocks, now: Clocks) -> Option<String> {
    let awake = now.awake.saturating_duration_since(last.awake);
    let slept = now.since_boot.saturating_sub(last.since_boot).saturating_sub(awake);
    if slept >= SLEPT_MIN {
        return Some(format!("the machine slept for {:.1} s", slept.as_secs_f64()));
    }
    (awake >= STOPPED_MIN).then(|| format!("flowbench was stopped for {:.1} s", awake.as_secs_f64()))
}

/// Returns true if a child process was stopped or continued since this was last asked. One that has ended was not.
fn was_stopped(process: &ChildProcess) -> bool {
    let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
    id.filter(|_| process.status().is_none())
        .and_then(|id| waitid(WaitId::Pid(id), options).ok().flatten())
        .is_some_and(|seen| seen.stopped() || seen.continued())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Signal, kill_process};

    use super::*;

    #[test]
    fn a_machine_that_slept_and_a_look_that_came_late_are_told_apart() {
        let last = Clocks::now();
        let after = |awake_ms, since_boot_ms| {
            let awake = last.awake + Duration::from_millis(awake_ms);
            let since_boot = last.since_boot + Duration::from_millis(since_boot_ms);
            standstill(last, Clocks { awake, since_boot })
        };
        assert_eq!((after(10, 10), after(1900, 1999)), (None, None), "a busy machine");
        assert_eq!(after(10, 7_210).as_deref(), Some("the machine slept for 7.2 s"));
        assert_eq!(after(3_000, 3_000).as_deref(), Some("flowbench was stopped for 3.0 s"));
        assert_eq!((after(10, 0), after(0, 0)), (None, None), "a clock that was set back");
    }

    #[test]
    fn a_process_that_was_stopped_or_continued_is_named_once() {
        let sleeper = || ChildProcess::start(Command::new("sleep").arg("600"), false).unwrap();
        let processes = [sleeper(), sleeper()];
        let mut watch = SuspensionWatch::start();
        assert!(processes.iter().all(|process| !was_stopped(process)));
        let id = Pid::from_raw(i32::try_from(processes[1].id()).unwrap()).unwrap();
        for signal in [Signal::STOP, Signal::CONT] {
            kill_process(id, signal).unwrap();
            let seen = std::iter::repeat_with(|| {
                std::thread::sleep(Duration::from_millis(5));
                processes.iter().position(was_stopped)
            });
            assert_eq!(seen.flatten().next(), Some(1));
            assert!(processes.iter().all(|process| !was_stopped(process)));
        }
        kill_process(id, Signal::STOP).unwrap();
        let seen = std::iter::repeat_with(|| watch.look(&processes)).flatten().next();
        assert!(seen.is_some_and(|seen| seen == "process 1 of the case was stopped"));
    }
}
