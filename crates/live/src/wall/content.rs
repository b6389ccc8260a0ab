//! What a tile shows, as plain data: whoever draws needs nothing else.

use crate::wall::thousandths::Thousandths;

/// What a tile shows now.
#[derive(Debug, Clone, PartialEq)]
pub struct TileContent {
    /// The id of its element in the page, such as `tile-1`.
    pub id: String,
    /// The words above it.
    pub title: String,
    /// The event time of the newest row, in ms since the Unix epoch; `None` before the first.
    pub newest_ms: Option<i64>,
    /// What is missing; `None` if the tile has seen every row that matters.
    pub incomplete: Option<MissedRows>,
    /// What is wrong with rows that could not be used, with their number; `None` if all could.
    pub problem: Option<String>,
    /// The numbers.
    pub figure: TileFigure,
}

/// Rows that a tile should have counted and never saw, since its queue no longer kept them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedRows {
    /// The event time of the newest row before them; `None` if there was none.
    pub since_ms: Option<i64>,
    /// How many there are.
    pub count: u64,
}

/// The numbers of a tile, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum TileFigure {
    /// Views and conversions by load-time band, over one span.
    Bands(Vec<BandLoad>),
    /// Views and conversions by load-time band, over event time.
    Hours(LoadOverTime),
    /// The current day, and the one before.
    Today(DayTotals),
    /// What is overdue.
    Overdue(OverdueOrders),
    /// The newest window of a ranking.
    Ranking(RankedWindow),
    /// Events, the newest first.
    Events(Vec<ListedEvent>),
    /// A number over event time.
    Series(NumberOverTime),
}

/// Views and conversions of a load-time band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandLoad {
    /// The name of the band, such as `needs-improvement`.
    pub band: String,
    /// The number of views.
    pub views: i64,
    /// The number of those that were followed by an order.
    pub conversions: i64,
}

/// Views and conversions by load-time band, in steps of event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOverTime {
    /// The beginning of the first step, in ms since the Unix epoch.
    pub first_ms: i64,
    /// The length of a step.
    pub step_ms: i64,
    /// The steps without a gap, each with the same bands in the same order.
    pub steps: Vec<Vec<BandLoad>>,
    /// How many of the last ones are not complete: events of them may still come in time.
    pub unfinished_steps: usize,
}

/// The count and the total of a day, and of the day before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTotals {
    /// The day as `yyyy-mm-dd`; empty before the first row.
    pub day: String,
    /// The time zone whose day it is.
    pub zone: String,
    /// The currency of the totals; may be empty.
    pub unit: String,
    /// The day so far.
    pub today: DayTotal,
    /// The day before; `None` if nothing is known of it.
    pub yesterday: Option<DayTotal>,
}

/// A count and a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayTotal {
    /// The number of orders.
    pub count: i64,
    /// Their value.
    pub total: Thousandths,
}

/// Orders that are overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueOrders {
    /// How many there are.
    pub count: usize,
    /// Those that have been overdue for longest, each with the time since when, in ms since the Unix epoch.
    pub oldest: Vec<(String, i64)>,
}

/// A window of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedWindow {
    /// The beginning of the window, in ms since the Unix epoch; `None` before the first row.
    pub start_ms: Option<i64>,
    /// Its end, which is the time of its answers; `None` if they do not say more than the beginning.
    pub end_ms: Option<i64>,
    /// Names and numbers by rank.
    pub ranks: Vec<(String, Thousandths)>,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvent {
    /// Its time, in ms since the Unix epoch; `None` if it has none.
    pub time_ms: Option<i64>,
    /// Its type.
    pub kind: String,
    /// Its subject and its data in a few words.
    pub words: String,
    /// True if it takes a former answer back.
    pub takes_back: bool,
}

/// A number over event time.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberOverTime {
    /// The unit; may be empty.
    pub unit: String,
    /// Times in ms since the Unix epoch, each with its number, in order.
    pub points: Vec<(i64, f64)>,
}
