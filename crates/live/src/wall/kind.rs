//! The kinds of tiles, each with its options and the columns it reads.

use std::collections::BTreeMap;
use std::ops::Range;

use flowbench_events::{Zone, did_you_mean_or_list, parse_duration_ms};

/// What a tile shows, with its options.
#[derive(Debug, Clone)]
pub enum TileKind {
    /// Views by load-time band as bars, and the conversion rate of each band as a line, over a span up to the newest row.
    Bands {
        /// The length of the span of event time.
        last_ms: i64,
    },
    /// Views by load-time band on top of each other and the conversion rate as a line, over event time.
    Hours {
        /// The length of the span of event time.
        last_ms: i64,
        /// The width of a column.
        step_ms: i64,
    },
    /// The count and the total of the current day, and those of the day before.
    Today {
        /// The time zone whose days these are.
        zone: Zone,
        /// The currency of the total; may be empty.
        unit: String,
    },
    /// How many orders are overdue, and which have been so for longest.
    Overdue {
        /// How many of them are named.
        oldest: usize,
    },
    /// The newest window of a ranking.
    Ranking {
        /// The last rank that is shown.
        top: usize,
    },
    /// The newest events of any types.
    Events {
        /// How many there are.
        last: usize,
    },
    /// A number over event time.
    Series {
        /// The length of the span of event time.
        last_ms: i64,
        /// The unit of the number; may be empty.
        unit: String,
    },
}

/// Options as they are written, with their places.
pub(super) type Options = BTreeMap<String, (String, Range<usize>)>;

/// What is wrong with options, with the places.
type WrongOptions = Vec<(String, Range<usize>)>;

/// Columns of the drawing over event time at most, so that they stay apart.
const STEPS_MAX: i64 = 72;

impl TileKind {
    /// The names of all kinds.
    pub(super) const NAMES: [&'static str; 7] = ["bands", "hours", "today", "overdue", "ranking", "events", "series"];

    /// Returns the kind with this name; options that are not given have their defaults.
    pub(super) fn new(name: &str, options: Options) -> Result<TileKind, WrongOptions> {
        let mut options = Reader { left: options, known: Vec::new(), wrong: Vec::new() };
        let kind = match name {
            "bands" => TileKind::Bands { last_ms: options.duration_ms("last", 3_600_000) },
            "hours" => {
                let last_ms = options.duration_ms("last", 12 * 3_600_000);
                let step_ms = options.duration_ms("step", (last_ms / 12).max(1_000));
                TileKind::Hours { last_ms, step_ms: step_ms.clamp(last_ms / STEPS_MAX, last_ms) }
            }
            "today" => {
                let (zone, unit) = (options.zone("timezone"), options.unit());
                let Some(zone) = zone else { return Err(options.wrong()) };
                TileKind::Today { zone, unit }
            }
            "overdue" => TileKind::Overdue { oldest: options.whole("oldest", 5) },
            "ranking" => TileKind::Ranking { top: options.whole("top", 5) },
            "series" => TileKind::Series { last_ms: options.duration_ms("last", 3_600_000), unit: options.unit() },
            _ => TileKind::Events { last: options.whole("last", 6) },
        };
        let wrong = options.wrong();
        if wrong.is_empty() { Ok(kind) } else { Err(wrong) }
    }

    /// Returns what the columns of a row can stand for; a column that is not named otherwise has this name, except that a
    /// time is looked for in several places.
    pub(super) fn roles(&self) -> &'static [&'static str] {
        match self {
            TileKind::Bands { .. } | TileKind::Hours { .. } => &["time", "band", "views", "conversions"],
            TileKind::Today { .. } => &["time", "count", "total"],
            TileKind::Overdue { .. } => &["time", "order", "state"],
            TileKind::Ranking { .. } => &["time", "rank", "product", "views"],
            TileKind::Events { .. } => &[],
            TileKind::Series { .. } => &["time", "number"],
        }
    }
}

/// Takes options one by one, and knows what is wrong with them in the end.
struct Reader {
    left: Options,
    known: Vec<&'static str>,
    wrong: WrongOptions,
}

impl Reader {
    fn take<T>(&mut self, key: &'static str, default: T, read: impl Fn(&str) -> Option<T>, expected: &str) -> T {
        self.known.push(key);
        let Some((text, place)) = self.left.remove(key) else { return default };
        read(&text).unwrap_or_else(|| {
            self.wrong.push((expected.to_owned(), place));
            default
        })
    }

    fn duration_ms(&mut self, key: &'static str, default: i64) -> i64 {
        let read = |text: &str| parse_duration_ms(text).ok().filter(|ms| (1_000..=7 * 86_400_000).contains(ms));
        self.take(key, default, read, &format!("{key} is a duration from 1s to 7d, such as \"1h\""))
    }

    fn whole(&mut self, key: &'static str, default: usize) -> usize {
        let read = |text: &str| text.parse().ok().filter(|number| (1..=20).contains(number));
        self.take(key, default, read, &format!("{key} is a whole number from 1 to 20"))
    }

    fn unit(&mut self) -> String {
        let read = |text: &str| (text.chars().count() <= 12).then(|| text.to_owned());
        self.take("unit", String::new(), read, "unit is a text of 12 characters at most")
    }

    /// Returns the zone, UTC by default; `None` if it is wrong.
    fn zone(&mut self, key: &'static str) -> Option<Zone> {
        self.known.push(key);
        let (text, place) = self.left.remove(key).unwrap_or_else(|| ("UTC".to_owned(), 0..0));
        Zone::named(&text).map_err(|error| self.wrong.push((error.to_string(), place))).ok()
    }

    fn wrong(mut self) -> WrongOptions {
        for (key, (_, place)) in self.left {
            let hint = did_you_mean_or_list(&key, self.known.iter().copied());
            self.wrong.push((format!("'{key}' is no option of it{hint}"), place));
        }
        self.wrong
    }
}
