//! Histograms as text in the HdrHistogram log format 1.3, which the public HdrHistogram tools read.
//!
//! After a few comment lines every line is one histogram: tag, start, length, maximum, and the histogram itself in V2
//! encoding, deflated, in base64. Durations inside are in ns; the maximum is in ms, as those tools print it.
//!
//! Decision D-309.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use thiserror::Error;

use crate::latency::LatencyHistogram;

/// The legend that the HdrHistogram tools write above the intervals.
const LEGEND: &str = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";
/// Maxima are written in ms.
const NS_PER_MS: f64 = 1e6;

/// One histogram of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedHistogram {
    /// Tag of the histogram: `c<case>r<repeat>.<kind>`. It holds no comma, white space or line break, and is empty for
    /// none.
    pub tag: String,
    /// Start of the recording in ns since the start of the log, to the millisecond.
    pub start_ns: u64,
    /// Duration of the recording in ns, to the millisecond.
    pub length_ns: u64,
    /// The recorded durations. Counts of negative and saturated durations are not part of the format.
    pub histogram: LatencyHistogram,
}

/// An error in a log, or in a histogram to be written to one.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum HlogError {
    /// A line that is not of the format.
    #[error("line {line}: {what}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Description of the problem.
        what: String,
    },
    /// A tag that would break its line.
    #[error("histogram tag `{0}`: it may not hold a comma, white space or a line break")]
    Tag(String),
    /// A histogram that cannot be encoded.
    #[error("histogram `{tag}` cannot be encoded: {what}")]
    Encoding {
        /// Tag of the histogram.
        tag: String,
        /// Description of the problem.
        what: String,
    },
}

/// Returns the lines at the beginning of a log. The starts of the intervals count from `started_at_ms`, in ms since the
/// Unix epoch.
pub fn header(started_at_ms: Option<u64>) -> String {
    let mut log = IntervalLogWriterBuilder::new();
    log.add_comment("[Recorded by flowbench, values in nanoseconds]");
    log.add_comment("[Histogram log format version 1.3]");
    if let Some(ms) = started_at_ms {
        log.with_start_time(SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
    }
    let mut bytes = Vec::new();
    log.begin_log_with(&mut bytes, &mut V2DeflateSerializer::new()).expect("writing to memory cannot fail");
    bytes.extend_from_slice(LEGEND.as_bytes());
    text(bytes)
}

/// Returns one line of a log, line break included. The same data gives the same bytes.
///
/// # Errors
///
/// [`HlogError::Tag`] if the tag holds a comma or white space, [`HlogError::Encoding`] if the histogram cannot be encoded.
pub fn line(tag: &str, start_ns: u64, length_ns: u64, histogram: &LatencyHistogram) -> Result<String, HlogError> {
    let allowed = Tag::new(tag).filter(|tag| !tag.contains(char::is_whitespace));
    let allowed = allowed.ok_or_else(|| HlogError::Tag(tag.to_owned()))?;
    let encoding = |error: &dyn std::error::Error| HlogError::Encoding { tag: tag.to_owned(), what: error.to_string() };
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| encoding(&error))?;
    // The format has milliseconds: they are cut off here, where the writer would round.
    let [start, length] = [start_ns, length_ns].map(|ns| Duration::from_millis(ns / 1_000_000));
    let tag = Some(allowed).filter(|tag| !tag.is_empty());
    log.write_histogram(histogram.buckets(), start, length, tag).map_err(|error| encoding(&error))?;
    // The writer begins every log with a comment on the divisor; what is asked for is the line after it.
    Ok(text(bytes).split_inclusive('\n').skip(1).collect())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a log is ASCII beside the tags, which are text")
}

/// Reads a log, whether written here or by another tool, and skips comments and the legend.
///
/// # Errors
///
/// [`HlogError::Line`] for the first line that is not of the format.
pub fn read(text: &str) -> Result<Vec<TaggedHistogram>, HlogError> {
    rows(text).map(|(line, row)| parse(row).map_err(|what| HlogError::Line { line, what })).collect()
}

/// A log whose histograms are decoded on request: one takes a few hundred bytes as text and 250 KiB in memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramLog {
    text: String,
    rows: BTreeMap<String, Vec<Range<usize>>>, // by tag: where in the text
}

impl HistogramLog {
    /// Returns a log after checking each of its lines, whether written here or by another tool.
    ///
    /// # Errors
    ///
    /// [`HlogError::Line`] for the first line that is not of the format.
    pub fn new(text: String) -> Result<HistogramLog, HlogError> {
        let mut found: BTreeMap<String, Vec<Range<usize>>> = BTreeMap::new();
        for (line, row) in rows(&text) {
            let interval = parse(row).map_err(|what| HlogError::Line { line, what })?;
            let start = row.as_ptr() as usize - text.as_ptr() as usize;
            found.entry(interval.tag).or_default().push(start..start + row.len());
        }
        Ok(HistogramLog { text, rows: found })
    }

    /// Returns true if the log holds no histogram.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the histograms with a tag, in the order of the log.
    pub fn tagged(&self, tag: &str) -> impl Iterator<Item = TaggedHistogram> {
        let rows = self.rows.get(tag).into_iter().flatten();
        rows.filter_map(|row| parse(&self.text[row.clone()]).ok()) // each was read once before
    }
}

/// The lines that hold a histogram, with their numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, row)| !(row.is_empty() || row.starts_with('#') || row.starts_with('"')))
}

fn parse(row: &str) -> Result<TaggedHistogram, String> {
    let (tag, fields) = match row.strip_prefix("Tag=") {
        Some(rest) => rest.split_once(',').ok_or("nothing follows the tag")?,
        None => ("", row),
    };
    let fields: Vec<&str> = fields.split(',').collect();
    let [start, length, _max, encoded] = fields[..] else {
        return Err(format!("{} fields after the tag instead of 4", fields.len()));
    };
    let bytes = BASE64.decode(encoded).map_err(|error| format!("the histogram is not base64: {error}"))?;
    let buckets = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| format!("the histogram cannot be decoded: {error}"))?;
    Ok(TaggedHistogram {
        tag: tag.to_owned(),
        start_ns: seconds_ns("begin", start)?,
        length_ns: seconds_ns("length", length)?,
        histogram: LatencyHistogram::from_buckets(buckets),
    })
}

fn seconds_ns(what: &str, text: &str) -> Result<u64, String> {
    let seconds: Option<f64> = text.trim().parse().ok().filter(|s| (0.0..1e10).contains(s));
    let seconds = seconds.ok_or_else(|| format!("{what} `{text}` is no number of seconds"))?;
    Ok((seconds * 1000.0).round() as u64 * 1_000_000)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;

    fn of(durations: impl IntoIterator<Item = i64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        durations.into_iter().for_each(|ns| histogram.record_ns(ns));
        histogram
    }

    fn example() -> String {
        let first = line("c3r1.latency", 1_500_000_000, 2_000_000_000, &of([1_000, 2_000_000, 30_000_000])).unwrap();
        let second = line("c3r1.driver-lag", 1_500_000_000, 2_000_000_000, &of([7])).unwrap();
        format!("{}{first}{second}", header(Some(1_441_812_279_474)))
    }

    #[test]
    fn the_lines_are_those_of_the_format() {
        let text = example();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "#[Histogram log format version 1.3]");
        assert_eq!(lines[2], "#[StartTime: 1441812279.474 (seconds since epoch)]");
        assert!(lines[3].starts_with("\"StartTimestamp\",\"Interval_Length\","));
        assert!(lines[4].starts_with("Tag=c3r1.latency,1.500,2.000,30.015,HISTFAAAA"), "{}", lines[4]);
        assert_eq!(text, example());
    }

    #[test]
    fn another_reader_finds_the_same() {
        let text = example();
        let entries: Vec<LogEntry<'_>> = IntervalLogIterator::new(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0], LogEntry::StartTime(std::time::Duration::new(1_441_812_279, 474_000_000)));
        let LogEntry::Interval(interval) = &entries[1] else { panic!("{:?}", entries[1]) };
        assert_eq!(interval.tag().unwrap().as_str(), "c3r1.latency");
        assert_eq!((interval.start_timestamp().as_millis(), interval.duration().as_millis()), (1500, 2000));
    }

    #[test]
    fn a_log_gives_the_histograms_of_a_tag_when_they_are_asked_for() {
        let again = line("c3r1.latency", 0, 0, &of([9])).unwrap();
        let text = format!("{}  {again}\n{}", example(), line("", 0, 0, &of([])).unwrap());
        let log = HistogramLog::new(text.clone()).unwrap();
        let all = read(&text).unwrap();
        let tagged = |tag: &str| log.tagged(tag).collect::<Vec<_>>();
        assert_eq!(tagged("c3r1.latency"), [all[0].clone(), all[2].clone()]);
        assert_eq!((tagged("c3r1.driver-lag"), tagged("")), (vec![all[1].clone()], vec![all[3].clone()]));
        assert_eq!(tagged("c3r1.hiccup"), []);
        assert!(!log.is_empty() && HistogramLog::new(header(None)).unwrap().is_empty());
        assert_eq!(
            HistogramLog::new(text + "1,2,3\n"),
            Err(HlogError::Line { line: 10, what: "3 fields after the tag instead of 4".into() })
        );
    }

    #[test]
    fn errors_name_the_line() {
        let good = example();
        for (bad, what) in [
            ("Tag=x", "nothing follows"),
            ("1,2,3", "3 fields"),
            ("1,2,3,!", "base64"),
            ("1,2,3,AAAA", "decoded"),
            ("x,2,3,AAAA", "decoded"),
        ] {
            let error = read(&format!("{good}{bad}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line 7: ") && error.contains(what), "{error}");
        }
        let no_number = good.replace("1.500", "soon");
        assert_eq!(read(&no_number).unwrap_err().to_string(), "line 5: begin `soon` is no number of seconds");
        assert_eq!(line("a b", 0, 0, &of([])).unwrap_err(), HlogError::Tag("a b".into()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(durations in prop::collection::vec(0_i64..3_600_000_000_000, 0..100),
                                   start_ms in 0_u64..10_000_000_000, length_ms in 0_u64..100_000_000,
                                   tag in "[a-z0-9.-]{0,9}") {
            let (start_ns, length_ns) = (start_ms * 1_000_000, length_ms * 1_000_000);
            let interval = TaggedHistogram { tag, start_ns, length_ns, histogram: of(durations) };
            let text = line(&interval.tag, start_ns, length_ns, &interval.histogram).unwrap();
            prop_assert_eq!(read(&format!("{}{text}", header(None))).unwrap(), vec![interval]);
        }
    }
}
