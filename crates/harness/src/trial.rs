//! One run of a case and its numbers.
//!
//! Decision D-406.

use std::sync::Arc;

use flowbench_events::{Event, Horizon, Sources, Trace, WatermarkRule};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_measurement::doubts::{Circumstances, SHORT_NS, doubts};
use flowbench_measurement::latency::{LatencyHistogram, SAMPLES_FOR_QUANTILES, Window};
use flowbench_measurement::offered_load::{Bursts, Schedule, ScheduleError};
use flowbench_measurement::record::{
    Accuracy, Axes, Disorder, EventTimeWait, Numbers, Progress, Quantiles, Status, Sustainable, TimelinePoint,
};
use flowbench_measurement::timeline::{Position, Reading, Timeline};
use flowbench_measurement::{hlog, memory, timeline};
use flowbench_pipelines::{
    BoundPipeline, EvictionName, Fault, FaultKind, Feed, OrderName, Pipeline, RunConfig, RunError, Strategy, catalogue,
};

use crate::case_spec::{Arrivals, CaseSpec, TraceSpec};
use crate::check::Check;
use crate::company::ProcessGroup;
use crate::drive::{self, Load, Measured, Setting};
use crate::environment;
use crate::generate;
use crate::plan::{IDLE, SOURCES_CHANNEL, named};
use crate::probe::Allowance;
use crate::protocol::CaseResult;
use crate::rate::Rate;

/// The number of timeline points that are kept.
const TIMELINE_POINTS: usize = 400;

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
        company: Option<&Arc<ProcessGroup>>,
    ) -> Result<Option<Run>, String> {
        let trace = self.first_events(spec.trace.events as usize);
        let load = load(spec, &trace).map_err(|error| error.to_string())?;
        let (rule, drops_late) = (watermark_rule(&spec.axes), self.config.order.drops_late());
        let feed = Arc::new(Feed::new(trace, spec.axes.records_per_epoch, rule, drops_late));
        let idle = named("idle", &spec.axes.idle, &IDLE)?;
        let setting =
            Setting { prepared: &*self.prepared, config: self.config, feed: &feed, load: &load, idle, company };
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
    if setting.company.is_some() {
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

/// What was found out about a case after its run.
struct Facts {
    accuracy: Accuracy,
    disorder: Disorder,
    trace_digest: String,
    retention_ms: Option<i64>,
    has_day_rhythm: bool,
    source_ceiling_events_per_s: Option<f64>,
    sustainable: Option<Sustainable>,
}

fn evaluate(spec: &CaseSpec, feed: &Feed, config: &RunConfig, measured: &Measured, facts: Facts) -> CaseResult {
    let Measured { end, completions, observations, sharing, .. } = measured;
    let Facts { accuracy, disorder, trace_digest, source_ceiling_events_per_s, sustainable, .. } = facts;
    let trace = feed.trace();
    let window = completions.window(spec.warmup_ns);
    let latencies = completions.latencies(window);
    let allowance = Allowance::new(&trace.events, feed.rule());
    let delays = processing_delays(&allowance, config, measured, window);
    let timeline = timeline_of(feed, measured);
    let (backlog_peak, recovery_ns) = timeline::progress(&timeline);
    let mut memory = memory::memory(&timeline);
    // Connections of several processes have buffers of their own, which no entry is to blame for.
    memory.bytes_per_entry = (spec.axes.processes == 1).then(|| measured.held_at_end?.bytes_per_entry()).flatten();
    memory.payload_bytes_per_entry = end.payload_bytes_per_entry;
    if memory.entries_peak == 0 && memory.buffered_peak == 0 {
        memory.growth = None; // nothing is kept: what moves is not the pipeline's
    }
    let events = trace.events.len() as u64;
    let elapsed_ns = completions.elapsed_ns().max(1);
    let (lost, lost_waits) = completions.lost_time(spec.warmup_ns.min(elapsed_ns), measured.scheduling);
    let throughput_events_per_s = |elapsed_ns: u64| events as f64 * 1e9 / elapsed_ns.max(1) as f64;
    let numbers = Numbers {
        events,
        elapsed_ns,
        throughput_events_per_s: throughput_events_per_s(elapsed_ns),
        run_throughputs_events_per_s: match completions.planned_ns() {
            None => measured.runs_ns.iter().copied().map(throughput_events_per_s).collect(),
            Some(_) => Vec::new(), // an open loop is as fast as its rate
        },
        source_ceiling_events_per_s,
        cpu_ns: observations.cpu_ns,
        latency: latencies.latency.quantiles(),
        processing_delay: delays.quantiles(),
        driver_lag: latencies.driver_lag.quantiles(),
        hiccup: Quantiles::default(),
        censored: latencies.censored,
        event_time_wait_ms: event_time_wait(&allowance, config),
        attribution: completions.attribution(window, &latencies),
        progress: Progress { watermark_lag_peak_ms: allowance.lag_peak_ms(), backlog_peak, recovery_ns },
        sharing: sharing.clone(),
        lost,
        sustainable,
        memory,
        accuracy,
        disorder,
        trace_digest,
    };
    let build = environment::build();
    let circumstances = Circumstances {
        usable_cores: Some(environment::usable_cores()),
        lasted_ns: Some(measured.runs_ns.iter().sum()),
        span_ms: span_ms(trace),
        retention_ms: facts.retention_ms,
        has_day_rhythm: facts.has_day_rhythm,
        miscounted_share: miscounted_share(&observations.readings),
        completed_in_time: completions.completed_in_time(),
        steal_share: observations.steal_share,
        throttled_share: observations.throttled_share,
        negative: latencies.latency.negative(),
        saturated: latencies.latency.saturated(),
        logged: measured.activity.is_some() && sharing.logging_overhead_share.is_none(),
        debug_build: build.profile == "debug",
        dirty_tree: build.dirty,
    };
    let doubts = doubts(&numbers, &spec.axes, &circumstances);
    let histograms = [
        ("latency", &latencies.latency),
        ("processing-delay", &delays),
        ("driver-lag", &latencies.driver_lag),
        ("lost-time", &lost_waits),
    ];
    let lines = histograms.into_iter().filter(|(_, histogram)| histogram.count() > 0);
    let lines = lines.filter_map(|(kind, histogram)| Some((kind.to_owned(), hlog::line("", 0, 0, histogram).ok()?)));
    CaseResult {
        status: Status::Ok,
        numbers: Some(numbers),
        doubts,
        histograms: lines.collect(),
        timeline: timeline::thin(&timeline, TIMELINE_POINTS, |point| Some(point.live_bytes.unwrap_or(0))),
        operators: measured.activity.as_ref().map_or(Vec::new(), |activity| activity.operators.clone()),
        channels: measured.activity.as_ref().map_or(Vec::new(), |activity| activity.channels.clone()),
    }
}

/// Bytes by which live bytes may be too low: what workers free after the start of the run although they allocated it
/// before (operators, channels, buffers), and messages that one worker has freed before another has published their
/// allocation.
const GIVEN_BACK_BYTES: i64 = 64 << 10;

/// Returns the span of event times, ms.
fn span_ms(trace: &Trace) -> i64 {
    let times = || trace.events.iter().map(Event::event_time_ms);
    times().max().zip(times().min()).map_or(0, |(newest_ms, oldest_ms)| newest_ms - oldest_ms)
}

/// Returns the share (0 to 1) of readings with anything held whose live bytes are below the minimum that this takes, by
/// more than [`GIVEN_BACK_BYTES`]; `None` where bytes were not counted. Where nothing is held, live bytes may be below 0
/// by whatever the workers were built with.
fn miscounted_share(readings: &[Reading]) -> Option<f64> {
    let missing = |reading: &Reading| {
        let is_below = reading.live_bytes? + GIVEN_BACK_BYTES < reading.least_bytes as i64;
        Some(reading.least_bytes > 0 && is_below)
    };
    let missing: Vec<bool> = readings.iter().map(missing).collect::<Option<_>>()?;
    let count = missing.iter().filter(|missing| **missing).count();
    (!missing.is_empty()).then(|| count as f64 / missing.len() as f64)
}

/// Returns the processing delay of every answer: from the due time of the arrival that released it to its completion.
/// Answers that only the end of the input released are left out.
fn processing_delays(
    allowance: &Allowance<'_>,
    config: &RunConfig,
    measured: &Measured,
    window: Window,
) -> LatencyHistogram {
    let mut delays = LatencyHistogram::new();
    let answers = &measured.end.answers;
    // Applied at once, an answer is allowed by the arrival of the event itself, found by its event time.
    let arrivals = if config.order.waits() { Vec::new() } else { allowance.arrivals_by_event_time() };
    for event_time_ms in (0..answers.len()).map(|at| answers.event_time_ms(at)) {
        let allowed_by = if config.order.waits() {
            allowance.allowed_by(event_time_ms)
        } else {
            let at = arrivals.partition_point(|(time_ms, _)| *time_ms < event_time_ms);
            arrivals.get(at).filter(|(time_ms, _)| *time_ms == event_time_ms).map(|(_, arrival)| *arrival)
        };
        let delay_ns = allowed_by.and_then(|at| measured.completions.processing_delay_ns(at as u64, window));
        delay_ns.into_iter().for_each(|delay_ns| delays.record_ns(delay_ns));
    }
    delays
}

fn event_time_wait(allowance: &Allowance<'_>, config: &RunConfig) -> EventTimeWait {
    let mut waits = if config.order.waits() { allowance.waits_ms() } else { allowance.transport_delays_ms() };
    let count = waits.len();
    let mut quantile = |q: f64| {
        let rank = ((count as f64 * q).ceil() as usize).clamp(1, count.max(1)) - 1;
        (count > 0).then(|| *waits.select_nth_unstable(rank).1)
    };
    let max_ms = quantile(1.0);
    let mut of_enough = |q: f64| quantile(q).filter(|_| count as u64 >= SAMPLES_FOR_QUANTILES);
    EventTimeWait { count: count as u64, p50_ms: of_enough(0.5), p99_ms: of_enough(0.99), max_ms }
}

fn timeline_of(feed: &Feed, measured: &Measured) -> Vec<TimelinePoint> {
    let Measured { completions, observations, views, .. } = measured;
    let mut timeline = Timeline::new(observations.readings.len());
    let mut interval = LatencyHistogram::new();
    let mut cursor = 0;
    for reading in &observations.readings {
        interval.clear();
        completions.completed_until(reading.at_ns, &mut cursor, &mut interval);
        let backlog =
            completions.due_until(reading.at_ns, reading.admitted).saturating_sub(completions.events_below(cursor));
        let view_skew = views.at(reading.at_ns);
        timeline.push(*reading, position(feed, reading.admitted, backlog, view_skew), Some(&interval));
    }
    timeline.points().to_vec()
}

/// Returns where event time stands when this many events have been admitted.
fn position(feed: &Feed, admitted: u64, backlog: u64, view_skew: Option<(u64, i64)>) -> Position {
    let first_ms = feed.trace().events.first().map_or(0, Event::event_time_ms);
    let epochs = admitted / feed.records_per_epoch() as u64;
    let newest_ms = feed.newest_ms(if admitted >= feed.trace().events.len() as u64 { u64::MAX } else { epochs });
    // At the end of the input the watermark passes everything there is.
    let watermark_ms = Some(feed.reached(epochs).watermark_ms).filter(|ms| *ms > i64::MIN).zip(newest_ms);
    Position {
        newest_event_time_ms: newest_ms.map(|newest_ms| newest_ms - first_ms),
        watermark_ms: watermark_ms.map(|(watermark_ms, newest_ms)| watermark_ms.min(newest_ms) - first_ms),
        backlog,
        view_skew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::run;
    use crate::rate::tests::case_of;

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

    #[test]
    fn an_answer_that_does_not_wait_is_allowed_by_the_first_arrival_of_its_time() {
        let answered = numbers("pipeline = \"identity\"\norder = \"arrival\"\nrate = 20000");
        assert!(answered.processing_delay.count > 0 && answered.accuracy.given > 0);
    }

    #[test]
    fn what_waits_is_an_event() {
        assert_eq!(memory::WAITING_EVENT_BYTES, std::mem::size_of::<Event>() as u64);
    }

    #[test]
    fn readings_are_miscounted_that_are_below_what_is_held() {
        let reading = |live_bytes, least_bytes| Reading { live_bytes, least_bytes, ..Reading::default() };
        let least_bytes = 1 << 20;
        let few = least_bytes as i64 - GIVEN_BACK_BYTES;
        let readings = [few, few - 1, -1, i64::MAX / 2].map(|live_bytes| reading(Some(live_bytes), least_bytes));
        assert_eq!(miscounted_share(&readings), Some(0.5));
        assert_eq!(miscounted_share(&[reading(Some(10), 10), reading(None, 10)]), None);
        assert_eq!(miscounted_share(&[reading(Some(-GIVEN_BACK_BYTES - 1), 0)]), Some(0.0), "nothing is held");
        assert_eq!(miscounted_share(&[]), None);
    }

    #[test]
    fn a_trace_spans_its_event_times_in_whatever_order_they_come() {
        let event =
            |time_ms| Event::pack(flowbench_events::Record::new(1, flowbench_events::Kind::PageViewed, time_ms));
        let trace = Trace { events: [30, 10, 50, 20].map(event).to_vec(), ..Trace::default() };
        assert_eq!((span_ms(&trace), span_ms(&Trace::default())), (40, 0));
    }
}
