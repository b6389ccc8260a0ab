//! Why the numbers of a case may not be trusted, each reason with its numbers and what to do about it.

use crate::record::{Axes, Doubt, Numbers, Quantiles, Sustainable};

/// Driver lag above this share of the latency (both p99) is a doubt: most of the latency passed before the event was in
/// the dataflow at all. A worker admits its own input, so some lag is its own work; beyond half it is the rate, or the
/// machine.
pub const DRIVER_LAG_SHARE: f64 = 0.50;
/// A throughput above this share of what the source alone gives is a doubt: the source was measured.
pub const SOURCE_SHARE: f64 = 0.90;
/// A rate of which less than this share was completed when the last event was due was not sustained. What comes after
/// that is not the rate's: at the end of the input all timers fire and everything expires.
pub const ACHIEVED_SHARE: f64 = 0.98;
/// Time stolen by the hypervisor or withheld by a quota above this share is a doubt.
pub const STOLEN_SHARE: f64 = 0.001;
/// A closed loop that lasted less than this in all its runs, ns, is a doubt: one pause of the machine, or memory that is
/// touched for the first time, is then a good part of what was measured.
pub const SHORT_NS: u64 = 200_000_000;
/// Samples under which p99 is not given.
pub const SAMPLES_FOR_P99: u64 = 1_000;
/// Samples under which p99.9 is not given.
pub const SAMPLES_FOR_P999: u64 = 10_000;

/// What is known about a run beside its numbers. What was not measured is absent and raises no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Circumstances {
    /// Cores this process may use; absent if unknown.
    pub usable_cores: Option<usize>,
    /// Throughput of the source alone, feeding nothing, events/s.
    pub source_ceiling_events_per_s: Option<f64>,
    /// How long what was measured lasted, all runs of the case together, ns.
    pub lasted_ns: Option<u64>,
    /// Open loop: share (0 to 1) of the events that were completed when the last one was due.
    pub completed_in_time: Option<f64>,
    /// Share (0 to 1) of the CPU time that the hypervisor gave to somebody else during the run.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a CPU quota held the process back.
    pub throttled_share: Option<f64>,
    /// Latencies that came out negative ([`LatencyHistogram::negative`](crate::latency::LatencyHistogram::negative)).
    pub negative: u64,
    /// Latencies above one hour ([`LatencyHistogram::saturated`](crate::latency::LatencyHistogram::saturated)).
    pub saturated: u64,
    /// Every activation of an operator was logged while the numbers were taken.
    pub logged: bool,
    /// Built without optimisation.
    pub debug_build: bool,
    /// Built from a tree with uncommitted changes.
    pub dirty_tree: bool,
}

/// All doubts about a case, in a fixed order. Those about latency and rate need an offered rate (open
/// loop).
pub fn doubts(numbers: &Numbers, axes: &Axes, circumstances: &Circumstances) -> Vec<Doubt> {
    let open_loop = axes.rate_events_per_s.is_some();
    let rules = [
        numbers.sustainable.as_ref().and_then(search_capped),
        oversubscribed(axes, circumstances.usable_cores),
        taken("steal", "stolen by the hypervisor", circumstances.steal_share),
        taken("throttled", "withheld by a CPU quota", circumstances.throttled_share),
        source_bound(numbers.throughput_events_per_s, circumstances.source_ceiling_events_per_s),
        axes.rate_events_per_s.zip(circumstances.completed_in_time).and_then(not_sustained),
        circumstances.lasted_ns.and_then(short).filter(|_| !open_loop),
        few_samples(numbers.latency.count).filter(|_| open_loop),
        driver_lag(&numbers.driver_lag, &numbers.latency).filter(|_| open_loop),
        hiccups(&numbers.hiccup, &numbers.latency).filter(|_| open_loop),
        (numbers.censored > 0).then(|| censored(numbers.censored, numbers.events)),
        (circumstances.negative > 0).then(|| negative(circumstances.negative)),
        (circumstances.saturated > 0).then(|| saturated(circumstances.saturated)),
        circumstances.logged.then(logged),
        circumstances.debug_build.then(debug_build),
        circumstances.dirty_tree.then(dirty_tree),
    ];
    rules.into_iter().flatten().collect()
}

fn logged() -> Doubt {
    let text = "Every activation of an operator was logged: what that costs is in the numbers. Compare the speed of \
                cases without.";
    doubt("logged", text.into())
}

fn debug_build() -> Doubt {
    doubt("debug-build", "The program was built without optimisation. Build with --release.".into())
}

fn dirty_tree() -> Doubt {
    let text =
        "The program was built from a tree with uncommitted changes: the commit does not identify it. Commit first.";
    doubt("dirty-tree", text.into())
}

fn oversubscribed(axes: &Axes, usable_cores: Option<usize>) -> Option<Doubt> {
    let workers = axes.workers.saturating_mul(axes.processes);
    let cores = usable_cores.filter(|cores| workers > *cores)?;
    let of = if axes.processes > 1 { format!(" of {} processes", axes.processes) } else { String::new() };
    let text = format!(
        "{workers} workers{of} share {cores} usable cores: they wait for each other's time slices. Use {cores} or \
         fewer."
    );
    Some(doubt("oversubscribed", text))
}

fn taken(code: &str, how: &str, share: Option<f64>) -> Option<Doubt> {
    let share = share.filter(|share| *share > STOLEN_SHARE)?;
    let text = format!(
        "{} of the CPU time was {how} (above {}). Repeat on a quieter machine, or with a larger quota.",
        percent(share),
        percent(STOLEN_SHARE)
    );
    Some(doubt(code, text))
}

fn source_bound(throughput: f64, ceiling: Option<f64>) -> Option<Doubt> {
    let ceiling = ceiling.filter(|ceiling| throughput > ceiling * SOURCE_SHARE)?;
    let text = format!(
        "{throughput:.0} events/s is more than {} of the {ceiling:.0} events/s at which the trace was read and nothing \
         else done: the source was measured. Compare CPU time per event, or use a more expensive pipeline.",
        percent(SOURCE_SHARE)
    );
    Some(doubt("source-bound", text))
}

fn not_sustained((offered, completed): (f64, f64)) -> Option<Doubt> {
    let text = format!(
        "Of the {offered:.0} events/s offered {} were completed in time: the rate was not sustained, and latency grows \
         with the length of the run. Offer less.",
        percent(completed)
    );
    (completed < ACHIEVED_SHARE).then(|| doubt("not-sustained", text))
}

/// The doubt about what a search found that could not try any greater rate, if it is that.
pub fn search_capped(found: &Sustainable) -> Option<Doubt> {
    let text = format!(
        "No rate was surely refused up to the greatest for which the trace lasts, though it was made longer as far as its \
         limits, the deadline and the memory allow: more than {:.0} events/s may be sustained. Allow more time and memory, \
         give the trace more events, or offer them for a shorter time.",
        found.rate_events_per_s
    );
    found.high_events_per_s.is_none().then(|| doubt("search-capped", text))
}

fn short(lasted_ns: u64) -> Option<Doubt> {
    let text = format!(
        "What was measured lasted {} in all, less than {}: a pause of the machine, or memory touched for the first time, \
         is a good part of that. Give the trace more events.",
        duration(lasted_ns),
        duration(SHORT_NS)
    );
    (lasted_ns < SHORT_NS).then(|| doubt("short", text))
}

fn few_samples(count: u64) -> Option<Doubt> {
    let quantiles = [("p99", SAMPLES_FOR_P99), ("p99.9", SAMPLES_FOR_P999)];
    let (quantile, least) = quantiles.into_iter().find(|(_, least)| count < *least)?;
    let text = format!("{count} latencies were recorded, {quantile} needs {least}. Run longer or offer more.");
    Some(doubt("few-samples", text))
}

fn driver_lag(lag: &Quantiles, latency: &Quantiles) -> Option<Doubt> {
    let (lag_ns, latency_ns) = lag.p99_ns.zip(latency.p99_ns)?;
    let text = format!(
        "Events were admitted {} late at p99, {} of the latency of {}: the workers that admit them were busy or held up. \
         Offer less, or look for what else runs here.",
        duration(lag_ns),
        percent(lag_ns as f64 / latency_ns.max(1) as f64),
        duration(latency_ns)
    );
    (lag_ns as f64 > latency_ns as f64 * DRIVER_LAG_SHARE).then(|| doubt("driver-lag", text))
}

/// The machine's own pauses against the greatest percentile they can explain.
fn hiccups(hiccup: &Quantiles, latency: &Quantiles) -> Option<Doubt> {
    let pairs = [
        ("p99", hiccup.p99_ns, latency.p99_ns),
        ("p99.9", hiccup.p999_ns.or(hiccup.max_ns), latency.p999_ns),
        ("the maximum", hiccup.max_ns, latency.max_ns),
    ];
    let explained = |(name, hiccup_ns, latency_ns): (&'static str, Option<u64>, Option<u64>)| {
        let (hiccup_ns, latency_ns) = hiccup_ns.zip(latency_ns)?;
        let text = format!("{name} ({} against {})", duration(hiccup_ns), duration(latency_ns));
        (hiccup_ns >= latency_ns).then_some(text)
    };
    let explained: Vec<String> = pairs.into_iter().filter_map(explained).collect();
    let text = format!(
        "The machine alone paused as long as the latency at {}: these say nothing about the dataflow. Repeat on a \
         quieter machine, or read the lower quantiles only.",
        explained.join(", ")
    );
    (!explained.is_empty()).then(|| doubt("hiccups", text))
}

fn censored(censored: u64, events: u64) -> Doubt {
    let text = format!(
        "{censored} of {events} events were still open when the run was stopped; they count at their age, so the true \
         latencies are higher. Offer less, or allow more time."
    );
    doubt("censored", text)
}

fn negative(count: u64) -> Doubt {
    let text = format!(
        "{count} latencies were negative and are left out: events were completed before they were due. This is a \
         fault of the clock or of the plan; please report it."
    );
    doubt("negative-latency", text)
}

fn saturated(count: u64) -> Doubt {
    doubt("saturated-latency", format!("{count} latencies were above one hour and count as one hour. Offer less."))
}

fn doubt(code: &str, text: String) -> Doubt {
    Doubt { code: code.to_owned(), text }
}

/// A share (0 to 1) in words.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.0} %") }
}

/// A duration in words.
pub(crate) fn duration(ns: u64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    match units.into_iter().find(|(unit_ns, _)| ns as f64 >= 10.0 * unit_ns) {
        Some((unit_ns, unit)) => format!("{:.1} {unit}", ns as f64 / unit_ns),
        None => format!("{ns} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example;

    /// The doubts about the example case after a change to it.
    fn about(change: impl FnOnce(&mut Numbers, &mut Axes, &mut Circumstances)) -> Vec<Doubt> {
        let mut numbers = example::case(1, 1).numbers.unwrap();
        let mut axes = example::axes();
        let mut circumstances = Circumstances { usable_cores: Some(2), ..Circumstances::default() };
        change(&mut numbers, &mut axes, &mut circumstances);
        doubts(&numbers, &axes, &circumstances)
    }

    fn codes(doubts: &[Doubt]) -> Vec<&str> {
        doubts.iter().map(|doubt| doubt.code.as_str()).collect()
    }

    #[test]
    fn a_clean_case_raises_none() {
        assert_eq!(about(|_, _, _| {}), []);
    }

    #[test]
    fn each_reason_raises_its_own_doubt_alone() {
        type Change = fn(&mut Numbers, &mut Axes, &mut Circumstances);
        let changes: [(&str, Change); 17] = [
            ("logged", |_, _, c| c.logged = true),
            ("debug-build", |_, _, c| c.debug_build = true),
            ("dirty-tree", |_, _, c| c.dirty_tree = true),
            ("oversubscribed", |_, a, _| a.workers = 3),
            ("oversubscribed", |_, a, _| a.processes = 2),
            ("steal", |_, _, c| c.steal_share = Some(0.0011)),
            ("throttled", |_, _, c| c.throttled_share = Some(0.2)),
            ("source-bound", |_, _, c| c.source_ceiling_events_per_s = Some(55_000.0)),
            ("not-sustained", |_, _, c| c.completed_in_time = Some(0.979)),
            ("search-capped", |n, _, _| n.sustainable = Some(Sustainable::default())),
            ("short", |_, a, c| (a.rate_events_per_s, c.lasted_ns) = (None, Some(199_999_999))),
            ("few-samples", |n, _, _| n.latency.count = 9_999),
            ("driver-lag", |n, _, _| n.driver_lag.p99_ns = Some(250_001)),
            ("hiccups", |n, _, _| n.hiccup.max_ns = Some(900_000)),
            ("censored", |n, _, _| n.censored = 1),
            ("negative-latency", |_, _, c| c.negative = 1),
            ("saturated-latency", |_, _, c| c.saturated = 1),
        ];
        for (code, change) in changes {
            assert_eq!(codes(&about(change)), [code]);
        }
    }

    #[test]
    fn on_the_threshold_there_is_no_doubt_yet() {
        let found = about(|numbers, _, circumstances| {
            numbers.driver_lag.p99_ns = Some(250_000);
            circumstances.completed_in_time = Some(0.98);
            numbers.throughput_events_per_s = 49_000.0;
            numbers.latency.count = 10_000;
            numbers.hiccup.max_ns = Some(899_999);
            circumstances.source_ceiling_events_per_s = Some(54_445.0);
            circumstances.steal_share = Some(0.001);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn a_closed_loop_has_no_latency_to_doubt() {
        let found = about(|numbers, axes, circumstances| {
            axes.rate_events_per_s = None;
            numbers.latency = Quantiles::default();
            circumstances.completed_in_time = Some(0.0);
            circumstances.lasted_ns = Some(200_000_000);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn an_open_loop_is_judged_by_its_samples_and_not_by_its_length() {
        assert_eq!(about(|_, _, circumstances| circumstances.lasted_ns = Some(1)), []);
    }

    #[test]
    fn the_text_holds_the_numbers_and_the_advice() {
        let found = about(|numbers, _, _| numbers.driver_lag.p99_ns = Some(260_000));
        for part in ["260.0 µs", "52 %", "500.0 µs", "Offer less"] {
            assert!(found[0].text.contains(part), "{part} in {}", found[0].text);
        }
        let found = about(|_, a, c| (a.rate_events_per_s, c.lasted_ns) = (None, Some(180_000)));
        assert!(
            found[0].text.starts_with("What was measured lasted 180.0 µs in all, less than 200.0 ms"),
            "{}",
            found[0].text
        );
        let found = about(|_, axes, _| (axes.workers, axes.processes) = (2, 4));
        assert!(found[0].text.starts_with("8 workers of 4 processes share 2 usable cores"), "{}", found[0].text);
        let found = about(|numbers, _, _| {
            numbers.hiccup = numbers.latency;
            numbers.latency.p99_ns = Some(1);
        });
        let hiccups = &found.iter().find(|doubt| doubt.code == "hiccups").unwrap().text;
        assert!(
            hiccups.contains("p99 (500.0 µs against 1 ns), p99.9 (") && hiccups.contains("the maximum ("),
            "{hiccups}"
        );
    }
}
