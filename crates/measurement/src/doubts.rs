//! Reasons not to trust the numbers of a case, each with its figures and with advice.
//!
//! ```
//! use flowbench_measurement::doubts::search_capped;
//! use flowbench_measurement::record::Sustainable;
//!
//! // A search that could not rule out any rate says so.
//! let found = Sustainable { rate_events_per_s: 2e6, high_events_per_s: None, ..Sustainable::default() };
//! assert_eq!(search_capped(&found).unwrap().code, "search-capped");
//! ```

use serde::{Deserialize, Serialize};

use crate::display::{duration, percent};
use crate::record::{Axes, Doubt, LostTime, Memory, Numbers, Quantiles, Sustainable};
use crate::repeats::{SCATTERED_RATES, Spread};

/// A p99 driver lag above this share of the p99 latency is a doubt: most of the latency passed before the event entered the
/// dataflow, although its worker was idle.
pub const DRIVER_LAG_SHARE: f64 = 0.50;
/// p99 is in doubt if an event that is due at a random instant waits this share of p99 or more, at the 0.99 quantile, for its
/// worker to return from lost time.
pub const LOST_TIME_SHARE: f64 = 0.50;
/// p99 is in doubt if a worker lost this share of the time or more: the slowest 1 % of the events, and half as many again that
/// queue up behind the lost time.
pub const TAIL_SHARE: f64 = 0.015;
/// All quantiles are in doubt if a worker lost this share of the time or more.
pub const STARVED_SHARE: f64 = 0.10;
/// Samples in which memory does not add up are a doubt above this share. A few are normal: one worker has already freed memory
/// that another worker, which allocated it, has not reported yet.
pub const MISCOUNTED_SHARE: f64 = 0.01;
/// A throughput above this share of what the source alone reaches is a doubt: the case measured the source.
pub const SOURCE_SHARE: f64 = 0.90;
/// A rate was not sustained if less than this share of the events was completed when the last one was due. Work after that
/// instant does not count: at the end of the input all timers fire and everything expires.
pub const ACHIEVED_SHARE: f64 = 0.98;
/// CPU time stolen by the hypervisor or withheld by a quota is a doubt above this share.
pub const STOLEN_SHARE: f64 = 0.001;
/// A closed loop whose runs together lasted less than this, in ns, is a doubt: one pause of the machine, or memory touched for
/// the first time, is then a large part of what was measured.
pub const SHORT_NS: u64 = 200_000_000;
/// Minimum number of samples for p99.
pub const SAMPLES_FOR_P99: u64 = 1_000;
/// Minimum number of samples for p99.9.
pub const SAMPLES_FOR_P999: u64 = 10_000;

/// Facts about a run beyond its numbers. A fact that was not measured is absent and raises no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Circumstances {
    /// Number of cores this process may use; absent if unknown.
    pub usable_cores: Option<usize>,
    /// Total duration of all measured runs of the case, in ns.
    pub lasted_ns: Option<u64>,
    /// Share (0 to 1) of the events that were completed when the last one was due; open loop only.
    pub completed_in_time: Option<f64>,
    /// True if latency was more than a quarter higher throughout the first half of the run than it ever was in the second;
    /// open loop only.
    pub is_unsteady: bool,
    /// Share (0 to 1) of the CPU time that the hypervisor gave to other machines during the run.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a CPU quota held the process back.
    pub throttled_share: Option<f64>,
    /// Memory that the machine moved to and from swap during the run, in bytes.
    pub swapped_bytes: Option<u64>,
    /// True if the machine ran on its battery when the run was over; absent if the kernel does not say.
    pub on_battery: Option<bool>,
    /// Use of the swap when the run began; absent if the kernel does not say.
    pub swap: Option<SwapUse>,
    /// Event time covered by the trace, in ms.
    pub span_ms: i64,
    /// Duration for which the pipeline keeps a state, in ms of event time; absent if it keeps state forever, by design or by its
    /// eviction.
    pub retention_ms: Option<i64>,
    /// True if the rate of events follows the day.
    pub has_day_rhythm: bool,
    /// Share (0 to 1) of the samples in which live memory was below the minimum that the held entries need, by more than what
    /// may have been freed of earlier allocations; absent where the allocator does not count.
    pub miscounted_share: Option<f64>,
    /// Why a worker was not bound to a core of its own although the experiment asks for it; absent if all were, or
    /// if it does not ask.
    pub not_pinned: Option<NotPinned>,
    /// Number of negative latencies ([`LatencyHistogram::negative`](crate::latency::LatencyHistogram::negative)).
    pub negative: u64,
    /// Number of latencies above one hour ([`LatencyHistogram::saturated`](crate::latency::LatencyHistogram::saturated)).
    pub saturated: u64,
    /// True if every operator activation was logged while the numbers were taken.
    pub logged: bool,
    /// True if the program was built without optimisation.
    pub debug_build: bool,
    /// True if the program was built from a tree with uncommitted changes.
    pub dirty_tree: bool,
}

/// Why a worker was not bound to a core of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotPinned {
    /// There are more workers on the machine than cores that may be used.
    TooFewCores,
    /// The kernel does not allow it.
    Refused,
}

/// Memory of all programs in swap at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwapUse {
    /// Memory in swap, in bytes.
    pub used_bytes: u64,
    /// Memory that could be had without swapping more, in bytes.
    pub available_bytes: u64,
}

/// Returns all doubts about a case, in a fixed order. Those about latency and rate are raised in the open loop only, which has
/// an offered rate.
pub fn doubts(numbers: &Numbers, axes: &Axes, circumstances: &Circumstances) -> Vec<Doubt> {
    let open_loop = axes.rate_events_per_s.is_some();
    let rules = [
        numbers.sustainable.as_ref().and_then(search_capped),
        oversubscribed(axes, circumstances.usable_cores),
        no_spare_core(axes, circumstances.usable_cores),
        circumstances.not_pinned.map(|why| not_pinned(why, axes, circumstances.usable_cores)),
        taken("steal", "stolen by the hypervisor", circumstances.steal_share),
        taken("throttled", "withheld by a CPU quota", circumstances.throttled_share),
        circumstances.swapped_bytes.and_then(swapping),
        circumstances.swap.and_then(swap_in_use),
        circumstances.on_battery.filter(|on| *on).map(|_| on_battery()),
        source_bound(numbers.throughput_events_per_s, numbers.source_ceiling_events_per_s),
        axes.rate_events_per_s.zip(circumstances.completed_in_time).and_then(not_sustained),
        circumstances.lasted_ns.and_then(short).filter(|_| !open_loop),
        circumstances.is_unsteady.then(unsteady),
        few_samples(numbers.latency.count).filter(|_| open_loop),
        lost_time(&numbers.lost, &numbers.latency, open_loop),
        apart(&numbers.run_throughputs_events_per_s).filter(|_| !open_loop),
        driver_lag(&numbers.driver_lag, &numbers.latency).filter(|_| open_loop),
        circumstances.miscounted_share.and_then(miscounted),
        // The threads of a live session come and go, and nobody asks how many bytes they hold.
        (numbers.memory.live_bytes_peak.is_none() && numbers.live.is_none()).then(|| without_peak(&numbers.memory)),
        short_run(circumstances).filter(|_| numbers.memory.growth.is_some()),
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
    let text = "Every operator activation was logged, and the numbers include the cost of that. Compare the speed of \
                cases without logging.";
    doubt("logged", text.into())
}

fn debug_build() -> Doubt {
    doubt("debug-build", "The program was built without optimisation. Build it with --release.".into())
}

fn dirty_tree() -> Doubt {
    let text =
        "The program was built from a tree with uncommitted changes, so the commit does not identify it. Commit first.";
    doubt("dirty-tree", text.into())
}

fn oversubscribed(axes: &Axes, usable_cores: Option<usize>) -> Option<Doubt> {
    let workers = axes.workers.saturating_mul(axes.processes);
    let cores = usable_cores.filter(|cores| workers > *cores)?;
    let of = if axes.processes > 1 { format!(" of {} processes", axes.processes) } else { String::new() };
    let text = format!(
        "{workers} workers{of} share {cores} usable cores, so they wait for each other's time slices. Use {cores} or \
         fewer."
    );
    Some(doubt("oversubscribed", text))
}

fn no_spare_core(axes: &Axes, usable_cores: Option<usize>) -> Option<Doubt> {
    let workers = axes.workers.saturating_mul(axes.processes);
    let cores = usable_cores.filter(|cores| workers == *cores && workers > 1)?;
    let text = format!(
        "{workers} workers on {cores} usable cores leave none for the measuring threads and the system: when one of those runs, a \
         worker loses its core and the others wait for it. Use fewer workers than cores, and repeat the case."
    );
    Some(doubt("no-spare-core", text))
}

fn not_pinned(why: NotPinned, axes: &Axes, usable_cores: Option<usize>) -> Doubt {
    let why = match why {
        NotPinned::TooFewCores => format!(
            "{} workers would need a core each and {} can be used, so none was bound. Use fewer workers",
            axes.workers.saturating_mul(axes.processes),
            usable_cores.map_or("fewer".to_owned(), |cores| cores.to_string())
        ),
        NotPinned::Refused => "the kernel refused to bind one. Allow sched_setaffinity here".to_owned(),
    };
    let text = format!(
        "The experiment asks for workers that are bound to cores (pin = true), but {why}, or leave out `pin`: \
         workers may have moved between cores."
    );
    doubt("not-pinned", text)
}

fn taken(code: &str, how: &str, share: Option<f64>) -> Option<Doubt> {
    let share = share.filter(|share| *share > STOLEN_SHARE)?;
    let text = format!(
        "{} of the CPU time was {how} (above {}). Repeat on a quieter machine or with a larger quota.",
        percent(share),
        percent(STOLEN_SHARE)
    );
    Some(doubt(code, text))
}

fn swapping(bytes: u64) -> Option<Doubt> {
    let text = format!(
        "The machine moved {} KiB to and from swap during the run: a worker whose memory is swapped waits for the disk. Give \
         the machine more memory or the trace fewer events, or turn swap off.",
        bytes >> 10
    );
    (bytes > 0).then(|| doubt("swapping", text))
}

/// Doubts a case that began while more was in swap than fits back: idle pages are swapped out on a healthy machine too, and
/// do no harm.
fn swap_in_use(swap: SwapUse) -> Option<Doubt> {
    let text = format!(
        "When the run began, {} MiB were in swap and {} MiB of memory were available: what is swapped out does not fit back, so \
         whatever runs may wait for the disk. End other programs, or give the machine more memory.",
        swap.used_bytes >> 20,
        swap.available_bytes >> 20
    );
    (swap.used_bytes > swap.available_bytes).then(|| doubt("swap-in-use", text))
}

fn on_battery() -> Doubt {
    let text = "The machine ran on its battery, so clocks may have been lowered to spare it, and more so the emptier it is. \
                Plug it in and repeat.";
    doubt("on-battery", text.into())
}

fn source_bound(throughput: f64, ceiling: Option<f64>) -> Option<Doubt> {
    let ceiling = ceiling.filter(|ceiling| throughput > ceiling * SOURCE_SHARE)?;
    let much =
        if throughput < ceiling { format!("more than {} of", percent(SOURCE_SHARE)) } else { "no less than".into() };
    let text = format!(
        "{throughput:.0} events/s is {much} the {ceiling:.0} events/s that the same number of threads reach by reading the trace \
         and doing nothing else: the case measured its source. Compare CPU time per event, or use a more expensive pipeline."
    );
    Some(doubt("source-bound", text))
}

fn not_sustained((offered, completed): (f64, f64)) -> Option<Doubt> {
    let text = format!(
        "Only {} of the {offered:.0} events/s offered were completed when the last one was due: the rate was not sustained, and \
         latency grows with the length of the run. Offer less; if `lost-time` is raised as well, repeat on a quieter machine.",
        percent(completed)
    );
    (completed < ACHIEVED_SHARE).then(|| doubt("not-sustained", text))
}

/// Returns the doubt about a search that could rule out no rate, because the trace is too short for higher ones.
pub fn search_capped(found: &Sustainable) -> Option<Doubt> {
    let text = format!(
        "The trace is too short to find the limit, although it was extended as far as its bounds, the deadline and the memory \
         allow: rates above {:.0} events/s may be sustainable. Allow more time and memory, give the trace more events, or \
         offer them for a shorter time.",
        found.rate_events_per_s
    );
    found.high_events_per_s.is_none().then(|| doubt("search-capped", text))
}

/// Returns the doubt about a case that another build or machine measured than the one its run began with; `difference`
/// tells them apart, as in `with another build`.
pub fn mixed_run(segment: usize, difference: &str) -> Doubt {
    let text = format!(
        "The case was measured {difference} than its run began with: compare it with other cases of segment {segment} only, which \
         `run.json` describes, or measure all in one run."
    );
    doubt("mixed-run", text)
}

fn short(lasted_ns: u64) -> Option<Doubt> {
    let text = format!(
        "The measured runs lasted {} in total, less than {}: one pause of the machine, or memory touched for the first time, \
         is a large part of that. Give the trace more events.",
        duration(lasted_ns),
        duration(SHORT_NS)
    );
    (lasted_ns < SHORT_NS).then(|| doubt("short", text))
}

fn unsteady() -> Doubt {
    let text = "Throughout the first half of the run latency was more than a quarter above what it ever was in the second: the \
                run was still warming up, and only the second half is recorded. Offer events for longer.";
    doubt("unsteady", text.into())
}

/// Doubts a case without a peak of its live bytes: either nothing was counted, or the run was too short for a look.
fn without_peak(memory: &Memory) -> Doubt {
    let unsampled = "The run was over before its memory was sampled, so there is no peak of the live bytes. Give the trace more \
                     events.";
    if memory.live_bytes_residual.is_some() {
        return doubt("memory-unsampled", unsampled.into());
    }
    let text = "The allocator of this program does not count bytes per thread, so there are no live bytes and no memory verdict. Build \
                with the allocator that flowbench ships.";
    doubt("memory-uncounted", text.into())
}

/// Doubts a memory verdict on a run that is too short for memory to level off: memory fills until as much expires as arrives, and
/// then follows the time of day.
fn short_run(circumstances: &Circumstances) -> Option<Doubt> {
    let Circumstances { span_ms, retention_ms: Some(retention_ms), has_day_rhythm, .. } = *circumstances else {
        return None;
    };
    let why = if span_ms < retention_ms.saturating_mul(2) {
        let retention = duration(retention_ms as u64 * 1_000_000);
        format!("less than twice the {retention} for which state is kept")
    } else if has_day_rhythm && span_ms < 2 * DAY_MS {
        "and its second half, which is judged, is less than a day of a world with a daily rhythm".to_owned()
    } else {
        return None;
    };
    let text = format!(
        "The trace covers {} of event time, {why}: memory may still be filling up, or follow the time of day. Give the trace \
         more events, and an open loop the time to offer them.",
        duration(span_ms as u64 * 1_000_000)
    );
    Some(doubt("short-run", text))
}

/// Length of a day, in ms.
const DAY_MS: i64 = 86_400_000;

fn few_samples(count: u64) -> Option<Doubt> {
    let quantiles = [("p99", SAMPLES_FOR_P99), ("p99.9", SAMPLES_FOR_P999)];
    let (quantile, least) = quantiles.into_iter().find(|(_, least)| count < *least)?;
    let text =
        format!("Only {count} latencies were recorded; {quantile} needs {least}. Run longer or offer more events.");
    Some(doubt("few-samples", text))
}

fn driver_lag(lag: &Quantiles, latency: &Quantiles) -> Option<Doubt> {
    let (lag_ns, latency_ns) = lag.p99_ns.zip(latency.p99_ns)?;
    let text = format!(
        "Events were admitted {} late at p99, {} of the p99 latency of {}, although their worker had nothing to do and was on \
         the CPU: the driver was slow, not the pipeline. Please report this.",
        duration(lag_ns),
        percent(lag_ns as f64 / latency_ns.max(1) as f64),
        duration(latency_ns)
    );
    (lag_ns as f64 > latency_ns as f64 * DRIVER_LAG_SHARE).then(|| doubt("driver-lag", text))
}

/// Doubts numbers that time lost to the machine may explain: all of them, or only the upper quantiles of the latency.
fn lost_time(lost: &LostTime, latency: &Quantiles, open_loop: bool) -> Option<Doubt> {
    if let Some(share) = lost.share.filter(|share| *share >= STARVED_SHARE) {
        let what = if open_loop { "every latency quantile" } else { "the throughput" };
        let text = format!(
            "A worker was off the CPU, or kept from its loop, for {} of the time: {what} may reflect the machine and not \
             the dataflow. Repeat on a quieter machine, or with fewer workers than cores.",
            percent(share)
        );
        return Some(doubt("lost-time", text));
    }
    // Where more events fall into such time, or behind it, than lie beyond p99, it has made the tail.
    let share = lost.share.filter(|share| *share >= TAIL_SHARE);
    let (wait_ns, latency_ns) = lost.wait_p99_ns.zip(latency.p99_ns)?;
    let is_half = wait_ns > 0 && wait_ns as f64 >= latency_ns as f64 * LOST_TIME_SHARE;
    let text = format!(
        "A worker was off the CPU, or kept from its loop, for {} of the time, for up to {} at once: p99 ({}) and everything \
         beyond it say little about the dataflow. Repeat on a quieter machine, or read only the lower quantiles.",
        lost.share.map_or("some".to_owned(), percent),
        lost.max_ns.map_or("?".to_owned(), duration),
        duration(latency_ns)
    );
    (open_loop && (is_half || share.is_some())).then(|| doubt("lost-time", text))
}

/// Doubts the median of the runs of a closed loop if they are too far apart.
fn apart(runs_events_per_s: &[f64]) -> Option<Doubt> {
    let range = Spread::range(runs_events_per_s)?;
    let Spread { low, high, repeats, .. } = range;
    let text = format!(
        "The {repeats} runs of the closed loop are too far apart for their median to be compared: {low:.0} to {high:.0} events/s. \
         Give the trace more events, or repeat on a quieter machine."
    );
    range.is_wide(SCATTERED_RATES).then(|| doubt("scattered-runs", text))
}

fn miscounted(share: f64) -> Option<Doubt> {
    let text = format!(
        "In {} of the samples live memory was below the minimum that the entries need: live bytes and bytes per entry are too \
         low. Please report this.",
        percent(share)
    );
    (share > MISCOUNTED_SHARE).then(|| doubt("memory-count", text))
}

fn censored(censored: u64, events: u64) -> Doubt {
    let text = format!(
        "{censored} of {events} events were still open when the run was stopped. They count at the age they had then, so \
         the true latencies are higher. Offer less, or allow more time."
    );
    doubt("censored", text)
}

fn negative(count: u64) -> Doubt {
    let text = format!(
        "{count} latencies were negative and are left out: events were completed before they were due. The \
         clock or the plan is at fault; please report this."
    );
    doubt("negative-latency", text)
}

fn saturated(count: u64) -> Doubt {
    doubt("saturated-latency", format!("{count} latencies exceeded one hour and count as one hour. Offer less."))
}

fn doubt(code: &str, text: String) -> Doubt {
    Doubt { code: code.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Growth, Verdict, example};

    /// The doubts about the example case after a change to it.
    fn about(change: impl FnOnce(&mut Numbers, &mut Axes, &mut Circumstances)) -> Vec<Doubt> {
        let mut numbers = example::case(1, 1).numbers.unwrap();
        let mut axes = example::axes();
        let mut circumstances = Circumstances { usable_cores: Some(3), ..Circumstances::default() };
        change(&mut numbers, &mut axes, &mut circumstances);
        doubts(&numbers, &axes, &circumstances)
    }

    fn growing() -> Growth {
        Growth {
            bytes_per_million_events: 1.0,
            low: 0.5,
            high: 1.5,
            verdict: Verdict::Growing,
            entries: None,
            decided_by: None,
            events_needed: None,
        }
    }

    #[test]
    fn memory_that_is_kept_forever_needs_no_long_run() {
        let found = about(|numbers, _, circumstances| {
            numbers.memory.growth = Some(growing());
            (circumstances.span_ms, circumstances.has_day_rhythm) = (1, true);
        });
        assert_eq!(found, []);
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
        let changes: [(&str, Change); 34] = [
            ("logged", |_, _, c| c.logged = true),
            ("debug-build", |_, _, c| c.debug_build = true),
            ("dirty-tree", |_, _, c| c.dirty_tree = true),
            ("oversubscribed", |_, a, _| a.workers = 4),
            ("no-spare-core", |_, a, _| a.workers = 3),
            ("no-spare-core", |_, _, c| c.usable_cores = Some(2)),
            ("oversubscribed", |_, a, _| a.processes = 2),
            ("not-pinned", |_, _, c| c.not_pinned = Some(NotPinned::TooFewCores)),
            ("not-pinned", |_, _, c| c.not_pinned = Some(NotPinned::Refused)),
            ("steal", |_, _, c| c.steal_share = Some(0.0011)),
            ("throttled", |_, _, c| c.throttled_share = Some(0.2)),
            ("swapping", |_, _, c| c.swapped_bytes = Some(4096)),
            ("swap-in-use", |_, _, c| c.swap = Some(SwapUse { used_bytes: 2 << 20, available_bytes: 1 << 20 })),
            ("on-battery", |_, _, c| c.on_battery = Some(true)),
            ("source-bound", |n, _, _| n.source_ceiling_events_per_s = Some(55_000.0)),
            ("not-sustained", |_, _, c| c.completed_in_time = Some(0.979)),
            ("search-capped", |n, _, _| n.sustainable = Some(Sustainable::default())),
            ("short", |_, a, c| (a.rate_events_per_s, c.lasted_ns) = (None, Some(199_999_999))),
            ("unsteady", |_, _, c| c.is_unsteady = true),
            ("few-samples", |n, _, _| n.latency.count = 9_999),
            ("driver-lag", |n, _, _| n.driver_lag.p99_ns = Some(250_001)),
            ("lost-time", |n, _, _| n.lost.wait_p99_ns = Some(250_000)),
            ("lost-time", |n, _, _| (n.lost.share, n.lost.wait_p99_ns) = (Some(0.015), Some(0))),
            ("lost-time", |n, _, _| n.lost.share = Some(0.1)),
            ("lost-time", |n, a, _| (a.rate_events_per_s, n.lost.share) = (None, Some(0.1))),
            ("scattered-runs", |n, a, _| {
                (a.rate_events_per_s, n.run_throughputs_events_per_s) = (None, vec![50.0, 40.0, 63.0]);
            }),
            ("short-run", |n, _, c| {
                n.memory.growth = Some(growing());
                (c.span_ms, c.retention_ms) = (2 * DAY_MS - 1, Some(DAY_MS));
            }),
            ("short-run", |n, _, c| {
                n.memory.growth = Some(growing());
                (c.span_ms, c.retention_ms, c.has_day_rhythm) = (2 * DAY_MS - 1, Some(1), true);
            }),
            ("memory-count", |_, _, c| c.miscounted_share = Some(0.02)),
            ("memory-uncounted", |n, _, _| {
                (n.memory.live_bytes_peak, n.memory.live_bytes_residual) = (None, None);
            }),
            ("memory-unsampled", |n, _, _| {
                (n.memory.live_bytes_peak, n.memory.live_bytes_residual) = (None, Some(0));
            }),
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
            (numbers.lost.share, numbers.lost.wait_p99_ns) = (Some(0.0149), Some(249_999));
            numbers.source_ceiling_events_per_s = Some(54_445.0);
            circumstances.miscounted_share = Some(0.01);
            circumstances.steal_share = Some(0.001);
            circumstances.swapped_bytes = Some(0);
            circumstances.swap = Some(SwapUse { used_bytes: 1 << 20, available_bytes: 1 << 20 });
            circumstances.on_battery = Some(false);
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
        for part in ["260.0 µs", "52 %", "500.0 µs", "although their worker had nothing to do"] {
            assert!(found[0].text.contains(part), "{part} in {}", found[0].text);
        }
        let found = about(|_, a, c| (a.rate_events_per_s, c.lasted_ns) = (None, Some(180_000)));
        assert!(
            found[0].text.starts_with("The measured runs lasted 180.0 µs in total, less than 200.0 ms"),
            "{}",
            found[0].text
        );
        let found = about(|_, _, circumstances| circumstances.not_pinned = Some(NotPinned::TooFewCores));
        assert!(found[0].text.contains("but 2 workers would need a core each and 3 can be used"), "{}", found[0].text);
        let found = about(|_, axes, _| (axes.workers, axes.processes) = (2, 4));
        assert!(found[0].text.starts_with("8 workers of 4 processes share 3 usable cores"), "{}", found[0].text);
        let found = about(|numbers, _, _| {
            (numbers.lost.share, numbers.lost.max_ns) = (Some(0.02), Some(900_000));
            numbers.lost.wait_p99_ns = Some(0);
        });
        let text = &found[0].text;
        assert!(text.contains("for 2 % of the time, for up to 900.0 µs at once: p99 (500.0 µs)"), "{text}");
        let found = about(|numbers, _, _| {
            (numbers.throughput_events_per_s, numbers.source_ceiling_events_per_s) = (44.0, Some(8.0));
        });
        assert!(found[0].text.starts_with("44 events/s is no less than the 8 events/s"), "{}", found[0].text);
    }
}
