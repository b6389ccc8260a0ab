//! A case over time: readings become points, points become rows of `timeline.csv`, and long series become short ones.

use std::fmt::Write;

use crate::latency::LatencyHistogram;
use crate::record::TimelinePoint;

/// How one column of `timeline.csv` is read from a point.
pub type Column = fn(&TimelinePoint) -> Option<u64>;

/// The columns of `timeline.csv` after `case` and `repeat`, in order; bytes and ns as named, the rest are counts.
pub const COLUMNS: [(&str, Column); 8] = [
    ("at_ns", |point| Some(point.at_ns)),
    ("admitted", |point| Some(point.admitted)),
    ("live_bytes", |point| Some(point.live_bytes)),
    ("rss_bytes", |point| Some(point.rss_bytes)),
    ("entries", |point| Some(point.entries)),
    ("buffered", |point| Some(point.buffered)),
    ("latency_max_ns", |point| point.latency_max_ns),
    ("latency_p50_ns", |point| point.latency_p50_ns),
];

/// What a sampler reads at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Since the run of the case began.
    pub at_ns: u64,
    /// Events admitted so far, over all workers.
    pub admitted: u64,
    /// Bytes the allocator has handed out, over the whole process.
    pub allocated_bytes: u64,
    /// Resident set of the process.
    pub rss_bytes: u64,
    /// State entries over all workers.
    pub entries: u64,
    /// Events waiting for the watermark over all workers.
    pub buffered: u64,
}

/// The points of a running case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    baseline_bytes: u64,
    points: Vec<TimelinePoint>,
}

impl Timeline {
    /// For a process that had `baseline_bytes` allocated before the run, with room for `points` points, so that the
    /// timeline itself allocates nothing while it is measured.
    pub fn new(baseline_bytes: u64, points: usize) -> Self {
        Self { baseline_bytes, points: Vec::with_capacity(points) }
    }

    /// Adds a reading, with the latencies completed since the one before (none if `interval` is absent or empty).
    pub fn push(&mut self, reading: Reading, interval: Option<&LatencyHistogram>) {
        let quantile_ns = |q| interval.and_then(|histogram| histogram.quantile_ns(q));
        self.points.push(TimelinePoint {
            at_ns: reading.at_ns,
            admitted: reading.admitted,
            live_bytes: reading.allocated_bytes.saturating_sub(self.baseline_bytes),
            rss_bytes: reading.rss_bytes,
            entries: reading.entries,
            buffered: reading.buffered,
            latency_max_ns: quantile_ns(1.0),
            latency_p50_ns: quantile_ns(0.5),
        });
    }

    /// The points so far, oldest first.
    pub fn points(&self) -> &[TimelinePoint] {
        &self.points
    }
}

/// A row of `timeline.csv`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Number of the case.
    pub case: usize,
    /// Which repeat.
    pub repeat: usize,
    /// The sample.
    pub point: TimelinePoint,
}

/// At most about two points for each of `buckets` equal parts of the time: those with the least and the greatest value
/// of `column`, and always the first and the last point. A peak is never lost; points without a value are.
pub fn thin(points: &[TimelinePoint], buckets: usize, column: Column) -> Vec<TimelinePoint> {
    let valued: Vec<(TimelinePoint, u64)> = points.iter().filter_map(|point| Some((*point, column(point)?))).collect();
    let (Some(first), Some(last)) = (valued.first(), valued.last()) else { return Vec::new() };
    if valued.len() <= 2 * buckets {
        return valued.into_iter().map(|(point, _)| point).collect();
    }
    let begin_ns = first.0.at_ns;
    let width_ns = last.0.at_ns.saturating_sub(begin_ns) / buckets.max(1) as u64 + 1;
    let mut keep = vec![0, valued.len() - 1];
    let mut from = 0;
    for bucket in valued.chunk_by(|a, b| (a.0.at_ns - begin_ns) / width_ns == (b.0.at_ns - begin_ns) / width_ns) {
        let indices = from..from + bucket.len();
        keep.extend(indices.clone().min_by_key(|index| valued[*index].1));
        keep.extend(indices.max_by_key(|index| valued[*index].1));
        from += bucket.len();
    }
    keep.sort_unstable();
    keep.dedup();
    keep.into_iter().map(|index| valued[index].0).collect()
}

/// The header line of `timeline.csv`, line break included.
pub fn csv_header() -> String {
    let names = COLUMNS.map(|(name, _)| name).join(",");
    format!("case,repeat,{names}\n")
}

/// Rows of `timeline.csv`, without the header.
pub fn csv_rows(case: usize, repeat: usize, points: &[TimelinePoint]) -> String {
    let mut text = String::with_capacity(points.len() * 80);
    for point in points {
        write!(text, "{case},{repeat}").expect("writing to a String cannot fail");
        for (_, value) in COLUMNS {
            match value(point) {
                Some(value) => write!(text, ",{value}").expect("writing to a String cannot fail"),
                None => text.push(','),
            }
        }
        text.push('\n');
    }
    text
}

/// Reads `timeline.csv`, header included. The error is the line (from 1) and what is wrong with it.
pub fn read_csv(text: &str) -> Result<Vec<Row>, (usize, String)> {
    let mut lines = (1..).zip(text.lines());
    match lines.next() {
        Some((_, header)) if header == csv_header().trim_end() => {}
        other => {
            let found = other.map_or("", |(_, header)| header);
            return Err((1, format!("the header is `{found}` instead of `{}`", csv_header().trim_end())));
        }
    }
    lines.map(|(line, row)| parse(row).map_err(|what| (line, what))).collect()
}

fn parse(row: &str) -> Result<Row, String> {
    let cells = row.split(',').map(|cell| match cell {
        "" => Ok(None),
        number => number.parse::<u64>().map(Some).map_err(|_| format!("`{number}` is no whole number")),
    });
    let cells: Vec<Option<u64>> = cells.collect::<Result<_, _>>()?;
    let [
        Some(case),
        Some(repeat),
        Some(at_ns),
        Some(admitted),
        Some(live_bytes),
        Some(rss_bytes),
        Some(entries),
        Some(buffered),
        latency_max_ns,
        latency_p50_ns,
    ] = cells[..]
    else {
        let present = cells.iter().flatten().count();
        return Err(format!("{} fields, {present} of them filled, instead of 10 of which 8 are filled", cells.len()));
    };
    let point =
        TimelinePoint { at_ns, admitted, live_bytes, rss_bytes, entries, buffered, latency_max_ns, latency_p50_ns };
    Ok(Row { case: case as usize, repeat: repeat as usize, point })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIVE: Column = |point| Some(point.live_bytes);

    fn points(values: &[u64]) -> Vec<TimelinePoint> {
        let at = values.iter().zip(0..);
        at.map(|(value, i)| TimelinePoint { at_ns: i * 10, live_bytes: *value, ..TimelinePoint::default() }).collect()
    }

    #[test]
    fn live_bytes_are_those_beyond_the_baseline() {
        let mut timeline = Timeline::new(1_000, 10);
        let mut interval = LatencyHistogram::new();
        (1..=9).for_each(|ns| interval.record_ns(ns * 100));
        let reading = Reading { at_ns: 5, admitted: 6, allocated_bytes: 1_500, rss_bytes: 7, entries: 8, buffered: 9 };
        timeline.push(reading, Some(&interval));
        timeline.push(Reading { allocated_bytes: 900, ..reading }, Some(&LatencyHistogram::new()));
        let expected = TimelinePoint {
            at_ns: 5,
            admitted: 6,
            live_bytes: 500,
            rss_bytes: 7,
            entries: 8,
            buffered: 9,
            latency_max_ns: Some(900),
            latency_p50_ns: Some(500),
        };
        let nothing = TimelinePoint { live_bytes: 0, latency_max_ns: None, latency_p50_ns: None, ..expected };
        assert_eq!(timeline.points(), [expected, nothing]);
    }

    #[test]
    fn errors_name_the_line() {
        let header = csv_header();
        assert_eq!(read_csv("").unwrap_err().0, 1);
        assert_eq!(read_csv("a,b\n").unwrap_err().0, 1);
        let (line, what) = read_csv(&format!("{header}1,1,0,0,0,0,0,0,,\n1,1,x,0,0,0,0,0,,\n")).unwrap_err();
        assert_eq!((line, what.as_str()), (3, "`x` is no whole number"));
        let (line, what) = read_csv(&format!("{header}1,1,0\n")).unwrap_err();
        assert!(line == 2 && what.starts_with("3 fields"), "{what}");
        assert_eq!(read_csv(&format!("{header}1,,0,0,0,0,0,0,,\n")).unwrap_err().0, 2);
    }

    #[test]
    fn points_without_a_value_are_not_drawn() {
        let points = points(&[1, 2, 3]);
        assert!(thin(&points, 10, |point| point.latency_max_ns).is_empty());
        assert_eq!(thin(&points, 10, LIVE), points);
    }

    proptest! {
        #[test]
        fn thinning_keeps_extremes_and_ends(values in prop::collection::vec(0_u64..1000, 1..400),
                                            buckets in 1_usize..30) {
            let all = points(&values);
            let thinned = thin(&all, buckets, LIVE);
            prop_assert!(thinned.len() <= 2 * buckets + 2);
            prop_assert!(thinned.is_sorted_by(|a, b| a.at_ns < b.at_ns));
            prop_assert_eq!((thinned.first(), thinned.last()), (all.first(), all.last()));
            prop_assert_eq!(thinned.iter().filter_map(LIVE).max(), values.iter().copied().max());
            prop_assert_eq!(thinned.iter().filter_map(LIVE).min(), values.iter().copied().min());
            prop_assert!(thinned.iter().all(|point| all.contains(point)));
        }

        #[test]
        fn what_is_written_is_read(cells in prop::collection::vec(any::<[u64; 6]>(), 0..20), case in 1_usize..99,
                                   latency in prop::option::of(any::<u64>())) {
            let points: Vec<TimelinePoint> = cells
                .iter()
                .map(|[at_ns, admitted, live_bytes, rss_bytes, entries, buffered]| TimelinePoint {
                    at_ns: *at_ns,
                    admitted: *admitted,
                    live_bytes: *live_bytes,
                    rss_bytes: *rss_bytes,
                    entries: *entries,
                    buffered: *buffered,
                    latency_max_ns: latency,
                    latency_p50_ns: latency.map(|ns| ns / 2),
                })
                .collect();
            let rows = read_csv(&format!("{}{}", csv_header(), csv_rows(case, 2, &points))).unwrap();
            prop_assert!(rows.iter().all(|row| (row.case, row.repeat) == (case, 2)));
            prop_assert_eq!(rows.iter().map(|row| row.point).collect::<Vec<_>>(), points);
        }
    }
}
