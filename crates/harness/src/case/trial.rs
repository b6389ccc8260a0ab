//! One run of a case and its numbers.
//!
//! Decision D-406.

use std::sync::Arc;

use flowbench_events::{Event, Symbols, Trace};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_measurement::doubts::SHORT_NS;
use flowbench_measurement::offered_load::{Bursts, Schedule, ScheduleError};
use flowbench_measurement::record::{Disorder, Status, Sustainable};
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{BoundPipeline, Fault, FaultKind, Feed, Pipeline, Registry, RunError};

use crate::case::check::Check;
use crate::case::error::CaseError;
use crate::case::evaluate::{Facts, evaluate};
use crate::case::what_if::{self, answers_csv};
use crate::cluster::process_group::ProcessGroup;
use crate::environment;
use crate::experiment::case_spec::{CaseSpec, TraceSpec};
use crate::experiment::rate::{Arrivals, OfferedLoad};
use crate::generate;
use crate::measure::drive::{self, Measured, Setting};
use crate::measure::load::Load;
use crate::run::protocol::CaseResult;

/// What the runs of a case share: the trace and the configuration.
pub(crate) struct PreparedCase {
    pub(crate) spec: CaseSpec,
    /// The profile of a generated trace; `None` for a log.
    profile: Option<Profile>,
    trace: Arc<Trace>,
    pipeline: &'static dyn Pipeline,
    prepared: Box<dyn BoundPipeline>,
}

/// The input of one run and how it is offered.
pub(crate) struct Offer {
    feed: Arc<Feed>,
    load: Load,
}

/// One run of a case.
pub(crate) struct Run {
    pub(crate) feed: Arc<Feed>,
    pub(crate) measured: Measured,
}

impl PreparedCase {
    /// Makes the trace of a case and fixes the parameters of its pipeline.
    pub(crate) fn new(spec: &CaseSpec, registry: Registry) -> Result<PreparedCase, CaseError> {
        let (trace, profile) = trace(&spec.trace)?;
        let pipeline: &'static dyn Pipeline = match &spec.pipeline_text {
            Some(text) => FilePipeline::parse(&spec.pipeline, text)?,
            None => registry.find(&spec.pipeline)?,
        };
        let prepared = pipeline
            .prepare(&spec.settings, &trace.symbols)
            .map_err(|error| CaseError::Setting { pipeline: pipeline.name(), error })?;
        Ok(PreparedCase { spec: spec.clone(), profile, trace: Arc::new(trace), pipeline, prepared })
    }

    /// Returns the trace of the case.
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns the profile of the trace; `None` for a log.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// Returns the pipeline.
    pub(super) fn pipeline(&self) -> &'static dyn Pipeline {
        self.pipeline
    }

    /// Returns the pipeline with its parameters for a trace with these symbols.
    pub(super) fn bound_to(&self, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, CaseError> {
        let error = |error| CaseError::Setting { pipeline: self.pipeline.name(), error };
        self.pipeline.prepare(&self.spec.settings, symbols).map_err(error)
    }

    /// Returns a closed loop over the first `events` of the trace.
    pub(crate) fn closed_loop(&self, events: u64) -> Offer {
        Offer { feed: self.feed(events, None), load: Load::Closed }
    }

    /// Returns an open loop over the first `events` of the trace.
    pub(crate) fn open_loop(
        &self,
        events: u64,
        rate_events_per_s: f64,
        arrivals: Arrivals,
    ) -> Result<Offer, ScheduleError> {
        let feed = self.feed(events, Some(rate_events_per_s));
        let load = open_load(rate_events_per_s, arrivals, self.spec.trace.seed, feed.trace())?;
        Ok(Offer { feed, load })
    }

    fn feed(&self, events: u64, rate_events_per_s: Option<f64>) -> Arc<Feed> {
        let trace = match self.trace.events.get(..events as usize) {
            Some(first) if first.len() < self.trace.events.len() => {
                Arc::new(Trace { events: first.to_vec(), symbols: self.trace.symbols.clone(), ..Trace::default() })
            }
            _ => Arc::clone(&self.trace),
        };
        let records_per_epoch = self.spec.records_per_epoch_at(rate_events_per_s);
        let drops_late = self.spec.config.order.drops_late();
        Arc::new(Feed::new(trace, records_per_epoch, self.spec.watermark_rule(), drops_late))
    }

    /// Runs the case once. Returns `None` if another process has the measurements.
    pub(crate) fn run(
        &self,
        offer: &Offer,
        profile_operators: bool,
        process_group: Option<&Arc<ProcessGroup>>,
    ) -> Result<Option<Run>, RunError> {
        let Offer { feed, load } = offer;
        let CaseSpec { config, idle, pin, .. } = self.spec;
        let setting = Setting { prepared: &*self.prepared, config, feed, load, idle, pin, process_group };
        let measured = measured(&setting, profile_operators)?;
        Ok(measured.map(|measured| Run { feed: Arc::clone(feed), measured }))
    }

    /// Checks the answers of a run and computes its numbers; `found` is the result of the search that ended with it.
    pub(crate) fn result(&self, run: &Run, found: Option<Sustainable>) -> CaseResult {
        let Run { feed, measured } = run;
        let (spec, trace, config) = (&self.spec, feed.trace(), &self.spec.config);
        // The check and the digest need no clock: side by side.
        let (check, trace_digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| trace.digest());
            let check = Check::new(&*self.prepared, self.pipeline, config, trace, feed.rule(), &measured.end);
            (check, digest.join().unwrap_or_default())
        });
        let is_full_load = matches!(spec.load, OfferedLoad::Closed | OfferedLoad::Search { .. });
        let workers = config.workers * spec.processes;
        let needed_ms = self.prepared.retention_ms(&trace.events);
        let facts = Facts {
            accuracy: check.accuracy,
            disorder: disorder(trace, self.profile.as_ref(), check.duplicates),
            trace_digest,
            retention_ms: config.eviction.retention_ms(needed_ms),
            has_day_rhythm: self.profile.as_ref().is_none_or(Profile::has_day_rhythm),
            source_ceiling_events_per_s: is_full_load.then(|| drive::source_ceiling_events_per_s(feed, workers)),
            sustainable: found,
            what_if: what_if::estimated(spec, &*self.prepared, trace, &*measured.end.answers),
        };
        let mut result = evaluate(spec, feed, measured, facts);
        let unstruck = config.fault.filter(|_| !measured.end.fault_fired).map(never_struck);
        if let Some(cause) = check.wrong.or(unstruck) {
            result.status = Status::Invalid { cause };
            result.numbers = None;
        }
        let is_kept = spec.keeps_answers && result.status == Status::Ok;
        result.answers = is_kept.then(|| answers_csv(&*measured.end.answers, trace));
        result
    }
}

/// Reads the log of a trace, or generates it by its profile.
fn trace(spec: &TraceSpec) -> Result<(Trace, Option<Profile>), CaseError> {
    if let Some(log) = &spec.log {
        let mut trace = log.read()?;
        trace.events.truncate(usize::try_from(spec.events).unwrap_or(usize::MAX));
        return Ok((trace, None));
    }
    let profile = generate::profile(&spec.profile, &spec.overrides)?;
    let generator = Generator::new(&profile, spec.seed)?;
    let trace = generate::trace(&generator, Amount::Events(spec.events), environment::usable_cores());
    Ok((trace, Some(profile)))
}

/// Returns why a case is invalid whose planted fault did nothing.
pub(super) fn never_struck(fault: Fault) -> String {
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

/// Runs the case, and once more with logging if activity is requested. Several processes connect for one run
/// only, which is then the logged one.
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
pub(super) fn median_of_runs(setting: &Setting<'_>) -> Result<Option<Measured>, RunError> {
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

/// Returns the disorder of the trace, requested and realised; of a log, none is requested.
pub(super) fn disorder(trace: &Trace, profile: Option<&Profile>, duplicates: u64) -> Disorder {
    let asked = profile.map(Profile::asked);
    let mut newest_ms = i64::MIN;
    let mut out_of_order = 0;
    for event in &trace.events {
        out_of_order += u64::from(event.event_time_ms() < newest_ms);
        newest_ms = newest_ms.max(event.event_time_ms());
    }
    Disorder {
        out_of_order,
        out_of_order_share_asked: asked.and_then(|asked| asked.out_of_order_share),
        duplicates,
        duplicates_share_asked: asked.map(|asked| asked.duplicates_share),
    }
}

/// Returns an open loop that offers the events of `trace` at a mean rate. It is given up half as long again and a
/// second after its plan: a dataflow that is not done then does not sustain the rate.
fn open_load(rate_events_per_s: f64, arrivals: Arrivals, seed: u64, trace: &Trace) -> Result<Load, ScheduleError> {
    let events = trace.events.len();
    let schedule = match arrivals {
        Arrivals::AsRecorded => {
            let arrivals = || arrivals_in_order_ms(trace);
            let span_ms = arrivals().last().unwrap_or(0) - arrivals().next().unwrap_or(0);
            let speed_up = span_ms.max(1) as f64 / 1000.0 * rate_events_per_s / events.max(1) as f64;
            Schedule::as_recorded(arrivals(), speed_up)?
        }
        arrivals => schedule(rate_events_per_s, arrivals, seed, events)?,
    };
    let planned_ns = schedule.due_ns(events.saturating_sub(1) as u64);
    Ok(Load::Open { schedule, stop_ns: planned_ns + planned_ns / 2 + 1_000_000_000 })
}

/// Returns when so many events are due at a mean rate; as-recorded, which needs a trace, is constant.
pub(super) fn schedule(
    rate_events_per_s: f64,
    arrivals: Arrivals,
    seed: u64,
    events: usize,
) -> Result<Schedule, ScheduleError> {
    match arrivals {
        Arrivals::Constant | Arrivals::AsRecorded => Schedule::constant(rate_events_per_s),
        Arrivals::Poisson => Schedule::poisson(rate_events_per_s, seed, events),
        Arrivals::Bursts => Schedule::bursts(
            Bursts {
                quiet_rate_events_per_s: rate_events_per_s * 5.0 / 9.0,
                burst_rate_events_per_s: rate_events_per_s * 5.0,
                period_ns: 100_000_000,
                burst_ns: 10_000_000,
            },
            events,
        ),
    }
}

/// Returns the arrival times of a trace, ms. The order of the trace counts: an arrival time before that of an event in
/// front of it, as a log may have them, is taken for the same time.
fn arrivals_in_order_ms(trace: &Trace) -> impl Iterator<Item = i64> {
    trace.events.iter().map(Event::arrival_time_ms).scan(i64::MIN, |newest_ms, arrival_ms| {
        *newest_ms = arrival_ms.max(*newest_ms);
        Some(*newest_ms)
    })
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::Numbers;

    use super::*;
    use crate::case::child::run;
    use crate::experiment::rate::tests::case_of;
    use crate::log::tests::log_of;

    fn numbers(axes: &str) -> Numbers {
        run(&case_of(axes), Registry::default(), None).unwrap().numbers.unwrap()
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
    fn recorded_bursts_stay_bursts_and_the_whole_trace_takes_the_duration() {
        let event = |arrival_ms| {
            let record = flowbench_events::Record::new(1, flowbench_events::Kind::PageViewed, 0);
            Event::pack(flowbench_events::Record { arrival_time_ms: arrival_ms, ..record })
        };
        // Two days: a burst of three at noon of the first, and one row that is out of order.
        let hours = [0, 12, 12, 12, 24, 18, 48];
        let events: Vec<Event> = hours.iter().map(|hour| event(hour * 3_600_000)).collect();
        let trace = Trace { events, ..Trace::default() };
        let OfferedLoad::Open { rate_events_per_s, arrivals, .. } = OfferedLoad::as_recorded(7, 2000) else { panic!() };
        let Ok(Load::Open { schedule, .. }) = open_load(rate_events_per_s, arrivals, 1, &trace) else {
            panic!("closed")
        };
        let due_ms: Vec<u64> = (0..7).map(|i| (schedule.due_ns(i) + 500_000) / 1_000_000).collect();
        assert_eq!(due_ms, [0, 500, 500, 500, 1000, 1000, 2000]);
        assert_eq!((schedule.due_ns(1), schedule.due_ns(2)), (schedule.due_ns(3), schedule.due_ns(3)));
    }

    #[test]
    fn the_case_of_a_log_answers_it_and_fails_if_it_has_changed() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("log.csv");
        std::fs::write(&file, log_of(0..500)).unwrap();
        let mut spec = case_of("pipeline = \"sessions\"");
        let log = crate::log::survey(&file, None, None, None).unwrap().spec;
        let digest = log.record.digest.clone();
        (spec.trace.events, spec.trace.log) = (500, Some(log));
        let numbers = run(&spec, Registry::default(), None).unwrap().numbers.unwrap();
        assert_eq!((numbers.events, numbers.trace_digest.as_str()), (500, digest.as_str()));
        assert_eq!(numbers.disorder.duplicates_share_asked, None, "nothing was requested of a log");

        std::fs::write(&file, log_of(1..501)).unwrap();
        let error = run(&spec, Registry::default(), None).unwrap_err().to_string();
        let found = crate::log::survey(&file, None, None, None).unwrap().spec.record.digest;
        assert!(error.contains(&digest) && error.contains(&found), "{error}");
    }

    #[test]
    fn an_open_loop_is_given_up_half_as_long_again_and_a_second_after_its_plan() {
        let event = |id| Event::pack(flowbench_events::Record::new(id, flowbench_events::Kind::PageViewed, 0));
        let trace = Trace { events: (0..101).map(event).collect(), ..Trace::default() };
        let Ok(Load::Open { stop_ns, .. }) = open_load(1000.0, Arrivals::Constant, 1, &trace) else { panic!("closed") };
        assert_eq!(stop_ns, 100_000_000 + 50_000_000 + 1_000_000_000);
    }
}
