//! The measurements of a replay, as a table and as JSON.

use std::io::Write;

use flowbench_events::{Output, ReadSummary};
use flowbench_harness::replay_stats::ReplayStats;
use flowbench_report::Quantity;

use crate::args::Replay;
use crate::failure::{Failure, eprint};
use crate::json_output::json_text;

/// Prints the table and writes the JSON, as requested.
pub(crate) fn write(args: &Replay, stats: &ReplayStats, summary: &ReadSummary) -> Result<(), Failure> {
    if args.stats {
        eprint(table(stats, summary).trim_end());
    }
    let Some(path) = &args.stats_json else { return Ok(()) };
    let mut json = serde_json::to_value(stats).map_err(Failure::failed)?;
    json["rows"] = summary.rows.into();
    json["skipped"] = summary.skipped.into();
    json["rejected"] = summary.rejects.into();
    let mut output = Output::create(path).map_err(Failure::failed)?;
    output.write_all(json_text("replay", json).as_bytes()).map_err(|error| output.error(error))?;
    Ok(output.finish()?)
}

fn table(stats: &ReplayStats, summary: &ReadSummary) -> String {
    let ns = |ns: u64| Quantity::Nanoseconds.human(ns as f64);
    let bytes = |bytes: Option<f64>| bytes.map_or("-".to_owned(), |bytes| Quantity::Bytes.human(bytes));
    let mut text = String::new();
    let mut line = |what: &str, seen: String| text.push_str(&format!("{what:<26}{seen}\n"));
    line("rows rejected", format!("{} of {}, {} skipped", summary.rejects, summary.rows, summary.skipped));
    line("events", stats.events.to_string());
    line("late, dropped as late", format!("{}, {}", stats.late, stats.dropped_as_late));
    line("answers", format!("{}, digest {}", stats.answers, stats.answers_digest));
    line("digest of their texts", stats.answers_text_digest.clone());
    line("time in the dataflow", ns(stats.elapsed_ns));
    line("throughput", format!("{:.0} events/s", stats.throughput_events_per_s));
    let latency = &stats.epoch_latency;
    let quantiles = [("p50", latency.p50_ns), ("p99", latency.p99_ns), ("max", latency.max_ns)];
    let known = quantiles.iter().filter_map(|(name, of)| Some(format!("{name} {}", ns((*of)?))));
    let words = known.collect::<Vec<_>>().join(", ");
    line("latency of an epoch", format!("{words} ({} epochs)", latency.count));
    line("live bytes, peak", bytes(stats.live_bytes_peak.map(|bytes| bytes as f64)));
    line("resident set, peak", bytes(stats.rss_bytes_peak.map(|bytes| bytes as f64)));
    text
}
