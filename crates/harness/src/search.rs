//! A search for the sustainable rate: one case process that makes its trace once and runs probe after probe.
//!
//! Every probe is a whole open-loop run on fresh state, with the same trace cut to what its rate offers in time. Of
//! every probe it is checked that it dropped as late exactly what is late of the trace; of the last one, whose numbers
//! are those of the case, everything is.

use flowbench_events::LateSet;
use flowbench_measurement::record::{Probe, Status};
use flowbench_measurement::sustainable::{Next, Search, Trial};

use crate::case::{CaseResult, Ready, Run};
use crate::check::wrong_late_set;
use crate::plan::CaseSpec;
use crate::watched::failed;

/// Events of the closed loop that gives the first guess.
const EVENTS_FOR_A_GUESS: u64 = 1 << 20;
/// The guess, as a share of the throughput of the closed loop: an open loop has smaller epochs, and they cost.
const GUESS_SHARE: f64 = 0.7;
/// Instants of the last half of a probe at which its backlog is looked at.
const INSTANTS: u64 = 256;

/// Searches until the rate is found or there is none.
pub(crate) fn run(spec: &CaseSpec, ready: &Ready) -> Result<CaseResult, String> {
    let mut search = Search::new(spec.rates()?, guess(spec, ready)?, spec.slo_p99_ns);
    let mut last: Option<(CaseSpec, Run)> = None;
    while let Next::Try(rate) = search.next() {
        drop(last.take()); // its answers are not needed any more
        let probe = spec.at(rate);
        let run = alone(ready, &probe)?;
        if let Some(cause) = wrong_late(ready, &run) {
            return Ok(invalid(format!("at {rate} events/s {cause}")));
        }
        let (refused, latency_p99_ns) = verdict(&probe, &run);
        search.judged(refused, latency_p99_ns);
        last = Some((probe, run));
    }
    Ok(match (search.next(), last) {
        (Next::Found(found), Some((probe, run))) => ready.result(&probe, &run, Some(found)),
        _ => nothing(search.probes()),
    })
}

/// A share of what the closed loop takes of the first events, events/s.
fn guess(spec: &CaseSpec, ready: &Ready) -> Result<f64, String> {
    let mut closed = spec.clone();
    closed.trace.events = spec.trace.events.min(EVENTS_FOR_A_GUESS);
    let run = alone(ready, &closed)?;
    let elapsed_s = run.measured.completions.elapsed_ns().max(1) as f64 / 1e9;
    Ok(GUESS_SHARE * closed.trace.events as f64 / elapsed_s)
}

fn alone(ready: &Ready, spec: &CaseSpec) -> Result<Run, String> {
    ready.run(spec, false, None)?.ok_or_else(|| "a search runs in one process".to_owned())
}

fn wrong_late(ready: &Ready, run: &Run) -> Option<String> {
    let of_trace = LateSet::of(&run.feed.trace().events, run.feed.rule());
    wrong_late_set(&ready.choice, of_trace, run.measured.end.late)
}

/// Why the rate was refused, if it was, and its 99 % latency, ns.
fn verdict(probe: &CaseSpec, run: &Run) -> (Option<String>, Option<u64>) {
    let completions = &run.measured.completions;
    let latencies = completions.latencies(completions.window(probe.warmup_ns));
    let planned_ns = completions.planned_ns().unwrap_or(0);
    let instant_ns = |i| planned_ns / 2 + (planned_ns - planned_ns / 2) * i / (INSTANTS - 1);
    let trial = Trial {
        rate_events_per_s: probe.axes.rate_events_per_s.unwrap_or(0.0),
        events: probe.trace.events,
        censored: latencies.censored,
        latency_p99_ns: latencies.latency.quantiles().p99_ns,
        backlog: &completions.backlog((0..INSTANTS).map(instant_ns)),
    };
    (trial.refusal(probe.slo_p99_ns), trial.latency_p99_ns)
}

fn invalid(cause: String) -> CaseResult {
    CaseResult { status: Status::Invalid { cause }, ..failed(String::new(), String::new()) }
}

/// No rate was sustained: the last reason is the cause, all of them stand below it.
fn nothing(probes: &[Probe]) -> CaseResult {
    let line = |probe: &Probe| {
        let refused = probe.refused.as_deref().unwrap_or("sustained");
        format!("{} events/s: {refused}", probe.rate_events_per_s)
    };
    let lines: Vec<String> = probes.iter().map(line).collect();
    let last = lines.last().map_or("", String::as_str);
    failed(format!("no rate was sustained in {} probes; the last one at {last}", lines.len()), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case;
    use crate::rate::{Rate, tests::search};

    #[test]
    fn a_search_has_the_numbers_of_its_last_probe_and_says_what_it_tried() {
        let spec = search("1s");
        let result = case::run(&spec, None).unwrap();
        assert_eq!(result.status, Status::Ok);
        let numbers = result.numbers.unwrap();
        let found = numbers.sustainable.unwrap();
        let rate = found.rate_events_per_s;
        assert!(
            found.low_events_per_s.is_none_or(|low| low <= rate)
                && found.high_events_per_s.is_none_or(|high| high > rate),
            "{found:?}"
        );
        assert_eq!((found.slo_p99_ns, numbers.events), (spec.slo_p99_ns, spec.at(rate).trace.events));
        let last = found.probes.last().unwrap();
        assert_eq!((last.rate_events_per_s, last.latency_p99_ns), (rate, numbers.latency.p99_ns));
        let given = case::run(&CaseSpec { rate: Rate::Given(rate), ..spec.at(rate) }, None).unwrap().numbers.unwrap();
        assert_eq!((given.trace_digest, given.accuracy), (numbers.trace_digest, numbers.accuracy));
    }

    #[test]
    fn where_no_rate_is_sustained_the_cause_says_why_and_every_probe_is_told() {
        let result = case::run(&CaseSpec { slo_p99_ns: 1, ..search("200ms") }, None).unwrap();
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
        let ready = Ready::new(&spec).unwrap();
        let mut run = alone(&ready, &spec.at(20_000.0)).unwrap();
        assert_eq!(wrong_late(&ready, &run), None);
        run.measured.end.late.count += 1;
        assert!(wrong_late(&ready, &run).unwrap().contains("were dropped as late"));
    }

    #[test]
    fn the_verdict_is_on_the_probe_as_it_went() {
        let mut spec = search("200ms");
        spec.axes.fault = Some("stall:300ms@0".to_owned());
        let ready = Ready::new(&spec).unwrap();
        let probe = spec.at(20_000.0);
        let (refused, latency_p99_ns) = verdict(&probe, &alone(&ready, &probe).unwrap());
        assert!(refused.unwrap().contains("of the events were completed"));
        assert!(latency_p99_ns.unwrap() > 100_000_000);
    }
}
