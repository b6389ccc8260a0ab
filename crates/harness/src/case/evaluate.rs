//! Computes the numbers of a case from what was measured.

use flowbench_events::{Event, Trace};
use flowbench_measurement::doubts::{Circumstances, doubts};
use flowbench_measurement::latency::{LatencyHistogram, SAMPLES_FOR_QUANTILES, Window};
use flowbench_measurement::record::{
    Accuracy, Attribution, Disorder, EventTimeWait, EvictionCost, LostTime, Memory, Numbers, OperatorState, Progress,
    Quantiles, Status, Sustainable, TimelinePoint, WhatIf,
};
use flowbench_measurement::timeline::{Position, Reading, Timeline};
use flowbench_measurement::{hlog, memory, timeline};
use flowbench_pipelines::{Feed, RunConfig};

use crate::environment;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::OfferedLoad;
use crate::measure::completions::{Latencies, WarmUp};
use crate::measure::drive::Measured;
use crate::measure::release_times::ReleaseTimes;
use crate::run::protocol::CaseResult;

/// The number of timeline points that are kept.
pub(super) const TIMELINE_POINTS: usize = 400;
/// The number of looks at operators that are kept, about.
const OPERATOR_STATES: usize = 400;

/// What was found out about a case after its run.
pub(crate) struct Facts {
    pub(crate) accuracy: Accuracy,
    pub(crate) disorder: Disorder,
    pub(crate) trace_digest: String,
    pub(crate) retention_ms: Option<i64>,
    pub(crate) has_day_rhythm: bool,
    pub(crate) source_ceiling_events_per_s: Option<f64>,
    pub(crate) sustainable: Option<Sustainable>,
    pub(crate) what_if: Option<WhatIf>,
}

/// Computes the numbers of a case, its doubts, histograms and timeline.
pub(crate) fn evaluate(spec: &CaseSpec, feed: &Feed, measured: &Measured, facts: Facts) -> CaseResult {
    let analysis = Analysis::new(spec, feed, measured);
    let circumstances = circumstances(&analysis, feed, measured, &facts);
    let found_events_per_s = facts.sustainable.as_ref().map(|found| found.rate_events_per_s);
    let numbers = numbers(spec, &analysis, feed, measured, facts);
    let doubts = doubts(&numbers, &spec.axes(found_events_per_s), &circumstances);
    let activity = measured.activity.as_ref();
    CaseResult {
        status: Status::Ok,
        numbers: Some(numbers),
        doubts,
        histograms: analysis.histogram_lines(),
        timeline: timeline::thin(&analysis.timeline, TIMELINE_POINTS, |point| Some(point.live_bytes.unwrap_or(0))),
        states: states_of(feed, measured),
        answers: None,
        operators: activity.map_or(Vec::new(), |activity| activity.operators.clone()),
        channels: activity.map_or(Vec::new(), |activity| activity.channels.clone()),
    }
}

/// What several numbers of a case are computed from.
struct Analysis<'a> {
    warm_up: WarmUp,
    release_times: ReleaseTimes<'a>,
    latencies: Latencies,
    attribution: Attribution,
    delays: LatencyHistogram, // from the release of an answer to its completion
    lost: LostTime,
    lost_waits: LatencyHistogram,
    timeline: Vec<TimelinePoint>,
}

impl<'a> Analysis<'a> {
    fn new(spec: &CaseSpec, feed: &'a Feed, measured: &Measured) -> Self {
        let completions = &measured.completions;
        // A search is judged by what its experiment plans to record: so are the numbers of its last probe.
        let warm_up = match matches!(spec.load, OfferedLoad::Search { .. }) {
            true => WarmUp { end_ns: spec.warmup_ns, is_unsteady: false },
            false => completions.warm_up(spec.warmup_ns),
        };
        let window = completions.window(warm_up.end_ns);
        let latencies = completions.latencies(window);
        let release_times = ReleaseTimes::new(feed.trace(), feed.rule());
        let recorded_from_ns = warm_up.end_ns.min(completions.elapsed_ns().max(1));
        let (lost, lost_waits) = completions.lost_time(recorded_from_ns, measured.scheduling);
        Analysis {
            attribution: completions.attribution(window, &latencies),
            delays: processing_delays(&release_times, &spec.config, measured, window),
            timeline: timeline_of(feed, measured),
            warm_up,
            release_times,
            latencies,
            lost,
            lost_waits,
        }
    }

    fn histogram_lines(&self) -> Vec<(String, String)> {
        let histograms = [
            ("latency", &self.latencies.latency),
            ("processing-delay", &self.delays),
            ("driver-lag", &self.latencies.driver_lag),
            ("from-admission", &self.latencies.from_admission),
            ("lost-time", &self.lost_waits),
        ];
        histogram_lines(&histograms)
    }
}

/// Returns the histograms that are not empty, by kind, each as a line of an hlog.
pub(super) fn histogram_lines(histograms: &[(&str, &LatencyHistogram)]) -> Vec<(String, String)> {
    let filled = histograms.iter().filter(|(_, histogram)| histogram.count() > 0);
    filled.filter_map(|(kind, histogram)| Some(((*kind).to_owned(), hlog::line("", 0, 0, histogram).ok()?))).collect()
}

fn numbers(spec: &CaseSpec, analysis: &Analysis<'_>, feed: &Feed, measured: &Measured, facts: Facts) -> Numbers {
    let Measured { completions, observations, sharing, .. } = measured;
    let Analysis { release_times, latencies, delays, timeline, .. } = analysis;
    let events = feed.trace().events.len() as u64;
    let elapsed_ns = completions.elapsed_ns().max(1);
    let throughput_events_per_s = |elapsed_ns: u64| events as f64 * 1e9 / elapsed_ns.max(1) as f64;
    let (backlog_peak, recovery_ns) = timeline::progress(timeline);
    Numbers {
        events,
        elapsed_ns,
        throughput_events_per_s: throughput_events_per_s(elapsed_ns),
        run_throughputs_events_per_s: match completions.planned_ns() {
            None => measured.runs_ns.iter().copied().map(throughput_events_per_s).collect(),
            Some(_) => Vec::new(), // an open loop is as fast as its rate
        },
        source_ceiling_events_per_s: facts.source_ceiling_events_per_s,
        cpu_ns: observations.cpu_ns,
        warmup_ns: completions.planned_ns().map(|_| analysis.warm_up.end_ns),
        latency: latencies.latency.quantiles(),
        processing_delay: delays.quantiles(),
        from_admission: Some(latencies.from_admission.quantiles()).filter(|of| of.count > 0),
        driver_lag: latencies.driver_lag.quantiles(),
        hiccup: Quantiles::default(),
        censored: latencies.censored,
        event_time_wait_ms: event_time_wait(release_times, &spec.config),
        attribution: analysis.attribution,
        progress: Progress { watermark_lag_peak_ms: release_times.lag_peak_ms(), backlog_peak, recovery_ns },
        sharing: sharing.clone(),
        lost: analysis.lost,
        sustainable: facts.sustainable,
        memory: memory_of(spec, timeline, measured),
        accuracy: facts.accuracy,
        disorder: facts.disorder,
        what_if: facts.what_if,
        live: None,
        trace_digest: facts.trace_digest,
    }
}

fn memory_of(spec: &CaseSpec, timeline: &[TimelinePoint], measured: &Measured) -> Memory {
    let mut memory = memory::memory(timeline);
    memory.pss_end_bytes = measured.observations.pss_bytes;
    memory.allocated_bytes = measured.allocated_bytes;
    // Connections of several processes have buffers of their own, which no entry is to blame for.
    memory.bytes_per_entry = (spec.processes == 1).then(|| measured.held_at_end?.bytes_per_entry()).flatten();
    memory.payload_bytes_per_entry = measured.end.payload_bytes_per_entry;
    let live_entries = measured.end.live_entries as u64;
    memory.live_entries = Some(live_entries);
    let held = measured.held_at_end.filter(|_| memory.bytes_per_entry.is_some());
    memory.bytes_per_live_entry = held.and_then(|held| held.bytes_per(live_entries));
    memory.eviction = Some(eviction_cost(measured));
    if memory.entries_peak == 0 && memory.buffered_peak == 0 {
        (memory.growth, memory.burst) = (None, None); // nothing is kept: what moves is not the pipeline's
    }
    memory
}

fn eviction_cost(measured: &Measured) -> EvictionCost {
    let work = &measured.eviction;
    let longest = measured.passes.iter().max_by_key(|pass| pass.length_ns);
    EvictionCost {
        forgotten: work.forgotten,
        lost: work.lost,
        passes: work.passes,
        pass_ns: work.pass_ns,
        bookkeeping_ns: work.bookkeeping_ns,
        clock_ns: work.clock_ns,
        longest_pass_ns: longest.map(|pass| pass.length_ns),
        longest_pass_at_ns: longest.map(|pass| pass.at_ns),
        release_mean_ms: (work.released > 0).then(|| work.release_delays_ms as f64 / work.released as f64),
        release_max_ms: (work.released > 0).then_some(work.release_delay_max_ms),
    }
}

/// Returns what operators held over time, with the event time at those instants.
fn states_of(feed: &Feed, measured: &Measured) -> Vec<OperatorState> {
    let first_ms = feed.trace().events.first().map_or(0, Event::event_time_ms);
    let newest_ms = |admitted: u64| {
        feed.newest_ms(admitted / feed.records_per_epoch() as u64).map(|newest_ms| newest_ms - first_ms)
    };
    let operators = thinned(&measured.operators, |(worker, held)| (*worker, held.at_ns));
    let of_operators = operators.into_iter().map(|(worker, held)| OperatorState {
        worker: *worker,
        operator: held.operator.name().to_owned(),
        at_ns: held.at_ns,
        newest_event_time_ms: newest_ms(held.admitted),
        entries: held.entries,
        least_bytes: held.least_bytes,
        batches: None,
    });
    let arrangements = thinned(&measured.arrangements, |(worker, _, held)| (*worker, held.at_ns));
    let of_arrangements = arrangements.into_iter().map(|(worker, name, held)| OperatorState {
        worker: *worker,
        operator: format!("arrangement {name}"),
        at_ns: held.at_ns,
        newest_event_time_ms: newest_ms(held.admitted),
        entries: held.records,
        least_bytes: 0,
        batches: Some(held.batches),
    });
    of_operators.chain(of_arrangements).collect()
}

/// Returns about as many holdings as are kept. A look at a worker, which has a worker and a time, is at all of its operators,
/// and kept or left out as a whole.
fn thinned<T>(holdings: &[T], look: impl Fn(&T) -> (usize, u64)) -> Vec<&T> {
    let looks: Vec<&[T]> = holdings.chunk_by(|one, other| look(one) == look(other)).collect();
    let step = holdings.len().div_ceil(OPERATOR_STATES).max(1);
    looks.into_iter().step_by(step).flatten().collect()
}

fn circumstances(analysis: &Analysis<'_>, feed: &Feed, measured: &Measured, facts: &Facts) -> Circumstances {
    let Measured { completions, observations, sharing, .. } = measured;
    let (build, latency) = (environment::build(), &analysis.latencies.latency);
    Circumstances {
        usable_cores: Some(environment::usable_cores()),
        lasted_ns: Some(measured.runs_ns.iter().sum()),
        span_ms: span_ms(feed.trace()),
        retention_ms: facts.retention_ms,
        has_day_rhythm: facts.has_day_rhythm,
        miscounted_share: miscounted_share(&observations.readings),
        completed_in_time: completions.completed_in_time(),
        is_unsteady: analysis.warm_up.is_unsteady,
        steal_share: observations.steal_share,
        throttled_share: observations.throttled_share,
        swapped_bytes: observations.swapped_bytes,
        on_battery: observations.on_battery,
        swap: observations.swap,
        not_pinned: measured.not_pinned,
        negative: latency.negative(),
        saturated: latency.saturated(),
        logged: measured.activity.is_some() && sharing.logging_overhead_share.is_none(),
        debug_build: build.profile == "debug",
        dirty_tree: build.dirty,
    }
}

/// Bytes by which live bytes may be too low: what workers free after the start of the run although they allocated it
/// before (operators, channels, buffers), and messages that one worker has freed before another has published their
/// allocation.
const GIVEN_BACK_BYTES: i64 = 64 << 10;

/// Returns the span of event times, ms.
pub(super) fn span_ms(trace: &Trace) -> i64 {
    let times = || trace.events.iter().map(Event::event_time_ms);
    times().max().zip(times().min()).map_or(0, |(newest_ms, oldest_ms)| newest_ms - oldest_ms)
}

/// Returns the share (0 to 1) of readings with anything held whose live bytes are below the minimum that this takes, by
/// more than [`GIVEN_BACK_BYTES`]; `None` where bytes were not counted. Where nothing is held, live bytes may be below
/// 0 by whatever the workers were built with.
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
    release_times: &ReleaseTimes<'_>,
    config: &RunConfig,
    measured: &Measured,
    window: Window,
) -> LatencyHistogram {
    let mut delays = LatencyHistogram::new();
    let answers = &measured.end.answers;
    // Applied at once, an answer is allowed by the arrival of the event itself, found by its event time.
    let arrivals = if config.order.waits() { Vec::new() } else { release_times.arrivals_by_event_time() };
    for event_time_ms in (0..answers.len()).map(|at| answers.event_time_ms(at)) {
        let released_by = if config.order.waits() {
            release_times.released_by(event_time_ms)
        } else {
            let at = arrivals.partition_point(|(time_ms, _)| *time_ms < event_time_ms);
            arrivals.get(at).filter(|(time_ms, _)| *time_ms == event_time_ms).map(|(_, arrival)| *arrival)
        };
        let delay_ns = released_by.and_then(|at| measured.completions.processing_delay_ns(at as u64, window));
        delay_ns.into_iter().for_each(|delay_ns| delays.record_ns(delay_ns));
    }
    delays
}

fn event_time_wait(release_times: &ReleaseTimes<'_>, config: &RunConfig) -> EventTimeWait {
    let mut waits = if config.order.waits() { release_times.waits_ms() } else { release_times.transport_delays_ms() };
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
    let mut passes = measured.passes.as_slice();
    let mut timeline = Timeline::new(observations.readings.len());
    let mut interval = LatencyHistogram::new();
    let mut cursor = 0;
    for reading in &observations.readings {
        interval.clear();
        completions.completed_until(reading.at_ns, &mut cursor, &mut interval);
        let backlog =
            completions.due_until(reading.at_ns, reading.admitted).saturating_sub(completions.events_below(cursor));
        let (ended, later) = passes.split_at(passes.partition_point(|pass| pass.at_ns <= reading.at_ns));
        passes = later;
        let position = Position {
            eviction_pass_max_ns: ended.iter().map(|pass| pass.length_ns).max(),
            ..position(feed, reading.admitted, backlog, views.at(reading.at_ns))
        };
        timeline.push(*reading, position, Some(&interval));
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
        eviction_pass_max_ns: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::child::run;
    use crate::experiment::rate::tests::case_of;
    use flowbench_pipelines::Registry;

    #[test]
    fn an_answer_that_does_not_wait_is_released_by_the_first_arrival_of_its_time() {
        let answered =
            run(&case_of("pipeline = \"identity\"\norder = \"arrival\"\nrate = 20000"), Registry::default(), None)
                .unwrap()
                .numbers
                .unwrap();
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
