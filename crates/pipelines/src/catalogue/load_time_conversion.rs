//! Whether slow pages sell less.

use std::collections::VecDeque;
use std::hash::Hash;

use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use flowbench_events::{Event, Id, Kind, Symbols, mix};
use serde::{Deserialize, Serialize};

use super::beacon_band::{Band, Bands, GOOD, POOR};
use crate::answers::{Cells, Row};
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome, WindowLogic};
use crate::message::Key;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, Windowed, WithDifferential};
use crate::strategy::differential::arrangements::Arrangements;
use crate::strategy::differential::collections::{Collected, Events, Incremental, Rows, rekeyed, retimed, sums_at};
use crate::strategy::differential::delay::delay_until_due;

/// See [`Pipeline::question`].
pub(super) struct LoadTimeConversion;

impl Pipeline for LoadTimeConversion {
    fn about(&self) -> &'static About {
        &About {
            name: "load-time-conversion",
            question: "How many page views of each hour, by how fast the page loaded, lead to an order of their customer within 30 \
         minutes?",
            sql: "SELECT hour + INTERVAL 1 HOUR AS event_time, hour, band, count(*) AS views,
  count(*) FILTER (converted) AS conversions
FROM (
  SELECT date_trunc('hour', event_time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour,
    CASE WHEN load_time_ms <= {good:ms} THEN 'good' WHEN load_time_ms <= {poor:ms} THEN 'needs-improvement'
      ELSE 'poor' END AS band,
    EXISTS (SELECT 1 FROM events AS o
      WHERE o.kind = 'order_placed' AND o.customer = v.customer AND o.event_time > v.event_time
        AND o.event_time <= v.event_time + to_milliseconds({within:ms})) AS converted
  FROM events AS v WHERE kind = 'page_viewed' AND customer IS NOT NULL AND load_time_ms IS NOT NULL)
GROUP BY hour, band",
            edge_cases: "An order in the same millisecond as the view does not convert it; one exactly `within` later does. One order \
         converts all views of its customer before it. A view counts for its own hour (UTC), whenever the order comes, so \
         a row is known only `within` after the hour. Bands include their upper bound. Views without a load time or a \
         customer are not used; a band without any view gives no row.",
            state: "per customer: time and band of the views without an order so far, each until `within` has passed (one view: 16 \
         bytes, more: 8 bytes each in a list); per hour and band: two counts, until `within` after the end of the hour",
            parameters: &[
                Parameter {
                    name: "within",
                    default: "30min",
                    meaning: "duration, from 1ms: from the view to the order",
                },
                GOOD,
                POOR,
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let within_ms = settings.duration_ms("within")?;
        let decide = Decide { within_ms, bands: Bands::new(settings)? };
        Ok(Box::new(WithDifferential(Windowed(Keyed(decide.clone()), Count { within_ms }), decide)))
    }
}

/// First stage: which views convert.
#[derive(Clone)]
struct Decide {
    within_ms: i64,
    bands: Bands,
}

/// Views of which it is known whether they convert.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Decided {
    hour: i32, // since the epoch
    band: Band,
    views: u32,
    conversions: u32,
}

impl Decide {
    /// The view that `event` is, if it is one with a load time.
    #[inline]
    fn view(&self, event: &Event) -> Option<View> {
        if event.kind() != Kind::PageViewed {
            return None;
        }
        Some(View::new(event.event_time_ms(), self.bands.band(event.load_time_ms()?)))
    }

    #[inline]
    fn is_concerned(&self, event: &Event) -> bool {
        event.kind() == Kind::OrderPlaced || self.view(event).is_some()
    }
}

impl KeyedLogic for Decide {
    type Key = Id;
    type State = Undecided;
    type Row = Decided;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if self.is_concerned(event) { event.customer() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.is_concerned(event) && event.customer().is_none()
    }

    fn apply(&self, _customer: Id, undecided: &mut Undecided, event: &Event, out: &mut Vec<Decided>) {
        match self.view(event) {
            Some(view) => undecided.insert(view),
            // Those that are too old have been decided by their timers.
            None => undecided.decide_before(event.event_time_ms(), true, out),
        }
    }

    fn expires_at_ms(&self, _customer: Id, undecided: &Undecided) -> i64 {
        undecided.oldest().map_or(EMPTY_STATE, |view| view.time_ms().saturating_add(self.within_ms))
    }

    fn on_expiry(&self, _customer: Id, undecided: &mut Undecided, out: &mut Vec<Decided>) -> TimerOutcome {
        if let Some(oldest) = undecided.oldest() {
            undecided.decide_before(oldest.time_ms() + 1, false, out);
        }
        if undecided.oldest().is_some() { TimerOutcome::Keep } else { TimerOutcome::Evict }
    }

    fn heap_bytes(&self, undecided: &Undecided) -> usize {
        match undecided {
            Undecided::Several(views) => size_of::<Views>() + views.0.len() * size_of::<View>(),
            _ => 0,
        }
    }
}

/// Time and band of a view in 8 bytes, ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct View(i64);

/// The bands in the order of their numbers.
const BANDS: [Band; 3] = [Band::Good, Band::NeedsImprovement, Band::Poor];

impl View {
    fn new(time_ms: i64, band: Band) -> Self {
        Self(time_ms << 2 | band as i64)
    }

    fn time_ms(self) -> i64 {
        self.0 >> 2
    }

    fn band(self) -> Band {
        BANDS[(self.0 & 3) as usize]
    }

    fn decided(self, converted: bool) -> Decided {
        let hour = self.time_ms().div_euclid(HOUR_MS) as i32;
        Decided { hour, band: self.band(), views: 1, conversions: u32::from(converted) }
    }
}

/// The views of a customer without an order so far, 16 bytes. Only several of them pay for a list.
#[derive(Clone, Default)]
enum Undecided {
    #[default]
    Nothing,
    One(View),
    Several(Box<Views>),
}

/// Two views or more, ascending.
#[derive(Clone)]
struct Views(VecDeque<View>);

impl Undecided {
    fn oldest(&self) -> Option<View> {
        match self {
            Undecided::Nothing => None,
            Undecided::One(view) => Some(*view),
            Undecided::Several(views) => views.0.front().copied(),
        }
    }

    fn insert(&mut self, view: View) {
        match self {
            Undecided::Nothing => *self = Undecided::One(view),
            Undecided::One(other) => {
                let views = [view.min(*other), view.max(*other)];
                *self = Undecided::Several(Box::new(Views(views.into())));
            }
            Undecided::Several(views) => {
                let at = views.0.partition_point(|earlier| *earlier <= view);
                views.0.insert(at, view);
            }
        }
    }

    /// Takes the views before `time_ms` out.
    fn decide_before(&mut self, time_ms: i64, converted: bool, out: &mut Vec<Decided>) {
        while let Some(view) = self.oldest().filter(|view| view.time_ms() < time_ms) {
            out.push(view.decided(converted));
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        *self = match std::mem::take(self) {
            Undecided::Several(mut views) => {
                views.0.pop_front();
                if views.0.len() > 1 { Undecided::Several(views) } else { Undecided::One(views.0[0]) }
            }
            _ => Undecided::Nothing,
        };
    }
}

/// Second stage: the views of an hour and a band.
#[derive(Clone)]
struct Count {
    within_ms: i64,
}

#[derive(Default)]
struct Counts {
    views: i64,
    conversions: i64,
}

const HOUR_MS: i64 = 3_600_000;

impl Key for Band {
    fn route(self) -> u64 {
        mix(self as u64)
    }
}

impl WindowLogic for Count {
    type Input = Decided;
    type Key = (i32, Band);
    type Sum = Counts;
    type Row = Answer;

    fn key(&self, view: &Decided) -> (i32, Band) {
        (view.hour, view.band)
    }

    const COMBINES: bool = true;

    #[inline]
    fn combine(&self, into: &mut Decided, other: &Decided) -> bool {
        let Some(views) = into.views.checked_add(other.views) else { return false };
        into.views = views;
        into.conversions += other.conversions; // at most the views
        true
    }

    #[inline]
    fn add(&self, sum: &mut Counts, decided: &Decided, times: i64) {
        sum.views += times * i64::from(decided.views);
        sum.conversions += times * i64::from(decided.conversions);
    }

    fn closes_at_ms(&self, (hour, _): (i32, Band)) -> i64 {
        // The last view of the hour may be decided as late as that.
        (hour_end_ms(hour) - 1).saturating_add(self.within_ms)
    }

    fn answer(&self, (hour, band): (i32, Band), sum: &Counts, out: &mut Vec<Answer>) {
        if sum.views > 0 {
            let (views, conversions) = (sum.views as u64, sum.conversions as u64);
            out.push(Answer { event_time_ms: hour_end_ms(hour), hour, band, views, conversions });
        }
    }
}

fn hour_end_ms(hour: i32) -> i64 {
    (i64::from(hour) + 1) * HOUR_MS
}

/// Views are joined with the buyers there are when `within` has passed, and counted when their hour closes.
impl Incremental for Decide {
    type What = Option<Band>; // of a view; none: an order
    type Row = Answer;

    fn select(&self, event: &Event) -> Option<(i64, Option<Band>)> {
        let customer = KeyedLogic::key(self, event)?;
        Some((i64::from(customer.0), self.view(event).map(View::band)))
    }

    fn answers<'s>(&self, events: Events<'s, Option<Band>>, arrangements: &Arrangements) -> Rows<'s, Answer> {
        let within_ms = self.within_ms;
        let views = delay_until_due(retimed(events.clone(), move |(customer, timed), now_ms, times| {
            let view = (timed.event_time_ms, timed.what?);
            Some(((customer, view), now_ms + within_ms, times))
        }));
        let converted = self.converted(views.clone(), self.buyers(events, arrangements), arrangements);
        let group = |(time_ms, band): ViewedAt| time_ms.div_euclid(HOUR_MS) * BANDS.len() as i64 + band as i64;
        let decided = views.map(move |(_, view)| (group(view), false));
        let decided = decided.concat(converted.map(move |view| (group(view), true)));
        let of_group = |group: i64| {
            let bands = BANDS.len() as i64;
            (group.div_euclid(bands) as i32, BANDS[group.rem_euclid(bands) as usize])
        };
        let count = Count { within_ms };
        let closing = count.clone();
        let counts = sums_at(
            decided,
            move |group| closing.closes_at_ms(of_group(*group)),
            |is_conversion| if *is_conversion { (0, 1) } else { (1, 0) },
        );
        arrangements.arrange(rekeyed(counts), "views").count_total().flat_map(move |(group, (views, conversions))| {
            let (group, mut rows) = (of_group(group), Vec::new());
            WindowLogic::answer(&count, group, &Counts { views, conversions: conversions as i64 }, &mut rows);
            let due_ms = count.closes_at_ms(group);
            rows.into_iter().map(move |row| (due_ms, row))
        })
    }
}

/// Time (ms) and band of a view.
type ViewedAt = (i64, Band);

impl Decide {
    /// Customers who have ordered within `within`.
    fn buyers<'s>(&self, events: Events<'s, Option<Band>>, arrangements: &Arrangements) -> Collected<'s, (i64, ())> {
        let within_ms = self.within_ms;
        let orders = events.flat_map(|(customer, timed)| timed.what.is_none().then_some((customer, ())));
        let gone = retimed(orders.clone(), move |order, now_ms, times| Some((order, now_ms + within_ms, -times)));
        let recent = orders.concat(delay_until_due(gone));
        arrangements.arrange(recent, "orders").distinct_total().map(|buyer| (buyer, ()))
    }

    /// The views whose customer is a buyer at the time at which they are decided.
    fn converted<'s>(
        &self,
        views: Collected<'s, (i64, ViewedAt)>,
        buyers: Collected<'s, (i64, ())>,
        arrangements: &Arrangements,
    ) -> Collected<'s, ViewedAt> {
        let within_ms = self.within_ms;
        let deciding = retimed(views, |view, now_ms, times| [(view, now_ms, times), (view, now_ms + 1, -times)]);
        let joined = arrangements
            .arrange(deciding, "views")
            .join_core(arrangements.arrange(buyers, "buyers"), |_, view, ()| Some(*view));
        retimed(joined, move |view, now_ms, times| (now_ms == view.0 + within_ms).then_some((view, now_ms, times)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answer {
    event_time_ms: i64,
    hour: i32,
    band: Band,
    views: u64,
    conversions: u64,
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["hour", "band", "views", "conversions"];

    fn subject(&self) -> impl Hash {
        (self.hour, self.band)
    }
    fn subject_columns() -> Vec<&'static str> {
        vec!["hour", "band"]
    }

    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.time(i64::from(self.hour) * HOUR_MS);
        cells.text(self.band);
        cells.text(self.views);
        cells.text(self.conversions);
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::Symbols;

    use super::LoadTimeConversion;
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    const FIRST_HOUR: &str = "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z";

    #[test]
    fn an_order_converts_from_1_ms_to_exactly_30_minutes_after_the_view() {
        let events = "
            page_viewed  2026-01-01T00:00:00 c=1 l=2500
            order_placed 2026-01-01T00:00:00 c=1
            page_viewed  2026-01-01T00:00:00 c=2 l=2501
            order_placed 2026-01-01T00:30:00 c=2
            page_viewed  2026-01-01T00:00:00 c=3 l=4001
            order_placed 2026-01-01T00:30:00.001 c=3
            page_viewed  2026-01-01T00:00:00 c=4 l=4000
            order_placed 2026-01-01T00:00:00.001 c=4
            page_viewed  2026-01-01T00:00:00 c=5
            page_viewed  2026-01-01T00:00:00 l=5000
            order_placed 2026-01-01T00:00:01
            order_placed 2026-01-01T00:00:01 c=5";
        let answers = [",good,1,0", ",needs-improvement,2,2", ",poor,1,0"].map(|rest| FIRST_HOUR.to_owned() + rest);
        check(&LoadTimeConversion, &[], events, &answers.each_ref().map(String::as_str));
        let answers = [",good,3,2", ",poor,1,1"].map(|rest| FIRST_HOUR.to_owned() + rest);
        let settings = ["within=30min1ms", "good=3s", "poor=3s"];
        check(
            &LoadTimeConversion,
            &settings,
            &events.replace("l=4000", "l=0"),
            &answers.each_ref().map(String::as_str),
        );
    }

    #[test]
    fn an_order_converts_all_undecided_views_before_it_and_none_after() {
        let events = "
            page_viewed  2026-01-01T00:00:00 c=7 l=1
            page_viewed  2026-01-01T00:00:00 c=7 l=9000
            page_viewed  2026-01-01T00:10:00 c=7 l=1
            page_viewed  2026-01-01T00:20:00 c=7 l=9000
            page_viewed  2026-01-01T00:20:00 c=7 l=1
            page_viewed  2026-01-01T00:34:59.999 c=7 l=1
            page_viewed  2026-01-01T00:35:00 c=7 l=9000
            order_placed 2026-01-01T00:35:00 c=7
            order_placed 2026-01-01T00:35:00 c=7
            page_viewed  2026-01-01T00:36:00 c=7 l=1
            order_placed 2026-01-01T00:20:00 c=8";
        let answers = [",good,5,3", ",poor,3,1"].map(|rest| FIRST_HOUR.to_owned() + rest);
        check(&LoadTimeConversion, &[], events, &answers.each_ref().map(String::as_str));
        let reversed: Vec<&str> = events.lines().rev().collect();
        check(&LoadTimeConversion, &[], &reversed.join("\n"), &answers.each_ref().map(String::as_str));
    }

    #[test]
    fn a_view_counts_for_its_own_hour_although_the_order_comes_in_the_next() {
        let events = "
            page_viewed  1969-12-31T22:59:59.999 c=7 l=1
            page_viewed  1969-12-31T23:59:59.999 c=7 l=1
            page_viewed  1970-01-01T00:00:00 c=7 l=1
            page_viewed  1970-01-01T02:00:00 c=7 l=1
            order_placed 1970-01-01T00:29:59.999 c=7
            page_viewed  1970-01-01T00:00:00 c=8 l=1";
        let answers = [
            "1969-12-31T23:00:00.000Z,1969-12-31T22:00:00.000Z,good,1,0",
            "1970-01-01T00:00:00.000Z,1969-12-31T23:00:00.000Z,good,1,1",
            "1970-01-01T01:00:00.000Z,1970-01-01T00:00:00.000Z,good,2,1",
            "1970-01-01T03:00:00.000Z,1970-01-01T02:00:00.000Z,good,1,0",
        ];
        check(&LoadTimeConversion, &[], events, &answers);
    }

    #[test]
    fn an_hour_is_open_until_its_last_view_is_decided() {
        let events = "
            page_viewed  2026-01-01T00:30:00 c=7 l=1
            page_viewed  2026-01-01T00:59:59.999 c=8 l=1
            order_placed 2026-01-01T01:29:59.999 c=8
            page_viewed  2026-01-01T01:29:59.999 c=9
            page_viewed  2026-01-01T01:29:59.999 c=9 l=1";
        let answers =
            [format!("{FIRST_HOUR},good,2,1"), "2026-01-01T02:00:00.000Z,2026-01-01T01:00:00.000Z,good,1,0".to_owned()];
        check(&LoadTimeConversion, &[], events, &answers.each_ref().map(String::as_str));
    }

    #[test]
    fn bands_the_wrong_way_round_are_an_error_that_names_both() {
        let settings = ["good=5s".to_owned()];
        let error = LoadTimeConversion.prepare(&settings, &Symbols::default()).err().unwrap().to_string();
        assert!(error.contains("poor") && error.contains("good = '5s'"), "{error}");
    }
}
