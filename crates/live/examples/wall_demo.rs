//! A wall with made-up answers, to be looked at: `cargo run -p flowbench-live --example wall_demo [PORT] [SECONDS]`.
//!
//! After so many seconds, nothing arrives any more. Figures are drawn by a stand-in here; the program draws them like those of
//! its reports.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowbench_events::rfc3339;
use flowbench_live::{
    AttributeValue, CloudEvent, EventData, EventQueue, Freshness, TileContent, TileFigure, TileSize, WallFrames,
    WallLayout, WallTiles,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

const FEEDS: [&str; 6] =
    ["load-time-views", "load-time-conversions", "dispatched", "dispatch-overdue", "trending-products", "rules"];
const MINUTE_MS: i64 = 60_000;
const PRODUCTS: [&str; 5] = ["Teapot, blue", "Mug", "Kettle", "Tea towel with a long name", "Biscuit tin"];

type Feeds = BTreeMap<String, Arc<EventQueue>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let port = numbers.next().transpose()?.unwrap_or(8080);
    let seconds = numbers.next().transpose()?.unwrap_or(u64::MAX);
    let feeds: Feeds =
        FEEDS.iter().map(|name| ((*name).to_owned(), Arc::new(EventQueue::new(*name, 50_000)))).collect();
    let layout = WallLayout::for_feeds(FEEDS)?;
    let tiles = WallTiles::new(&layout, &feeds)?;
    let wall = WallFrames::new(&layout, Box::new(stand_in), ".stand-in{fill:currentColor;font-size:13px}");
    let freshness = Arc::new(Freshness::default());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", u16::try_from(port)?)).await?;
    println!("http://{}/", listener.local_addr()?);
    let (routes, fresh) = (wall.routes(), freshness.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    tokio::spawn(async move { wall.run(tiles, fresh).await });
    let begin_ms = now_ms() / MINUTE_MS * MINUTE_MS;
    for minute in -13 * 60..0 {
        minute_of_answers(&feeds, begin_ms + minute * MINUTE_MS)?;
    }
    for second in 0.. {
        if second < seconds {
            freshness.arrived(now_ms());
            second_of_answers(&feeds, second)?;
            freshness.answered(now_ms(), 0);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A number that looks random, the same for the same seed, below a limit.
fn below(seed: i64, limit: u64) -> u64 {
    flowbench_events::mix(seed as u64) % limit
}

fn add(feeds: &Feeds, feed: &str, kind: &str, time_ms: i64, columns: Value) -> Result<(), Box<dyn Error>> {
    let mut event = CloudEvent::new("", "/demo", kind);
    event.attributes.insert("time".to_owned(), AttributeValue::Text(rfc3339(time_ms)));
    event.data = Some(EventData::Json(RawValue::from_string(columns.to_string())?));
    feeds[feed].append(event);
    Ok(())
}

/// The answers to a minute: busier by day, and slow pages sell less.
fn minute_of_answers(feeds: &Feeds, time_ms: i64) -> Result<(), Box<dyn Error>> {
    let hour = (time_ms / 3_600_000).rem_euclid(24) as f64;
    let busy = 1.2 + ((hour - 9.0) / 24.0 * std::f64::consts::TAU).sin();
    for (n, (band, share, rate)) in
        [("good", 60.0, 0.06), ("needs-improvement", 25.0, 0.035), ("poor", 12.0, 0.012)].into_iter().enumerate()
    {
        let views = (share * busy) as u64 + below(time_ms + n as i64, 12);
        let conversions = (views as f64 * rate) as u64 + below(time_ms ^ n as i64, 2);
        let columns = json!({ "band": band, "views": views.to_string() });
        add(feeds, "load-time-views", "flowbench.answer.load-time-views", time_ms, columns)?;
        let columns = json!({ "band": band, "conversions": conversions.to_string() });
        add(feeds, "load-time-conversions", "flowbench.answer.load-time-conversions", time_ms, columns)?;
    }
    let count = below(time_ms, 4);
    let columns = json!({ "count": count.to_string(), "total": format!("{}.{:03}", count * 37, below(time_ms, 1000)) });
    add(feeds, "dispatched", "flowbench.answer.dispatched", time_ms, columns)?;
    if below(time_ms, 9) == 0 {
        let order = format!("A-{}", 10_000 + time_ms / MINUTE_MS % 10_000);
        let columns = json!({ "order": order, "customer": "c1", "state": "overdue" });
        add(feeds, "dispatch-overdue", "flowbench.answer.dispatch-overdue", time_ms, columns)?;
    }
    for (rank, product) in (1..).zip(PRODUCTS).filter(|_| time_ms % (5 * MINUTE_MS) == 0) {
        let views = 600 / (rank + 1) as u64 + below(time_ms + rank, 40);
        let columns = json!({ "window_start": rfc3339(time_ms), "rank": rank.to_string(), "product": product,
            "views": views.to_string() });
        add(feeds, "trending-products", "flowbench.answer.trending-products", time_ms, columns)?;
    }
    if below(time_ms, 20) == 0 {
        let columns = json!({ "customer": format!("c{}", below(time_ms, 900)), "value": "249.900" });
        add(feeds, "rules", "shop.vip-is-waiting", time_ms, columns)?;
    }
    Ok(())
}

/// The answers to a second: those to a minute, as if it were one.
fn second_of_answers(feeds: &Feeds, second: u64) -> Result<(), Box<dyn Error>> {
    if second.is_multiple_of(2) { minute_of_answers(feeds, now_ms()) } else { Ok(()) }
}

/// Draws bars of the first numbers of a figure.
fn stand_in(content: &TileContent, size: TileSize) -> String {
    let bars: Vec<(String, f64)> = match &content.figure {
        TileFigure::Bands(bands) => bands.iter().map(|band| (band.band.clone(), band.views as f64)).collect(),
        TileFigure::Hours(hours) => {
            let of_step = |step: &Vec<flowbench_live::BandLoad>| step.iter().map(|band| band.views).sum::<i64>() as f64;
            hours.steps.iter().map(|step| (String::new(), of_step(step))).collect()
        }
        TileFigure::Ranking(ranking) => {
            ranking.ranks.iter().map(|(name, number)| (name.clone(), number.approximate())).collect()
        }
        TileFigure::Series(series) => series.points.iter().map(|(_, number)| (String::new(), *number)).collect(),
        _ => Vec::new(),
    };
    let most = bars.iter().map(|(_, number)| *number).fold(1.0, f64::max);
    let (width, height) = (size.width_px, size.height_px);
    let mut svg = format!(
        "<svg class=\"stand-in\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{} bars, at most {most}\">",
        bars.len()
    );
    let step = f64::from(height) / bars.len().max(1) as f64;
    for (n, (name, number)) in bars.iter().enumerate() {
        let (y, length) = (n as f64 * step, number / most * f64::from(width));
        let name = name.replace(['<', '&'], "");
        let _ = write!(svg, "<rect y=\"{y}\" width=\"{length}\" height=\"{}\" opacity=\".3\"/>", step * 0.8);
        let _ = write!(svg, "<text x=\"4\" y=\"{}\">{name} {number}</text>", y + step * 0.5);
    }
    svg + "</svg>"
}
