//! From what was seen of a session to the numbers of its case.

use std::sync::Arc;

use flowbench_events::Trace;
use flowbench_measurement::doubts::{Circumstances, doubts};
use flowbench_measurement::latency::LatencyHistogram;
use flowbench_measurement::record::{
    Attribution, EventTimeWait, LiveNumbers, LostTime, Memory, Numbers, Quantiles, Sharing, Status, TimelinePoint,
};
use flowbench_measurement::timeline::{Position, Timeline};
use flowbench_measurement::{memory, timeline};
use flowbench_pipelines::{FaultKind, Feed, RunConfig};

use super::observed::{Observed, Post, Progress};
use crate::case::check::Check;
use crate::case::error::CaseError;
use crate::case::evaluate::{TIMELINE_POINTS, histogram_lines, span_ms};
use crate::case::trial::{PreparedCase, disorder, median_of_runs, never_struck};
use crate::environment;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::CLOSED_RECORDS_PER_EPOCH;
use crate::live::{AnswersSoFar, LiveSessionEnd};
use crate::measure::drive::{Measured, Setting};
use crate::measure::load::Load;
use crate::run::protocol::CaseResult;

/// A session that has ended, and the replay of its recording.
pub(super) struct Evidence<'a> {
    /// The feed of the pipeline of the case.
    pub(super) feed: &'a str,
    pub(super) observed: Observed,
    pub(super) end: LiveSessionEnd,
    pub(super) trace: &'a Arc<Trace>,
    pub(super) replay: Replay,
    /// Clients that looked at the wall.
    pub(super) viewers: u64,
}

/// A replay of a recording: a closed loop, with the choices of the case but without its fault.
pub(super) struct Replay {
    measured: Measured,
    check: Check,
}

/// The distributions of a session.
struct Times {
    latency: LatencyHistogram,
    lag: LatencyHistogram,
    acknowledged: LatencyHistogram,
    shown: LatencyHistogram,
    censored: u64,
}

impl Replay {
    pub(super) fn measure(spec: &CaseSpec, prepared: &PreparedCase, trace: &Arc<Trace>) -> Result<Replay, CaseError> {
        let config = RunConfig { fault: None, ..spec.config };
        let bound = prepared.bound_to(&trace.symbols)?;
        let rule = spec.watermark_rule();
        let feed = Arc::new(Feed::new(Arc::clone(trace), CLOSED_RECORDS_PER_EPOCH, rule, config.order.drops_late()));
        let load = &Load::Closed;
        let setting = Setting {
            prepared: &*bound,
            config,
            feed: &feed,
            load,
            idle: spec.idle,
            pin: spec.pin,
            process_group: None,
        };
        let measured = median_of_runs(&setting)?.ok_or(CaseError::Session("the replay was not measured".to_owned()))?;
        let check = Check::new(&*bound, prepared.pipeline(), &config, trace, feed.rule(), &measured.end);
        Ok(Replay { measured, check })
    }
}

impl Evidence<'_> {
    /// Judges the answers and computes the numbers.
    pub(super) fn result(&self, spec: &CaseSpec, prepared: &PreparedCase) -> CaseResult {
        if let Some(cause) = self.replay.check.wrong.clone().or_else(|| self.wrong_answers(spec)) {
            return CaseResult::without_numbers(Status::Invalid { cause });
        }
        let times = Times::of(&self.observed, spec.warmup_ns, spec.load.rate_events_per_s().is_some());
        let timeline = self.timeline();
        let numbers = self.numbers(spec, prepared, &times, &timeline);
        let circumstances = self.circumstances(prepared, &times);
        CaseResult {
            doubts: doubts(&numbers, &spec.axes(None), &circumstances),
            numbers: Some(numbers),
            histograms: times.histogram_lines(),
            timeline: timeline::thin(&timeline, TIMELINE_POINTS, |point| Some(point.rss_bytes)),
            ..CaseResult::without_numbers(Status::Ok)
        }
    }

    /// Returns what is wrong with the answers of the session, which must be those of the replay.
    fn wrong_answers(&self, spec: &CaseSpec) -> Option<String> {
        let answers = self.end.answers.iter().find(|(feed, _)| feed == self.feed);
        let Some((_, live)) = answers else { return Some("the session has no answers of the pipeline".to_owned()) };
        let replayed = AnswersSoFar::of(&*self.replay.measured.end.answers, &self.trace.symbols);
        let left = live.given - live.taken_back;
        if (left, live.digest) != (replayed.given, replayed.digest) {
            let due = replayed.given;
            return Some(format!(
                "the answers of the session are not those of its recording: {left} were given and not taken back, {due} were due"
            ));
        }
        spec.config.fault.filter(|fault| fault.kind == FaultKind::WrongAnswer).map(never_struck)
    }

    fn numbers(&self, spec: &CaseSpec, prepared: &PreparedCase, times: &Times, timeline: &[TimelinePoint]) -> Numbers {
        let Evidence { observed, trace, replay: Replay { check, .. }, .. } = self;
        let events = observed.accepted_events;
        let is_open = spec.load.rate_events_per_s().is_some();
        let (backlog_peak, recovery_ns) = timeline::progress(timeline);
        Numbers {
            events,
            elapsed_ns: observed.elapsed_ns,
            throughput_events_per_s: events as f64 * 1e9 / observed.elapsed_ns.max(1) as f64,
            run_throughputs_events_per_s: Vec::new(),
            source_ceiling_events_per_s: None,
            cpu_ns: observed.cpu_ns,
            warmup_ns: is_open.then_some(spec.warmup_ns),
            latency: times.latency.quantiles(),
            processing_delay: Quantiles::default(),
            from_admission: None,
            driver_lag: times.lag.quantiles(),
            hiccup: Quantiles::default(),
            censored: times.censored,
            event_time_wait_ms: EventTimeWait::default(),
            attribution: Attribution::default(),
            progress: flowbench_measurement::record::Progress {
                watermark_lag_peak_ms: None,
                backlog_peak,
                recovery_ns,
            },
            sharing: Sharing::default(),
            lost: LostTime::default(),
            sustainable: None,
            memory: Memory { growth: None, burst: None, ..memory::memory(timeline) },
            accuracy: check.accuracy,
            disorder: disorder(trace, prepared.profile(), check.duplicates),
            what_if: None,
            live: Some(self.live(times)),
            trace_digest: trace.digest(),
        }
    }

    fn live(&self, times: &Times) -> LiveNumbers {
        let Evidence { observed, end, trace, replay, viewers, .. } = self;
        let replayed_ns = replay.measured.completions.elapsed_ns();
        LiveNumbers {
            viewers: *viewers,
            acknowledged: times.acknowledged.quantiles(),
            shown: (!observed.shown.is_empty()).then(|| times.shown.quantiles()),
            refused_posts: observed.posts.iter().map(|post| post.refused).sum(),
            emitted_events: observed.emitted_events,
            recording_bytes: end.gate.recording_bytes,
            replay_events_per_s: (replayed_ns > 0).then(|| trace.events.len() as f64 * 1e9 / replayed_ns as f64),
        }
    }

    /// Returns memory, entries and the events that were due and not answered, over time.
    fn timeline(&self) -> Vec<TimelinePoint> {
        let Observed { posts, answered, readings, .. } = &self.observed;
        let mut due: Vec<(u64, u64)> = posts.iter().map(|post| (post.ready_ns, post.events)).collect();
        due.sort_unstable();
        let (mut next_due, mut due_events) = (due.iter().peekable(), 0);
        let mut timeline = Timeline::new(readings.len());
        for reading in readings {
            while let Some((_, events)) = next_due.next_if(|(at_ns, _)| *at_ns <= reading.at_ns) {
                due_events += events;
            }
            let done = answered.partition_point(|progress| progress.at_ns <= reading.at_ns);
            let done = done.checked_sub(1).map_or(0, |last| answered[last].events);
            let position = Position { backlog: due_events.saturating_sub(done), ..Position::default() };
            timeline.push(*reading, position, None);
        }
        timeline.points().to_vec()
    }

    fn circumstances(&self, prepared: &PreparedCase, times: &Times) -> Circumstances {
        let (Observed { disturbance, elapsed_ns, .. }, build) = (&self.observed, environment::build());
        Circumstances {
            usable_cores: Some(environment::usable_cores()),
            lasted_ns: Some(*elapsed_ns),
            completed_in_time: None,
            is_unsteady: false,
            steal_share: disturbance.steal_share,
            throttled_share: disturbance.throttled_share,
            swapped_bytes: disturbance.swapped_bytes,
            on_battery: environment::on_battery(),
            swap: environment::swap_use(),
            span_ms: span_ms(self.trace),
            retention_ms: None,
            has_day_rhythm: prepared.profile().is_none_or(flowbench_generators::Profile::has_day_rhythm),
            miscounted_share: None,
            not_pinned: None,
            negative: times.latency.negative(),
            saturated: times.latency.saturated(),
            logged: false,
            debug_build: build.profile == "debug",
            dirty_tree: build.dirty,
        }
    }
}

impl Times {
    /// Returns the times of what counts and was due when recording began. Whatever is not through at the end of an open loop
    /// has the age that it has then. In a closed loop it waits for event time that nothing moves, and has none.
    fn of(observed: &Observed, warmup_ns: u64, is_open: bool) -> Times {
        let mut times = Times {
            latency: LatencyHistogram::new(),
            lag: LatencyHistogram::new(),
            acknowledged: LatencyHistogram::new(),
            shown: LatencyHistogram::new(),
            censored: 0,
        };
        for post in observed.posts.iter().filter(|post| post.counts && post.due_ns >= warmup_ns) {
            let since_due = |at_ns: u64| at_ns as i64 - post.due_ns as i64;
            let answered_ns = reached_ns(&observed.answered, post);
            times.censored += if answered_ns.is_none() && is_open { post.events } else { 0 };
            let or_end = |at_ns: Option<u64>| at_ns.or(is_open.then_some(observed.elapsed_ns));
            if let Some(at_ns) = or_end(answered_ns) {
                times.latency.record_many_ns(since_due(at_ns), post.events);
            }
            times.lag.record_many_ns(post.sent_ns as i64 - post.ready_ns as i64, post.events);
            times.acknowledged.record_many_ns(since_due(post.acknowledged_ns), post.events);
            for shown in &observed.shown {
                if let Some(at_ns) = or_end(reached_ns(shown, post)) {
                    times.shown.record_many_ns(since_due(at_ns), post.events);
                }
            }
        }
        times
    }

    fn histogram_lines(&self) -> Vec<(String, String)> {
        let histograms = [
            ("latency", &self.latency),
            ("driver-lag", &self.lag),
            ("acknowledged", &self.acknowledged),
            ("shown", &self.shown),
        ];
        histogram_lines(&histograms)
    }
}

/// Returns when the events of a post were through; `None` if they never were.
fn reached_ns(progress: &[Progress], post: &Post) -> Option<u64> {
    progress.get(progress.partition_point(|one| one.events < post.position)).map(|one| one.at_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::RunDisturbance;

    fn post(due_ns: u64, events: u64, position: u64) -> Post {
        let sent_ns = due_ns + 5_000;
        Post {
            first: due_ns,
            due_ns,
            ready_ns: due_ns,
            sent_ns,
            acknowledged_ns: due_ns + 9_000,
            events,
            position,
            refused: 0,
            counts: true,
        }
    }

    #[test]
    fn an_event_is_through_when_as_many_are_and_never_before_it_is_due() {
        let reached = |at_ns, events| Progress { at_ns, events };
        let observed = Observed {
            posts: vec![post(1_000_000, 10, 20), post(0, 10, 10), post(2_000_000, 10, 30)],
            answered: vec![reached(3_000_000, 10), reached(4_000_000, 25)],
            shown: vec![vec![reached(5_000_000, 30)], vec![reached(6_000_000, 19)]],
            readings: Vec::new(),
            cpu_ns: 0,
            elapsed_ns: 9_000_000,
            accepted_events: 30,
            emitted_events: 0,
            disturbance: RunDisturbance::default(),
        };
        let times = Times::of(&observed, 0, true);
        let max_ms = |histogram: &LatencyHistogram| histogram.quantile_ns(1.0).map(|ns| (ns + 50_000) / 1_000_000);
        assert_eq!((times.latency.count(), times.censored), (30, 10), "the last ten were not answered");
        assert_eq!((max_ms(&times.latency), times.shown.count(), max_ms(&times.shown)), (Some(7), 60, Some(8)));
        assert_eq!(Times::of(&observed, 1_500_000, true).latency.count(), 10, "without the warm-up");
        let closed = Times::of(&observed, 0, false);
        assert_eq!((closed.latency.count(), closed.censored, closed.shown.count()), (20, 0, 40));
    }
}
