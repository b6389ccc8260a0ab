//! The products that are looked at most.

use std::cmp::Reverse;
use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols, TextOrder};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::answers::Row;
use crate::logic::{EMPTY_STATE, KeyedLogic, Mergeable, TimerOutcome, WindowLogic};
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Merging, Windowed, WithDifferential};
use crate::strategy::differential::arrangements::{Arrangements, arranged};
use crate::strategy::differential::collections::{Events, Incremental, Rows, rekeyed, retimed};

/// See [`Pipeline::question`].
pub(super) struct TrendingProducts;

impl Pipeline for TrendingProducts {
    fn about(&self) -> &'static About {
        &About {
            name: "trending-products",
            question: "Every 10 minutes: which 10 products had the most page views of the last hour?",
            sql: "SELECT window_start + to_milliseconds({size:ms}) AS event_time, window_start, rank, product, views FROM (
  SELECT window_start, product, count(*) AS views, row_number() OVER (
      PARTITION BY window_start
      ORDER BY count(*) DESC, TRY_CAST(regexp_extract(product, '^(0|[1-9][0-9]*)$') AS INTEGER) NULLS LAST, product
    ) AS rank
  FROM (
    SELECT product, time_bucket(to_milliseconds({slide:ms}), event_time, TIMESTAMPTZ '1970-01-01 00:00:00+00')
      - to_milliseconds(hop * {slide:ms}) AS window_start
    FROM events, range({size:ms} // {slide:ms}) AS hops(hop)
    WHERE kind = 'page_viewed' AND product IS NOT NULL)
  GROUP BY window_start, product)
WHERE rank <= {k}",
            edge_cases: "Windows start at multiples of the slide since the epoch, so the first and the last ones of a log see only a part \
         of their time; empty ones give no row, and one with fewer products than `k` gives fewer rows. Of products with \
         equal views the numbers (plain decimals below 2^31) come first, by value, then the others by the bytes of their \
         text. Views without a product are not counted; those without a customer are.",
            state: "per product and slide: a count, until the slide ends; per window: a count per product, from the end of its first \
         slide until it ends",
            parameters: &[
            Parameter { name: "k", default: "10", meaning: "ranks per window, 1 to 1000000" },
            Parameter { name: "size", default: "1h", meaning: "duration of a window: 1 to 1000 times slide" },
            Parameter {
                name: "slide",
                default: "10min",
                meaning: "duration, from 1ms: from a window's start to the next",
            },
        ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let (size_ms, slide_ms) = (settings.duration_ms("size")?, settings.duration_ms("slide")?);
        if size_ms % slide_ms != 0 || size_ms / slide_ms > 1000 {
            let value = settings.text("size").to_owned();
            let reason = format!("1 to 1000 times slide = '{}' is needed", settings.text("slide"));
            return Err(SettingError::Impossible { name: "size", value, reason });
        }
        let top = Top { k: settings.count("k")?, size_ms, text_order: symbols.text_order() };
        let panes = Panes { slide_ms, per_window: size_ms / slide_ms };
        Ok(Box::new(WithDifferential(Windowed(Merging(panes.clone()), top.clone()), (panes, top))))
    }
}

/// First stage: the views of each product in each pane, a time of one slide. A window is a row of panes, so a view is
/// counted once, not once for each window that it is in.
#[derive(Clone)]
struct Panes {
    slide_ms: i64,
    per_window: i64,
}

/// What a pane adds to a window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Viewed {
    window_start_ms: i64,
    product: Id,
    views: i64,
}

impl KeyedLogic for Panes {
    type Key = (i64, Id); // number of the pane since the epoch, product
    type State = i64;
    type Row = Viewed;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<(i64, Id)> {
        if event.kind() != Kind::PageViewed {
            return None;
        }
        Some((event.event_time_ms().div_euclid(self.slide_ms), event.product()?))
    }

    fn lacks_key(&self, _event: &Event) -> bool {
        false // no customer is needed
    }

    fn apply(&self, _key: (i64, Id), views: &mut i64, _event: &Event, _out: &mut Vec<Viewed>) {
        *views += 1;
    }

    fn expires_at_ms(&self, (pane, _): (i64, Id), views: &i64) -> i64 {
        if *views == 0 { EMPTY_STATE } else { (pane + 1) * self.slide_ms - 1 }
    }

    fn on_expiry(&self, (pane, product): (i64, Id), views: &mut i64, out: &mut Vec<Viewed>) -> TimerOutcome {
        let window_starts = (pane - self.per_window + 1..=pane).map(|first_pane| first_pane * self.slide_ms);
        out.extend(window_starts.map(|window_start_ms| Viewed { window_start_ms, product, views: *views }));
        TimerOutcome::Evict
    }
}

/// Views of a pane add up.
impl Mergeable for Panes {
    fn partial_state(&self, _key: (i64, Id), _event: &Event) -> i64 {
        1
    }

    fn begins_at_ms(&self, (pane, _): (i64, Id), _views: &i64) -> i64 {
        pane * self.slide_ms
    }

    fn merge(&self, _key: (i64, Id), into: &mut i64, views: &i64) -> bool {
        *into += views;
        true
    }
}

/// Second stage: the best of each window.
#[derive(Clone)]
struct Top {
    k: usize,
    size_ms: i64,
    text_order: TextOrder,
}

impl Top {
    /// The best of these products, in their order.
    fn ranked(&self, window_start_ms: i64, mut products: Vec<(Id, i64)>) -> impl Iterator<Item = Answer> + use<> {
        let places = self.text_order.places();
        let place = |&(product, views): &(Id, i64)| (Reverse(views), place(product, &places));
        if products.len() > self.k {
            products.select_nth_unstable_by_key(self.k, place);
            products.truncate(self.k);
        }
        products.sort_unstable_by_key(place);
        let event_time_ms = window_start_ms + self.size_ms;
        let answer = move |(rank, (product, views))| Answer { event_time_ms, window_start_ms, rank, product, views };
        (1..).zip(products).map(answer)
    }
}

/// Numbers by value, then text by its bytes.
fn place(product: Id, places: &[u32]) -> u32 {
    match product.0.checked_sub(Id::FIRST_SYMBOL) {
        None => product.0,
        Some(symbol) => Id::FIRST_SYMBOL + places[symbol as usize],
    }
}

/// The views of each product; none is zero.
type Views = HashMap<Id, i64, foldhash::fast::RandomState>;

impl WindowLogic for Top {
    type Input = Viewed;
    type Key = i64; // start of the window, ms
    type Sum = Views;
    type Row = Answer;

    fn key(&self, viewed: &Viewed) -> i64 {
        viewed.window_start_ms
    }

    fn add(&self, sum: &mut Views, viewed: &Viewed, times: i64) {
        let views = sum.entry(viewed.product).or_default();
        *views += viewed.views * times;
        if *views == 0 {
            sum.remove(&viewed.product);
        }
    }

    fn closes_at_ms(&self, window_start_ms: i64) -> i64 {
        window_start_ms + self.size_ms - 1
    }

    fn answer(&self, window_start_ms: i64, sum: &Views, out: &mut Vec<Answer>) {
        out.extend(self.ranked(window_start_ms, sum.iter().map(|(product, views)| (*product, *views)).collect()));
    }

    fn heap_bytes(&self, sum: &Views) -> usize {
        sum.len() * size_of::<(Id, i64)>()
    }
}

/// Views of a pane add up while they wait for its end, then those of its panes for the end of a window, which is ranked.
impl Incremental for (Panes, Top) {
    type What = ();
    type Row = Answer;

    fn select(&self, event: &Event) -> Option<(i64, ())> {
        let (_, product) = KeyedLogic::key(&self.0, event)?;
        Some((i64::from(product.0), ()))
    }

    fn answers<'s>(&self, events: Events<'s, ()>, arrangements: &Arrangements) -> Rows<'s, Answer> {
        let (Panes { slide_ms, per_window }, top) = self.clone();
        let views = retimed(events, move |(product, view), _, times| {
            let pane = view.event_time_ms.div_euclid(slide_ms);
            Some(((product, pane), (pane + 1) * slide_ms - 1, times))
        });
        let panes = arranged(views, "panes").as_collection(|product, pane| (*product, *pane));
        let closing = top.clone();
        let windows = retimed(panes, move |(product, pane), _, times| {
            let closing = closing.clone();
            let starts_ms = (pane - per_window + 1..=pane).map(move |first_pane| first_pane * slide_ms);
            starts_ms.flat_map(move |start_ms| {
                let closes_at_ms = closing.closes_at_ms(start_ms);
                [((start_ms, product), closes_at_ms, times), ((start_ms, product), closes_at_ms + 1, -times)]
            })
        });
        let ranking = top.clone();
        let rank = move |start_ms: &i64, products: &[(&i64, isize)], best: &mut Vec<(Answer, isize)>| {
            let products = products.iter().map(|(product, views)| (Id(**product as u32), *views as i64)).collect();
            best.extend(ranking.ranked(*start_ms, products).map(|answer| (answer, 1)));
        };
        let best = arrangements.reduce(arrangements.arrange(rekeyed(windows), "windows"), "best", Box::new(rank));
        best.map(move |(start_ms, answer)| (top.closes_at_ms(start_ms), answer))
    }
}

answer! {
    struct Answer about (window_start_ms, rank) {
        window_start_ms: i64 = time as "window_start",
        rank: u32 = text,
        product: Id = id,
        views: i64 = text,
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::Symbols;

    use super::TrendingProducts;
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    #[test]
    fn a_view_is_in_every_window_around_it_and_ends_are_open() {
        let events = "
            page_viewed  2026-01-01T00:00:00 p=b c=7
            page_viewed  2026-01-01T00:09:59.999 p=b
            page_viewed  2026-01-01T00:10:00 p=a
            page_viewed  2026-01-01T00:10:00
            order_placed 2026-01-01T00:10:00 p=a
            page_viewed  2026-01-01T01:00:00 p=a";
        let answers = [
            "2026-01-01T00:10:00.000Z,2025-12-31T23:50:00.000Z,1,b,2",
            "2026-01-01T00:20:00.000Z,2026-01-01T00:00:00.000Z,1,b,2",
            "2026-01-01T00:20:00.000Z,2026-01-01T00:00:00.000Z,2,a,1",
            "2026-01-01T00:30:00.000Z,2026-01-01T00:10:00.000Z,1,a,1",
            "2026-01-01T01:10:00.000Z,2026-01-01T00:50:00.000Z,1,a,1",
            "2026-01-01T01:20:00.000Z,2026-01-01T01:00:00.000Z,1,a,1",
        ];
        check(&TrendingProducts, &["size=20min"], events, &answers);
        let reversed: Vec<&str> = events.lines().rev().collect();
        check(&TrendingProducts, &["size=20min"], &reversed.join("\n"), &answers);
    }

    #[test]
    fn an_hour_by_default_every_ten_minutes_also_before_the_epoch() {
        let starts = ["1969-12-31T22:50", "1969-12-31T23:00", "1969-12-31T23:10", "1969-12-31T23:20"];
        let more = ["1969-12-31T23:30", "1969-12-31T23:40"];
        let ends = ["1969-12-31T23:50", "1970-01-01T00:00", "1970-01-01T00:10", "1970-01-01T00:20"];
        let more_ends = ["1970-01-01T00:30", "1970-01-01T00:40"];
        let windows = starts.iter().chain(&more).zip(ends.iter().chain(&more_ends));
        let answers: Vec<String> = windows.map(|(start, end)| format!("{end}:00.000Z,{start}:00.000Z,1,5,1")).collect();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        check(&TrendingProducts, &[], "page_viewed 1969-12-31T23:49:59.999 p=5", &answers);
    }

    #[test]
    fn of_equal_products_numbers_come_first_by_value_then_text_by_its_bytes() {
        let names = ["b", "B", "10", "9", "a", "042", "2147483648", "ü"];
        let events = names.map(|name| format!("page_viewed 2026-01-01T00:00:00 p={name}")).join("\n");
        let ranked = ["9", "10", "042", "2147483648", "B", "a", "b", "ü"];
        let answers: Vec<String> = (1..)
            .zip(ranked)
            .map(|(rank, name)| format!("2026-01-01T00:10:00.000Z,2026-01-01T00:00:00.000Z,{rank},{name},1"))
            .collect();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        check(&TrendingProducts, &["size=10min"], &events, &answers);
        check(&TrendingProducts, &["size=10min", "k=3"], &events, &answers[..3]);
        let more = events + "\npage_viewed 2026-01-01T00:00:01 p=ü";
        let first = ["2026-01-01T00:10:00.000Z,2026-01-01T00:00:00.000Z,1,ü,2"];
        check(&TrendingProducts, &["size=10min", "k=1"], &more, &first);
    }

    #[test]
    fn a_size_that_is_not_made_of_slides_is_an_error_that_names_both() {
        for (size, slide) in [("1h", "7min"), ("1001ms", "1ms"), ("1min", "1h")] {
            let settings = [format!("size={size}"), format!("slide={slide}")];
            let error = TrendingProducts.prepare(&settings, &Symbols::default()).err().unwrap().to_string();
            assert!(error.contains(&format!("size = '{size}'")), "{error}");
            assert!(error.contains(&format!("slide = '{slide}'")), "{error}");
        }
    }
}
