//! A search for the sustainable rate: one case process that makes its trace once and runs probe after probe.
//!
//! Every probe is a whole open-loop run on fresh state, with the same trace cut to what its rate offers in time. Of
//! every probe it is checked that it dropped as late exactly what is late of the trace; of the last one, whose numbers
//! are those of the case, everything is.
//!
//! Decision D-304.

use std::time::{Duration, Instant};

use flowbench_events::LateSet;
use flowbench_measurement::record::{Probe, Status};
use flowbench_measurement::sustainable::{Next, Search, Trial};
use flowbench_pipelines::Registry;

use crate::case::check::wrong_late_set;
use crate::case::error::CaseError;
use crate::case::trial::{Offer, PreparedCase, Run};
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::keys::EVENTS_MAX;
use crate::experiment::rate::Arrivals;
use crate::measure::resident_set::peak_rss_bytes;
use crate::run::protocol::{CaseResult, failed};

/// Events of the closed loop that gives the first guess.
const EVENTS_FOR_A_GUESS: u64 = 1 << 20;
/// The guess as a share of the closed loop's throughput: an open loop has smaller epochs, which cost.
const GUESS_SHARE: f64 = 0.7;
/// The number of instants in the last half of a probe at which its backlog is examined.
const INSTANTS: u64 = 256;

/// How many times the requested events a trace may be extended to if it is too short for the machine.
const LONGER_MAX: u64 = 8;

/// Searches for the sustainable rate until it is found or there is none.
pub(crate) fn run(spec: &CaseSpec, registry: Registry, arrivals: Arrivals) -> Result<CaseResult, CaseError> {
    let mut bench = OnTrace::new(spec, registry, arrivals)?;
    let mut search = Search::new(spec.rates()?, guess(&bench.prepared)?, spec.slo_p99_ns);
    if let Some(cause) = search_on(&mut bench, &mut search)? {
        return Ok(invalid(cause));
    }
    Ok(match (search.next(), bench.last) {
        (Next::Found(found), Some(run)) => bench.prepared.result(&run, Some(found)),
        _ => nothing(search.probes()),
    })
}

/// What runs probes.
trait Bench {
    /// Runs a probe at a rate.
    fn probe(&mut self, rate_events_per_s: f64) -> Result<Judged, CaseError>;

    /// Extends the trace for higher rates; returns the highest that may be tried then, `None` if it cannot be
    /// extended.
    fn lengthen(&mut self) -> Result<Option<f64>, CaseError>;
}

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Judged {
    /// Why its rate was refused, if it was, and its p99 latency, ns.
    Sound(Option<String>, Option<u64>),
    /// Why its answers are wrong.
    Wrong(String),
}

/// Runs probes to the end of the search, extending the trace when needed. Returns why the answers of a probe were
/// wrong, if they were.
fn search_on(bench: &mut impl Bench, search: &mut Search) -> Result<Option<String>, CaseError> {
    loop {
        match search.next() {
            Next::Try(rate) => match bench.probe(rate)? {
                Judged::Sound(refused, latency_p99_ns) => search.judged(refused, latency_p99_ns),
                Judged::Wrong(cause) => return Ok(Some(format!("at {rate} events/s {cause}"))),
            },
            Next::Found(found) if found.high_events_per_s.is_none() => match bench.lengthen()? {
                Some(most_events_per_s) => search.extend(most_events_per_s),
                None => return Ok(None),
            },
            Next::Found(_) | Next::Nothing => return Ok(None),
        }
    }
}

/// Runs probes on one trace and keeps the last run.
struct OnTrace {
    registry: Registry,
    began: Instant,
    requested_events: u64,
    arrivals: Arrivals,
    prepared: PreparedCase,
    last: Option<Run>,
}

impl OnTrace {
    fn new(spec: &CaseSpec, registry: Registry, arrivals: Arrivals) -> Result<OnTrace, CaseError> {
        let (began, requested_events) = (Instant::now(), spec.trace.events);
        Ok(OnTrace {
            began,
            requested_events,
            arrivals,
            registry,
            prepared: PreparedCase::new(spec, registry)?,
            last: None,
        })
    }

    /// Returns true if twice the trace is within what was requested, and if the deadline and the memory allow it: the
    /// next round of probes takes at least as long as all before, and both traces exist while the longer one is made.
    /// A log is as long as it is.
    fn may_lengthen(&self, spent: Duration, peak_rss_bytes: u64) -> bool {
        let spec = &self.prepared.spec;
        spec.trace.log.is_none()
            && spec.trace.events.saturating_mul(2) <= self.requested_events.saturating_mul(LONGER_MAX).min(EVENTS_MAX)
            && spent.saturating_mul(3) <= Duration::from_millis(spec.deadline_ms)
            && peak_rss_bytes.saturating_mul(3) <= spec.memory_cap_bytes
    }
}

impl Bench for OnTrace {
    fn probe(&mut self, rate_events_per_s: f64) -> Result<Judged, CaseError> {
        self.last = None; // its answers are not needed any more
        let run = run_at(&self.prepared, rate_events_per_s, self.arrivals)?;
        if let Some(cause) = wrong_late(&self.prepared, &run) {
            return Ok(Judged::Wrong(cause));
        }
        let (refused, latency_p99_ns) = verdict(&self.prepared.spec, rate_events_per_s, &run);
        self.last = Some(run);
        Ok(Judged::Sound(refused, latency_p99_ns))
    }

    fn lengthen(&mut self) -> Result<Option<f64>, CaseError> {
        if !self.may_lengthen(self.began.elapsed(), peak_rss_bytes().unwrap_or(u64::MAX)) {
            return Ok(None);
        }
        self.last = None;
        let mut spec = self.prepared.spec.clone();
        spec.trace.events *= 2;
        self.prepared = PreparedCase::new(&spec, self.registry)?;
        Ok(Some(spec.rates()?.most_events_per_s))
    }
}

/// Returns a share of the closed loop's throughput on the first events, events/s.
fn guess(prepared: &PreparedCase) -> Result<f64, CaseError> {
    let events = prepared.spec.trace.events.min(EVENTS_FOR_A_GUESS);
    let run = alone(prepared, &prepared.closed_loop(events))?;
    let elapsed_s = run.measured.completions.elapsed_ns().max(1) as f64 / 1e9;
    Ok(GUESS_SHARE * events as f64 / elapsed_s)
}

/// Runs an open loop at a rate, on what it offers in time of the trace.
fn run_at(prepared: &PreparedCase, rate_events_per_s: f64, arrivals: Arrivals) -> Result<Run, CaseError> {
    let events = prepared.spec.events_at(rate_events_per_s);
    alone(prepared, &prepared.open_loop(events, rate_events_per_s, arrivals)?)
}

fn alone(prepared: &PreparedCase, offer: &Offer) -> Result<Run, CaseError> {
    prepared.run(offer, false, None)?.ok_or(CaseError::SearchInSeveralProcesses)
}

fn wrong_late(prepared: &PreparedCase, run: &Run) -> Option<String> {
    let of_trace = LateSet::of(run.feed.trace(), run.feed.rule());
    wrong_late_set(&prepared.spec.config, of_trace, run.measured.end.late)
}

/// Returns why the rate was refused, if it was, and its p99 latency, ns.
fn verdict(spec: &CaseSpec, rate_events_per_s: f64, run: &Run) -> (Option<String>, Option<u64>) {
    let completions = &run.measured.completions;
    let latencies = completions.latencies(completions.window(spec.warmup_ns));
    let planned_ns = completions.planned_ns().unwrap_or(0);
    let instant_ns = |i| planned_ns / 2 + (planned_ns - planned_ns / 2) * i / (INSTANTS - 1);
    let trial = Trial {
        rate_events_per_s,
        events: run.feed.trace().events.len() as u64,
        censored: latencies.censored,
        latency_p99_ns: latencies.latency.quantiles().p99_ns,
        backlog: &completions.backlog((0..INSTANTS).map(instant_ns)),
    };
    (trial.refusal(spec.slo_p99_ns), trial.latency_p99_ns)
}

fn invalid(cause: String) -> CaseResult {
    CaseResult { status: Status::Invalid { cause }, ..failed(String::new(), String::new()) }
}

/// Returns the failure of a search in which no rate was sustained: the last reason is the cause, all of them are
/// listed below it.
fn nothing(probes: &[Probe]) -> CaseResult {
    let line = |probe: &Probe| {
        let refused = probe.refused.as_deref().unwrap_or("sustained");
        format!("{:.0} events/s: {refused}", probe.rate_events_per_s)
    };
    let lines: Vec<String> = probes.iter().map(line).collect();
    let last = lines.last().map_or("", String::as_str);
    failed(format!("no rate was sustained in {} probes; the last one at {last}", lines.len()), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::Sustainable;
    use flowbench_measurement::sustainable::Range;

    use super::*;
    use crate::case::child;
    use crate::experiment::rate::tests::search;

    #[test]
    fn a_search_has_the_numbers_of_its_last_probe_and_says_what_it_tried() {
        let spec = search("1s");
        let result = child::run(&spec, Registry::default(), None).unwrap();
        assert_eq!(result.status, Status::Ok);
        let numbers = result.numbers.unwrap();
        let found = numbers.sustainable.unwrap();
        let rate = found.rate_events_per_s;
        assert!(
            found.low_events_per_s.is_none_or(|low| low <= rate)
                && found.high_events_per_s.is_none_or(|high| high > rate),
            "{found:?}"
        );
        assert_eq!((found.slo_p99_ns, numbers.events), (spec.slo_p99_ns, rate.ceil() as u64));
        let last = found.probes.last().unwrap();
        assert_eq!((last.rate_events_per_s, last.latency_p99_ns), (rate, numbers.latency.p99_ns));
        let mut given = spec.clone();
        given.trace.events = numbers.events;
        let given = given.at(rate, Arrivals::Constant, None);
        let given = child::run(&given, Registry::default(), None).unwrap().numbers.unwrap();
        assert_eq!((given.trace_digest, given.accuracy), (numbers.trace_digest, numbers.accuracy));
    }

    /// Sustains rates up to a limit, on a trace that lasts for rates up to `most` and can be lengthened so many times.
    struct Fake {
        limit: f64,
        most: f64,
        lengthenings: usize,
    }

    impl Bench for Fake {
        fn probe(&mut self, rate: f64) -> Result<Judged, CaseError> {
            assert!(rate <= self.most, "the trace does not last for {rate}");
            Ok(Judged::Sound((rate > self.limit).then(|| "too fast".to_owned()), Some(1)))
        }

        fn lengthen(&mut self) -> Result<Option<f64>, CaseError> {
            let Some(left) = self.lengthenings.checked_sub(1) else { return Ok(None) };
            (self.lengthenings, self.most) = (left, 2.0 * self.most);
            Ok(Some(self.most))
        }
    }

    /// What is found of a fake with a trace for 1 M events/s, and how often its trace could still be lengthened.
    fn found_by(limit: f64, lengthenings: usize) -> (Sustainable, usize) {
        let mut fake = Fake { limit, most: 1e6, lengthenings };
        let range = Range { least_events_per_s: 1e3, most_events_per_s: 1e6 };
        let mut search = Search::new(range, 7e5, 10_000_000);
        assert_eq!(search_on(&mut fake, &mut search).unwrap(), None);
        let Next::Found(found) = search.next() else { panic!("{:?}", search.probes()) };
        (found, fake.lengthenings)
    }

    #[test]
    fn a_trace_too_short_for_the_machine_is_made_longer_and_only_then_the_search_is_capped() {
        let (found, left) = found_by(0.5e6, 3);
        assert!(found.high_events_per_s.is_some() && left == 3, "{found:?}");
        let (found, left) = found_by(3.3e6, 3);
        assert!((3.1e6..=3.3e6).contains(&found.rate_events_per_s) && left == 1, "{found:?}");
        assert!(found.high_events_per_s.is_some_and(|high| high > 3.3e6 && high < 3.5e6), "{found:?}");
        let (found, left) = found_by(3e7, 3);
        assert_eq!((found.rate_events_per_s, found.high_events_per_s, left), (8e6, None, 0));
    }

    #[test]
    fn a_wrong_answer_ends_a_search() {
        struct Wrong;
        impl Bench for Wrong {
            fn probe(&mut self, _: f64) -> Result<Judged, CaseError> {
                Ok(Judged::Wrong("3 events were dropped as late".to_owned()))
            }

            fn lengthen(&mut self) -> Result<Option<f64>, CaseError> {
                unreachable!("nothing was found")
            }
        }
        let range = Range { least_events_per_s: 1e3, most_events_per_s: 1e6 };
        let cause = search_on(&mut Wrong, &mut Search::new(range, 7e5, 1)).unwrap().unwrap();
        assert_eq!(cause, "at 700000 events/s 3 events were dropped as late");
    }

    #[test]
    fn a_trace_is_lengthened_within_eight_times_its_events_the_deadline_and_the_memory() {
        let spec = search("200ms");
        let mut bench = OnTrace::new(&spec, Registry::default(), Arrivals::Constant).unwrap();
        let third = (Duration::from_millis(spec.deadline_ms) / 3, spec.memory_cap_bytes / 3);
        assert!(bench.may_lengthen(third.0, third.1));
        assert!(!bench.may_lengthen(third.0 + Duration::from_millis(1), third.1));
        assert!(!bench.may_lengthen(third.0, third.1 + 1));
        bench.prepared.spec.trace.events = 4 * spec.trace.events;
        assert!(bench.may_lengthen(third.0, third.1));
        bench.prepared.spec.trace.events += 1;
        assert!(!bench.may_lengthen(third.0, third.1));
    }

    #[test]
    fn if_no_rate_is_sustained_the_cause_says_why_and_every_probe_is_listed() {
        let result = child::run(&CaseSpec { slo_p99_ns: 1, ..search("200ms") }, Registry::default(), None).unwrap();
        let Status::Failed { cause, stderr_tail } = result.status else { panic!("{:?}", result.status) };
        assert!(cause.starts_with("no rate was sustained in "), "{cause}");
        assert!(
            cause.contains("probes; the last one at 10000 events/s: ") && cause.contains(", above 1 ns"),
            "{cause}"
        );
        assert!(stderr_tail.lines().count() > 2 && result.numbers.is_none(), "{stderr_tail}");
    }

    #[test]
    fn what_is_dropped_as_late_is_checked_at_every_probe() {
        let spec = search("200ms");
        let prepared = PreparedCase::new(&spec, Registry::default()).unwrap();
        let mut run = run_at(&prepared, 20_000.0, Arrivals::Constant).unwrap();
        assert_eq!(wrong_late(&prepared, &run), None);
        run.measured.end.late.count += 1;
        assert!(wrong_late(&prepared, &run).unwrap().contains("were dropped as late"));
    }

    #[test]
    fn the_verdict_is_on_the_probe_as_it_went() {
        let mut spec = search("200ms");
        spec.config.fault = Some("stall:300ms@0".parse().unwrap());
        let prepared = PreparedCase::new(&spec, Registry::default()).unwrap();
        let run = run_at(&prepared, 20_000.0, Arrivals::Constant).unwrap();
        let (refused, latency_p99_ns) = verdict(&spec, 20_000.0, &run);
        assert!(refused.unwrap().contains("of the events were completed"));
        assert!(latency_p99_ns.unwrap() > 100_000_000);
    }
}
