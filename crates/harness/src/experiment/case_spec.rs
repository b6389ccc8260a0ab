//! A case before it is run: what its process is sent.
//!
//! Decision D-415.

use flowbench_events::{Sources, WatermarkRule};
use flowbench_measurement::record::Axes;
use flowbench_measurement::sustainable::Range;
use flowbench_pipelines::RunConfig;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::experiment::axes::WatermarkSources;
use crate::experiment::keys::EVENTS_MAX;
use crate::experiment::live_setup::LiveSetup;
use crate::experiment::rate::{Arrivals, CLOSED_RECORDS_PER_EPOCH, OfferedLoad, open_records_per_epoch};
use crate::log::LogSpec;
use crate::measure::load::Idle;

/// Everything that the process of a case needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSpec {
    /// Name of the part of the experiment.
    pub part: String,
    /// Number of the case, from 1; its repeats share it.
    pub case: usize,
    /// Number of the repeat, from 1.
    pub repeat: usize,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The text of the file of the pipeline, whose name is its path; `None` if it is one that the program knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_text: Option<String>,
    /// Parameters of the pipeline, `key=value`.
    pub settings: Vec<String>,
    /// Strategy, order policy, eviction, workers of each process, deduplication and planted fault.
    pub config: RunConfig,
    /// The planted fault as the experiment spells it.
    pub fault: Option<String>,
    /// The live session through which events come to the pipeline; `None` if the workers are given them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveSetup>,
    /// Number of processes.
    pub processes: usize,
    /// Slack of the watermark, ms of event time.
    pub slack_ms: i64,
    /// The sources whose progress the watermark follows.
    pub sources: WatermarkSources,
    /// How long a source may be silent before the watermark no longer waits for it, ms of arrival time; `None`:
    /// forever.
    pub idle_timeout_ms: Option<i64>,
    /// What a worker without work does.
    pub idle: Idle,
    /// True if each worker is bound to a core of its own.
    #[serde(default)]
    pub pin: bool,
    /// The trace to generate; while the rate is not known, the most of it that may be needed.
    pub trace: TraceSpec,
    /// How events are offered.
    pub load: OfferedLoad,
    /// Open loop: how long events are offered, ms.
    pub duration_ms: u64,
    /// Open loop: the shortest warm-up; events due before its end are not recorded, ns.
    pub warmup_ns: u64,
    /// True if the activity of operators is recorded too.
    pub profile_operators: bool,
    /// True if the answers are a result, too.
    #[serde(default)]
    pub keeps_answers: bool,
    /// Maximum p99 latency that a search accepts, ns.
    pub slo_p99_ns: u64,
    /// Records in an epoch; `None` for a default that depends on the rate.
    pub records_per_epoch: Option<usize>,
    /// Maximum duration of the case, ms.
    pub deadline_ms: u64,
    /// Maximum resident set of the case, bytes.
    pub memory_cap_bytes: u64,
}

/// A trace to generate, or to read from a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSpec {
    /// Name of the profile, or of the log without its folder.
    pub profile: String,
    /// Seed of the generator and of random arrivals.
    pub seed: u64,
    /// Number of events.
    pub events: u64,
    /// Parameters of the generator, `key=value`.
    pub overrides: Vec<String>,
    /// All parameters of the generator, `key=value`, of the world as it would otherwise be; empty if nobody asks.
    #[serde(default)]
    pub counterfactual: Vec<String>,
    /// Name of the world, or the parameters that distinguish it from that of the profile; empty if there are none.
    pub world: String,
    /// The log from which the trace is read; `None` if it is generated.
    pub log: Option<LogSpec>,
}

/// The trace of a search is too short for any rate.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[error("a search needs {SAMPLES} latencies after the warm-up; give the trace {needed} events, not {events}")]
pub struct TooFewEvents {
    /// The minimum number of events.
    pub needed: f64,
    /// The number of events of the trace.
    pub events: u64,
}

/// The minimum number of latencies at every rate a search tries: twice what a p99 needs, because arrivals may be
/// uneven.
const SAMPLES: f64 = 2_000.0;

impl CaseSpec {
    /// Returns this case in an open loop at a rate, with the trace cut to what is offered in time. `share` is the share
    /// of a sustainable rate that this is, if it is one.
    pub(crate) fn at(&self, rate_events_per_s: f64, arrivals: Arrivals, share: Option<f64>) -> CaseSpec {
        let mut spec = self.clone();
        spec.trace.events = self.events_at(rate_events_per_s);
        spec.load = OfferedLoad::Open { rate_events_per_s, arrivals, share };
        spec
    }

    /// Returns how many events of the trace are offered in time at a rate, at least 1.
    pub(crate) fn events_at(&self, rate_events_per_s: f64) -> u64 {
        let events = (rate_events_per_s * self.duration_ms as f64 / 1000.0).ceil() as u64;
        self.trace.events.min(events).max(1)
    }

    /// Returns this case with a trace that lasts for a rate: that of a search may have been extended. A log cannot be.
    pub(crate) fn as_long_as(&self, rate_events_per_s: f64) -> CaseSpec {
        let mut spec = self.clone();
        if self.trace.log.is_some() {
            return spec;
        }
        let events = (rate_events_per_s * self.duration_ms as f64 / 1000.0).ceil() as u64 + 1;
        spec.trace.events = self.trace.events.max(events.min(EVENTS_MAX));
        spec
    }

    /// Returns the epoch length at a rate, records; `None` is the closed loop, or a rate that is not known.
    pub(crate) fn records_per_epoch_at(&self, rate_events_per_s: Option<f64>) -> usize {
        self.records_per_epoch
            .unwrap_or_else(|| rate_events_per_s.map_or(CLOSED_RECORDS_PER_EPOCH, open_records_per_epoch))
    }

    /// Returns the range of rates a search may try: from the lowest that gives enough latencies to the highest for
    /// which the trace lasts.
    ///
    /// # Errors
    ///
    /// Fails if there is none.
    pub(crate) fn rates(&self) -> Result<Range, TooFewEvents> {
        let recorded_s = self.duration_ms as f64 / 1e3 - self.warmup_ns as f64 / 1e9;
        let least_events_per_s = SAMPLES / recorded_s;
        let most_events_per_s = self.trace.events as f64 * 1e3 / self.duration_ms as f64;
        if least_events_per_s <= most_events_per_s {
            return Ok(Range { least_events_per_s, most_events_per_s });
        }
        let needed = (least_events_per_s * self.duration_ms as f64 / 1e3).ceil();
        Err(TooFewEvents { needed, events: self.trace.events })
    }

    /// Returns the rule that the watermark follows.
    pub(crate) fn watermark_rule(&self) -> WatermarkRule {
        let sources = match self.sources {
            WatermarkSources::Merged => Sources::Merged,
            WatermarkSources::Channel => Sources::Channel { idle_ms: self.idle_timeout_ms },
        };
        WatermarkRule { slack_ms: self.slack_ms, sources }
    }

    /// Returns the axes as a record has them; `found_events_per_s` is the rate that a search has found.
    pub fn axes(&self, found_events_per_s: Option<f64>) -> Axes {
        let rate_events_per_s = self.load.rate_events_per_s().or(found_events_per_s);
        Axes {
            pipeline: self.pipeline.clone(),
            settings: self.settings.clone(),
            deduplicate: self.config.deduplicate.is_some(),
            strategy: self.config.strategy.name().to_owned(),
            order: self.config.order.name().to_owned(),
            slack_ms: self.slack_ms,
            sources: self.sources.name().to_owned(),
            idle: self.idle.name().to_owned(),
            idle_ms: self.idle_timeout_ms,
            eviction: self.config.eviction.to_string(),
            workers: self.config.workers,
            processes: self.processes,
            records_per_epoch: self.records_per_epoch_at(rate_events_per_s),
            load: self.load.column(),
            rate_events_per_s,
            rate_share: self.load.share(),
            trace: self.trace.profile.clone(),
            seed: Some(self.trace.seed),
            world: self.trace.world.clone(),
            fault: self.fault.clone(),
            live: self.live.map(|live| live.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::rate::tests::{planned, search};

    #[test]
    fn what_follows_from_the_rate_is_fixed_when_the_rate_is() {
        let at = |spec: &CaseSpec, rate| {
            let at = spec.at(rate, Arrivals::Constant, None);
            let axes = at.axes(None);
            (at.trace.events, axes.records_per_epoch, axes.rate_events_per_s)
        };
        let spec = search("200ms");
        assert_eq!(at(&spec, 5e3), (1000, 1, Some(5e3)));
        assert_eq!(at(&spec, 5e6), (4000, 64, Some(5e6)));
        let asked = planned("", "pipeline = \"identity\"\nrecords_per_epoch = 7\nrate = \"search\"", 1).unwrap();
        assert_eq!(at(&asked.cases[0], 5e6).1, 7);
    }

    #[test]
    fn a_case_is_sent_as_json_and_read_as_it_was() {
        let axes = "pipeline = \"sessions\"\norder = \"speculative\"\neviction = \"never\"\nworkers = 2\n\
                    deduplicate = true\nfault = \"stall:5ms@7\"\nlive = \"off\"\nidle = \"park\"\nsources = \"channel\"\n\
                    rate = [\"closed\", \"search\", \"50%\", 1000]\narrivals = \"poisson\"";
        let plan = planned("duration = \"200ms\"", axes, 1).unwrap();
        assert_eq!(plan.cases.len(), 4);
        for case in plan.cases {
            let json = serde_json::to_string(&case).unwrap();
            assert_eq!(serde_json::from_str::<CaseSpec>(&json).unwrap(), case);
        }
    }
}
