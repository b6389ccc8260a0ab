//! The HTML of tiles that are texts and not figures, and of what is to be known of any tile.

use std::fmt::Write;

use flowbench_events::rfc3339;

use crate::wall::content::{DayTotal, DayTotals, ListedEvent, OverdueOrders, RankedWindow, TileContent, TileFigure};
use crate::wall::thousandths::Thousandths;

const MINUTE_MS: i64 = 60_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// Returns the HTML of a tile; `draw` gives that of a figure. Times have their date unless it is that of `now_ms`.
pub(super) fn tile_html(content: &TileContent, now_ms: i64, draw: impl FnOnce(&TileContent) -> String) -> String {
    let figure = match &content.figure {
        _ if content.newest_ms.is_none() && !is_list(&content.figure) => {
            "<p class=\"none\">nothing to show yet</p>".to_owned()
        }
        TileFigure::Today(totals) => today(totals),
        TileFigure::Overdue(orders) => overdue(orders, now_ms),
        TileFigure::Events(events) => list(events, now_ms),
        TileFigure::Bands(_) | TileFigure::Hours(_) | TileFigure::Ranking(_) | TileFigure::Series(_) => {
            format!("<div class=\"figure\">{}</div>", draw(content))
        }
    };
    format!("{figure}{}", flags(content, now_ms))
}

/// Escapes text for HTML, between tags and in quoted attributes; what steers a reader's eye or a terminal is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Returns up to what event time a tile reaches, or from when to when, in the fewest words.
pub(super) fn reach(content: &TileContent, now_ms: i64) -> String {
    let Some(newest_ms) = content.newest_ms else { return String::new() };
    let TileFigure::Ranking(RankedWindow { start_ms: Some(start_ms), end_ms: Some(end_ms), .. }) = content.figure
    else {
        return format!("to {}", clock(newest_ms, now_ms));
    };
    let [start, end] = [clock(start_ms, now_ms), clock(end_ms, start_ms)].map(|time| match time.strip_suffix(":00") {
        Some(minutes) if start_ms % MINUTE_MS == 0 && end_ms % MINUTE_MS == 0 => minutes.to_owned(),
        _ => time,
    });
    format!("{start} to {end}")
}

/// Returns a time of day in UTC, with its date if it is of another day than `near_ms`.
pub(super) fn clock(time_ms: i64, near_ms: i64) -> String {
    let text = rfc3339(time_ms);
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.get(..8).unwrap_or(time);
    let is_same_day = time_ms.div_euclid(DAY_MS) == near_ms.div_euclid(DAY_MS);
    if is_same_day { time.to_owned() } else { format!("{day} {time}") }
}

/// Returns true if a tile without a time may have something to show.
fn is_list(figure: &TileFigure) -> bool {
    matches!(figure, TileFigure::Events(events) if !events.is_empty())
}

fn today(totals: &DayTotals) -> String {
    let unit = if totals.unit.is_empty() { String::new() } else { format!("\u{a0}{}", escaped(&totals.unit)) };
    let count = |of: &DayTotal| Thousandths::from_whole(of.count.into()).to_string();
    let mut html = big_number(&count(&totals.today));
    let orders = if totals.today.count == 1 { "order" } else { "orders" };
    let _ = write!(html, "<p class=\"of\">{orders}, <b>{}{unit}</b></p>", totals.today.total);
    let _ = match &totals.yesterday {
        Some(day) => write!(html, "<p class=\"more\">yesterday {}, {}{unit}</p>", count(day), day.total),
        None => write!(html, "<p class=\"more\">yesterday is not known</p>"),
    };
    let _ = write!(html, "<p class=\"more\">{}, {}</p>", escaped(&totals.day), escaped(&totals.zone));
    html
}

fn overdue(orders: &OverdueOrders, now_ms: i64) -> String {
    let mut html = big_number(&Thousandths::from_whole(orders.count as i128).to_string());
    html.push_str("<ol class=\"oldest\">");
    for (order, since_ms) in &orders.oldest {
        let _ = write!(html, "<li><b>{}</b> since {}</li>", escaped(order), clock(*since_ms, now_ms));
    }
    html.push_str("</ol>");
    html
}

fn list(events: &[ListedEvent], now_ms: i64) -> String {
    let mut html = "<ol class=\"events\">".to_owned();
    for event in events {
        let time = event.time_ms.map_or_else(|| "no time".to_owned(), |time_ms| clock(time_ms, now_ms));
        let (kind, words) = (escaped(&event.kind), escaped(&event.words));
        let words = if event.takes_back { format!("taken back: <del>{words}</del>") } else { words };
        let _ = write!(html, "<li><time>{time}</time> <b>{kind}</b> {words}</li>");
    }
    html.push_str("</ol>");
    html
}

/// Returns a number as large as its tile allows.
fn big_number(digits: &str) -> String {
    let class = if digits.chars().count() > 6 { "number long" } else { "number" };
    format!("<p class=\"{class}\">{digits}</p>")
}

/// Returns what keeps the numbers of a tile from being right, if anything does.
fn flags(content: &TileContent, now_ms: i64) -> String {
    let mut html = String::new();
    if let Some(missed) = content.incomplete {
        let since = missed.since_ms.map_or_else(|| "the beginning".to_owned(), |since_ms| clock(since_ms, now_ms));
        let rows = if missed.count == 1 { "row" } else { "rows" };
        let count = Thousandths::from_whole(missed.count.into());
        let _ = write!(html, "<p class=\"flag\">⚠ incomplete since {since}: {count} {rows} missed</p>");
    }
    if let Some(problem) = &content.problem {
        let _ = write!(html, "<p class=\"flag\">⚠ {}</p>", escaped(problem));
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::content::MissedRows;

    const NOON_MS: i64 = 1_767_614_400_000;

    fn tile(figure: TileFigure) -> TileContent {
        let (id, title) = ("tile-1".to_owned(), "T".to_owned());
        TileContent { id, title, newest_ms: Some(NOON_MS), incomplete: None, problem: None, figure }
    }

    fn html(content: &TileContent) -> String {
        tile_html(content, NOON_MS, |_| "<svg></svg>".to_owned())
    }

    #[test]
    fn a_day_is_a_large_number_beside_that_of_the_day_before() {
        let today = DayTotal { count: 1_234, total: Thousandths(98_765_500) };
        let totals = DayTotals {
            day: "2026-01-05".into(),
            zone: "Europe/London".into(),
            unit: "£".into(),
            today,
            yesterday: Some(DayTotal { count: 1, total: Thousandths(5) }),
        };
        let html = html(&tile(TileFigure::Today(totals)));
        let expected = "<p class=\"number\">1,234</p><p class=\"of\">orders, <b>98,765.50\u{a0}£</b></p>\
                        <p class=\"more\">yesterday 1, 0.005\u{a0}£</p>\
                        <p class=\"more\">2026-01-05, Europe/London</p>";
        assert_eq!(html, expected);
    }

    #[test]
    fn what_is_overdue_says_since_when() {
        let oldest = vec![("A-<1>".to_owned(), NOON_MS - 93_784_000)];
        let html = html(&tile(TileFigure::Overdue(OverdueOrders { count: 1, oldest })));
        assert!(html.ends_with("<li><b>A-&lt;1&gt;</b> since 2026-01-04 09:56:56</li></ol>"), "{html}");
    }

    #[test]
    fn an_event_cannot_bring_markup() {
        let event = ListedEvent {
            time_ms: Some(NOON_MS),
            kind: "<script>".into(),
            words: "<img src=x onerror=alert(1)>\u{202e}".into(),
            takes_back: true,
        };
        let html = html(&tile(TileFigure::Events(vec![event])));
        assert!(html.contains("<time>12:00:00</time> <b>&lt;script&gt;</b> taken back: <del>&lt;img src=x"), "{html}");
        assert!(!html.contains("<img") && !html.contains('\u{202e}'));
    }

    #[test]
    fn what_is_missing_or_wrong_stands_under_any_figure() {
        let mut content = tile(TileFigure::Bands(Vec::new()));
        content.incomplete = Some(MissedRows { since_ms: Some(NOON_MS - 86_400_000), count: 1_000 });
        content.problem = Some("1 row cannot be used: '<'".into());
        let html = html(&content);
        assert!(html.starts_with("<div class=\"figure\"><svg></svg></div>"));
        assert!(html.contains("⚠ incomplete since 2026-01-04 12:00:00: 1,000 rows missed</p>"), "{html}");
        assert!(html.contains("⚠ 1 row cannot be used: &#39;&lt;&#39;</p>"), "{html}");
    }

    #[test]
    fn times_that_are_not_of_today_show_their_date_and_a_window_both_its_ends() {
        let days = |n: i64| NOON_MS + n * DAY_MS;
        let mut content = tile(TileFigure::Bands(Vec::new()));
        assert_eq!(
            (reach(&content, NOON_MS), reach(&content, days(1))),
            ("to 12:00:00".into(), "to 2026-01-05 12:00:00".into())
        );
        let mut window = |start_ms: i64, end_ms: Option<i64>| {
            content.figure = TileFigure::Ranking(RankedWindow { start_ms: Some(start_ms), end_ms, ranks: Vec::new() });
            reach(&content, NOON_MS)
        };
        const HOUR_MS: i64 = 3_600_000;
        assert_eq!(window(NOON_MS - HOUR_MS, Some(NOON_MS)), "11:00 to 12:00");
        assert_eq!(window(NOON_MS - 500, Some(NOON_MS)), "11:59:59 to 12:00:00");
        assert_eq!(window(days(-2), Some(days(-2) + HOUR_MS)), "2026-01-03 12:00 to 13:00");
        assert_eq!(window(days(-1), Some(NOON_MS)), "2026-01-04 12:00 to 2026-01-05 12:00");
        assert_eq!(window(NOON_MS, None), "to 12:00:00");
        let event = ListedEvent { time_ms: Some(days(-1)), kind: "t".into(), words: String::new(), takes_back: false };
        assert!(html(&tile(TileFigure::Events(vec![event]))).contains("<time>2026-01-04 12:00:00</time>"));
    }
}
