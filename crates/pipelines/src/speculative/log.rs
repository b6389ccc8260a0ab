//! The events that corrections may need, for all keys together.

use std::collections::VecDeque;

use flowbench_events::Event;

/// The events that may be needed for corrections, in order of arrival, each linked to the previous one of its key.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<LogEntry>,
    first: u64, // number of the oldest entry that is kept, minus 1
    segments: VecDeque<LogSegment>,
    final_segments: usize, // leading segments whose events are all final
}

#[derive(Debug)]
struct LogEntry {
    event: Event,
    before: u64, // number of the previous entry of the same key
}

/// The entries between two advances of the watermark.
#[derive(Debug)]
struct LogSegment {
    watermark_ms: i64, // during the segment
    newest_ms: i64,    // newest event time; i64::MIN: no entries
    last: u64,         // number of the last entry
}

/// The number that stands for no entry; entries are numbered from 1.
pub(super) const NO_ENTRY: u64 = 0;

impl Log {
    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Appends an event after the entry numbered `before`; returns its number.
    #[inline]
    pub(super) fn append(&mut self, event: &Event, before: u64) -> u64 {
        let number = self.first + self.entries.len() as u64 + 1;
        self.entries.push_back(LogEntry { event: *event, before });
        match self.segments.back_mut() {
            Some(segment) => {
                segment.newest_ms = segment.newest_ms.max(event.event_time_ms());
                segment.last = number;
            }
            None => {
                let (watermark_ms, newest_ms) = (i64::MIN, event.event_time_ms());
                self.segments.push_back(LogSegment { watermark_ms, newest_ms, last: number });
            }
        }
        number
    }

    /// Returns the event of an entry, if it is kept.
    #[inline]
    pub(super) fn event(&self, number: u64) -> Option<&Event> {
        self.entry(number).map(|entry| &entry.event)
    }

    /// Iterates over the events of an entry and the previous ones of its key, latest first, as far as they are kept.
    pub(super) fn chain_from(&self, number: u64) -> impl Iterator<Item = Event> {
        std::iter::successors(self.entry(number), |entry| self.entry(entry.before)).map(|entry| entry.event)
    }

    fn entry(&self, number: u64) -> Option<&LogEntry> {
        self.entries.get(number.checked_sub(self.first + 1)? as usize)
    }

    /// Drops the entries that no correction needs any more, now that the watermark is at `watermark_ms`.
    ///
    /// A key that is not final has an event that is not final. When that event arrived, the base of the key was at
    /// most `lag_ms` behind the watermark. So a segment is not needed if all of it lies further behind the watermark
    /// of the oldest segment with such an event.
    pub(super) fn truncate(&mut self, watermark_ms: i64, lag_ms: i64) {
        // The last segment may still grow.
        while self.final_segments + 1 < self.segments.len()
            && self.segments[self.final_segments].newest_ms < watermark_ms
        {
            self.final_segments += 1;
        }
        let oldest = self.segments.get(self.final_segments);
        let needed_from_ms = oldest.map_or(watermark_ms, |segment| segment.watermark_ms).saturating_sub(lag_ms);
        let mut last = self.first;
        while self.segments.front().is_some_and(|segment| self.final_segments > 0 && segment.newest_ms < needed_from_ms)
        {
            self.final_segments -= 1;
            last = self.segments.pop_front().map_or(last, |segment| segment.last);
        }
        self.entries.drain(..(last - self.first) as usize);
        self.first = last;
        match self.segments.back_mut().filter(|segment| segment.newest_ms == i64::MIN) {
            Some(empty) => empty.watermark_ms = watermark_ms,
            None => {
                let last = self.first + self.entries.len() as u64;
                self.segments.push_back(LogSegment { watermark_ms, newest_ms: i64::MIN, last });
            }
        }
    }
}
