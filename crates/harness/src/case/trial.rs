//! One run of a case and its numbers.
//!
//! Decision D-406.

use std::sync::Arc;

use flowbench_events::{Event, Horizon, Sources, Trace, WatermarkRule};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_measurement::doubts::SHORT_NS;
use flowbench_measurement::offered_load::{Bursts, Schedule, ScheduleError};
use flowbench_measurement::record::{Axes, Disorder, Status, Sustainable};
use flowbench_pipelines::{
    BoundPipeline, EvictionName, Fault, FaultKind, Feed, OrderName, Pipeline, RunConfig, RunError, Strategy, catalogue,
};

use crate::case::check::Check;
use crate::case::evaluate::{Facts, evaluate};
use crate::cluster::process_group::ProcessGroup;
use crate::environment;
use crate::experiment::case_spec::{Arrivals, CaseSpec, TraceSpec};
use crate::experiment::plan::{IDLE, SOURCES_CHANNEL, named};
use crate::experiment::rate::Rate;
use crate::generate;
use crate::measure::drive::{self, Measured, Setting};
use crate::measure::load::Load;
use crate::run::protocol::CaseResult;

/// What the runs of a case share: the trace and the configuration.
pub(crate) struct PreparedCase {
    pub(crate) config: RunConfig,
    profile: Profile,
    trace: Arc<Trace>,
    pipeline: &'static dyn Pipeline,
    prepared: Box<dyn BoundPipeline>,
}

/// One run of a case.
pub(crate) struct Run {
    pub(crate) feed: Arc<Feed>,
    pub(crate) measured: Measured,
}

impl PreparedCase {
    pub(crate) fn new(spec: &CaseSpec) -> Result<PreparedCase, String> {
        let profile = generate::profile(&spec.trace.profile, &spec.trace.overrides)?;
        let trace = Arc::new(make_trace(&profile, &spec.trace)?);
        let (pipeline, config) = chosen(spec)?;
        let prepared = pipeline
            .prepare(&spec.axes.settings, &trace.symbols)
            .map_err(|error| format!("{}: {error}", pipeline.name()))?;
        Ok(PreparedCase { config, profile, trace, pipeline, prepared })
    }

    /// Runs it once, on as many events of the trace as `spec` says. `None` if another process has the measurements.
    pub(crate) fn run(
        &self,
        spec: &CaseSpec,
        profile_operators: bool,
        process_group: Option<&Arc<ProcessGroup>>,
    ) -> Result<Option<Run>, String> {
        let trace = self.first_events(spec.trace.events as usize);
        let load = load(spec, &trace).map_err(|error| error.to_string())?;
        let (rule, drops_late) = (watermark_rule(&spec.axes), self.config.order.drops_late());
        let feed = Arc::new(Feed::new(trace, spec.axes.records_per_epoch, rule, drops_late));
        let idle = named("idle", &spec.axes.idle, &IDLE)?;
        let setting =
            Setting { prepared: &*self.prepared, config: self.config, feed: &feed, load: &load, idle, process_group };
        let measured = measured(&setting, profile_operators).map_err(|error| error.to_string())?;
        Ok(measured.map(|measured| Run { feed, measured }))
    }

    fn first_events(&self, events: usize) -> Arc<Trace> {
        match self.trace.events.get(..events) {
            Some(first) if first.len() < self.trace.events.len() => {
                Arc::new(Trace { events: first.to_vec(), symbols: self.trace.symbols.clone() })
            }
            _ => Arc::clone(&self.trace),
        }
    }

    /// Checks the answers of a run and computes its numbers; `found` is the result of the search that ended with it.
    pub(crate) fn result(&self, spec: &CaseSpec, run: &Run, found: Option<Sustainable>) -> CaseResult {
        let Run { feed, measured } = run;
        let (trace, config) = (feed.trace(), &self.config);
        // The check and the digest need no clock: side by side.
        let (check, trace_digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| trace.digest());
            let check = Check::new(&*self.prepared, self.pipeline, config, trace, feed.rule(), &measured.end);
            (check, digest.join().unwrap_or_default())
        });
        let full_load = matches!(spec.rate, Rate::Closed | Rate::Search);
        let workers = config.workers * spec.axes.processes;
        let keeps_for_a_while = config.eviction != EvictionName::Never;
        let facts = Facts {
            accuracy: check.accuracy,
            disorder: disorder(trace, &self.profile, check.duplicates),
            trace_digest,
            retention_ms: keeps_for_a_while.then(|| self.prepared.retention_ms(&trace.events)).flatten(),
            has_day_rhythm: self.profile.has_day_rhythm(),
            source_ceiling_events_per_s: full_load.then(|| drive::source_ceiling_events_per_s(feed, workers)),
            sustainable: found,
        };
        let mut result = evaluate(spec, feed, config, measured, facts);
        let unstruck = config.fault.filter(|_| !measured.end.struck).map(never_struck);
        if let Some(cause) = check.wrong.or(unstruck) {
            result.status = Status::Invalid { cause };
            result.numbers = None;
        }
        result
    }
}

/// Returns why a case is invalid whose planted fault did nothing.
fn never_struck(fault: Fault) -> String {
    let what = match fault.kind {
        FaultKind::WrongAnswer => "answers that its worker gives",
        _ => "messages that its worker is given",
    };
    format!(
        "the planted fault never struck: it strikes after {} {what}, and there were no more; put a lower number behind \
         @, or give the case more events",
        fault.after
    )
}

/// Runs the case, and once more with logging if activity is requested. Several processes meet for one run only:
/// theirs is the logged one.
fn measured(setting: &Setting<'_>, profile_operators: bool) -> Result<Option<Measured>, RunError> {
    if setting.process_group.is_some() {
        return drive::measure(setting, profile_operators);
    }
    if !profile_operators {
        return median_of_runs(setting);
    }
    let (plain, logged) = (median_of_runs(setting)?, drive::measure(setting, true)?);
    let (Some(mut measured), Some(logged)) = (plain, logged) else { return Ok(None) };
    let busy_ns = |run: &Measured| run.sharing.workers.iter().map(|worker| worker.busy_ns).sum::<u64>() as f64;
    measured.sharing.logging_overhead_share = Some(busy_ns(&logged) / busy_ns(&measured).max(1.0) - 1.0);
    measured.sharing.progress_messages = logged.sharing.progress_messages;
    measured.activity = logged.activity;
    Ok(Some(measured))
}

/// Runs a closed loop [`RUNS`] times, and for [`SHORT_NS`] in total, after one run that does not count because it
/// touches memory for the first time. The number of runs is odd, and the median run gives the numbers. A run of
/// [`LONG_NS`] is enough by itself: a pause of the machine is then a small part of it.
fn median_of_runs(setting: &Setting<'_>) -> Result<Option<Measured>, RunError> {
    let Some(first) = drive::measure(setting, false)? else { return Ok(None) };
    let may_repeat = matches!(setting.load, Load::Closed) && setting.config.fault.is_none();
    let elapsed_ns = |run: &Measured| run.completions.elapsed_ns();
    if !may_repeat || elapsed_ns(&first) >= LONG_NS {
        return Ok(Some(first));
    }
    drop(first);
    let (mut runs, mut lasted_ns) = (Vec::new(), 0);
    let is_enough = |runs: usize, lasted_ns| {
        let is_long = lasted_ns >= LONG_NS || runs >= RUNS_MAX || (runs >= RUNS && lasted_ns >= SHORT_NS);
        is_long && runs % 2 == 1 // so that one is in the middle
    };
    while !is_enough(runs.len(), lasted_ns) {
        let Some(run) = drive::measure(setting, false)? else { return Ok(None) };
        lasted_ns += elapsed_ns(&run);
        runs.push(run);
    }
    let runs_ns = runs.iter().map(elapsed_ns).collect();
    runs.sort_by_key(elapsed_ns);
    Ok(Some(Measured { runs_ns, ..runs.swap_remove(runs.len() / 2) }))
}

/// The minimum number of runs of a closed loop.
const RUNS: usize = 5;
/// The maximum number of runs where each is short.
const RUNS_MAX: usize = 25;
/// A closed loop that has lasted this long in total is not run again, ns.
const LONG_NS: u64 = 2_000_000_000;

/// Makes the trace a case is fed.
fn make_trace(profile: &Profile, spec: &TraceSpec) -> Result<Trace, String> {
    let generator = Generator::new(profile, spec.seed).map_err(|error| error.to_string())?;
    Ok(generate::trace(&generator, Amount::Events(spec.events), environment::usable_cores()))
}

/// Returns the watermark rule that these axes ask for.
pub(crate) fn watermark_rule(axes: &Axes) -> WatermarkRule {
    let by_channel = axes.sources == SOURCES_CHANNEL;
    let sources = if by_channel { Sources::Channel { idle_ms: axes.idle_ms } } else { Sources::Merged };
    WatermarkRule { slack_ms: axes.slack_ms, sources }
}

/// Returns the disorder of the trace, requested and realised.
fn disorder(trace: &Trace, profile: &Profile, duplicates: u64) -> Disorder {
    let asked = profile.asked();
    let mut newest_ms = i64::MIN;
    let mut out_of_order = 0;
    for event in &trace.events {
        out_of_order += u64::from(event.event_time_ms() < newest_ms);
        newest_ms = newest_ms.max(event.event_time_ms());
    }
    Disorder {
        out_of_order,
        out_of_order_share_asked: asked.out_of_order_share,
        duplicates,
        duplicates_share_asked: Some(asked.duplicates_share),
    }
}

fn chosen(spec: &CaseSpec) -> Result<(&'static dyn Pipeline, RunConfig), String> {
    let axes = &spec.axes;
    let config = RunConfig {
        strategy: named("strategy", &axes.strategy, &Strategy::ALL.map(|one| (one.name(), one)))?,
        order: named("order", &axes.order, &OrderName::ALL.map(|one| (one.name(), one)))?,
        eviction: named("eviction", &axes.eviction, &EvictionName::ALL.map(|one| (one.name(), one)))?,
        workers: axes.workers,
        deduplicate: axes.deduplicate.then_some(Horizon::DAY),
        fault: axes.fault.as_deref().map(Fault::parse).transpose()?,
    };
    Ok((catalogue::find(&axes.pipeline)?, config))
}

fn load(spec: &CaseSpec, trace: &Trace) -> Result<Load, ScheduleError> {
    let Some(rate) = spec.axes.rate_events_per_s else { return Ok(Load::Closed) };
    let events = trace.events.len();
    let schedule = match spec.arrivals {
        Arrivals::Closed | Arrivals::Constant => Schedule::constant(rate)?,
        Arrivals::Poisson => Schedule::poisson(rate, spec.trace.seed, events)?,
        Arrivals::Bursts => Schedule::bursts(
            Bursts {
                quiet_rate_events_per_s: rate * 5.0 / 9.0,
                burst_rate_events_per_s: rate * 5.0,
                period_ns: 100_000_000,
                burst_ns: 10_000_000,
            },
            events,
        )?,
        Arrivals::AsRecorded => {
            let arrivals = || trace.events.iter().map(Event::arrival_time_ms);
            let span_ms = arrivals().next_back().unwrap_or(0) - arrivals().next().unwrap_or(0);
            let speed_up = span_ms.max(1) as f64 / 1000.0 * rate / events.max(1) as f64;
            Schedule::as_recorded(arrivals(), speed_up)?
        }
    };
    let planned_ns = schedule.due_ns(events.saturating_sub(1) as u64);
    // Half as long again, and a second: whoever is not done then does not sustain the rate.
    Ok(Load::Open { schedule, stop_ns: planned_ns + planned_ns / 2 + 1_000_000_000 })
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::Numbers;

    use super::*;
    use crate::case::child::run;
    use crate::experiment::rate::tests::case_of;

    fn numbers(axes: &str) -> Numbers {
        run(&case_of(axes), None).unwrap().numbers.unwrap()
    }

    #[test]
    fn a_closed_loop_runs_several_times_and_the_run_in_the_middle_counts() {
        let numbers = numbers("pipeline = \"sessions\"");
        let mut runs = numbers.run_throughputs_events_per_s.clone();
        assert!((RUNS..=RUNS_MAX).contains(&runs.len()), "{}", runs.len());
        runs.sort_by(f64::total_cmp);
        assert_eq!((runs.len() % 2, numbers.throughput_events_per_s), (1, runs[runs.len() / 2]));
        assert!(numbers.source_ceiling_events_per_s.is_some() && numbers.latency.count > 0);
    }

    #[test]
    fn an_open_loop_runs_once() {
        let numbers = numbers("pipeline = \"sessions\"\nrate = 20000");
        assert_eq!((numbers.run_throughputs_events_per_s, numbers.source_ceiling_events_per_s), (Vec::new(), None));
        assert!(numbers.lost.share.is_some());
    }

    #[test]
    fn an_open_loop_is_given_up_half_as_long_again_and_a_second_after_its_plan() {
        let spec = case_of("pipeline = \"sessions\"\nrate = 1000");
        let event = |id| Event::pack(flowbench_events::Record::new(id, flowbench_events::Kind::PageViewed, 0));
        let trace = Trace { events: (0..101).map(event).collect(), ..Trace::default() };
        let Ok(Load::Open { stop_ns, .. }) = load(&spec, &trace) else { panic!("closed") };
        assert_eq!(stop_ns, 100_000_000 + 50_000_000 + 1_000_000_000);
    }
}
