//! What one worker records during a run.

use flowbench_measurement::doubts::NotPinned;
use flowbench_measurement::lost_time::Gap;
use flowbench_pipelines::OperatorName;
use flowbench_pipelines::eviction::EvictionWork;
use serde::{Deserialize, Serialize};

use crate::measure::gauges::Snapshot;
use crate::measure::scheduling::Scheduling;

/// What one worker records during a run: when its own epochs were admitted and completed, in ns since the run began,
/// where it lost time, and what it held. The memory is allocated before the run begins, so that recording allocates
/// nothing while memory is measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct WorkerLog {
    pub(crate) worker: u64,
    pub(crate) readers: u64,
    pub(crate) admissible: u64,
    pub(crate) admitted_ns: Vec<u64>,
    /// For each epoch, the end of the last round with work before its admission.
    pub(crate) free_since_ns: Vec<u64>,
    pub(crate) completed_ns: Vec<u64>,
    /// The number of epochs its state had acted on, and since when, ns since the run began.
    pub(crate) views: Vec<(u64, u64)>,
    /// The time of rounds with work, ns.
    pub(crate) busy_ns: u64,
    /// The intervals in which it lost time.
    pub(crate) gaps: Vec<Gap>,
    /// Time off the CPU in intervals that were too short to examine or for which there was no room, ns.
    pub(crate) lost_besides_ns: u64,
    /// What it held when the input had ended, before anything left expired.
    pub(crate) at_end: Option<Snapshot>,
    /// The bytes it had allocated in all by then, without the answers kept for the check.
    pub(crate) allocated_bytes: Option<u64>,
    /// What forgetting had cost by then.
    pub(crate) eviction: Option<EvictionWork>,
    /// The passes of its evictions that took long, until the input had ended.
    pub(crate) passes: Vec<Pass>,
    /// What its operators held over time.
    pub(crate) operators: Vec<OperatorHolding>,
    /// Names of its arrangements.
    pub(crate) arrangement_names: Vec<String>,
    /// What its arrangements held over time.
    pub(crate) arrangements: Vec<ArrangementHolding>,
    /// The core it was bound to, or why it was bound to none; `None` if it should not be.
    pub(crate) core: Option<Result<usize, NotPinned>>,
    /// What the scheduler did to it.
    pub(crate) scheduling: Scheduling,
}

/// The time that the evictions of a worker took between two looks at its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    /// When it had ended, ns since the run began.
    pub(crate) at_ns: u64,
    pub(crate) length_ns: u64,
}

/// What one operator of a worker held at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorHolding {
    pub(crate) operator: OperatorName,
    /// ns since the run began.
    pub(crate) at_ns: u64,
    /// Events admitted by the worker.
    pub(crate) admitted: u64,
    pub(crate) entries: u64,
    pub(crate) least_bytes: u64,
}

/// What one arrangement of a worker held at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArrangementHolding {
    /// Which of the names in the log of the worker.
    pub(crate) arrangement: usize,
    /// ns since the run began.
    pub(crate) at_ns: u64,
    /// Events admitted by the worker.
    pub(crate) admitted: u64,
    pub(crate) records: u64,
    pub(crate) batches: u64,
}

/// The number of gaps there is room for.
const GAPS: usize = 1 << 16;
/// The number of long passes there is room for.
const PASSES: usize = 1 << 14;
/// The number of looks at an operator there is room for.
const HOLDINGS: usize = 1 << 14;

impl WorkerLog {
    /// Creates the log of one of `readers` workers who read `epochs` in turn, or of a worker who reads none.
    pub(crate) fn new(worker: u64, readers: u64, epochs: u64) -> Self {
        let log = Self { worker, readers, ..Self::default() };
        let own = log.own(epochs);
        let room = || Vec::with_capacity(own);
        Self {
            admitted_ns: room(),
            free_since_ns: room(),
            completed_ns: room(),
            views: Vec::with_capacity(epochs as usize + 1),
            gaps: Vec::with_capacity(GAPS),
            passes: Vec::with_capacity(PASSES),
            operators: Vec::with_capacity(HOLDINGS),
            arrangements: Vec::with_capacity(HOLDINGS),
            ..log
        }
    }

    /// Records that its own epochs below `epochs` are admitted now, and that the worker had nothing to do since
    /// `free_since_ns`.
    pub(crate) fn admit(&mut self, epochs: u64, now_ns: u64, free_since_ns: u64) {
        let own = self.own(epochs).max(self.admitted_ns.len());
        self.admitted_ns.resize(own, now_ns);
        self.free_since_ns.resize(own, free_since_ns);
    }

    /// Records that its own epochs below `epochs` are completed now.
    pub(crate) fn complete(&mut self, epochs: u64, now_ns: u64) {
        let own = self.own(epochs).min(self.admitted_ns.len()).max(self.completed_ns.len());
        self.completed_ns.resize(own, now_ns);
    }

    /// Records that its state has now acted on all epochs below `epochs`.
    pub(crate) fn view(&mut self, epochs: u64, now_ns: u64) {
        if self.views.len() < self.views.capacity() {
            self.views.push((epochs, now_ns));
        }
    }

    /// Records a long pass. Where there is no room left, the longest ones are kept.
    pub(crate) fn pass(&mut self, pass: Pass) {
        if self.passes.len() < PASSES {
            return self.passes.push(pass);
        }
        let shortest = self.passes.iter_mut().min_by_key(|pass| pass.length_ns);
        shortest
            .filter(|shortest| shortest.length_ns < pass.length_ns)
            .into_iter()
            .for_each(|shortest| *shortest = pass);
    }

    /// Records what an operator holds.
    pub(crate) fn hold(&mut self, holding: OperatorHolding) {
        if self.operators.len() < HOLDINGS {
            self.operators.push(holding);
        }
    }

    /// Records what an arrangement holds. Its name is kept when it is seen first, which is at the first look at all.
    pub(crate) fn hold_arrangement(&mut self, name: &str, holding: ArrangementHolding) {
        if self.arrangement_names.len() == holding.arrangement {
            self.arrangement_names.push(name.to_owned());
        }
        if self.arrangements.len() < HOLDINGS {
            self.arrangements.push(holding);
        }
    }

    /// Records lost time.
    pub(crate) fn lose(&mut self, gap: Gap) {
        if self.gaps.len() < GAPS {
            self.gaps.push(gap);
        }
    }

    /// Records that the worker ran for `length_ns`, requested sleep excluded, and had the CPU for `cpu_ns` of that.
    /// Time that no gap explains was lost in intervals too short to examine, from work and idleness alike.
    pub(crate) fn close(&mut self, length_ns: u64, cpu_ns: u64) {
        let in_gaps_ns = self.gaps.iter().map(|gap| gap.off_cpu_ns).sum::<u64>();
        let rest_ns = length_ns.saturating_sub(in_gaps_ns);
        self.lost_besides_ns = rest_ns.saturating_sub(cpu_ns);
        if rest_ns > cpu_ns {
            self.busy_ns = (self.busy_ns as f64 * cpu_ns as f64 / rest_ns as f64) as u64;
        }
    }

    /// Returns the next epoch it has to admit; `None` if it reads none.
    pub(crate) fn next_epoch(&self) -> Option<u64> {
        (self.worker < self.readers).then(|| self.worker + self.readers * self.admitted_ns.len() as u64)
    }

    /// Returns how many of the first `epochs` belong to this worker.
    fn own(&self, epochs: u64) -> usize {
        if self.worker < self.readers { epochs.saturating_sub(self.worker).div_ceil(self.readers) as usize } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_arrangement_is_kept_once() {
        let mut log = WorkerLog::new(0, 1, 8);
        for at_ns in [1, 2] {
            for (arrangement, name) in ["known", "segments"].into_iter().enumerate() {
                let holding = ArrangementHolding { arrangement, at_ns, admitted: 3, records: 4, batches: 5 };
                log.hold_arrangement(name, holding);
            }
        }
        assert_eq!((log.arrangement_names, log.arrangements.len()), (vec!["known".into(), "segments".into()], 4));
    }

    #[test]
    fn time_that_no_gap_explains_was_taken_from_work_and_idleness_alike() {
        let mut log = WorkerLog::new(0, 1, 8);
        log.busy_ns = 600;
        log.lose(Gap { from_ns: 0, to_ns: 100, off_cpu_ns: 100, idle: true });
        log.close(1_000, 450); // of 900 ns outside of the gap, half were on the CPU
        assert_eq!((log.lost_besides_ns, log.busy_ns), (450, 300));
        log.close(1_000, 2_000); // the clocks of the kernel are not as fine
        assert_eq!((log.lost_besides_ns, log.busy_ns), (0, 300));
    }
}
