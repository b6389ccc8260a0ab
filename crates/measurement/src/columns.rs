//! A case as one flat row of named values, for `cases.csv` and for the axes of figures.

use std::fmt;

use crate::memory::{WAITING_EVENT_BYTES, WAITING_SHARE_MAX};
use crate::record::{
    Accuracy, Attribution, Axes, CaseRecord, Doubt, EntriesGrowth, EvictionCost, Growth, LatencyComponents,
    LiveNumbers, LostTime, Memory, Numbers, Progress, Quantiles, Series, Sharing, Sustainable, Verdict, ViewSkew,
    WhatIf, WorkerShare,
};
use crate::table::csv_text;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number; counts above 2^63 - 1 become a [`Cell::Number`].
    Integer(i64),
    /// Any other finite number.
    Number(f64),
    /// No value: not measured, or not applicable.
    Empty,
}

impl Cell {
    /// Returns the value on an axis; `None` for text and empty cells.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Integer(value) => Some(*value as f64),
            Cell::Number(value) => Some(*value),
            Cell::Text(_) | Cell::Empty => None,
        }
    }
}

/// Formats the value as in `cases.csv`, without quotes; an empty cell is empty text. Numbers are read back exactly.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Text(text) => f.write_str(text),
            Cell::Integer(value) => write!(f, "{value}"),
            Cell::Number(value) => write!(f, "{value}"),
            Cell::Empty => Ok(()),
        }
    }
}

impl CaseRecord {
    /// Returns the case as named values: the same names in the same order for every case, with [`Cell::Empty`] for
    /// values that it lacks. Names end in their unit; those without are counts, shares (0 to 1) or text.
    pub fn columns(&self) -> Vec<(&'static str, Cell)> {
        let mut row = vec![("part", text(&self.part)), ("case", self.case.into()), ("repeat", self.repeat.into())];
        push_axes(&mut row, &self.axes);
        row.push(("outcome", text(self.status.word())));
        row.push(("cause", self.status.cause().map_or(Cell::Empty, text)));
        push_speed(&mut row, self.numbers.as_ref());
        push_latencies(&mut row, self.numbers.as_ref());
        push_memory(&mut row, self.numbers.as_ref().map(|numbers| &numbers.memory));
        push_allocated(&mut row, self.numbers.as_ref());
        push_eviction(&mut row, self.numbers.as_ref());
        push_accuracy(&mut row, self.numbers.as_ref());
        // What an older record did not hold is not known, which is not zero.
        let numbers = self.numbers.as_ref().filter(|_| self.schema_version >= 2);
        push_corrections(&mut row, numbers);
        push_disorder(&mut row, numbers);
        push_attribution(&mut row, numbers.map(|numbers| &numbers.attribution), self.schema_version);
        push_progress(&mut row, numbers.map(|numbers| &numbers.progress));
        let numbers = numbers.filter(|_| self.schema_version >= 3);
        push_sharing(&mut row, numbers);
        push_lost(&mut row, numbers.filter(|_| self.schema_version >= 4).map(|numbers| &numbers.lost));
        push_sustainable(&mut row, numbers.and_then(|numbers| numbers.sustainable.as_ref()));
        push_what_if(&mut row, numbers.and_then(|numbers| numbers.what_if.as_ref()));
        push_live(&mut row, numbers);
        row.push(("doubts", text(&codes(&self.doubts))));
        row
    }

    /// Returns the value of one column of [`columns`](Self::columns); `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<Cell> {
        self.columns().into_iter().find(|(column, _)| *column == name).map(|(_, cell)| cell)
    }
}

impl Verdict {
    /// Returns the word used in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Growing => "growing",
            Verdict::Bounded => "bounded",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

impl Series {
    /// Returns the word used in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Series::Bytes => "bytes",
            Series::Entries => "entries",
            Series::Both => "both",
        }
    }
}

impl Accuracy {
    /// Returns the share (0 to 1) of the truth that was given exactly; 1 if the truth is empty.
    pub fn completeness(&self) -> f64 {
        share(self.truth.saturating_sub(self.missing + self.wrong), self.truth).unwrap_or(1.0)
    }
}

/// Returns the header and a row for each case as CSV (RFC 4180, `\n` line ends); without a case there is no header either.
pub fn cases_csv(cases: &[CaseRecord]) -> String {
    let names = cases.first().map(|case| case.columns().into_iter().map(|(name, _)| name.to_owned()).collect());
    let rows = cases.iter().map(|case| case.columns().into_iter().map(|(_, cell)| cell.to_string()).collect());
    csv_text(names.into_iter().chain(rows).collect::<Vec<Vec<String>>>())
}

type Row = Vec<(&'static str, Cell)>;

fn push_axes(row: &mut Row, axes: &Axes) {
    row.extend([
        ("pipeline", text(&axes.pipeline)),
        ("settings", text(&axes.settings.join(" "))),
        ("deduplicate", text(if axes.deduplicate { "true" } else { "false" })),
        ("strategy", text(&axes.strategy)),
        ("order", text(&axes.order)),
        ("slack_ms", Cell::Integer(axes.slack_ms)),
        ("sources", text(&axes.sources)),
        ("idle_ms", axes.idle_ms.into()),
        ("idle", text(&axes.idle)),
        ("eviction", text(&axes.eviction)),
        ("workers", axes.workers.into()),
        ("processes", axes.processes.into()),
        ("records_per_epoch", axes.records_per_epoch.into()),
        ("load", text(&axes.load)),
        ("rate_events_per_s", axes.rate_events_per_s.into()),
        ("rate_share", axes.rate_share.into()),
        ("trace", text(&axes.trace)),
        ("seed", axes.seed.into()),
        ("world", text(&axes.world)),
        ("fault", axes.fault.as_deref().map_or(Cell::Empty, text)),
        ("live", axes.live.as_deref().map_or(Cell::Empty, text)),
    ]);
}

fn push_speed(row: &mut Row, numbers: Option<&Numbers>) {
    let per_event = |n: &Numbers| (n.events > 0).then(|| n.cpu_ns as f64 / n.events as f64);
    let runs = |of: fn(&[f64]) -> Option<f64>| {
        let runs = numbers.map(|n| n.run_throughputs_events_per_s.as_slice()).filter(|runs| !runs.is_empty());
        Cell::from(runs.and_then(of))
    };
    row.extend([
        ("events", numbers.map(|n| n.events).into()),
        ("elapsed_s", numbers.map(|n| n.elapsed_ns as f64 / 1e9).into()),
        ("throughput_events_per_s", numbers.map(|n| n.throughput_events_per_s).into()),
        ("runs", runs(|runs| Some(runs.len() as f64))),
        ("throughput_min_events_per_s", runs(|runs| runs.iter().copied().reduce(f64::min))),
        ("throughput_max_events_per_s", runs(|runs| runs.iter().copied().reduce(f64::max))),
        ("source_ceiling_events_per_s", numbers.and_then(|n| n.source_ceiling_events_per_s).into()),
        ("cpu_s", numbers.map(|n| n.cpu_ns as f64 / 1e9).into()),
        ("cpu_ns_per_event", numbers.and_then(per_event).into()),
        ("cpu_s_per_million_events", numbers.and_then(per_event).map(|ns| ns / 1e3).into()),
    ]);
}

/// Pushes the columns of a distribution.
macro_rules! push_quantiles {
    ($row:ident, $name:literal, $of:expr $(, $rarest:literal => $field:ident)?) => {
        let of: Option<Quantiles> = $of;
        let q = of.unwrap_or_default();
        $row.extend([
            (concat!($name, "_count"), of.map(|_| q.count).into()),
            (concat!($name, "_p50_ns"), q.p50_ns.into()),
            (concat!($name, "_p90_ns"), q.p90_ns.into()),
            (concat!($name, "_p99_ns"), q.p99_ns.into()),
            (concat!($name, "_p999_ns"), q.p999_ns.into()),
        ]);
        $($row.push((concat!($name, $rarest), q.$field.into()));)?
        $row.push((concat!($name, "_max_ns"), q.max_ns.into()));
    };
}

fn push_latencies(row: &mut Row, numbers: Option<&Numbers>) {
    row.push(("warmup_ns", numbers.and_then(|n| n.warmup_ns).into()));
    push_quantiles!(row, "latency", numbers.map(|n| n.latency), "_p9999_ns" => p9999_ns);
    push_quantiles!(row, "processing_delay", numbers.map(|n| n.processing_delay), "_p9999_ns" => p9999_ns);
    push_quantiles!(row, "driver_lag", numbers.map(|n| n.driver_lag));
    push_quantiles!(row, "from_admission", numbers.and_then(|n| n.from_admission), "_p9999_ns" => p9999_ns);
    // Not measured any more.
    push_quantiles!(row, "hiccup", numbers.map(|n| n.hiccup).filter(|q| q.count > 0));
    let wait = numbers.map(|n| n.event_time_wait_ms);
    row.extend([
        ("censored", numbers.map(|n| n.censored).into()),
        ("event_time_wait_count", wait.map(|wait| wait.count).into()),
        ("event_time_wait_p50_ms", wait.and_then(|wait| wait.p50_ms).into()),
        ("event_time_wait_p99_ms", wait.and_then(|wait| wait.p99_ms).into()),
        ("event_time_wait_max_ms", wait.and_then(|wait| wait.max_ms).into()),
    ]);
}

fn push_memory(row: &mut Row, memory: Option<&Memory>) {
    let growth = |value: fn(&Growth) -> f64| Cell::from(memory.and_then(|m| m.growth.as_ref()).map(value));
    let entries =
        |value: fn(&EntriesGrowth) -> f64| Cell::from(memory.and_then(|m| m.growth?.entries).as_ref().map(value));
    let burst = memory.and_then(|m| m.burst);
    let decided_by = memory.and_then(|m| m.growth?.decided_by);
    row.extend([
        ("live_bytes_peak", memory.and_then(|m| m.live_bytes_peak).into()),
        ("live_bytes_residual", memory.and_then(|m| m.live_bytes_residual).into()),
        ("rss_bytes_peak", memory.map(|m| m.rss_bytes_peak).into()),
        ("rss_end_bytes", memory.and_then(|m| m.rss_end_bytes).into()),
        ("pss_end_bytes", memory.and_then(|m| m.pss_end_bytes).into()),
        ("entries_peak", memory.map(|m| m.entries_peak).into()),
        ("entries_residual", memory.map(|m| m.entries_residual).into()),
        ("buffered_peak", memory.map(|m| m.buffered_peak).into()),
        ("bytes_per_entry", memory.and_then(bytes_per_entry).into()),
        ("payload_bytes_per_entry", memory.and_then(|m| m.payload_bytes_per_entry).into()),
        ("growth_bytes_per_million_events", growth(|growth| growth.bytes_per_million_events)),
        ("growth_low_bytes_per_million_events", growth(|growth| growth.low)),
        ("growth_high_bytes_per_million_events", growth(|growth| growth.high)),
        ("growth_entries_per_million_events", entries(|entries| entries.per_million_events)),
        ("growth_entries_low_per_million_events", entries(|entries| entries.low)),
        ("growth_entries_high_per_million_events", entries(|entries| entries.high)),
        ("growth_verdict", memory.and_then(|m| m.growth).map_or(Cell::Empty, |growth| text(growth.verdict.word()))),
        ("growth_events_needed", memory.and_then(|m| m.growth?.events_needed).into()),
        ("growth_decided_by", decided_by.map_or(Cell::Empty, |series| text(series.word()))),
        ("burst_given_back_share", burst.map(|burst| burst.given_back_share).into()),
        ("burst_release_ms", burst.and_then(|burst| burst.release_ms).into()),
    ]);
    push_live_entries(row, memory);
}

fn push_allocated(row: &mut Row, numbers: Option<&Numbers>) {
    let allocated = numbers.and_then(|n| n.memory.allocated_bytes);
    let per_event = numbers.filter(|n| n.events > 0).zip(allocated).map(|(n, bytes)| bytes as f64 / n.events as f64);
    row.extend([("allocated_bytes", allocated.into()), ("allocated_bytes_per_event", per_event.into())]);
}

fn push_live_entries(row: &mut Row, memory: Option<&Memory>) {
    let per_live_entry = memory.and_then(|m| m.bytes_per_live_entry.filter(|_| waits_are_few(m)));
    let payload_bytes = memory.and_then(|m| m.payload_bytes_per_entry).filter(|bytes| *bytes > 0.0);
    let allocator = memory.and_then(|m| m.allocator_peak);
    // Records that do not know their live entries did not count these either.
    let counted = memory.filter(|m| m.live_entries.is_some());
    row.extend([
        ("live_entries", memory.and_then(|m| m.live_entries).into()),
        ("bytes_per_live_entry", per_live_entry.into()),
        ("payload_ratio", per_live_entry.zip(payload_bytes).map(|(held, needed)| held / needed).into()),
        ("timers_peak", counted.map(|m| m.timers_peak).into()),
        ("retractable_peak", counted.map(|m| m.retractable_peak).into()),
        ("allocator_resident_peak_bytes", allocator.map(|bytes| bytes.resident).into()),
        ("allocator_active_peak_bytes", allocator.map(|bytes| bytes.active).into()),
        ("allocator_retained_peak_bytes", allocator.map(|bytes| bytes.retained).into()),
        ("batches_peak", memory.and_then(|m| m.batches_peak).into()),
    ]);
}

fn push_eviction(row: &mut Row, numbers: Option<&Numbers>) {
    let eviction = numbers.and_then(|n| n.memory.eviction);
    let share_of_busy = |n: &Numbers| share(forgetting_ns(n.memory.eviction.as_ref()?), busy_ns(&n.sharing));
    let per_event = |n: &Numbers| share(forgetting_ns(n.memory.eviction.as_ref()?), n.events);
    let seconds = |ns: fn(&EvictionCost) -> u64| Cell::from(eviction.as_ref().map(|cost| ns(cost) as f64 / 1e9));
    row.extend([
        ("eviction_forgotten", eviction.map(|cost| cost.forgotten).into()),
        ("eviction_lost", eviction.map(|cost| cost.lost).into()),
        ("eviction_passes", eviction.map(|cost| cost.passes).into()),
        ("eviction_s", seconds(forgetting_ns)),
        ("eviction_share", numbers.and_then(share_of_busy).into()),
        ("eviction_ns_per_event", numbers.and_then(per_event).into()),
        ("eviction_pass_s", seconds(|cost| cost.pass_ns)),
        ("eviction_bookkeeping_s", seconds(|cost| cost.bookkeeping_ns)),
        ("eviction_clock_s", seconds(|cost| cost.clock_ns)),
        ("eviction_longest_pass_ns", eviction.and_then(|cost| cost.longest_pass_ns).into()),
        ("eviction_longest_pass_at_ns", eviction.and_then(|cost| cost.longest_pass_at_ns).into()),
        ("release_mean_ms", eviction.and_then(|cost| cost.release_mean_ms).into()),
        ("release_max_ms", eviction.and_then(|cost| cost.release_max_ms).into()),
    ]);
}

/// Returns the time of forgetting of all workers, in ns: passes and bookkeeping. The bookkeeping is without
/// what measuring it took; a pass includes two readings of the clock.
fn forgetting_ns(cost: &EvictionCost) -> u64 {
    cost.pass_ns + cost.bookkeeping_ns
}

/// Returns the bytes per entry, unless waiting events took more than [`WAITING_SHARE_MAX`] of the memory: their lists
/// have room for up to twice as many, which would be attributed to the entries.
fn bytes_per_entry(memory: &Memory) -> Option<f64> {
    memory.bytes_per_entry.filter(|_| waits_are_few(memory))
}

fn waits_are_few(memory: &Memory) -> bool {
    let waiting_bytes = (memory.buffered_peak * WAITING_EVENT_BYTES) as f64;
    memory.live_bytes_peak.is_some_and(|live_bytes| waiting_bytes <= live_bytes as f64 * WAITING_SHARE_MAX)
}

fn push_accuracy(row: &mut Row, numbers: Option<&Numbers>) {
    let accuracy = numbers.map(|n| n.accuracy);
    row.extend([
        ("truth", accuracy.map(|a| a.truth).into()),
        ("given", accuracy.map(|a| a.given).into()),
        ("missing", accuracy.map(|a| a.missing).into()),
        ("missing_share", accuracy.and_then(|a| share(a.missing, a.truth)).into()),
        ("spurious", accuracy.map(|a| a.spurious).into()),
        ("spurious_share", accuracy.and_then(|a| share(a.spurious, a.given)).into()),
        ("completeness", accuracy.map(|a| a.completeness()).into()),
        ("late", accuracy.map(|a| a.late).into()),
        ("late_share", numbers.and_then(|n| share(n.accuracy.late, n.events)).into()),
        ("dropped_as_late", accuracy.map(|a| a.dropped_as_late).into()),
        ("dropped_as_late_share", numbers.and_then(|n| share(n.accuracy.dropped_as_late, n.events)).into()),
        ("answers_digest", accuracy.map_or(Cell::Empty, |a| Cell::Text(format!("{:016x}", a.digest)))),
        ("trace_digest", numbers.map_or(Cell::Empty, |n| text(&n.trace_digest))),
    ]);
}

fn push_corrections(row: &mut Row, numbers: Option<&Numbers>) {
    let accuracy = numbers.map(|n| n.accuracy);
    row.extend([
        ("wrong", accuracy.map(|a| a.wrong).into()),
        ("wrong_share", accuracy.and_then(|a| share(a.wrong, a.truth)).into()),
        // Spurious answers are beyond the truth: this may be above 1, too.
        ("lost_answers_share", accuracy.and_then(|a| share(a.missing + a.spurious + a.wrong, a.truth)).into()),
        ("retractions", accuracy.map(|a| a.retractions).into()),
        // Retractions for each final answer: a ratio, not a share, for it may be above 1.
        ("churn", accuracy.and_then(|a| share(a.retractions, a.given)).into()),
        ("corrected", accuracy.map(|a| a.corrected).into()),
        ("corrected_share", accuracy.and_then(|a| share(a.corrected, a.given)).into()),
    ]);
}

fn push_disorder(row: &mut Row, numbers: Option<&Numbers>) {
    let disorder = numbers.map(|n| n.disorder);
    row.extend([
        ("out_of_order_share", numbers.and_then(|n| share(n.disorder.out_of_order, n.events)).into()),
        ("out_of_order_share_asked", disorder.and_then(|d| d.out_of_order_share_asked).into()),
        ("duplicates_share", numbers.and_then(duplicates_share).into()),
        ("duplicates_share_asked", disorder.and_then(|d| d.duplicates_share_asked).into()),
    ]);
}

fn push_attribution(row: &mut Row, attribution: Option<&Attribution>, schema_version: u32) {
    let mean = attribution.and_then(|attribution| attribution.mean.as_ref());
    let tail = attribution.and_then(|attribution| attribution.tail.as_ref());
    let known = |parts: Option<&LatencyComponents>| {
        // Time off the CPU was part of the others before.
        Cell::from(parts.filter(|_| schema_version >= 4).map(|parts| parts.off_cpu_ns))
    };
    let part = |parts: Option<&LatencyComponents>, part: fn(&LatencyComponents) -> f64| Cell::from(parts.map(part));
    row.extend([
        ("attribution_driver_lag_mean_ns", part(mean, |parts| parts.driver_lag_ns)),
        ("attribution_off_cpu_mean_ns", known(mean)),
        ("attribution_queueing_mean_ns", part(mean, |parts| parts.queueing_ns)),
        ("attribution_compute_mean_ns", part(mean, |parts| parts.compute_ns)),
        ("attribution_driver_lag_tail_ns", part(tail, |parts| parts.driver_lag_ns)),
        ("attribution_off_cpu_tail_ns", known(tail)),
        ("attribution_queueing_tail_ns", part(tail, |parts| parts.queueing_ns)),
        ("attribution_compute_tail_ns", part(tail, |parts| parts.compute_ns)),
    ]);
}

fn push_progress(row: &mut Row, progress: Option<&Progress>) {
    row.extend([
        ("watermark_lag_peak_ms", progress.and_then(|p| p.watermark_lag_peak_ms).into()),
        ("backlog_peak", progress.map(|p| p.backlog_peak).into()),
        ("recovery_s", progress.and_then(|p| p.recovery_ns).map(|ns| ns as f64 / 1e9).into()),
    ]);
}

fn push_sharing(row: &mut Row, numbers: Option<&Numbers>) {
    let sharing = numbers.map(|n| &n.sharing);
    let per_event = |count: fn(&Sharing) -> u64| {
        Cell::from(numbers.filter(|n| n.events > 0).map(|n| count(&n.sharing) as f64 / n.events as f64))
    };
    let wire = sharing.and_then(|sharing| sharing.wire);
    let progress_messages =
        numbers.filter(|n| n.events > 0).and_then(|n| Some((n.sharing.progress_messages?, n.events)));
    let progress_messages_per_event = progress_messages.map(|(messages, events)| messages as f64 / events as f64);
    let skew = |value: fn(&ViewSkew) -> i64| Cell::from(sharing.and_then(|s| s.view_skew.as_ref()).map(value));
    row.extend([
        ("records_imbalance", sharing.and_then(|s| imbalance(&s.workers, |worker| worker.records)).into()),
        ("busy_imbalance", sharing.and_then(|s| imbalance(&s.workers, |worker| worker.busy_ns)).into()),
        ("busy_share", numbers.and_then(busy_share).into()),
        ("busy_s", sharing.map(|s| busy_ns(s) as f64 / 1e9).into()),
        ("busy_ns_per_event", per_event(busy_ns)),
        ("exchanged_records_per_event", per_event(|sharing| sharing.exchanged_records)),
        ("exchanged_bytes_per_event", per_event(|sharing| sharing.exchanged_bytes)),
        ("wire_messages", wire.map(|wire| wire.messages).into()),
        ("wire_bytes", wire.map(|wire| wire.bytes).into()),
        ("progress_messages", sharing.and_then(|sharing| sharing.progress_messages).into()),
        ("progress_messages_per_event", progress_messages_per_event.into()),
        ("logging_overhead_share", sharing.and_then(|sharing| sharing.logging_overhead_share).into()),
        ("view_skew_p50_records", skew(|skew| skew.p50_records as i64)),
        ("view_skew_p99_records", skew(|skew| skew.p99_records as i64)),
        ("view_skew_max_records", skew(|skew| skew.max_records as i64)),
        ("view_skew_p50_ms", skew(|skew| skew.p50_ms)),
        ("view_skew_p99_ms", skew(|skew| skew.p99_ms)),
        ("view_skew_max_ms", skew(|skew| skew.max_ms)),
    ]);
}

fn push_lost(row: &mut Row, lost: Option<&LostTime>) {
    row.extend([
        ("lost_share", lost.and_then(|lost| lost.share).into()),
        ("lost_wait_p99_ns", lost.and_then(|lost| lost.wait_p99_ns).into()),
        ("lost_wait_p999_ns", lost.and_then(|lost| lost.wait_p999_ns).into()),
        ("lost_max_ns", lost.and_then(|lost| lost.max_ns).into()),
        ("involuntary_switches", lost.and_then(|lost| lost.involuntary_switches).into()),
        ("run_delay_s", lost.and_then(|lost| lost.run_delay_ns).map(|ns| ns as f64 / 1e9).into()),
    ]);
}

fn push_sustainable(row: &mut Row, found: Option<&Sustainable>) {
    row.extend([
        ("sustainable_events_per_s", found.map(|found| found.rate_events_per_s).into()),
        ("sustainable_bracket_low_events_per_s", found.and_then(|found| found.low_events_per_s).into()),
        ("sustainable_bracket_high_events_per_s", found.and_then(|found| found.high_events_per_s).into()),
    ]);
}

fn push_live(row: &mut Row, numbers: Option<&Numbers>) {
    let live = numbers.and_then(|numbers| numbers.live.as_ref());
    let per_event = numbers.filter(|n| n.events > 0).zip(live);
    // An open loop has a warm-up, and is as fast as its rate.
    let cost = |(n, live): (&Numbers, &LiveNumbers)| {
        Some(live.replay_events_per_s? / n.throughput_events_per_s).filter(|_| n.warmup_ns.is_none())
    };
    row.push(("viewers", live.map(|live| live.viewers).into()));
    push_quantiles!(row, "acknowledged", live.map(|live| live.acknowledged));
    push_quantiles!(row, "shown", live.and_then(|live| live.shown));
    row.extend([
        ("refused_posts", live.map(|live| live.refused_posts).into()),
        ("emitted_events", live.map(|live| live.emitted_events).into()),
        ("recording_bytes_per_event", per_event.map(|(n, live)| live.recording_bytes as f64 / n.events as f64).into()),
        ("replay_events_per_s", live.and_then(|live| live.replay_events_per_s).into()),
        ("replay_speed_ratio", per_event.and_then(cost).into()),
    ]);
}

fn push_what_if(row: &mut Row, what_if: Option<&WhatIf>) {
    let covered = what_if.and_then(|what_if| what_if.covers(what_if.truth? as f64));
    row.extend([
        ("page_views", what_if.map(|what_if| what_if.views).into()),
        ("conversions", what_if.map(|what_if| what_if.conversions).into()),
        ("conversions_won", what_if.map(|what_if| what_if.won).into()),
        ("conversions_won_low", what_if.and_then(|what_if| what_if.low).into()),
        ("conversions_won_high", what_if.and_then(|what_if| what_if.high).into()),
        ("conversions_won_truth", what_if.and_then(|what_if| what_if.truth).map_or(Cell::Empty, Cell::Integer)),
        (
            "conversions_won_covered",
            covered.map_or(Cell::Empty, |covered| text(if covered { "true" } else { "false" })),
        ),
    ]);
}

/// Returns the maximum over the workers as a multiple of the mean: 1 if all are equal, at most the number of workers.
/// `None` if all are 0.
fn imbalance(workers: &[WorkerShare], what: fn(&WorkerShare) -> u64) -> Option<f64> {
    let most = workers.iter().map(what).max().filter(|most| *most > 0)?;
    Some(most as f64 * workers.len() as f64 / workers.iter().map(what).sum::<u64>() as f64)
}

/// Returns the total busy time of all workers, in ns.
fn busy_ns(sharing: &Sharing) -> u64 {
    sharing.workers.iter().map(|worker| worker.busy_ns).sum()
}

/// Returns the share of the time of all workers in which they were busy.
fn busy_share(numbers: &Numbers) -> Option<f64> {
    let workers = &numbers.sharing.workers;
    share(busy_ns(&numbers.sharing), numbers.elapsed_ns.saturating_mul(workers.len() as u64))
}

fn codes(doubts: &[Doubt]) -> String {
    doubts.iter().map(|doubt| doubt.code.as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns the number of second deliveries per event, as in the requested share: 0.1 if 10 of 100 events come twice.
fn duplicates_share(numbers: &Numbers) -> Option<f64> {
    share(numbers.disorder.duplicates, numbers.events.saturating_sub(numbers.disorder.duplicates))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Cell::Integer(value)
    }
}

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer)
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Cell::from(value as u64)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        if value.is_finite() { Cell::Number(value) } else { Cell::Empty }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Empty, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BurstRelease, example};

    #[test]
    fn every_case_has_the_same_columns_each_once() {
        let names = |case: &CaseRecord| case.columns().iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let ok = names(&example::case(1, 1));
        let failed = names(&example::failed_case(1, 2));
        assert_eq!(ok, failed);
        let distinct: std::collections::BTreeSet<_> = ok.iter().collect();
        assert_eq!(distinct.len(), ok.len());
    }

    #[test]
    fn a_failed_case_has_axes_and_a_cause_and_no_numbers() {
        let case = example::failed_case(3, 1);
        assert_eq!(case.column("outcome"), Some(Cell::Text("failed".into())));
        assert_eq!(case.column("cause"), Some(Cell::Text("panic, \"caught\"".into())));
        assert_eq!(case.column("workers"), Some(Cell::Integer(2)));
        for empty in ["events", "latency_count", "latency_p99_ns", "truth", "completeness", "growth_verdict"] {
            assert_eq!(case.column(empty), Some(Cell::Empty), "{empty}");
        }
        assert_eq!(case.column("no_such_column"), None);
    }

    #[test]
    fn derived_columns_are_computed_from_the_record() {
        let case = example::case(1, 1);
        for (name, expected) in [
            ("cpu_ns_per_event", 20.0),
            ("elapsed_s", 2.0),
            ("completeness", 0.85),
            ("late_share", 0.05),
            ("dropped_as_late_share", 0.05),
            ("missing_share", 0.1),
            ("spurious_share", 10.0 / 910.0),
            ("wrong_share", 0.05),
            ("lost_answers_share", 0.16),
            ("churn", 0.2),
            ("corrected_share", 0.1),
            ("out_of_order_share", 0.25),
            ("duplicates_share", 1_000.0 / 99_000.0),
            ("attribution_off_cpu_mean_ns", 4_000.0),
            ("attribution_queueing_mean_ns", 16_000.0),
            ("runs", 3.0),
            ("throughput_min_events_per_s", 40_000.0),
            ("throughput_max_events_per_s", 55_000.0),
            ("busy_s", 1.5),
            ("busy_ns_per_event", 15_000.0),
            ("lost_share", 0.01),
            ("recovery_s", 1.5),
            ("cpu_s_per_million_events", 0.02),
            ("records_imbalance", 1.5),
            ("busy_share", 0.375),
            ("exchanged_bytes_per_event", 9.6),
            ("view_skew_p99_records", 8192.0),
        ] {
            assert_eq!(case.column(name).and_then(|cell| cell.number()), Some(expected), "{name}");
        }
        for empty in ["duplicates_share_asked", "attribution_compute_tail_ns", "wire_bytes", "sustainable_events_per_s"]
        {
            assert_eq!(case.column(empty), Some(Cell::Empty), "{empty}");
        }
        assert_eq!(case.column("answers_digest"), Some(Cell::Text("00000000000000ff".into())));
        assert_eq!(case.column("doubts"), Some(Cell::Text("few-samples hiccups".into())));
    }

    #[test]
    fn what_a_case_needs_and_what_a_burst_gave_back_have_columns() {
        let mut case = example::case(1, 1);
        let memory = &mut case.numbers.as_mut().unwrap().memory;
        memory.growth = Some(Growth {
            bytes_per_million_events: 1.0,
            low: -1.0,
            high: 3.0,
            entries: None,
            verdict: Verdict::Inconclusive,
            decided_by: None,
            events_needed: Some(2e6),
        });
        memory.burst = Some(BurstRelease { given_back_share: 0.75, release_ms: None });
        assert_eq!(case.column("growth_events_needed"), Some(Cell::Number(2e6)));
        assert_eq!(case.column("burst_given_back_share"), Some(Cell::Number(0.75)));
        assert_eq!(case.column("burst_release_ms"), Some(Cell::Empty));
    }

    #[test]
    fn what_forgetting_cost_is_set_against_the_busy_time_and_the_events() {
        let cost = EvictionCost { pass_ns: 100_000_000, bookkeeping_ns: 50_000_000, clock_ns: 7, ..Default::default() };
        let mut case = example::case(1, 1);
        let columns = ["eviction_s", "eviction_share", "eviction_ns_per_event"];
        let cells = |case: &CaseRecord| columns.map(|column| case.column(column).and_then(|cell| cell.number()));
        assert_eq!(cells(&case), [None; 3]);
        case.numbers.as_mut().unwrap().memory.eviction = Some(cost);
        assert_eq!(cells(&case), [Some(0.15), Some(0.1), Some(1_500.0)]);
        case.numbers.as_mut().unwrap().sharing.workers.clear();
        assert_eq!(cells(&case), [Some(0.15), None, Some(1_500.0)]);
    }

    #[test]
    fn the_memory_of_what_is_needed_is_set_against_its_payload() {
        let mut case = example::case(1, 1);
        let memory = &mut case.numbers.as_mut().unwrap().memory;
        (memory.bytes_per_live_entry, memory.payload_bytes_per_entry) = (Some(120.0), Some(48.0));
        assert_eq!(case.column("payload_ratio"), Some(Cell::Number(2.5)));
        case.numbers.as_mut().unwrap().memory.payload_bytes_per_entry = Some(0.0);
        assert_eq!(case.column("payload_ratio"), Some(Cell::Empty));
        case.numbers.as_mut().unwrap().memory.buffered_peak = 1_000;
        assert_eq!(case.column("bytes_per_live_entry"), Some(Cell::Empty));
    }

    #[test]
    fn peaks_that_an_older_record_did_not_count_are_empty() {
        let mut case = example::case(1, 1);
        assert_eq!(case.column("timers_peak"), Some(Cell::Empty));
        case.numbers.as_mut().unwrap().memory.live_entries = Some(0);
        assert_eq!(
            ["timers_peak", "retractable_peak"].map(|name| case.column(name)),
            [const { Some(Cell::Integer(0)) }; 2]
        );
    }

    #[test]
    fn an_entry_is_not_blamed_for_the_lists_in_which_events_wait() {
        let memory = |buffered_peak, live_bytes_peak| Memory {
            buffered_peak,
            live_bytes_peak,
            bytes_per_entry: Some(40.0),
            ..Memory::default()
        };
        assert_eq!(bytes_per_entry(&memory(100, Some(48_000))), Some(40.0));
        assert_eq!(bytes_per_entry(&memory(101, Some(48_000))), None);
        assert_eq!(bytes_per_entry(&memory(0, None)), None);
    }

    #[test]
    fn a_share_of_nothing_is_empty() {
        let mut case = example::case(1, 1);
        let numbers = case.numbers.as_mut().unwrap();
        (numbers.events, numbers.accuracy.truth, numbers.accuracy.given) = (0, 0, 0);
        for empty in [
            "missing_share",
            "spurious_share",
            "wrong_share",
            "lost_answers_share",
            "corrected_share",
            "churn",
            "late_share",
            "dropped_as_late_share",
            "out_of_order_share",
            "duplicates_share",
        ] {
            assert_eq!(case.column(empty), Some(Cell::Empty), "{empty}");
        }
    }

    #[test]
    fn what_an_old_record_did_not_hold_is_empty_and_not_zero() {
        let mut json = serde_json::to_value(example::case(1, 1)).unwrap();
        json["schema_version"] = 1.into();
        let remove = |object: &mut serde_json::Value, names: &[&str]| {
            let object = object.as_object_mut().unwrap();
            names.iter().for_each(|name| assert!(object.remove(*name).is_some(), "{name}"));
        };
        remove(&mut json["axes"], &["sources", "idle_ms", "processes", "rate_share", "seed"]);
        remove(&mut json["numbers"], &["disorder", "attribution", "progress", "sharing", "lost", "sustainable"]);
        remove(&mut json["numbers"]["accuracy"], &["wrong", "retractions", "corrected"]);
        let old: CaseRecord = serde_json::from_value(json).unwrap();
        assert_eq!(old.column("sources"), Some(Cell::Text("merged".into())));
        assert_eq!(old.column("completeness").and_then(|cell| cell.number()), Some(0.9));
        let columns =
            ["idle_ms", "seed", "wrong", "churn", "out_of_order_share", "attribution_compute_mean_ns", "backlog_peak"];
        for empty in columns.iter().chain(&[
            "busy_share",
            "exchanged_bytes_per_event",
            "view_skew_p50_ms",
            "lost_share",
            "lost_answers_share",
            "eviction_share",
        ]) {
            assert_eq!(old.column(empty), Some(Cell::Empty), "{empty}");
        }
    }

    #[test]
    fn the_csv_quotes_what_needs_it_and_nothing_else() {
        let csv = cases_csv(&[example::case(1, 1), example::failed_case(1, 2)]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("part,case,repeat,pipeline,"), "{}", lines[0]);
        assert!(lines[1].starts_with("delay,1,1,sessions,gap=10min any,false,exchange,"), "{}", lines[1]);
        assert!(lines[2].contains(",failed,\"panic, \"\"caught\"\"\",,"), "{}", lines[2]);
        assert_eq!(cases_csv(&[]), "");
    }

    #[test]
    fn numbers_that_are_none_leave_the_cell_empty() {
        assert_eq!(Cell::from(f64::NAN), Cell::Empty);
        assert_eq!(Cell::from(None::<u64>), Cell::Empty);
        assert_eq!(Cell::from(u64::MAX).number(), Some(u64::MAX as f64));
        assert_eq!(Cell::from(-5_i64).to_string(), "-5");
    }
}
