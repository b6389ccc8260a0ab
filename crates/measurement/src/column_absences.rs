//! Why a column of a case has no value: its cell in `cases.csv` is empty, and its key in `cases.ndjson` is null or absent.

use crate::column_meanings::CASE_COLUMNS;

/// Reasons by name, or by the beginning of a name that ends in `*`; the first that fits holds.
const REASONS: [(&str, &str); 79] = [
    ("settings", "every parameter has its default"),
    ("idle_ms", "every source always holds the watermark back"),
    ("rate_events_per_s", "the load is a closed loop"),
    ("rate_share", "the rate is no share of a searched one"),
    ("world", "the generator has its defaults, or the log was not generated"),
    ("fault", "none was planted"),
    ("live", NOT_LIVE),
    ("viewers", NOT_LIVE),
    ("acknowledged_count", NOT_LIVE),
    ("acknowledged_*", "no live session, or too few samples: 20 for p50, 100 for p90, 1,000 for p99, 10,000 for p999"),
    ("shown_count", "no live session, or nobody looked at its wall"),
    (
        "shown_*",
        "no live session, nobody looked at its wall, or too few samples: 20 for p50, 100 for p90, 1,000 for p99",
    ),
    ("refused_posts", NOT_LIVE),
    ("emitted_events", NOT_LIVE),
    ("recording_bytes_per_event", NOT_LIVE),
    ("replay_events_per_s", "no live session, or the replay could not be measured"),
    ("replay_speed_ratio", "no live session, an open loop, or the replay could not be measured"),
    ("cause", "the case has numbers"),
    ("doubts", "there are none"),
    ("runs", "the load is no closed loop"),
    ("throughput_min_events_per_s", "the load is no closed loop"),
    ("throughput_max_events_per_s", "the load is no closed loop"),
    ("source_ceiling_events_per_s", "the load is not the maximum possible"),
    ("warmup_ns", "the load is a closed loop, which records everything"),
    ("hiccup_*", "records have not had it since version 4"),
    ("from_admission_count", "a closed loop, whose latency begins at admission, or an older record"),
    ("from_admission_*", "a closed loop, whose latency begins at admission, an older record, or too few samples"),
    (
        "driver_lag_p999_ns",
        "a closed loop, in which nothing is due before it is admitted, or fewer than 10,000 samples",
    ),
    (
        "driver_lag_*",
        "a closed loop, in which nothing is due before it is admitted, or too few samples: 20 for p50, 100 for p90, 1,000 for p99",
    ),
    ("latency_p50_ns", "fewer than 20 samples; a closed loop has one an epoch"),
    ("latency_p90_ns", "fewer than 100 samples; a closed loop has one an epoch"),
    ("latency_p99_ns", "fewer than 1,000 samples; a closed loop has one an epoch"),
    ("latency_p999_ns", "fewer than 10,000 samples; a closed loop has one an epoch"),
    ("latency_p9999_ns", "fewer than 100,000 samples, or a record from before there was this quantile"),
    ("processing_delay_p50_ns", "fewer than 20 answers"),
    ("processing_delay_p90_ns", "fewer than 100 answers"),
    ("processing_delay_p99_ns", "fewer than 1,000 answers"),
    ("processing_delay_p999_ns", "fewer than 10,000 answers"),
    ("processing_delay_p9999_ns", "fewer than 100,000 answers, or a record from before there was this quantile"),
    ("processing_delay_max_ns", "no answers"),
    ("live_bytes_peak", "the allocator does not count, or the run was over before it was sampled"),
    ("rss_end_bytes", OLDER),
    ("pss_end_bytes", OLDER),
    (
        "bytes_per_entry",
        "fewer than 1,000 entries, or several processes, whose connections have buffers, or waiting events took much of it",
    ),
    ("payload_bytes_per_entry", "no entries"),
    ("growth_events_needed", "there is a verdict, or no number of events that this run can name would give one"),
    ("growth_*", "the run was too short to be sampled, or the pipeline keeps nothing"),
    ("burst_given_back_share", "the state had no burst"),
    ("burst_release_ms", "the state had no burst, or did not give nine tenths of it back"),
    ("live_entries", OLDER),
    ("bytes_per_live_entry", "no live entries at the end, fewer than 1,000 entries, or an older record"),
    ("payload_ratio", "no live entries at the end, fewer than 1,000 entries, or an older record"),
    ("timers_peak", OLDER),
    ("retractable_peak", OLDER),
    ("allocated_bytes*", "the allocator does not count, or an older record"),
    ("batches_peak", "nothing is arranged, or an older record"),
    ("allocator_*", "the allocator does not tell, or an older record"),
    ("eviction_longest_pass_*", "no pass took 20 µs, or an older record"),
    ("eviction_*", OLDER),
    ("release_*", "nothing was released, or an older record"),
    ("out_of_order_share_asked", "none was asked for"),
    ("duplicates_share_asked", "none was asked for"),
    ("attribution_*_tail_ns", "fewer than 1,000 events"),
    ("attribution_*", "no latencies were recorded"),
    ("recovery_s", "the backlog never fell to its median again"),
    ("wire_*", "one process has all workers"),
    ("progress_messages*", "operators were not logged: run with --profile-operators"),
    ("logging_overhead_share", "operators were not logged, or there is no run without logging"),
    ("view_skew_*", "fewer than two workers hold state"),
    ("lost_wait_*", "it was not measured"),
    ("involuntary_switches", "the kernel does not report it"),
    ("run_delay_s", "the kernel does not report it"),
    ("sustainable_bracket_low_events_per_s", "nothing was searched for, or every rate was refused"),
    ("sustainable_bracket_high_events_per_s", "nothing was searched for, or no higher rate could be tried"),
    ("sustainable_events_per_s", "nothing was searched for"),
    ("page_views", "the experiment does not ask what faster pages would win"),
    ("conversions_won_truth", "the world with faster pages was not generated"),
    ("conversions_won_covered", "the world with faster pages was not generated"),
    ("conversions*", "the experiment does not ask what faster pages would win, or the log has a few hours only"),
];
const NOT_LIVE: &str = "the workers were given the events without a live session";
const OLDER: &str = "the record is older than the column";
/// What holds for every number.
const NO_NUMBERS: &str = "the case failed or is invalid";

/// Reasons of columns over time.
const OVER_TIME: [(&str, &str); 11] = [
    ("live_bytes", "the allocator does not count"),
    ("latency_*", "no event was completed since the row before, or fewer than 20 for the median"),
    ("newest_event_time_ms", "nothing was admitted yet"),
    ("watermark_ms", "there is no watermark yet"),
    ("view_skew_*", "fewer than two workers hold state"),
    ("eviction_pass_max_ns", "no pass took 20 µs since the row before"),
    ("eviction_ns", OLDER),
    ("allocator_*", "the allocator does not tell, or an older record"),
    ("forgotten", OLDER),
    ("pss_bytes", "it was not read yet, or an older record"),
    ("batches", "nothing is arranged, or an older record"),
];

/// Returns why a column of a case may have no value; empty if it always has one. Beside that, numbers are absent in cases
/// that failed or are invalid.
pub fn absence(column: &str) -> &'static str {
    let is = |name: &str| CASE_COLUMNS.iter().position(|(one, _)| *one == name);
    let describes_the_case = is(column) < is("events") && is(column).is_some();
    let otherwise = if describes_the_case { "" } else { NO_NUMBERS };
    REASONS.iter().find(|(name, _)| fits(name, column)).map_or(otherwise, |(_, reason)| reason)
}

/// Returns why a column over time may have no value; empty if it always has one.
pub fn absence_over_time(column: &str) -> &'static str {
    OVER_TIME.iter().find(|(name, _)| fits(name, column)).map_or("", |(_, reason)| reason)
}

fn fits(name: &str, column: &str) -> bool {
    match name.split_once('*') {
        Some((begins, ends)) => column.starts_with(begins) && column.ends_with(ends),
        None => name == column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column_meanings::TIMELINE_COLUMNS;

    #[test]
    fn what_describes_a_case_is_never_absent() {
        assert_eq!(["pipeline", "outcome", "workers"].map(absence), [""; 3]);
        assert_eq!(absence("events"), NO_NUMBERS);
        for (name, _) in OVER_TIME {
            assert!(TIMELINE_COLUMNS.iter().any(|(column, _)| fits(name, column)), "{name}");
        }
    }

    #[test]
    fn every_reason_is_the_first_that_fits_a_column() {
        let first = |column: &str| REASONS.iter().position(|(name, _)| fits(name, column));
        for (at, (name, _)) in REASONS.iter().enumerate() {
            assert!(CASE_COLUMNS.iter().any(|(column, _)| first(column) == Some(at)), "{name} fits no column first");
        }
    }
}
