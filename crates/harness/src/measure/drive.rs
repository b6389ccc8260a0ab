//! Offers a trace according to a plan that is fixed before the run, and records when epochs are admitted and completed.
//!
//! In an open loop every event has a due time that does not depend on the dataflow, and an epoch is offered as soon as
//! its last event is due. When the run is given up, the remaining epochs are offered at once, so that the answers can
//! be checked, and counted as censored. In a closed loop, epochs are offered when earlier ones are completed.
//!
//! Decisions D-409 and D-412.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use flowbench_events::LateSet;
use flowbench_measurement::doubts::NotPinned;
use flowbench_measurement::memory::Held;
use flowbench_measurement::record::{Sharing, WorkerShare};
use flowbench_pipelines::eviction::EvictionWork;
use flowbench_pipelines::{
    BoundPipeline, Cluster, Deployment, Drivers, Feed, RunConfig, RunContext, RunEnd, RunError, WorkerEnd,
};

use crate::cluster::process_group::{ProcessGroup, Report};
use crate::measure::completions::Completions;
use crate::measure::load::{Idle, Load};
use crate::measure::observed::{Observations, Observed};
use crate::measure::operator_profile::{Activity, Recorder};
use crate::measure::pinning::{Affinity, Cores, ProcessesHere};
use crate::measure::run_state::SharedRunState;
use crate::measure::sampler::Sampler;
use crate::measure::scheduling::Scheduling;
use crate::measure::view_skew::Views;
use crate::measure::worker_driver::WorkerDriver;
use crate::measure::worker_log::{ArrangementHolding, OperatorHolding, Pass, WorkerLog};

/// A measured run.
pub struct Measured {
    /// The result of the pipeline.
    pub end: RunEnd,
    /// When epochs were admitted and completed.
    pub completions: Completions,
    /// What was observed during the run besides latencies.
    pub observations: Observations,
    /// How the work was shared.
    pub sharing: Sharing,
    /// The duration of each run of the case, of which this one counts, ns.
    pub runs_ns: Vec<u64>,
    /// The sum of what the scheduler did to the workers.
    pub(crate) scheduling: Scheduling,
    /// What was held when the input had ended, before anything left expired; `None` if bytes were not counted.
    pub(crate) held_at_end: Option<Held>,
    /// The bytes that all workers had allocated in all by then; `None` if bytes were not counted.
    pub(crate) allocated_bytes: Option<u64>,
    /// What forgetting had cost by then.
    pub(crate) eviction: EvictionWork,
    /// The passes of evictions that took long, in the order of time.
    pub(crate) passes: Vec<Pass>,
    /// What operators held over time, with the number of their worker.
    pub(crate) operators: Vec<(usize, OperatorHolding)>,
    /// What arrangements held over time, with the number of their worker and their name.
    pub(crate) arrangements: Vec<(usize, String, ArrangementHolding)>,
    pub(crate) activity: Option<Activity>,
    pub(crate) views: Views,
    /// Why a worker was not bound to a core of its own; `None` if all were, or if none should be.
    pub(crate) not_pinned: Option<NotPinned>,
}

/// What to run, on what input, and with which processes.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The pipeline.
    pub prepared: &'a dyn BoundPipeline,
    /// The value of every axis.
    pub config: RunConfig,
    /// The input.
    pub feed: &'a Arc<Feed>,
    /// How the input is offered.
    pub load: &'a Load,
    /// What workers without work do.
    pub idle: Idle,
    /// True to bind each worker to a core of its own.
    pub pin: bool,
    /// The processes that run the pipeline together; `None` for threads of this process.
    pub process_group: Option<&'a Arc<ProcessGroup>>,
}

/// Runs a pipeline under a load and measures it, including the activity of its operators if `logs_activity` is true.
/// Returns the measurements of all processes in the first of them, and `None` in the others.
///
/// # Errors
///
/// Fails if the pipeline cannot run with this configuration, or if the dataflow or another process fails.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use flowbench_generators::{Amount, Generator, Profile};
/// use flowbench_harness::measure::{Idle, Load, Setting, measure};
/// use flowbench_pipelines::{Feed, Registry, RunConfig, Strategy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let generator = Generator::new(&Profile::named("tiny")?, 42)?;
/// let trace = Arc::new(generator.trace(Amount::Events(1_000)));
/// let sessions = Registry::default().find("sessions")?.prepare(&[], &trace.symbols)?;
///
/// // Epochs of 100 records; the slack of the watermark is 0 ms, and late events are dropped.
/// let feed = Arc::new(Feed::new(trace, 100, 0, true));
/// let setting = Setting {
///     prepared: &*sessions,
///     config: RunConfig::plain(Strategy::EXCHANGE),
///     feed: &feed,
///     load: &Load::Closed,
///     idle: Idle::Spin,
///     pin: false,
///     process_group: None,
/// };
/// let measured = measure(&setting, false)?.expect("the only process has the measurements");
/// assert!(measured.completions.elapsed_ns() > 0);
/// println!("{} answers", measured.end.answers.len());
/// # Ok(())
/// # }
/// ```
pub fn measure(setting: &Setting<'_>, logs_activity: bool) -> Result<Option<Measured>, RunError> {
    let Setting { prepared, config, feed, load, idle, pin, process_group } = *setting;
    let deployment = process_group.map_or(Deployment::Threads, |process_group| {
        Deployment::Processes(Arc::clone(process_group) as Arc<dyn Cluster>)
    });
    let run_state =
        Arc::new(SharedRunState::new(config.workers, &deployment, load.clone(), idle, process_group.cloned()));
    let recorder = logs_activity.then(Recorder::default);
    let sampler = Sampler::start(&run_state);
    let cores = pin.then(|| {
        let here = process_group.map_or(ProcessesHere::ALONE, |process_group| process_group.here());
        Cores::choose(run_state.first_worker, config.workers, here)
    });
    let affinity = pin.then(Affinity::of_this_thread);
    let context = RunContext {
        deployment,
        hook: recorder.as_ref().map(Recorder::hook),
        ..RunContext::new(config, feed, drivers(&run_state, &config, feed, cores))
    };
    let end = prepared.run(&context);
    drop((context, affinity));
    let observations = sampler.stop();
    let end = end?;
    let logs = run_state.take_logs();
    let activity = recorder.map(|recorder| recorder.finish());
    let observed = Observed { logs, observations, activity, wire: None };
    let Some(process_group) = process_group else { return Ok(Some(measured(feed, load, end, observed))) };
    let wire = run_state.sent();
    let observed = process_group.gather(&Report::new(Observed { wire, ..observed }))?;
    Ok(observed.map(|observed| measured(feed, load, end, observed)))
}

/// Returns what makes the driver of a worker, on the thread of that worker.
fn drivers(run_state: &Arc<SharedRunState>, config: &RunConfig, feed: &Arc<Feed>, cores: Option<Cores>) -> Drivers {
    let (run_state, feed, readers) =
        (Arc::clone(run_state), Arc::clone(feed), config.strategy.readers(run_state.workers));
    Arc::new(move |worker| {
        let core = cores.as_ref().map(|cores| cores.bind(worker));
        Box::new(WorkerDriver::new(worker, readers, core, &run_state, &feed))
    })
}

fn measured(feed: &Feed, load: &Load, end: RunEnd, observed: Observed) -> Measured {
    let Observed { logs, observations, mut activity, wire } = observed;
    if let Some(activity) = &mut activity {
        logs.iter().for_each(|log| activity.add_the_rest(log.worker as usize, log.busy_ns));
    }
    let views = Views::new(&logs, feed);
    let progress_messages = activity.as_ref().map(|activity| activity.progress_messages);
    let sharing = Sharing { wire, progress_messages, ..sharing(&end, &logs, &views) };
    let events = feed.trace().events.len() as u64;
    let held_at_end = held_at_end(&logs);
    let allocated_bytes = logs.iter().map(|log| log.allocated_bytes).sum();
    let eviction = logs.iter().filter_map(|log| log.eviction).fold(EvictionWork::default(), EvictionWork::and);
    let mut passes: Vec<Pass> = logs.iter().flat_map(|log| log.passes.iter().copied()).collect();
    passes.sort_by_key(|pass| pass.at_ns);
    let of_worker = |log: &WorkerLog| log.operators.iter().map(|held| (log.worker as usize, *held)).collect::<Vec<_>>();
    let operators = logs.iter().flat_map(of_worker).collect();
    let arrangements = logs.iter().flat_map(arrangements_of).collect();
    let scheduling = logs.iter().map(|log| log.scheduling).reduce(Scheduling::and).unwrap_or_default();
    let not_pinned = logs.iter().find_map(|log| log.core?.err());
    let completions = Completions::new(logs, feed.records_per_epoch() as u64, events, load.clone());
    let runs_ns = vec![completions.elapsed_ns()];
    Measured {
        end,
        completions,
        observations,
        sharing,
        runs_ns,
        scheduling,
        held_at_end,
        allocated_bytes,
        eviction,
        passes,
        operators,
        arrangements,
        activity,
        views,
        not_pinned,
    }
}

/// Returns what the arrangements of a worker held over time.
fn arrangements_of(log: &WorkerLog) -> Vec<(usize, String, ArrangementHolding)> {
    let name = |held: &ArrangementHolding| log.arrangement_names.get(held.arrangement).cloned().unwrap_or_default();
    log.arrangements.iter().map(|held| (log.worker as usize, name(held), *held)).collect()
}

fn held_at_end(logs: &[WorkerLog]) -> Option<Held> {
    let held = logs.iter().filter_map(|log| log.at_end);
    held.map(|at| Held { entries: at.entries, buffered: at.buffered, live_bytes: at.live_bytes }).reduce(|all, more| {
        Held {
            entries: all.entries + more.entries,
            buffered: all.buffered + more.buffered,
            live_bytes: all.live_bytes + more.live_bytes,
        }
    })
}

fn sharing(end: &RunEnd, logs: &[WorkerLog], views: &Views) -> Sharing {
    let busy_ns = |worker: usize| logs.iter().find(|log| log.worker == worker as u64).map_or(0, |log| log.busy_ns);
    let core = |worker: usize| logs.iter().find(|log| log.worker == worker as u64)?.core?.ok();
    let share = |(worker, end): (usize, &WorkerEnd)| WorkerShare {
        records: end.records,
        busy_ns: busy_ns(worker),
        core: core(worker),
    };
    Sharing {
        workers: end.workers.iter().enumerate().map(share).collect(),
        exchanged_records: end.workers.iter().map(|worker| worker.exchanged_records).sum(),
        exchanged_bytes: end.workers.iter().map(|worker| worker.exchanged_bytes).sum(),
        wire: None,
        progress_messages: None,
        view_skew: views.skew(),
        logging_overhead_share: None,
    }
}

/// Measures the throughput of the source alone, events per second. As many threads as there are workers walk the trace
/// side by side, each its own epochs, and decide which events are late, but pass nothing on. The result is the median
/// of three walks, after one that only touches the memory.
pub fn source_ceiling_events_per_s(feed: &Feed, workers: usize) -> f64 {
    let mut walks: Vec<Duration> = (0..=CEILINGS).map(|_| walked(feed, workers)).skip(1).collect();
    walks.sort_unstable();
    feed.trace().events.len() as f64 / walks[CEILINGS / 2].as_secs_f64().max(1e-9)
}

/// The number of measured walks of the source.
const CEILINGS: usize = 3;

fn walked(feed: &Feed, workers: usize) -> Duration {
    let together = Barrier::new(workers);
    let walk = |worker: usize| {
        let (mut late, mut given) = (LateSet::default(), 0_u64);
        together.wait();
        let begun = Instant::now();
        for epoch in (worker as u64..feed.epochs()).step_by(workers) {
            feed.walk(epoch, &mut late, |event| given += u64::from(std::hint::black_box(event).value().is_some()));
        }
        std::hint::black_box((given, late));
        begun.elapsed()
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|worker| scope.spawn(move || walk(worker))).collect();
        let own = walk(0);
        others.into_iter().map(|other| other.join().unwrap_or_default()).fold(own, Duration::max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::gauges::Snapshot;

    #[test]
    fn what_is_held_at_the_end_is_that_of_all_workers() {
        let log = |entries, live_bytes| {
            let at_end = Some(Snapshot { entries, buffered: 1, live_bytes, ..Snapshot::default() });
            WorkerLog { at_end, ..WorkerLog::default() }
        };
        let held = held_at_end(&[log(10, 500), log(20, -100), WorkerLog::default()]);
        assert_eq!(held, Some(Held { entries: 30, buffered: 2, live_bytes: 400 }));
        assert_eq!(held_at_end(&[WorkerLog::default()]), None);
    }

    #[test]
    fn the_ceiling_of_an_empty_source_is_zero_on_any_number_of_threads() {
        let trace = flowbench_events::Trace::default();
        let feed = Feed::new(Arc::new(trace), 10, 0, true);
        assert!([1, 2, 3].iter().all(|workers| source_ceiling_events_per_s(&feed, *workers) == 0.0));
    }
}
