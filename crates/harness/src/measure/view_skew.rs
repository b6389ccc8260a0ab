//! View skew: how far apart the workers are. With parallel state, some have seen newer data than others.
//!
//! Decision D-012.

use flowbench_measurement::record::ViewSkew;
use flowbench_pipelines::Feed;

use crate::measure::worker_log::WorkerLog;

/// The distance between the most and the least advanced of the workers that hold state, over the time of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    moves: Vec<Move>, // by time
    end_ns: u64,
}

/// The distance between the workers from one instant on.
#[derive(Debug, Clone, Copy)]
struct Move {
    at_ns: u64,
    records: u64,
    ms: i64,
}

impl Views {
    /// Computes the distances from the logs of the workers; there are none if fewer than two workers hold state.
    pub(crate) fn new(logs: &[WorkerLog], feed: &Feed) -> Self {
        let holders: Vec<&[(u64, u64)]> =
            logs.iter().map(|log| log.views.as_slice()).filter(|views| !views.is_empty()).collect();
        if holders.len() < 2 {
            return Self::default();
        }
        let mut noted: Vec<(u64, usize, u64)> = Vec::new();
        for (holder, views) in holders.iter().enumerate() {
            noted.extend(views.iter().map(|(epochs, at_ns)| (*at_ns, holder, *epochs)));
        }
        noted.sort_unstable();
        let mut epochs_of = vec![0; holders.len()];
        let mut moves = vec![Move { at_ns: 0, records: 0, ms: 0 }];
        for (at_ns, holder, epochs) in noted {
            epochs_of[holder] = epochs;
            let (least, most) = (epochs_of.iter().min(), epochs_of.iter().max());
            let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
            moves.push(Move { at_ns, records: records(feed, most) - records(feed, least), ms: ms(feed, least, most) });
        }
        let end_ns = moves.last().map_or(0, |last| last.at_ns);
        Self { moves, end_ns }
    }

    /// Returns quantiles over the time from the start of the run to the last move.
    pub(crate) fn skew(&self) -> Option<ViewSkew> {
        if self.end_ns == 0 {
            return None;
        }
        let ends = self.moves.iter().skip(1).map(|next| next.at_ns).chain([self.end_ns]);
        let lasting: Vec<(Move, u64)> =
            self.moves.iter().copied().zip(ends).map(|(m, end)| (m, end - m.at_ns)).collect();
        let mut records: Vec<(u64, u64)> = lasting.iter().map(|(m, ns)| (m.records, *ns)).collect();
        let mut ms: Vec<(i64, u64)> = lasting.iter().map(|(m, ns)| (m.ms, *ns)).collect();
        records.sort_unstable();
        ms.sort_unstable();
        Some(ViewSkew {
            p50_records: over_time(&records, 0.5),
            p99_records: over_time(&records, 0.99),
            max_records: over_time(&records, 1.0),
            p50_ms: over_time(&ms, 0.5),
            p99_ms: over_time(&ms, 0.99),
            max_ms: over_time(&ms, 1.0),
        })
    }

    /// Returns the records and the ms of event time between them at an instant.
    pub(crate) fn at(&self, at_ns: u64) -> Option<(u64, i64)> {
        let after = self.moves.partition_point(|m| m.at_ns <= at_ns);
        let now = self.moves.get(after.checked_sub(1)?)?;
        Some((now.records, now.ms))
    }
}

/// Returns the value that is not exceeded for a share `q` of the time; `lasting` is sorted.
fn over_time<V: Copy + Default>(lasting: &[(V, u64)], q: f64) -> V {
    let all_ns: u64 = lasting.iter().map(|(_, ns)| ns).sum();
    let (mut so_far_ns, wanted_ns) = (0, all_ns as f64 * q);
    let reached = lasting.iter().find(|(_, ns)| {
        so_far_ns += ns;
        so_far_ns as f64 >= wanted_ns && so_far_ns > 0
    });
    // The maximum value counts, however short it lasted.
    let found = if q < 1.0 { reached } else { lasting.last() };
    found.map_or(V::default(), |(value, _)| *value)
}

fn records(feed: &Feed, epochs: u64) -> u64 {
    (epochs * feed.records_per_epoch() as u64).min(feed.trace().events.len() as u64)
}

/// Returns the event time from the newest event of one view to that of the other, ms. A view of nothing stands at the
/// first event.
fn ms(feed: &Feed, least: u64, most: u64) -> i64 {
    let first_ms = feed.trace().events.first().map_or(0, flowbench_events::Event::event_time_ms);
    let newest_ms = |epochs| feed.newest_ms(epochs).unwrap_or(first_ms);
    newest_ms(most) - newest_ms(least)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowbench_events::{Event, Kind, Record, Trace};

    use super::*;

    fn views(of_workers: &[&[(u64, u64)]]) -> Views {
        let events = (0..8).map(|id| Event::pack(Record::new(id, Kind::PageViewed, id as i64 * 10)));
        let trace = Arc::new(Trace { events: events.collect(), ..Trace::default() });
        let feed = Feed::new(trace, 2, 0, true); // event time 10, 30, 50, 70 after each epoch
        let mut logs = vec![WorkerLog::default(); of_workers.len()];
        logs.iter_mut().zip(of_workers).for_each(|(log, views)| log.views.extend_from_slice(views));
        Views::new(&logs, &feed)
    }

    #[test]
    fn they_are_as_far_apart_as_the_most_and_the_least_advanced() {
        let views = views(&[&[(1, 10), (4, 80)], &[(3, 20), (4, 100)], &[]]);
        assert_eq!([9, 10, 20, 79, 80, 99, 100].map(|ns| views.at(ns).unwrap().0), [0, 2, 4, 4, 2, 2, 0]);
        assert_eq!(views.at(50), Some((4, 40)));
        // 10 ns at 0 records, 10 at 2, 60 at 4, 20 at 2.
        let skew = views.skew().unwrap();
        assert_eq!((skew.p50_records, skew.p99_records, skew.max_records), (4, 4, 4));
        assert_eq!((skew.p50_ms, skew.max_ms), (40, 40));
    }

    #[test]
    fn one_view_alone_is_not_apart() {
        let alone = views(&[&[(1, 10), (4, 80)], &[]]);
        assert_eq!((alone.skew(), alone.at(50)), (None, None));
        assert_eq!(views(&[]).skew(), None);
    }
}
