//! The percentile text of HdrHistogram, which its plotters read: one file for each case.

use crate::latency::LatencyHistogram;

use super::source::{ExportSource, ExportedFile, MeasuredCase};

/// Lines between one halving of the distance to 100 % and the next.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
/// Values are written in µs.
const NS_PER_US: f64 = 1e3;

/// Returns the latencies of each case, all repeats together, in µs.
pub(crate) fn hgrm(source: &ExportSource) -> Vec<ExportedFile> {
    let cases = source.measured();
    let files = cases.iter().filter_map(|case| {
        let histogram = latency(source, case)?;
        Some(ExportedFile::named(format!("{}.hgrm", case.name.file()), percentiles(&histogram)))
    });
    files.collect()
}

/// Returns the latencies of all repeats with numbers; `None` if there are no samples.
fn latency(source: &ExportSource, case: &MeasuredCase<'_>) -> Option<LatencyHistogram> {
    let mut all = LatencyHistogram::new();
    for repeat in case.repeats.iter().filter(|repeat| repeat.numbers.is_some()) {
        let tag = format!("{}.latency", repeat.tag());
        source.histograms.tagged(&tag).for_each(|tagged| all.merge(&tagged.histogram));
    }
    (all.count() > 0).then_some(all)
}

fn percentiles(histogram: &LatencyHistogram) -> String {
    let buckets = histogram.buckets();
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut count = 0;
    for step in buckets.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_US, step.quantile_iterated_to());
        text.push_str(&format!("{value:12.3} {quantile:2.12} {count:10}"));
        // The last line has no distance to 100 %.
        if quantile < 1.0 {
            text.push_str(&format!(" {:14.2}", 1.0 / (1.0 - quantile)));
        }
        text.push('\n');
    }
    let [mean, std_dev] = [buckets.mean(), buckets.stdev()].map(|ns| ns / NS_PER_US);
    let max = buckets.max() as f64 / NS_PER_US;
    text.push_str(&format!("#[Mean    = {mean:12.3}, StdDeviation   = {std_dev:12.3}]\n"));
    text.push_str(&format!("#[Max     = {max:12.3}, Total count    = {:12}]\n", buckets.len()));
    text.push_str(&format!("#[Buckets = {:12}, SubBuckets     = {:12}]\n", buckets.buckets(), 2048));
    text
}
