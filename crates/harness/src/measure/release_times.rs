//! The arrival that releases each event, and the event-time wait for it.

use flowbench_events::{Event, Trace, WatermarkRule};

/// Finds the arrival that releases an event, or an answer, of a given event time. It follows from the trace alone.
#[derive(Debug, Clone)]
pub struct ReleaseTimes<'a> {
    events: &'a [Event],
    watermark_ms: Vec<i64>, // at each arrival, itself included
    late: Vec<bool>,
}

impl<'a> ReleaseTimes<'a> {
    /// Computes the watermark at every arrival; `rule` may be a slack in ms.
    pub fn new(trace: &'a Trace, rule: impl Into<WatermarkRule>) -> Self {
        let events = &trace.events;
        let (mut watermarks, mut late) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        rule.into().walk(trace, |_, is_late, watermark_ms| {
            watermarks.push(watermark_ms);
            late.push(is_late);
        });
        Self { events, watermark_ms: watermarks, late }
    }

    /// Returns the first arrival whose watermark is above `event_time_ms`; `None` if only the end of the input
    /// releases it.
    pub fn released_by(&self, event_time_ms: i64) -> Option<usize> {
        let at = self.watermark_ms.partition_point(|watermark_ms| *watermark_ms <= event_time_ms);
        (at < self.events.len()).then_some(at)
    }

    /// Returns the event-time wait of every event that is not late: from its event time to the arrival that released
    /// it, ms. Events that only the end of the input releases are left out.
    pub fn waits_ms(&self) -> Vec<i64> {
        let wait = |event: &Event| {
            let released_by = self.released_by(event.event_time_ms())?;
            Some(self.events[released_by].arrival_time_ms() - event.event_time_ms())
        };
        let in_time = self.events.iter().zip(&self.late).filter(|(_, late)| !**late);
        in_time.filter_map(|(event, _)| wait(event)).collect()
    }

    /// Returns arrival time minus event time of each event, ms: its wait if it is applied on arrival.
    pub fn transport_delays_ms(&self) -> Vec<i64> {
        self.events.iter().map(|event| event.arrival_time_ms() - event.event_time_ms()).collect()
    }

    /// Returns event time and index of each arrival, by event time.
    pub fn arrivals_by_event_time(&self) -> Vec<(i64, usize)> {
        let mut arrivals: Vec<(i64, usize)> = self.events.iter().map(Event::event_time_ms).zip(0..).collect();
        arrivals.sort_unstable();
        arrivals
    }

    /// Returns the maximum distance between the newest event time and the watermark, ms.
    pub fn lag_peak_ms(&self) -> Option<i64> {
        let newest_ms = self.events.iter().scan(i64::MIN, |newest_ms, event| {
            *newest_ms = event.event_time_ms().max(*newest_ms);
            Some(*newest_ms)
        });
        newest_ms.zip(&self.watermark_ms).map(|(newest_ms, watermark_ms)| newest_ms.saturating_sub(*watermark_ms)).max()
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Kind, Record};

    use super::*;

    #[test]
    fn waits_follow_from_the_trace() {
        let events: Vec<Event> = [(100, 101), (90, 102), (130, 131), (50, 132)]
            .iter()
            .zip(0..)
            .map(|((time, arrival), id)| Event::pack(Record::new(id, Kind::PageViewed, *time)).arriving_at(*arrival))
            .collect();
        let trace = Trace { events, ..Trace::default() };
        let release_times = ReleaseTimes::new(&trace, 20);
        assert_eq!((release_times.released_by(109), release_times.released_by(110)), (Some(2), None));
        // 130 is let out by the end only, 50 is late.
        assert_eq!(release_times.waits_ms(), [31, 41]);
        assert!(ReleaseTimes::new(&Trace::default(), 0).waits_ms().is_empty());
    }
}
