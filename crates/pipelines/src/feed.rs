//! How a trace is cut into epochs and what its watermark is at each of them.

use std::sync::Arc;

use flowbench_events::{Event, LateSet, Lateness, Trace};

/// A trace cut into epochs of equal length, with the watermark known at every cut.
///
/// Epoch `e` holds the records `e * records_per_epoch ..`. Worker `w` of `n` offers the epochs `e` with `e % n == w`. The
/// watermark at a cut is a function of the trace and the slack alone, so the same events are late for any number of
/// workers.
#[derive(Debug, Clone)]
pub struct Feed {
    trace: Arc<Trace>,
    records_per_epoch: usize,
    slack_ms: i64,
    drops_late: bool,
    newest_before_ms: Vec<i64>, // at each cut: newest event time of the epochs before it
}

impl Feed {
    /// Cuts `trace` into epochs of `records_per_epoch` (at least 1). With `drops_late`, late events are not given on.
    pub fn new(trace: Arc<Trace>, records_per_epoch: usize, slack_ms: i64, drops_late: bool) -> Self {
        let records_per_epoch = records_per_epoch.max(1);
        let mut newest_ms = i64::MIN;
        let mut newest_before_ms = vec![newest_ms];
        for epoch in trace.events.chunks(records_per_epoch) {
            newest_ms = epoch.iter().fold(newest_ms, |newest, event| newest.max(event.event_time_ms()));
            newest_before_ms.push(newest_ms);
        }
        Self { trace, records_per_epoch, slack_ms, drops_late, newest_before_ms }
    }

    /// The trace that is fed.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// Number of epochs.
    pub fn epochs(&self) -> u64 {
        self.newest_before_ms.len() as u64 - 1
    }

    /// Records in an epoch (the last one may hold fewer).
    pub fn records_per_epoch(&self) -> usize {
        self.records_per_epoch
    }

    /// Slack of the watermark, ms of event time.
    pub fn slack_ms(&self) -> i64 {
        self.slack_ms
    }

    /// The watermark when all epochs below `epochs` are complete; everything is, at the end.
    pub fn watermark_ms(&self, epochs: u64) -> i64 {
        if epochs >= self.epochs() {
            i64::MAX
        } else {
            self.newest_before_ms[epochs as usize].saturating_sub(self.slack_ms)
        }
    }

    /// Gives on the events of one epoch in arrival order; late ones are put into `late` instead, if they are dropped.
    #[inline]
    pub fn walk(&self, epoch: u64, late: &mut LateSet, mut give: impl FnMut(&Event)) {
        let from = epoch as usize * self.records_per_epoch;
        let to = (from + self.records_per_epoch).min(self.trace.events.len());
        let events = &self.trace.events[from..to];
        if !self.drops_late {
            events.iter().for_each(give);
            return;
        }
        let mut lateness = Lateness::resume(self.slack_ms, self.newest_before_ms[epoch as usize]);
        for event in events {
            if lateness.arrive(event) {
                late.insert(event);
            } else {
                give(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_events::{Kind, Record};

    fn trace(times: &[i64]) -> Arc<Trace> {
        let events = times.iter().zip(0..).map(|(time, id)| Event::pack(Record::new(id, Kind::PageViewed, *time)));
        Arc::new(Trace { events: events.collect(), ..Trace::default() })
    }

    #[test]
    fn the_late_set_does_not_depend_on_the_cuts() {
        let trace = trace(&[100, 50, 99, 130, 120, 90, 131, 10]);
        let whole = LateSet::of(&trace.events, 20);
        assert_eq!(whole.count, 3);
        for records_per_epoch in [1, 2, 3, 5, 100] {
            let feed = Feed::new(Arc::clone(&trace), records_per_epoch, 20, true);
            let mut late = LateSet::default();
            let mut given = 0;
            (0..feed.epochs()).for_each(|epoch| feed.walk(epoch, &mut late, |_| given += 1));
            assert_eq!((late, given), (whole, 5));
        }
    }

    #[test]
    fn the_watermark_stands_behind_the_newest_event_and_passes_everything_at_the_end() {
        let feed = Feed::new(trace(&[100, 50, 130, 90]), 2, 20, true);
        assert_eq!((feed.watermark_ms(0), feed.watermark_ms(1)), (i64::MIN, 80));
        assert_eq!(feed.watermark_ms(2), i64::MAX);
    }

    #[test]
    fn an_empty_trace_has_no_epochs_and_is_complete() {
        let feed = Feed::new(trace(&[]), 10, 0, true);
        assert_eq!((feed.epochs(), feed.watermark_ms(0)), (0, i64::MAX));
    }
}
