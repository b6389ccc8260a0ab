//! Facts about a trace: what the parameters of its profile led to.

use std::collections::BTreeMap;

use flowbench_events::{Deduplicator, Event, Horizon, Id, Kind, LateSet, Lateness, Symbols, Trace, TraceDigest};
use hashbrown::HashMap;
use serde::Serialize;

/// Facts about a trace, generated or recorded. Shares are of all deliveries unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Number of deliveries, duplicates included.
    pub events: u64,
    /// Minimum event time, in ms since the Unix epoch; absent for an empty trace.
    pub first_event_time_ms: Option<i64>,
    /// Maximum event time, in ms since the Unix epoch; absent for an empty trace.
    pub last_event_time_ms: Option<i64>,
    /// Time from the minimum to the maximum event time, in ms.
    pub span_ms: i64,
    /// Number of deliveries of each kind that occurs.
    pub per_kind: BTreeMap<&'static str, u64>,
    /// Rate of each kind that occurs.
    pub rates: Vec<KindFacts>,
    /// Number of deliveries whose event time is below that of an earlier arrival.
    pub out_of_order: u64,
    /// Out-of-order events as a share of all (0 to 1): the inversion fraction.
    pub out_of_order_share: f64,
    /// Distance of those from the newest event time, in ms of event time.
    pub lateness_ms: DurationSummary,
    /// Arrival time minus event time, in ms; negative values count as 0.
    pub delay_ms: DurationSummary,
    /// Event time between consecutive arrivals of one customer, in ms; steps back in event time count as 0.
    pub gap_ms: DurationSummary,
    /// Slack for which `late` was determined, in ms.
    pub slack_ms: i64,
    /// Exact number of deliveries that are late for a watermark with that slack.
    pub late: u64,
    /// Order-insensitive digest of the late deliveries, from (event id, arrival time), as 16 hexadecimal digits.
    pub late_set: String,
    /// Minimum slack for which nothing would be late, in ms.
    pub slack_to_lose_nothing_ms: i64,
    /// Exact number of deliveries that repeat one that counted, within the [`Horizon`]. It is not known, and absent, if
    /// no event has an id.
    pub duplicates: Option<u64>,
    /// Repeated deliveries per delivery that counted, which is the share of events that came twice, as in
    /// `transport.duplicates.share`. It can exceed 1 if events came more than twice. It is absent if no event has an id.
    pub duplicates_share: Option<f64>,
    /// Number of distinct customers.
    pub customers: u64,
    /// Share of the events with a customer that belong to the hottest 1 % of the customers (at least one customer).
    pub hottest_percent_share: f64,
    /// Digest of the trace.
    pub digest: String,
}

/// Frequency of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KindFacts {
    /// The kind.
    pub kind: Kind,
    /// Share of the kind in all deliveries.
    pub share: f64,
    /// Deliveries per hour of event time; 0 if the trace spans no time.
    pub per_hour: f64,
}

/// Quantiles of durations, in ms: exact below 128 ms and within 1.6 % above. The maximum is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DurationSummary {
    /// Number of durations.
    pub count: u64,
    /// Median.
    pub p50: i64,
    /// 0.9 quantile.
    pub p90: i64,
    /// 0.99 quantile.
    pub p99: i64,
    /// 0.999 quantile.
    pub p999: i64,
    /// Maximum.
    pub max: i64,
}

impl Facts {
    /// Returns the facts of a trace in memory, for this slack in ms.
    pub fn of(trace: &Trace, slack_ms: i64) -> Facts {
        let mut collector = FactsCollector::new(slack_ms);
        collector.update(&trace.events, &trace.symbols);
        collector.finish()
    }
}

/// Collects facts from a stream of events. Its memory grows with the number of distinct event ids and customers only.
#[derive(Debug)]
pub struct FactsCollector {
    events: u64,
    first_event_time_ms: i64,
    last_event_time_ms: i64,
    kinds: [u64; Kind::ALL.len()],
    lateness: Lateness,
    late_set: LateSet,
    slack_ms: i64,
    behind: Durations,
    delays: Durations,
    gaps: Durations,
    first: Deduplicator,
    has_ids: bool,
    customers: HashMap<Id, (u64, i64), foldhash::fast::RandomState>, // events, event time of the last
    digest: TraceDigest,
}

impl FactsCollector {
    /// Returns an empty collector; `late` will be for a watermark with a slack of `slack_ms`.
    pub fn new(slack_ms: i64) -> Self {
        Self {
            events: 0,
            first_event_time_ms: i64::MAX,
            last_event_time_ms: i64::MIN,
            kinds: [0; Kind::ALL.len()],
            lateness: Lateness::new(slack_ms),
            late_set: LateSet::default(),
            slack_ms,
            behind: Durations::default(),
            delays: Durations::default(),
            gaps: Durations::default(),
            first: Deduplicator::new(Horizon::FOR_GOOD),
            has_ids: false,
            customers: HashMap::default(),
            digest: TraceDigest::default(),
        }
    }

    /// Detects repeated deliveries within `horizon` only, instead of forever.
    pub fn within(self, horizon: Horizon) -> Self {
        Self { first: Deduplicator::new(horizon), ..self }
    }

    /// Adds the next events, in arrival order. `symbols` may have grown since the last call.
    pub fn update(&mut self, events: &[Event], symbols: &Symbols) {
        for event in events {
            self.arrive(event);
        }
        self.digest.update(events, symbols);
    }

    /// Returns the set of late deliveries so far.
    pub fn late_set(&self) -> LateSet {
        self.late_set
    }

    /// Returns the facts of all events added.
    pub fn finish(self) -> Facts {
        let present = self.events > 0;
        let is_known = self.has_ids || !present;
        let duplicates = is_known.then(|| self.events - self.first.events());
        let span_ms = if present { self.last_event_time_ms - self.first_event_time_ms } else { 0 };
        Facts {
            events: self.events,
            first_event_time_ms: present.then_some(self.first_event_time_ms),
            last_event_time_ms: present.then_some(self.last_event_time_ms),
            span_ms,
            per_kind: self.occurring().map(|(kind, count)| (kind.name(), count)).collect(),
            rates: self.occurring().map(|(kind, count)| self.rate(kind, count, span_ms)).collect(),
            out_of_order: self.behind.count,
            out_of_order_share: share(self.behind.count, self.events),
            lateness_ms: self.behind.spread(),
            delay_ms: self.delays.spread(),
            gap_ms: self.gaps.spread(),
            slack_ms: self.slack_ms,
            late: self.late_set.count,
            late_set: format!("{:016x}", self.late_set.sum),
            slack_to_lose_nothing_ms: self.behind.max,
            duplicates,
            duplicates_share: duplicates.map(|duplicates| share(duplicates, self.first.events())),
            customers: self.customers.len() as u64,
            hottest_percent_share: self.hottest_percent_share(),
            digest: self.digest.finish(),
        }
    }

    fn arrive(&mut self, event: &Event) {
        let event_time_ms = event.event_time_ms();
        let behind_ms = self.lateness.newest_ms().saturating_sub(event_time_ms);
        if behind_ms > 0 {
            self.behind.record(behind_ms);
        }
        if self.lateness.arrive(event) {
            self.late_set.insert(event);
        }
        self.events += 1;
        self.first_event_time_ms = self.first_event_time_ms.min(event_time_ms);
        self.last_event_time_ms = self.last_event_time_ms.max(event_time_ms);
        self.kinds[event.kind() as usize] += 1;
        self.delays.record(event.arrival_time_ms() - event_time_ms);
        self.first.take(event);
        self.has_ids |= !event.event_id().is_absent();
        if let Some(customer) = event.customer() {
            let (events, last_ms) = self.customers.entry(customer).or_insert((0, event_time_ms));
            if *events > 0 {
                self.gaps.record(event_time_ms - *last_ms);
            }
            *events += 1;
            *last_ms = event_time_ms;
        }
    }

    fn occurring(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.kinds).filter(|(_, count)| *count > 0)
    }

    fn rate(&self, kind: Kind, count: u64, span_ms: i64) -> KindFacts {
        let per_hour = if span_ms > 0 { count as f64 * 3_600_000.0 / span_ms as f64 } else { 0.0 };
        KindFacts { kind, share: share(count, self.events), per_hour }
    }

    fn hottest_percent_share(&self) -> f64 {
        let mut counts: Vec<u64> = self.customers.values().map(|(events, _)| *events).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let hottest = counts.len().div_ceil(100);
        share(counts[..hottest].iter().sum(), counts.iter().sum())
    }
}

/// Counts of durations in cells of 1 ms below 128 ms, then 64 cells for each doubling.
#[derive(Debug, Clone, Default)]
struct Durations {
    cells: Vec<u64>,
    count: u64,
    max: i64,
}

impl Durations {
    fn record(&mut self, duration_ms: i64) {
        let duration_ms = duration_ms.max(0);
        let cell = Self::cell(duration_ms);
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, 0);
        }
        self.cells[cell] += 1;
        self.count += 1;
        self.max = self.max.max(duration_ms);
    }

    fn spread(&self) -> DurationSummary {
        let at = |share| self.quantile(share);
        DurationSummary { count: self.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: self.max }
    }

    /// Returns the minimum value such that this share of the durations is at or below it (nearest rank).
    fn quantile(&self, share: f64) -> i64 {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let found = self.cells.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map_or(0, |cell| Self::least_of(cell).min(self.max))
    }

    fn cell(duration_ms: i64) -> usize {
        let exponent = (duration_ms as u64 | 64).ilog2() - 6;
        (exponent as usize * 64) + (duration_ms >> exponent) as usize
    }

    fn least_of(cell: usize) -> i64 {
        let exponent = (cell / 64).saturating_sub(1);
        ((cell - exponent * 64) as i64) << exponent
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_events::{EventId, Record};

    fn trace(rows: &[(u64, i64, i64, u32)]) -> Trace {
        let event = |(event_id, event_time_ms, arrival_time_ms, customer): &(u64, i64, i64, u32)| {
            let record = Record::new(*event_id, Kind::PageViewed, *event_time_ms);
            Event::pack(Record { arrival_time_ms: *arrival_time_ms, customer: Id(*customer), ..record })
        };
        Trace { events: rows.iter().map(event).collect(), symbols: Symbols::default(), ..Trace::default() }
    }

    #[test]
    fn a_trace_small_enough_to_count_by_hand() {
        let trace = trace(&[(1, 100, 100, 7), (2, 90, 110, 7), (3, 200, 210, 8), (2, 90, 220, 7), (4, 150, 230, 7)]);
        let facts = Facts::of(&trace, 60);
        assert_eq!((facts.events, facts.span_ms, facts.duplicates, facts.customers), (5, 110, Some(1), 2));
        assert_eq!(facts.duplicates_share, Some(0.25)); // one of four events
        assert_eq!((facts.out_of_order, facts.out_of_order_share), (3, 0.6));
        assert_eq!((facts.late, facts.slack_to_lose_nothing_ms), (1, 110));
        assert_eq!(facts.late, LateSet::of(&trace, 60).count);
        assert_eq!(facts.delay_ms, DurationSummary { count: 5, p50: 20, p90: 130, p99: 130, p999: 130, max: 130 });
        assert_eq!(facts.gap_ms, DurationSummary { count: 3, p50: 0, p90: 60, p99: 60, p999: 60, max: 60 });
        assert_eq!(facts.hottest_percent_share, 0.8);
        assert_eq!(facts.per_kind, BTreeMap::from([("page_viewed", 5)]));
        assert_eq!(facts.digest, trace.digest());
    }

    #[test]
    fn an_empty_trace_has_facts_too() {
        let facts = Facts::of(&Trace::default(), 0);
        assert_eq!((facts.events, facts.first_event_time_ms, facts.late), (0, None, 0));
        assert_eq!((facts.hottest_percent_share, facts.out_of_order_share), (0.0, 0.0));
        assert_eq!((facts.duplicates, facts.duplicates_share), (Some(0), Some(0.0)));
    }

    #[test]
    fn without_ids_the_duplicates_are_not_known() {
        let event = |id| Event::pack(Record::new(id, Kind::PageViewed, 100));
        let facts = |ids: [EventId; 3]| Facts::of(&Trace { events: ids.map(event).into(), ..Trace::default() }, 0);
        let none = facts([EventId::absent(0), EventId::absent(1), EventId::absent(2)]);
        assert_eq!((none.duplicates, none.duplicates_share), (None, None));
        let some = facts([EventId::absent(0), EventId::number(7), EventId::number(7)]);
        assert_eq!((some.duplicates, some.duplicates_share), (Some(1), Some(0.5)));
    }

    #[test]
    fn pieces_give_the_facts_of_the_whole() {
        let trace = trace(&[(1, 100, 100, 7), (2, 90, 110, 7), (3, 200, 210, 8), (2, 90, 220, 7), (4, 150, 230, 7)]);
        let mut collector = FactsCollector::new(60);
        for piece in trace.events.chunks(2) {
            collector.update(piece, &trace.symbols);
        }
        assert_eq!(collector.late_set(), LateSet::of(&trace, 60));
        assert_eq!(collector.finish(), Facts::of(&trace, 60));
    }

    #[test]
    fn quantiles_are_exact_when_small_and_within_a_cell_when_large() {
        for duration_ms in (0..300).chain([1000, 65_535, 1 << 40, (1 << 47) - 1]) {
            let least = Durations::least_of(Durations::cell(duration_ms));
            assert!(least <= duration_ms && duration_ms - least <= duration_ms / 64, "{duration_ms}: {least}");
            assert!(duration_ms >= 128 || least == duration_ms);
        }
    }
}
