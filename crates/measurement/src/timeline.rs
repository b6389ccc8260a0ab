//! A case over time: readings become points, points become rows of `timeline.csv`, and long series are thinned for
//! drawing.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::latency::LatencyHistogram;
pub use crate::record::AllocatorBytes;
use crate::record::{OperatorState, TimelinePoint};
use crate::table::{TableError, csv_text};

/// A function that reads one column of `timeline.csv` from a point.
pub type Column = fn(&TimelinePoint) -> Option<i64>;

/// The columns of `timeline.csv` after `case` and `repeat`, in order. Names end in their unit; the others are counts.
pub const COLUMNS: [(&str, Column); 23] = [
    ("at_ns", |point| whole(point.at_ns)),
    ("admitted", |point| whole(point.admitted)),
    ("live_bytes", |point| point.live_bytes),
    ("rss_bytes", |point| whole(point.rss_bytes)),
    ("entries", |point| whole(point.entries)),
    ("buffered", |point| whole(point.buffered)),
    ("latency_max_ns", |point| point.latency_max_ns.and_then(whole)),
    ("latency_p50_ns", |point| point.latency_p50_ns.and_then(whole)),
    ("newest_event_time_ms", |point| point.newest_event_time_ms),
    ("watermark_ms", |point| point.watermark_ms),
    ("backlog", |point| whole(point.backlog)),
    ("view_skew_records", |point| point.view_skew_records.and_then(whole)),
    ("view_skew_ms", |point| point.view_skew_ms),
    ("timers", |point| point.timers.and_then(whole)),
    ("retractable", |point| point.retractable.and_then(whole)),
    ("eviction_ns", |point| point.eviction_ns.and_then(whole)),
    ("eviction_pass_max_ns", |point| point.eviction_pass_max_ns.and_then(whole)),
    ("allocator_resident_bytes", |point| Some(point.allocator?.resident)),
    ("allocator_active_bytes", |point| Some(point.allocator?.active)),
    ("allocator_retained_bytes", |point| Some(point.allocator?.retained)),
    ("forgotten", |point| point.forgotten.and_then(whole)),
    ("pss_bytes", |point| point.pss_bytes.and_then(whole)),
    ("batches", |point| point.batches.and_then(whole)),
];
/// Numbers of [`COLUMNS`] in older files.
const COLUMNS_BEFORE: [usize; 5] = [8, 11, 13, 20, 21];

/// The readings of a sampler at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// Time since the run of the case began, in ns.
    pub at_ns: u64,
    /// Number of events admitted so far by all workers.
    pub admitted: u64,
    /// Bytes allocated by all workers and not freed since the start of the run, except the answers kept for the check;
    /// absent if the allocator does not count.
    pub live_bytes: Option<i64>,
    /// Minimum number of bytes that the entries and waiting events need.
    pub least_bytes: u64,
    /// Resident set of the process, in bytes.
    pub rss_bytes: u64,
    /// Number of state entries on all workers.
    pub entries: u64,
    /// Number of events waiting for the watermark on all workers.
    pub buffered: u64,
    /// Number of keys scheduled for a timer on all workers.
    pub timers: u64,
    /// Number of events kept on all workers so that answers can be retracted.
    pub retractable: u64,
    /// Time that all workers have spent on forgetting so far, in ns.
    pub eviction_ns: u64,
    /// Number of states that all workers have forgotten so far.
    pub forgotten: u64,
    /// Number of batches in the arrangements of all workers.
    pub batches: u64,
    /// Proportional set size of the process as last read, in bytes; absent if the kernel does not tell.
    pub pss_bytes: Option<u64>,
    /// Bytes of the allocator beyond those at the start of the run; absent if it does not tell.
    pub allocator: Option<AllocatorBytes>,
}

/// Progress of the run at the instant of a reading, computed afterwards from the plan and the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Newest event time admitted so far, in ms since the first event time of the trace; absent before the first
    /// admission.
    pub newest_event_time_ms: Option<i64>,
    /// Watermark of the events admitted so far, in ms since the first event time of the trace; absent while there is
    /// none.
    pub watermark_ms: Option<i64>,
    /// Number of events due and not completed. In a closed loop an event is due when it is admitted.
    pub backlog: u64,
    /// Distance between the views of the workers, in records and in ms of event time; absent if there are fewer than
    /// two views.
    pub view_skew: Option<(u64, i64)>,
    /// Longest time that the evictions of a worker took at once since the previous reading, in ns; absent if none took
    /// long.
    pub eviction_pass_max_ns: Option<u64>,
}

/// The samples of a running case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    points: Vec<TimelinePoint>,
}

impl Timeline {
    /// Returns an empty timeline with room for `points` points.
    pub fn new(points: usize) -> Self {
        Self { points: Vec::with_capacity(points) }
    }

    /// Adds a reading with the progress at that instant and the latencies completed since the previous reading; there
    /// are none if `interval` is absent or empty.
    pub fn push(&mut self, reading: Reading, position: Position, interval: Option<&LatencyHistogram>) {
        let quantile_ns = |q| interval.and_then(|histogram| histogram.quantile_ns(q));
        self.points.push(TimelinePoint {
            at_ns: reading.at_ns,
            admitted: reading.admitted,
            live_bytes: reading.live_bytes,
            rss_bytes: reading.rss_bytes,
            entries: reading.entries,
            buffered: reading.buffered,
            latency_max_ns: quantile_ns(1.0),
            latency_p50_ns: interval.and_then(|histogram| histogram.quantiles().p50_ns),
            newest_event_time_ms: position.newest_event_time_ms,
            watermark_ms: position.watermark_ms,
            backlog: position.backlog,
            view_skew_records: position.view_skew.map(|(records, _)| records),
            view_skew_ms: position.view_skew.map(|(_, ms)| ms),
            timers: Some(reading.timers),
            retractable: Some(reading.retractable),
            eviction_ns: Some(reading.eviction_ns),
            eviction_pass_max_ns: position.eviction_pass_max_ns,
            allocator: reading.allocator,
            forgotten: Some(reading.forgotten),
            pss_bytes: reading.pss_bytes,
            batches: Some(reading.batches),
        });
    }

    /// Returns the points so far, oldest first.
    pub fn points(&self) -> &[TimelinePoint] {
        &self.points
    }
}

/// A row of `timeline.csv`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimelineRow {
    /// Number of the case.
    pub case: usize,
    /// Number of the repeat.
    pub repeat: usize,
    /// The sample.
    pub point: TimelinePoint,
}

/// Returns at most about two points for each of `buckets` equal parts of the time: those with the minimum and the
/// maximum value of `column`, and always the first and the last point. Peaks are kept; points without a value are
/// dropped.
pub fn thin<V: Ord + Copy>(
    points: &[TimelinePoint],
    buckets: usize,
    column: impl Fn(&TimelinePoint) -> Option<V>,
) -> Vec<TimelinePoint> {
    let valued: Vec<(TimelinePoint, V)> = points.iter().filter_map(|point| Some((*point, column(point)?))).collect();
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

/// Returns the peak of the backlog over all samples, and the time in ns from its first sample until the backlog was
/// back at or below its median over the run; `None` if it never was.
///
/// The median is the lower one of all samples, with equal weights. A constant backlog has recovered at once, after 0
/// ns.
pub fn progress(points: &[TimelinePoint]) -> (u64, Option<u64>) {
    let mut backlogs: Vec<u64> = points.iter().map(|point| point.backlog).collect();
    backlogs.sort_unstable();
    let (Some(peak), Some(median)) = (backlogs.last(), backlogs.get(backlogs.len().saturating_sub(1) / 2)) else {
        return (0, None);
    };
    let mut from_peak = points.iter().skip_while(|point| point.backlog < *peak).peekable();
    let peak_ns = from_peak.peek().map_or(0, |point| point.at_ns);
    let back = from_peak.find(|point| point.backlog <= *median);
    (*peak, back.map(|point| point.at_ns - peak_ns))
}

/// Returns the header line of `timeline.csv`, line break included.
pub fn csv_header() -> String {
    header(COLUMNS.len()) + "\n"
}

/// Returns rows of `timeline.csv` without the header.
pub fn csv_rows(case: usize, repeat: usize, points: &[TimelinePoint]) -> String {
    let cell = |value: Option<i64>| value.map_or_else(String::new, |value| value.to_string());
    csv_text(points.iter().map(|point| {
        let values = COLUMNS.iter().map(|(_, value)| cell(value(point)));
        [case, repeat].map(|number| number.to_string()).into_iter().chain(values)
    }))
}

/// The first line of `state.csv`.
pub const STATE_HEADER: &str = "case,repeat,worker,operator,at_ns,newest_event_time_ms,entries,least_bytes,batches\n";

/// The first line of an older `state.csv`, whose rows have no batches.
pub const STATE_HEADER_BEFORE: &str = "case,repeat,worker,operator,at_ns,newest_event_time_ms,entries,least_bytes\n";

/// Returns rows of `state.csv` without the header.
pub fn state_rows(case: usize, repeat: usize, states: &[OperatorState]) -> String {
    csv_text(states.iter().map(|state| {
        let newest_ms = state.newest_event_time_ms.map_or_else(String::new, |ms| ms.to_string());
        [
            case.to_string(),
            repeat.to_string(),
            state.worker.to_string(),
            state.operator.clone(),
            state.at_ns.to_string(),
            newest_ms,
            state.entries.to_string(),
            state.least_bytes.to_string(),
            state.batches.map_or_else(String::new, |batches| batches.to_string()),
        ]
    }))
}

/// Reads `timeline.csv`, header included; files of older schema versions have fewer columns.
///
/// # Errors
///
/// [`TableError`] for the first line that does not fit.
pub fn read_csv(text: &str) -> Result<Vec<TimelineRow>, TableError> {
    let mut lines = (1..).zip(text.lines());
    let found = lines.next().map_or("", |(_, header)| header);
    let known = COLUMNS_BEFORE.into_iter().chain([COLUMNS.len()]);
    let Some(columns) = known.into_iter().find(|columns| found == header(*columns)) else {
        let what = format!("the header is `{found}` instead of `{}`", header(COLUMNS.len()));
        return Err(TableError { line: 1, what });
    };
    lines.map(|(line, row)| parse(row, columns).map_err(|what| TableError { line, what })).collect()
}

/// Returns the header with the first `columns` of [`COLUMNS`].
fn header(columns: usize) -> String {
    let names = COLUMNS.iter().take(columns).map(|(name, _)| *name);
    ["case", "repeat"].into_iter().chain(names).collect::<Vec<_>>().join(",")
}

/// Returns a count as a cell; counts beyond 2^63 have none, and nothing here comes near.
fn whole(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}

fn parse(row: &str, columns: usize) -> Result<TimelineRow, String> {
    let mut cells: Vec<&str> = row.split(',').collect();
    if cells.len() != columns + 2 {
        return Err(format!("{} fields instead of {}", cells.len(), columns + 2));
    }
    // What a version did not have yet is empty; the backlog was 0.
    let backlog = 2 + COLUMNS_BEFORE[0] + 2;
    cells.extend((cells.len()..COLUMNS.len() + 2).map(|at| if at == backlog { "0" } else { "" }));
    let mut cells = cells.into_iter();
    let mut next = || cells.next().unwrap_or_default();
    let (case, repeat) = (next(), next());
    let point = TimelinePoint {
        at_ns: count("at_ns", next())?,
        admitted: count("admitted", next())?,
        live_bytes: number(next())?,
        rss_bytes: count("rss_bytes", next())?,
        entries: count("entries", next())?,
        buffered: count("buffered", next())?,
        latency_max_ns: number(next())?,
        latency_p50_ns: number(next())?,
        newest_event_time_ms: number(next())?,
        watermark_ms: number(next())?,
        backlog: count("backlog", next())?,
        view_skew_records: number(next())?,
        view_skew_ms: number(next())?,
        timers: number(next())?,
        retractable: number(next())?,
        eviction_ns: number(next())?,
        eviction_pass_max_ns: number(next())?,
        allocator: allocator_bytes([next(), next(), next()])?,
        forgotten: number(next())?,
        pss_bytes: number(next())?,
        batches: number(next())?,
    };
    Ok(TimelineRow { case: count("case", case)? as usize, repeat: count("repeat", repeat)? as usize, point })
}

fn allocator_bytes(cells: [&str; 3]) -> Result<Option<AllocatorBytes>, String> {
    let [resident, active, retained] = cells.map(number);
    let bytes = resident?.zip(active?).zip(retained?);
    Ok(bytes.map(|((resident, active), retained)| AllocatorBytes { resident, active, retained }))
}

fn count(column: &str, cell: &str) -> Result<u64, String> {
    number(cell)?.ok_or_else(|| format!("`{column}` is empty"))
}

fn number<N: FromStr>(cell: &str) -> Result<Option<N>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    cell.parse().map(Some).map_err(|_| format!("`{cell}` is no whole number, or does not fit"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIVE: fn(&TimelinePoint) -> Option<i64> = |point| point.live_bytes;

    fn points(values: &[i64]) -> Vec<TimelinePoint> {
        let at = values.iter().zip(0..);
        at.map(|(value, i)| TimelinePoint { at_ns: i * 10, live_bytes: Some(*value), ..TimelinePoint::default() })
            .collect()
    }

    #[test]
    fn a_point_is_a_reading_and_how_far_the_run_had_come() {
        let mut timeline = Timeline::new(10);
        let mut interval = LatencyHistogram::new();
        (1..=9).for_each(|ns| interval.record_many_ns(ns * 100, 3));
        let reading = Reading {
            at_ns: 5,
            admitted: 6,
            live_bytes: Some(-500),
            least_bytes: 400,
            rss_bytes: 7,
            entries: 8,
            buffered: 9,
            timers: 15,
            retractable: 16,
            eviction_ns: 17,
            forgotten: 22,
            batches: 23,
            pss_bytes: Some(24),
            allocator: Some(AllocatorBytes { resident: 18, active: 19, retained: -20 }),
        };
        let position = Position {
            newest_event_time_ms: Some(10),
            watermark_ms: Some(-11),
            backlog: 12,
            view_skew: Some((13, 14)),
            eviction_pass_max_ns: Some(21),
        };
        timeline.push(reading, position, Some(&interval));
        let before = Position::default();
        timeline.push(Reading { live_bytes: None, ..reading }, before, Some(&LatencyHistogram::new()));
        let expected = TimelinePoint {
            at_ns: 5,
            admitted: 6,
            live_bytes: Some(-500),
            rss_bytes: 7,
            entries: 8,
            buffered: 9,
            latency_max_ns: Some(900),
            latency_p50_ns: Some(500),
            newest_event_time_ms: Some(10),
            watermark_ms: Some(-11),
            backlog: 12,
            view_skew_records: Some(13),
            view_skew_ms: Some(14),
            timers: Some(15),
            retractable: Some(16),
            eviction_ns: Some(17),
            eviction_pass_max_ns: Some(21),
            allocator: reading.allocator,
            forgotten: Some(22),
            pss_bytes: Some(24),
            batches: Some(23),
        };
        let nothing = TimelinePoint {
            live_bytes: None,
            latency_max_ns: None,
            latency_p50_ns: None,
            newest_event_time_ms: None,
            watermark_ms: None,
            backlog: 0,
            view_skew_records: None,
            view_skew_ms: None,
            eviction_pass_max_ns: None,
            ..expected
        };
        assert_eq!(timeline.points(), [expected, nothing]);
    }

    #[test]
    fn errors_name_the_line() {
        let header = csv_header();
        assert_eq!(read_csv("").unwrap_err().line, 1);
        assert_eq!(read_csv("a,b\n").unwrap_err().line, 1);
        let good = "1,1,0,0,0,0,0,0,,,,,0,,,,,,,,,,,,";
        assert_eq!(read_csv(&format!("{header}{good}\n")).unwrap().len(), 1);
        let TableError { line, what } =
            read_csv(&format!("{header}{good}\n1,1,x,0,0,0,0,0,,,,,0,,,,,,,,,,,,\n")).unwrap_err();
        assert_eq!((line, what.as_str()), (3, "`x` is no whole number, or does not fit"));
        let TableError { line, what } = read_csv(&format!("{header}1,1,0\n")).unwrap_err();
        assert_eq!((line, what.as_str()), (2, "3 fields instead of 25"));
        let TableError { line, what } = read_csv(&format!("{header}1,1,0,,0,0,0,0,,,,,0,,,,,,,,,,,,\n")).unwrap_err();
        assert_eq!((line, what.as_str()), (2, "`admitted` is empty"));
        assert_eq!(read_csv(&format!("{header}1,,0,0,0,0,0,0,,,,,0,,,,,,,,,,,,\n")).unwrap_err().line, 2);
        assert_eq!(read_csv(&format!("{header}1,1,-5,0,0,0,0,0,,,,,0,,,,,,,,,,,,\n")).unwrap_err().line, 2);
    }

    #[test]
    fn timelines_of_older_versions_are_read() {
        let old = "case,repeat,at_ns,admitted,live_bytes,rss_bytes,entries,buffered,latency_max_ns,latency_p50_ns\n\
                   3,2,10,20,30,40,50,60,70,\n";
        let less_old = "case,repeat,at_ns,admitted,live_bytes,rss_bytes,entries,buffered,latency_max_ns,latency_p50_ns,\
                        newest_event_time_ms,watermark_ms,backlog\n3,2,10,20,30,40,50,60,70,,,,0\n";
        let rows = read_csv(old).unwrap();
        assert_eq!(read_csv(less_old).unwrap(), rows);
        let point = TimelinePoint {
            at_ns: 10,
            admitted: 20,
            live_bytes: Some(30),
            rss_bytes: 40,
            entries: 50,
            buffered: 60,
            latency_max_ns: Some(70),
            ..TimelinePoint::default()
        };
        assert_eq!(rows, [TimelineRow { case: 3, repeat: 2, point }]);
        let of_0_1 = header(20);
        assert_eq!(read_csv(&format!("{of_0_1}\n3,2,10,20,30,40,50,60,70,,,,0,,,,,,,,,\n")).unwrap(), rows);
        assert_eq!(
            read_csv(&format!("{old}1,1,0,0,0,0,0,0,,,,,0\n")).unwrap_err().line,
            3,
            "more fields than the header"
        );
    }

    fn backlogs(values: &[u64]) -> Vec<TimelinePoint> {
        let at = values.iter().zip(0..);
        at.map(|(value, i)| TimelinePoint { at_ns: i * 10, backlog: *value, ..TimelinePoint::default() }).collect()
    }

    #[test]
    fn recovery_is_from_the_first_peak_to_the_median() {
        assert_eq!(progress(&backlogs(&[2, 1, 9, 9, 5, 2, 2, 1])), (9, Some(30)));
        assert_eq!(progress(&backlogs(&[1, 2, 3, 4])), (4, None), "it only grew");
        assert_eq!(progress(&backlogs(&[4, 4, 4])), (4, Some(0)), "it stood still");
        assert_eq!(progress(&backlogs(&[7])), (7, Some(0)));
        assert_eq!(progress(&[]), (0, None));
    }

    #[test]
    fn points_without_a_value_are_not_drawn() {
        let points = points(&[1, 2, 3]);
        assert!(thin(&points, 10, |point| point.latency_max_ns).is_empty());
        assert_eq!(thin(&points, 10, LIVE), points);
    }

    proptest! {
        #[test]
        fn thinning_keeps_extremes_and_ends(values in prop::collection::vec(-1000_i64..1000, 1..400),
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
        fn the_backlog_recovers_where_no_sample_before_was_at_the_median(
            values in prop::collection::vec(0_u64..20, 1..60),
        ) {
            let (peak, recovery_ns) = progress(&backlogs(&values));
            prop_assert_eq!(Some(&peak), values.iter().max());
            let from = values.iter().position(|value| *value == peak).unwrap();
            // At or below the lower median: at most half of the samples are strictly below it.
            let at_median = |value: u64| values.iter().filter(|other| **other < value).count() * 2 < values.len();
            match recovery_ns {
                Some(ns) => {
                    let back = from + ns as usize / 10;
                    prop_assert!(at_median(values[back]));
                    prop_assert!(values[from..back].iter().all(|value| !at_median(*value)));
                }
                None => prop_assert!(values[from..].iter().all(|value| !at_median(*value))),
            }
        }

        #[test]
        fn what_is_written_is_read(cells in prop::collection::vec(any::<[u32; 7]>(), 0..20), case in 1_usize..99,
                                   latency in prop::option::of(0..=i64::MAX as u64),
                                   event_time_ms in prop::option::of(any::<i64>())) {
            let points: Vec<TimelinePoint> = cells
                .iter()
                .map(|cells| cells.map(u64::from))
                .map(|[at_ns, admitted, live_bytes, rss_bytes, entries, buffered, backlog]| TimelinePoint {
                    at_ns: at_ns << 31,
                    admitted,
                    live_bytes: latency.map(|_| live_bytes as i64 - (1 << 20)),
                    rss_bytes,
                    entries,
                    buffered,
                    latency_max_ns: latency,
                    latency_p50_ns: latency.map(|ns| ns / 2),
                    newest_event_time_ms: event_time_ms,
                    watermark_ms: event_time_ms.map(|ms| ms / 2),
                    backlog,
                    view_skew_records: latency,
                    view_skew_ms: event_time_ms,
                    timers: latency.map(|_| entries),
                    retractable: latency,
                    eviction_ns: Some(buffered),
                    eviction_pass_max_ns: latency,
                    allocator: event_time_ms.map(|ms| AllocatorBytes { resident: ms, active: -1, retained: 0 }),
                    forgotten: latency,
                    pss_bytes: latency,
                    batches: Some(entries),
                })
                .collect();
            let rows = read_csv(&format!("{}{}", csv_header(), csv_rows(case, 2, &points))).unwrap();
            prop_assert!(rows.iter().all(|row| (row.case, row.repeat) == (case, 2)));
            prop_assert_eq!(rows.iter().map(|row| row.point).collect::<Vec<_>>(), points);
        }
    }
}
