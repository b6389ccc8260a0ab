//! The columns that a question asks for: those that its figures show.

use flowbench_measurement::record::{FigureKind, QuestionRecord};

use crate::figures::panels::is_floor;
use crate::select::{AXES, case_columns};

/// Titles of the columns that questions ask for.
pub(crate) const TITLES: [(&str, &str); 51] = [
    ("latency_p50_ns", "p50"),
    ("latency_p90_ns", "p90"),
    ("latency_p99_ns", "p99"),
    ("latency_p999_ns", "p99.9"),
    ("latency_max_ns", "maximum"),
    ("processing_delay_p50_ns", "delay p50"),
    ("processing_delay_p99_ns", "delay p99"),
    ("from_admission_p50_ns", "admitted p50"),
    ("from_admission_p99_ns", "admitted p99"),
    ("acknowledged_p50_ns", "on disk p50"),
    ("acknowledged_p99_ns", "on disk p99"),
    ("shown_p50_ns", "shown p50"),
    ("shown_p99_ns", "shown p99"),
    ("shown_max_ns", "shown max"),
    ("replay_events_per_s", "replay events/s"),
    ("emitted_events", "emitted"),
    ("event_time_wait_p50_ms", "wait p50"),
    ("event_time_wait_p99_ms", "wait p99"),
    ("completeness", "complete"),
    ("lost_answers_share", "lost"),
    ("late_share", "late"),
    ("dropped_as_late_share", "dropped"),
    ("live_bytes_peak", "peak bytes"),
    ("rss_bytes_peak", "peak RSS"),
    ("entries_peak", "peak entries"),
    ("buffered_peak", "peak waiting"),
    ("backlog_peak", "peak backlog"),
    ("timers_peak", "peak timers"),
    ("retractable_peak", "peak kept"),
    ("bytes_per_entry", "bytes/ entry"),
    ("bytes_per_live_entry", "bytes/ entry"),
    ("payload_ratio", "payload ratio"),
    ("release_mean_ms", "release mean"),
    ("release_max_ms", "release max"),
    ("eviction_ns_per_event", "evict/ event"),
    ("eviction_share", "eviction share"),
    ("eviction_longest_pass_ns", "longest pass"),
    ("cpu_ns_per_event", "CPU/ event"),
    ("cpu_s_per_million_events", "CPU/ 1M"),
    ("busy_share", "busy"),
    ("busy_ns_per_event", "busy/ event"),
    ("busy_imbalance", "time imbalance"),
    ("records_imbalance", "record imbalance"),
    ("exchanged_bytes_per_event", "sent/ event"),
    ("progress_messages_per_event", "progress/ event"),
    ("view_skew_p50_ms", "skew p50"),
    ("view_skew_p99_ms", "skew p99"),
    ("watermark_lag_peak_ms", "lag peak"),
    ("recovery_s", "recovery"),
    ("out_of_order_share_asked", "disorder"),
    ("duplicates_share_asked", "repeated"),
];

/// Columns of cases that sum up a column of the timeline.
const OVER_TIME: [(&str, &str); 13] = [
    ("live_bytes", "live_bytes_peak"),
    ("rss_bytes", "rss_bytes_peak"),
    ("entries", "entries_peak"),
    ("buffered", "buffered_peak"),
    ("backlog", "backlog_peak"),
    ("timers", "timers_peak"),
    ("retractable", "retractable_peak"),
    ("latency_p50_ns", "latency_p50_ns"),
    ("latency_max_ns", "latency_max_ns"),
    ("view_skew_ms", "view_skew_p99_ms"),
    ("watermark_ms", "watermark_lag_peak_ms"),
    ("eviction_ns", "eviction_share"),
    ("eviction_pass_max_ns", "eviction_longest_pass_ns"),
];

/// Columns that have a column of words of their own in every table.
pub(crate) const IN_WORDS: [&str; 8] = [
    "throughput_events_per_s",
    "missing_share",
    "spurious_share",
    "wrong_share",
    "churn",
    "corrected_share",
    "growth_verdict",
    "speed_up",
];

/// The columns of a question without figures.
const WITHOUT_FIGURES: [&str; 3] = ["latency_p50_ns", "latency_p99_ns", "live_bytes_peak"];

/// Returns the columns of cases that the figures of a question show, in their order.
pub(crate) fn asked_columns(part: &QuestionRecord) -> Vec<&'static str> {
    let known = case_columns();
    let mut asked: Vec<&'static str> = Vec::new();
    let mut add = |column: &str| {
        let column = known.iter().copied().find(|one| *one == column);
        let is_of_interest = |one: &&str| {
            let is_detail = one.starts_with("sustainable") || one.starts_with("attribution");
            !AXES.contains(one) && !is_floor(one) && !is_detail && *one != "total_workers"
        };
        asked.extend(column.filter(is_of_interest).filter(|one| !asked.contains(one)));
    };
    for figure in &part.figures {
        figure.by.iter().for_each(|column| add(column));
        add(&figure.x);
        match figure.kind {
            FigureKind::OverTime => {
                let of_case =
                    |column: &str| OVER_TIME.iter().find(|(one, _)| *one == column).map(|(_, of_case)| *of_case);
                figure.columns().filter_map(of_case).for_each(&mut add);
            }
            FigureKind::Distribution | FigureKind::Ccdf => {
                figure.columns().flat_map(quantiles).for_each(|column| add(column));
            }
            FigureKind::Scaling => add("speed_up"),
            FigureKind::Operators => {}
            _ => figure.columns().chain([figure.words.as_str(), figure.level_column.as_str()]).for_each(&mut add),
        }
    }
    if part.figures.is_empty() {
        WITHOUT_FIGURES.iter().for_each(|column| add(column));
    }
    asked
}

/// Returns the quantiles that sum up a kind of histogram.
fn quantiles(histogram: &str) -> &'static [&'static str] {
    match histogram {
        "latency" => &["latency_p50_ns", "latency_p99_ns"],
        "processing-delay" => &["processing_delay_p50_ns", "processing_delay_p99_ns"],
        "from-admission" => &["from_admission_p50_ns", "from_admission_p99_ns"],
        "acknowledged" => &["acknowledged_p50_ns", "acknowledged_p99_ns"],
        "shown" => &["shown_p50_ns", "shown_p99_ns"],
        _ => &[],
    }
}

/// Returns true if a question is about memory, so that its verdict matters.
pub(crate) fn asks_for_memory(asked: &[&str]) -> bool {
    let of_memory = ["live_bytes_peak", "rss_bytes_peak", "entries_peak", "growth_verdict", "bytes_per_live_entry"];
    asked.iter().any(|column| of_memory.contains(column))
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::FigureSpec;
    use flowbench_measurement::timeline::COLUMNS;

    use super::*;

    #[test]
    fn columns_with_titles_exist_and_titles_are_short() {
        let known = case_columns();
        for (column, title) in TITLES {
            assert!(known.contains(&column) && title.len() <= 16, "{column}: {title}");
        }
        for (of_time, of_case) in OVER_TIME {
            assert!(COLUMNS.iter().any(|(name, _)| *name == of_time) && known.contains(&of_case), "{of_time}");
        }
    }

    #[test]
    fn a_question_asks_for_what_its_figures_show() {
        let figure = |kind, y: &[&str]| FigureSpec {
            x: "slack_ms".into(),
            y: y.iter().map(|column| (*column).to_owned()).collect(),
            ..FigureSpec::new("f", kind)
        };
        let asked = |figures: Vec<FigureSpec>| {
            asked_columns(&QuestionRecord { name: "q".into(), question: "?".into(), figures })
        };
        assert_eq!(asked(vec![]), WITHOUT_FIGURES);
        let over_time = figure(FigureKind::OverTime, &["live_bytes", "newest_event_time_ms"]);
        let sweep = figure(FigureKind::Sweep, &["completeness", "lost_wait_p99_ns", "workers"]);
        let tail = figure(FigureKind::Ccdf, &["latency", "lost-time"]);
        assert_eq!(
            asked(vec![over_time, sweep, tail]),
            ["live_bytes_peak", "completeness", "latency_p50_ns", "latency_p99_ns"]
        );
    }
}
