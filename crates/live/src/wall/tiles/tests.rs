//! Tiles against rows that come late, twice, out of order, are taken back, or are gone before they are read.

use flowbench_events::{parse_rfc3339_ms, rfc3339};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::cloud_event::{AttributeValue, EventData};
use crate::wall::content::{BandLoad, DayTotal, DayTotals, OverdueOrders, RankedWindow};
use crate::wall::thousandths::Thousandths;

/// One tile with one queue per feed.
struct Wall {
    tiles: WallTiles,
    queues: Vec<Arc<EventQueue>>,
}

fn wall_of(keep: usize, tile: &str) -> Wall {
    let layout = WallLayout::parse(&format!("[[tile]]\n{tile}"), "wall.toml").unwrap();
    let names = &layout.tiles[0].feeds;
    let queues: Vec<_> = names.iter().map(|name| Arc::new(EventQueue::new(name, keep))).collect();
    let feeds = names.iter().cloned().zip(queues.iter().cloned()).collect();
    Wall { tiles: WallTiles::new(&layout, &feeds).unwrap(), queues }
}

impl Wall {
    fn add(&self, time: &str, change: i32, columns: Value) {
        self.add_to(0, time, change, columns);
    }

    fn add_to(&self, queue: usize, time: &str, change: i32, columns: Value) {
        let mut event = CloudEvent::new("", "/test", "flowbench.answer.test");
        event.attributes.insert("time".into(), AttributeValue::Text(time.into()));
        if change != 1 {
            event.attributes.insert("change".into(), AttributeValue::Integer(change));
        }
        event.data = Some(EventData::Json(RawValue::from_string(columns.to_string()).unwrap()));
        self.queues[queue].append(event);
    }

    /// What the tile shows after it has read everything.
    fn shown(&mut self) -> TileContent {
        while !self.tiles.update().is_caught_up {}
        self.tiles.content(0).unwrap()
    }
}

fn ms(text: &str) -> i64 {
    parse_rfc3339_ms(text).unwrap()
}

fn load(band: &str, views: i64, conversions: i64) -> BandLoad {
    BandLoad { band: band.to_owned(), views, conversions }
}

fn day_of(content: &TileContent) -> DayTotals {
    let TileFigure::Today(totals) = &content.figure else { panic!("{content:?}") };
    totals.clone()
}

fn total(count: i64, thousandths: i128) -> DayTotal {
    DayTotal { count, total: Thousandths(thousandths) }
}

const BANDS: &str = "kind = 'bands'\nfeed = ['views', 'conversions']";
const TODAY: &str = "kind = 'today'\nfeed = 'dispatched'\noptions = { timezone = 'Europe/London' }";
const OVERDUE: &str = "kind = 'overdue'\nfeed = 'overdue'\noptions = { oldest = 2 }";

#[test]
fn bands_add_up_the_last_hour_of_two_feeds() {
    let mut wall = wall_of(100, BANDS);
    wall.add_to(0, "2026-01-05T07:30:00Z", 1, json!({ "band": "good", "views": "1000" }));
    wall.add_to(0, "2026-01-05T08:00:00Z", 1, json!({ "band": "poor", "views": "7" }));
    wall.add_to(0, "2026-01-05T08:45:00Z", 1, json!({ "band": "good", "views": "12" }));
    wall.add_to(1, "2026-01-05T08:45:00Z", 1, json!({ "band": "good", "conversions": "3" }));
    // The first row is older than an hour by now; one that comes late is not; one is corrected.
    wall.add_to(0, "2026-01-05T08:10:00Z", 1, json!({ "band": "good", "views": "5" }));
    wall.add_to(0, "2026-01-05T08:45:00Z", -1, json!({ "band": "good", "views": "12" }));
    wall.add_to(0, "2026-01-05T08:45:00Z", 1, json!({ "band": "good", "views": "13" }));
    let content = wall.shown();
    assert_eq!(content.figure, TileFigure::Bands(vec![load("good", 18, 3), load("poor", 7, 0)]));
    assert_eq!((content.newest_ms, content.incomplete), (Some(ms("2026-01-05T08:45:00Z")), None));
    // A row of the next day leaves nothing of all that.
    wall.add_to(1, "2026-01-06T08:45:00Z", 1, json!({ "band": "poor", "conversions": 1 }));
    assert_eq!(wall.shown().figure, TileFigure::Bands(vec![load("poor", 0, 1)]));
}

#[test]
fn hours_show_empty_steps_and_rows_of_the_whole_pipeline() {
    let mut wall = wall_of(100, "kind = 'hours'\nfeed = 'load'\noptions = { last = '3h', step = '1h' }");
    for (hour, band, views) in [("06", "poor", 1), ("08", "good", 2), ("05", "poor", 9)] {
        let columns = json!({ "hour": format!("2026-01-05T{hour}:00:00.000Z"), "band": band, "views": views.to_string(),
            "conversions": "1" });
        wall.add("2026-01-05T12:00:00Z", 1, columns);
    }
    let TileFigure::Hours(hours) = wall.shown().figure else { panic!() };
    assert_eq!((hours.first_ms, hours.step_ms), (ms("2026-01-05T06:00:00Z"), 3_600_000));
    let step = |good, poor| vec![load("good", good, good.min(1)), load("poor", poor, poor)];
    assert_eq!(hours.steps, [step(0, 1), step(0, 0), step(2, 0)]);
    assert_eq!(hours.unfinished_steps, 1);
}

#[test]
fn steps_for_which_events_may_still_come_are_not_complete() {
    let unfinished = |slack_ms: i64| {
        let text = "[[tile]]\nkind = 'hours'\nfeed = 'load'\noptions = { last = '6h', step = '1h' }";
        let layout = WallLayout { slack_ms, ..WallLayout::parse(text, "wall.toml").unwrap() };
        let queue = Arc::new(EventQueue::new("load", 10));
        let tiles = WallTiles::new(&layout, &BTreeMap::from([("load".to_owned(), queue.clone())])).unwrap();
        let mut wall = Wall { tiles, queues: vec![queue] };
        wall.add("2026-01-05T10:30:00Z", 1, json!({ "band": "good", "views": "1" }));
        let TileFigure::Hours(hours) = wall.shown().figure else { panic!() };
        hours.unfinished_steps
    };
    const HOUR_MS: i64 = 3_600_000;
    assert_eq!([0, HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS, 99 * HOUR_MS].map(unfinished), [1, 1, 2, 3, 6]);
}

#[test]
fn today_is_a_day_of_its_zone_when_clocks_change() {
    let mut wall = wall_of(100, TODAY);
    let row = |count: &str, total: &str| json!({ "count": count, "total": total });
    // On 2026-03-29 clocks go forward at 01:00 UTC: that day ends at 23:00 UTC, the one before at 24:00.
    wall.add("2026-03-28T23:59:00Z", 1, row("1", "0.100"));
    wall.add("2026-03-29T00:00:00Z", 1, row("2", "0.200"));
    wall.add("2026-03-29T22:59:00Z", 1, row("4", "99.999"));
    assert_eq!(
        day_of(&wall.shown()),
        DayTotals {
            day: "2026-03-29".into(),
            zone: "Europe/London".into(),
            unit: String::new(),
            today: total(6, 100_199),
            yesterday: Some(total(1, 100)),
        }
    );
    wall.add("2026-03-29T23:00:00Z", 1, row("8", "0.001"));
    let next = day_of(&wall.shown());
    assert_eq!((&*next.day, next.today, next.yesterday), ("2026-03-30", total(8, 1), Some(total(6, 100_199))));
    // A late row and a correction still reach the day before; older ones reach nothing.
    wall.add("2026-03-29T22:00:00Z", 1, row("1", "1"));
    wall.add("2026-03-29T22:59:00Z", -1, row("4", "99.999"));
    wall.add("2026-03-28T12:00:00Z", 1, row("100", "100"));
    let next = day_of(&wall.shown());
    assert_eq!((next.today, next.yesterday), (total(8, 1), Some(total(3, 1_200))));
}

#[test]
fn autumn_has_a_day_of_25_hours() {
    let mut wall = wall_of(100, TODAY);
    for time in ["2026-10-24T23:00:00Z", "2026-10-25T23:59:00Z", "2026-10-26T00:00:00Z"] {
        wall.add(time, 1, json!({ "count": 1, "total": "1.000" }));
    }
    let totals = day_of(&wall.shown());
    assert_eq!((&*totals.day, totals.today, totals.yesterday), ("2026-10-26", total(1, 1000), Some(total(2, 2000))));
}

#[test]
fn an_order_is_overdue_until_it_is_dispatched() {
    let mut wall = wall_of(100, OVERDUE);
    let row = |order: &str, state: &str| json!({ "order": order, "state": state, "lead_ms": null });
    for (hour, order) in ["b", "a", "c"].into_iter().enumerate() {
        wall.add(&format!("2026-01-05T0{hour}:00:00Z"), 1, row(order, "overdue"));
    }
    // In time, so it was never overdue.
    wall.add("2026-01-05T08:00:00Z", 1, row("in-time", "dispatched"));
    wall.add("2026-01-05T08:00:00Z", 1, row("b", "dispatched"));
    let shown = |wall: &mut Wall| {
        let TileFigure::Overdue(orders) = wall.shown().figure else { panic!() };
        orders
    };
    let oldest = |orders: &[(&str, i64)]| {
        orders
            .iter()
            .map(|(order, hour)| ((*order).to_owned(), ms("2026-01-05T00:00:00Z") + hour * 3_600_000))
            .collect()
    };
    assert_eq!(shown(&mut wall), OverdueOrders { count: 2, oldest: oldest(&[("a", 1), ("c", 2)]) });
    // The dispatch is taken back, and then that it was overdue at all.
    wall.add("2026-01-05T08:00:00Z", -1, row("b", "dispatched"));
    assert_eq!(shown(&mut wall), OverdueOrders { count: 3, oldest: oldest(&[("b", 0), ("a", 1)]) });
    wall.add("2026-01-05T00:00:00Z", -1, row("b", "overdue"));
    wall.add("2026-01-05T08:00:00Z", -1, row("in-time", "dispatched"));
    assert_eq!(shown(&mut wall), OverdueOrders { count: 2, oldest: oldest(&[("a", 1), ("c", 2)]) });
}

#[test]
fn a_ranking_is_that_of_its_newest_window() {
    let mut wall = wall_of(100, "kind = 'ranking'\nfeed = 'trending'\noptions = { top = 2 }");
    let row = |start: &str, rank: u8, product: &str, views: &str| json!({ "window_start": start, "rank": rank.to_string(), "product": product, "views": views });
    let (first, second) = ("2026-01-05T08:00:00.000Z", "2026-01-05T08:05:00.000Z");
    let end = |start: &str| rfc3339(ms(start) + 3_600_000);
    wall.add(&end(first), 1, row(first, 1, "tea", "9"));
    wall.add(&end(second), 1, row(second, 2, "tea", "4"));
    wall.add(&end(second), 1, row(second, 1, "cup", "5"));
    wall.add(&end(second), 1, row(second, 3, "pot", "3"));
    // Two change places: the answer that is taken back comes behind the one that replaces it.
    wall.add(&end(second), 1, row(second, 1, "tea", "6"));
    wall.add(&end(second), -1, row(second, 1, "cup", "5"));
    let ranked = |start: &str, ranks: &[(&str, i128)]| RankedWindow {
        start_ms: Some(ms(start)),
        end_ms: Some(ms(start) + 3_600_000),
        ranks: ranks.iter().map(|(name, n)| ((*name).to_owned(), Thousandths(n * 1000))).collect(),
    };
    assert_eq!(wall.shown().figure, TileFigure::Ranking(ranked(second, &[("tea", 6), ("tea", 4)])));
    for (rank, product, views) in [(1, "tea", "6"), (2, "tea", "4"), (3, "pot", "3")] {
        wall.add(&end(second), -1, row(second, rank, product, views));
    }
    assert_eq!(wall.shown().figure, TileFigure::Ranking(ranked(first, &[("tea", 9)])));
}

#[test]
fn a_series_finds_its_number_in_any_data() {
    let shown = |column: &str, data: Value| {
        let mut wall = wall_of(10, &format!("kind = 'series'\nfeed = 'inbox'\ncolumns = {{ number = '{column}' }}"));
        wall.add("2026-01-05T12:00:00Z", 1, data);
        let content = wall.shown();
        let TileFigure::Series(series) = content.figure else { panic!("no series") };
        (series.points.first().map(|(_, number)| *number), content.problem.unwrap_or_default())
    };
    let number = |number| (Some(number), String::new());
    assert_eq!(shown("celsius", json!({ "celsius": 20.5 })), number(20.5));
    assert_eq!(shown("air.celsius", json!({ "air": { "celsius": "-3e2" } })), number(-300.0));
    assert_eq!(shown("air.celsius", json!({ "air": { "celsius": 1 }, "air.celsius": 2 })), number(2.0));
    assert_eq!(shown("air.1.celsius", json!({ "air": [7, { "celsius": 3 }] })), number(3.0));
    assert_eq!((shown("data", json!(4)), shown("data", json!("5"))), (number(4.0), number(5.0)));
    assert_eq!(shown("1", json!([6, 7])), number(7.0));
    for (column, data, why) in [
        ("celsius", json!("warm"), "a row has no column 'celsius'; there are data"),
        ("data", json!("warm"), "'warm' in column 'data' is not a number"),
        ("air.celsius", json!({ "air": 7 }), "a row has no column 'air.celsius'; did you mean 'air'?"),
        ("air", json!({ "air": { "celsius": 1 } }), "'{\"celsius\":1}' in column 'air' is not a number"),
        ("air", json!({ "air": null }), "a row has no column 'air'"),
    ] {
        let (found, problem) = shown(column, data);
        assert!(found.is_none() && problem.starts_with("1 row cannot be used: "), "{problem}");
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn events_of_any_type_are_listed_the_newest_first() {
    let mut wall = wall_of(100, "kind = 'events'\nfeed = ['rules', 'other']\noptions = { last = 2 }");
    wall.add_to(0, "2026-01-05T08:00:00Z", 1, json!({ "a": 1 }));
    wall.add_to(0, "2026-01-05T08:02:00Z", -1, json!({ "b": "x", "none": null }));
    wall.add_to(1, "2026-01-05T08:01:00Z", 1, json!("plain"));
    let TileFigure::Events(events) = wall.shown().figure else { panic!() };
    let words: Vec<_> = events.iter().map(|event| (&*event.words, event.takes_back)).collect();
    assert_eq!(words, [("b x", true), ("plain", false)]);
}

#[test]
fn a_series_keeps_the_points_of_its_span() {
    let mut wall =
        wall_of(100, "kind = 'series'\nfeed = 'outside'\ncolumns = { number = 'temp' }\noptions = { last = '1h' }");
    for (minute, temp) in [("00", "-1.5"), ("50", "3"), ("30", "2e0"), ("50", "4"), ("40", "8")] {
        wall.add(&format!("2026-01-05T08:{minute}:00Z"), 1, json!({ "temp": temp }));
    }
    wall.add("2026-01-05T08:40:00Z", -1, json!({ "temp": "8" }));
    wall.add("2026-01-05T09:05:00Z", 1, json!({ "temp": 5 }));
    wall.add("2026-01-05T09:06:00Z", 1, json!({ "temp": "NaN" }));
    let content = wall.shown();
    let TileFigure::Series(series) = content.figure else { panic!() };
    let at = |time: &str, number: f64| (ms(time), number);
    let expected = [at("2026-01-05T08:30:00Z", 2.0), at("2026-01-05T08:50:00Z", 4.0), at("2026-01-05T09:05:00Z", 5.0)];
    assert_eq!(series.points, expected);
    assert_eq!(content.problem.unwrap(), "1 row cannot be used: 'NaN' in column 'temp' is not a number");
}

#[test]
fn rows_that_are_gone_are_said_until_they_no_longer_matter() {
    let mut wall = wall_of(2, BANDS);
    let row = |views: u8| json!({ "band": "good", "views": views.to_string() });
    wall.add("2026-01-05T08:00:00Z", 1, row(1));
    assert_eq!(wall.shown().incomplete, None);
    for minute in ["01", "02", "03", "04", "05"] {
        wall.add(&format!("2026-01-05T08:{minute}:00Z"), 1, row(1));
    }
    let missed = MissedRows { since_ms: Some(ms("2026-01-05T08:00:00Z")), count: 3 };
    assert_eq!(wall.shown().incomplete, Some(missed));
    // The gap reaches to 08:04, the first row that was still kept.
    wall.add("2026-01-05T09:03:00Z", 1, row(1));
    assert_eq!(wall.shown().incomplete, Some(missed));
    wall.add("2026-01-05T09:04:00Z", 1, row(1));
    let content = wall.shown();
    assert_eq!((content.incomplete, content.figure), (None, TileFigure::Bands(vec![load("good", 3, 0)])));
}

#[test]
fn a_wall_that_begins_behind_what_is_kept_says_so_and_an_open_sum_never_heals() {
    let mut wall = wall_of(1, OVERDUE);
    for hour in ["01", "02", "03"] {
        wall.add(&format!("2026-01-05T{hour}:00:00Z"), 1, json!({ "order": hour, "state": "overdue" }));
    }
    assert_eq!(wall.shown().incomplete, Some(MissedRows { since_ms: None, count: 2 }));
    wall.add("2027-01-05T00:00:00Z", 1, json!({ "order": "x", "state": "overdue" }));
    assert_eq!(wall.shown().incomplete, Some(MissedRows { since_ms: None, count: 2 }));
    // A list of the newest events is right whatever came before.
    let mut wall = wall_of(1, "kind = 'events'\nfeed = 'x'");
    wall.add("2026-01-05T01:00:00Z", 1, json!({}));
    wall.add("2026-01-05T02:00:00Z", 1, json!({}));
    assert_eq!(wall.shown().incomplete, None);
}

#[test]
fn rows_of_no_use_are_counted_with_the_reason() {
    let mut wall = wall_of(100, BANDS);
    wall.add("2026-01-05T08:00:00Z", 1, json!({ "bnad": "good", "views": "1" }));
    let problem = wall.shown().problem.unwrap();
    assert_eq!(problem, "1 row cannot be used: a row has no column 'band'; did you mean 'bnad'?");
    wall.add("yesterday", 1, json!({ "band": "good", "views": "1" }));
    wall.add("2026-01-05T08:00:00Z", 1, json!({ "band": "good", "views": "1.5" }));
    let content = wall.shown();
    let expected = "3 rows cannot be used; the last: '1.5' in column 'views' is not a whole number";
    assert_eq!((content.problem.as_deref(), content.figure), (Some(expected), TileFigure::Bands(Vec::new())));
}

#[test]
fn a_feed_that_there_is_not_is_named() {
    let layout = WallLayout::parse("[[tile]]\nkind = 'events'\ntitle = 'Rules'\nfeed = 'ruels'", "wall.toml").unwrap();
    let feeds = BTreeMap::from([("rules".to_owned(), Arc::new(EventQueue::new("rules", 1)))]);
    let error = WallTiles::new(&layout, &feeds).err().unwrap().to_string();
    assert_eq!(error, "tile 1 (Rules): no feed is called 'ruels'; did you mean 'rules'?");
}

proptest! {
    /// Whatever order rows come in, with corrections among them, the sums are those of the rows that count.
    #[test]
    fn sums_do_not_depend_on_the_order_of_rows(
        rows in prop::collection::vec((0_i64..172_800_000, 0_i64..1_000, 0_i128..1_000_000, any::<bool>()), 1..40),
        seed in any::<u64>(),
    ) {
        let begin = ms("2026-06-01T00:00:00Z");
        let mut changes: Vec<(i64, i64, i128, i32)> = Vec::new();
        for (at, count, total, is_taken_back) in &rows {
            changes.push((begin + at, *count, *total, 1));
            if *is_taken_back {
                changes.push((begin + at, *count, *total, -1));
            }
        }
        // A row of the last ms keeps both days in sight from the beginning.
        let mix = |n: usize| flowbench_events::mix(seed ^ n as u64);
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|n| mix(*n));
        let mut wall = wall_of(1_000, "kind = 'today'\nfeed = 'dispatched'");
        wall.add(&rfc3339(begin + 172_799_999), 1, json!({ "count": 0, "total": "0" }));
        for n in order {
            let (time_ms, count, total, change) = changes[n];
            let total = format!("{}.{:03}", total / 1000, total % 1000);
            wall.add(&rfc3339(time_ms), change, json!({ "count": count.to_string(), "total": total }));
        }
        let of_day = |day: i64| {
            let left = rows.iter().filter(|row| row.0 / 86_400_000 == day && !row.3);
            left.fold((0, 0), |(count, total), row| (count + row.1, total + row.2))
        };
        let shown = day_of(&wall.shown());
        let shown = [shown.yesterday.unwrap_or_default(), shown.today].map(|day| (day.count, day.total.0));
        prop_assert_eq!(shown, [of_day(0), of_day(1)]);
    }

    /// Whatever rows hold, tiles take it or say why not, and keep within their bounds.
    #[test]
    fn no_row_is_too_much_for_a_tile(
        rows in prop::collection::vec((prop::collection::vec(0_usize..20, 9), any::<bool>()), 0..60),
    ) {
        let texts = ["2026-01-05T08:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", "-1", "3", "0.5", "1e308",
            "9007199254740992", "9007199254740993", "999999999999999999999999.999", "NaN", "overdue", "dispatched", "good",
            "\u{202e}", "<b>"];
        let value = |n: usize| match texts.get(n) {
            Some(text) => json!(text),
            None => [Value::Null, json!([[1]]), json!({ "a": 1.5e300 })][n - texts.len()].clone(),
        };
        let columns = ["window_start", "band", "views", "conversions", "count", "total", "order", "rank", "number"];
        for kind in TileKind::NAMES {
            let mut wall = wall_of(40, &format!("kind = '{kind}'\nfeed = 'x'"));
            for (values, is_taken_back) in &rows {
                let pairs = columns.iter().zip(values).map(|(column, n)| ((*column).to_owned(), value(*n)));
                let mut row: serde_json::Map<String, Value> = pairs.collect();
                row.insert("product".into(), value(values[0]));
                row.insert("state".into(), value(values[1]));
                wall.add("2026-01-05T08:00:00Z", if *is_taken_back { -1 } else { 1 }, row.into());
            }
            let content = wall.shown();
            prop_assert!(content.problem.as_ref().is_none_or(|problem| problem.chars().count() < 300));
            let html = crate::wall::markup::tile_html(&content, 0, |_| String::new());
            prop_assert!(html.len() < 10_000 && !html.contains("<b><b>"), "{}", html);
        }
    }
}
