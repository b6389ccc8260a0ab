//! A case before it is run: what its process is sent.

use flowbench_measurement::record::Axes;
use flowbench_measurement::sustainable::Range;
use serde::{Deserialize, Serialize};

use crate::experiment::rate::{Rate, auto_records_per_epoch, searching};

/// Everything that the process of a case needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSpec {
    /// Name of the question.
    pub part: String,
    /// Number of the case, from 1; its repeats share it.
    pub case: usize,
    /// Which repeat, from 1.
    pub repeat: usize,
    /// The choice on every axis.
    pub axes: Axes,
    /// The trace to make; at most, while the rate is not known.
    pub trace: TraceSpec,
    /// How events are offered.
    pub arrivals: Arrivals,
    /// Where the rate comes from at which they are.
    pub rate: Rate,
    /// Open loop: how long events are offered, ms.
    pub duration_ms: u64,
    /// Events due before this are not recorded, ns.
    pub warmup_ns: u64,
    /// True if the activity of operators is wanted.
    pub profile_operators: bool,
    /// Maximum p99 latency that a search accepts, ns.
    pub slo_p99_ns: u64,
    /// Records in an epoch, if that was asked for; else what suits the rate.
    pub records_per_epoch: Option<usize>,
    /// Longest time for the case, ms.
    pub deadline_ms: u64,
    /// Largest resident set of the case, bytes.
    pub memory_cap_bytes: u64,
}

/// A trace, as the generator is asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSpec {
    /// Name of the profile.
    pub profile: String,
    /// Seed of the generator.
    pub seed: u64,
    /// How many events.
    pub events: u64,
    /// Parameters of the generator, `key=value`.
    pub overrides: Vec<String>,
}

/// How events are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// As soon as there is room: throughput.
    Closed,
    /// Evenly spaced.
    Constant,
    /// A Poisson process.
    Poisson,
    /// Half of the events in a tenth of the time: 10 ms of every 100.
    Bursts,
    /// In the rhythm of the arrival times of the trace, sped up to the mean rate.
    AsRecorded,
}

impl Arrivals {
    pub(crate) const OPEN: [(&'static str, Arrivals); 4] = [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
        ("bursts", Arrivals::Bursts),
        ("as-recorded", Arrivals::AsRecorded),
    ];

    /// The word of the `load` column.
    pub fn load(self) -> &'static str {
        match self {
            Arrivals::Closed => "closed",
            Arrivals::Constant => "open",
            Arrivals::Poisson => "open-poisson",
            Arrivals::Bursts => "open-bursts",
            Arrivals::AsRecorded => "open-as-recorded",
        }
    }
}

/// Maximum number of events of a case: 48 bytes each, in memory.
pub(crate) const EVENTS_MAX: u64 = 1 << 30;
/// The minimum number of latencies at every rate a search tries: twice what a p99 needs, because arrivals may be
/// uneven.
const SAMPLES: f64 = 2_000.0;

impl CaseSpec {
    /// Returns this case at a rate: the trace is cut to what is offered in time, and the epoch length suits the rate
    /// unless it was requested.
    pub(crate) fn at(&self, rate_events_per_s: f64) -> CaseSpec {
        let mut spec = self.clone();
        let events = (rate_events_per_s * self.duration_ms as f64 / 1000.0).ceil() as u64;
        spec.trace.events = self.trace.events.min(events).max(1);
        spec.axes.rate_events_per_s = Some(rate_events_per_s);
        spec.axes.records_per_epoch =
            self.records_per_epoch.unwrap_or_else(|| auto_records_per_epoch(Some(rate_events_per_s)));
        spec
    }

    /// Returns this case with a trace that lasts for a rate: that of a search may have been extended.
    pub(crate) fn as_long_as(&self, rate_events_per_s: f64) -> CaseSpec {
        let mut spec = self.clone();
        let events = (rate_events_per_s * self.duration_ms as f64 / 1000.0).ceil() as u64 + 1;
        spec.trace.events = self.trace.events.max(events.min(EVENTS_MAX));
        spec
    }

    /// True if the rate is known before anything has run.
    pub(crate) fn rate_is_known(&self) -> bool {
        matches!(self.rate, Rate::Closed | Rate::Given(_))
    }

    /// Returns the range of rates a search may try: from the lowest that gives enough latencies to the highest for
    /// which the trace lasts. Fails if there is none.
    pub(crate) fn rates(&self) -> Result<Range, String> {
        let recorded_s = self.duration_ms as f64 / 1e3 - self.warmup_ns as f64 / 1e9;
        let least_events_per_s = SAMPLES / recorded_s;
        let most_events_per_s = self.trace.events as f64 * 1e3 / self.duration_ms as f64;
        if least_events_per_s <= most_events_per_s {
            return Ok(Range { least_events_per_s, most_events_per_s });
        }
        let (events, least) = (self.trace.events, (least_events_per_s * self.duration_ms as f64 / 1e3).ceil());
        Err(format!(
            "a search needs {SAMPLES} latencies after the warm-up; give the trace {least} events, not {events}"
        ))
    }

    /// Returns the search of which this case is a share, as it would be planned.
    pub(crate) fn searching(&self) -> CaseSpec {
        let mut search = CaseSpec { case: 0, rate: Rate::Search, ..self.clone() };
        search.axes.rate_share = None;
        search.axes.load = searching(&self.axes.load);
        search
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::rate::tests::{planned, search};

    #[test]
    fn what_follows_from_the_rate_is_fixed_when_the_rate_is() {
        let spec = search("200ms");
        let at = spec.at(5e3);
        assert_eq!((at.trace.events, at.axes.records_per_epoch, at.axes.rate_events_per_s), (1000, 1, Some(5e3)));
        let at = spec.at(5e6);
        assert_eq!((at.trace.events, at.axes.records_per_epoch), (4000, 64));
        let asked = planned("", "pipeline = \"identity\"\nrecords_per_epoch = 7\nrate = \"search\"", 1).unwrap();
        assert_eq!(asked.cases[0].at(5e6).axes.records_per_epoch, 7);
    }
}
