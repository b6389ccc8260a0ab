//! The layout of a wall: which tiles there are, and what feeds them, in TOML.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use flowbench_events::{Problem, Problems, SourceText, did_you_mean, did_you_mean_or_list, parse_duration_ms};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::filter::event_filter;
use crate::wall::external::ExternalSource;
use crate::wall::kind::{Options, TileKind};
use crate::webhook::{ENVIRONMENT, WebhookUrl};

/// The layout that is shown unless one is given.
const BUILT_IN: &str = include_str!("default_layout.toml");
/// Tiles of a wall at most: more could not be read, and each is drawn.
const TILES_MAX: usize = 24;
/// Columns of the grid at most.
const COLUMNS_MAX: usize = 6;

/// What a wall shows.
#[derive(Debug, Clone)]
pub struct WallLayout {
    /// The words at the top.
    pub title: String,
    /// The number of columns of the grid.
    pub columns: usize,
    /// How long nothing may arrive before the wall calls itself stalled, in ms.
    pub stalled_after_ms: i64,
    /// How late events may come, in ms, which says what is not complete yet. It is that of the session, and not of the file.
    pub slack_ms: i64,
    /// The tiles in the order of reading.
    pub tiles: Vec<TileSpec>,
}

/// A tile as the layout describes it.
#[derive(Debug, Clone)]
pub struct TileSpec {
    /// What it shows, with its options.
    pub kind: TileKind,
    /// The words above it.
    pub title: String,
    /// The names of the queues it reads; none if it reads an external source.
    pub feeds: Vec<String>,
    /// What it reads outside of the session.
    pub external: Option<ExternalSource>,
    /// The filter in JSON that events have to pass.
    pub filter: Option<String>,
    /// The names of columns of its rows by what they stand for, where they differ from the default.
    pub columns: BTreeMap<String, String>,
    /// The number of columns of the grid that it takes.
    pub span: usize,
}

impl WallLayout {
    /// Returns the built-in tiles whose feeds are all among `feeds`, and one with the newest events for each other feed.
    pub fn for_feeds<'a>(feeds: impl IntoIterator<Item = &'a str>) -> Result<WallLayout, Problems> {
        let feeds: Vec<&str> = feeds.into_iter().collect();
        let mut layout = WallLayout::parse(BUILT_IN, "the built-in layout")?;
        layout.tiles.retain(|tile| tile.feeds.iter().all(|feed| feeds.contains(&&**feed)));
        for feed in feeds.iter().take(TILES_MAX - layout.tiles.len()) {
            if !layout.tiles.iter().any(|tile| tile.feeds.iter().any(|shown| shown == feed)) {
                layout.tiles.push(TileSpec::newest_of(feed));
            }
        }
        Ok(layout)
    }

    /// Reads a layout; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, each with its tile, key, place and the likely fix.
    pub fn parse(text: &str, name: &str) -> Result<WallLayout, Problems> {
        let mut reading = Reading { source: SourceText::new(name, text), problems: Vec::new() };
        let (top, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            reading.problem(error.span().unwrap_or_default(), error.message());
        }
        let layout = reading.layout(top.get_ref());
        Problems::check(reading.problems)?;
        Ok(layout)
    }
}

impl TileSpec {
    fn newest_of(feed: &str) -> TileSpec {
        let kind = TileKind::Events { last: 8 };
        TileSpec { title: feed.to_owned(), feeds: vec![feed.to_owned()], ..TileSpec::of_kind(kind) }
    }

    fn of_kind(kind: TileKind) -> TileSpec {
        let (title, feeds, columns) = (String::new(), Vec::new(), BTreeMap::new());
        TileSpec { kind, title, feeds, external: None, filter: None, columns, span: 1 }
    }
}

/// Reads a document and collects what is wrong with it.
struct Reading {
    source: std::sync::Arc<SourceText>,
    problems: Vec<Problem>,
}

type Entry<'a> = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

const TOP_KEYS: [&str; 4] = ["title", "columns", "stalled_after", "tile"];
const TILE_KEYS: [&str; 10] = ["kind", "title", "feed", "csv", "url", "bearer", "filter", "columns", "span", "options"];

impl Reading {
    fn problem(&mut self, place: Range<usize>, message: &str) {
        self.problems.push(Problem::new(&self.source, Some(place), message));
    }

    fn layout(&mut self, top: &DeTable) -> WallLayout {
        let mut layout = WallLayout {
            title: "Live".to_owned(),
            columns: 4,
            stalled_after_ms: 10_000,
            slack_ms: 0,
            tiles: Vec::new(),
        };
        for entry @ (key, value) in top {
            match &**key.get_ref() {
                "title" => layout.title = self.text("", entry),
                "columns" => layout.columns = self.whole("", entry, COLUMNS_MAX),
                "stalled_after" => layout.stalled_after_ms = self.duration(entry),
                "tile" => layout.tiles = self.tiles(value),
                other => {
                    let hint = did_you_mean_or_list(other, TOP_KEYS);
                    self.problem(key.span(), &format!("'{other}' is no key of a layout{hint}"));
                }
            }
        }
        for tile in &mut layout.tiles {
            tile.span = tile.span.min(layout.columns);
        }
        layout
    }

    fn tiles(&mut self, value: &Spanned<DeValue>) -> Vec<TileSpec> {
        let tables = value.get_ref().as_array().map(|array| array.iter().collect::<Vec<_>>()).unwrap_or_default();
        if tables.is_empty() || tables.len() > TILES_MAX {
            self.problem(value.span(), &format!("a wall has 1 to {TILES_MAX} tiles; write each as [[tile]]"));
            return Vec::new();
        }
        (1..).zip(tables).filter_map(|(n, table)| self.tile(n, table)).collect()
    }

    fn tile(&mut self, n: usize, value: &Spanned<DeValue>) -> Option<TileSpec> {
        let name = format!("tile {n}");
        let Some(table) = value.get_ref().as_table() else {
            self.problem(value.span(), &format!("{name} is no table; write it as [[tile]]"));
            return None;
        };
        let options = table.get("options").map(|options| self.options(&name, options)).unwrap_or_default();
        let (name, kind) = self.kind(name, table, value.span(), options)?;
        let mut tile = TileSpec::of_kind(kind);
        for entry @ (key, value) in table {
            match &**key.get_ref() {
                "kind" | "options" | "bearer" => {}
                "title" => tile.title = self.text(&name, entry),
                "feed" => tile.feeds = self.feeds(&name, entry),
                "csv" => tile.external = Some(ExternalSource::Csv(self.text(&name, entry).into())),
                "url" => tile.external = self.url(&name, entry, table),
                "filter" => tile.filter = self.filter(&name, entry),
                "span" => tile.span = self.whole(&name, entry, COLUMNS_MAX),
                "columns" => tile.columns = self.columns(&name, &tile.kind, value),
                other => {
                    let hint = did_you_mean_or_list(other, TILE_KEYS);
                    self.problem(key.span(), &format!("{name}: '{other}' is no key of a tile{hint}"));
                }
            }
        }
        self.check_sources(&name, table, value.span());
        if tile.title.is_empty() {
            tile.title = tile.external.as_ref().map_or_else(|| tile.feeds.join(", "), ExternalSource::to_string);
        }
        Some(tile)
    }

    /// A tile has one source, and only a URL has a token.
    fn check_sources(&mut self, name: &str, table: &DeTable, place: Range<usize>) {
        let given = ["feed", "csv", "url"].into_iter().filter(|key| table.contains_key(*key));
        match given.count() {
            0 => self.problem(place.clone(), &format!("{name} has no feed; write feed = \"NAME\", or csv or url")),
            1 => {}
            _ => self.problem(place.clone(), &format!("{name} has one of feed, csv and url; take two tiles")),
        }
        if table.contains_key("bearer") && !table.contains_key("url") {
            self.problem(place, &format!("{name}: bearer goes with url only"));
        }
    }

    fn url(&mut self, name: &str, (_, value): Entry, table: &DeTable) -> Option<ExternalSource> {
        let bearer = table.get("bearer").map(|value| {
            let variable = value.get_ref().as_str().and_then(|text| text.strip_prefix(ENVIRONMENT));
            if variable.is_none_or(str::is_empty) {
                let message = format!("{name}: bearer names a variable of the environment: bearer = \"env:NAME\"");
                self.problem(value.span(), &message);
            }
            variable.unwrap_or_default().to_owned()
        });
        match WebhookUrl::parse(value.get_ref().as_str().unwrap_or_default()) {
            Ok(url) => Some(ExternalSource::Feed { url, bearer }),
            Err(error) => {
                self.problem(value.span(), &format!("{name}: url: {error}"));
                None
            }
        }
    }

    fn filter(&mut self, name: &str, (_, value): Entry) -> Option<String> {
        let text = value.get_ref().as_str().unwrap_or_default();
        match event_filter(text) {
            Ok(_) => Some(text.to_owned()),
            Err(error) => {
                let example = r#"'{"exact": {"type": "com.example.reading"}}'"#;
                self.problem(value.span(), &format!("{name}: filter: {error}; write it as in {example}"));
                None
            }
        }
    }

    /// Returns what errors call the tile, and its kind.
    fn kind(
        &mut self,
        name: String,
        table: &DeTable,
        place: Range<usize>,
        options: Options,
    ) -> Option<(String, TileKind)> {
        let Some(value) = table.get("kind") else {
            let kinds = TileKind::NAMES.join(", ");
            self.problem(place, &format!("{name} has no kind; write kind = \"...\", one of {kinds}"));
            return None;
        };
        let word = value.get_ref().as_str().unwrap_or_default();
        if !TileKind::NAMES.contains(&word) {
            let hint = did_you_mean_or_list(word, TileKind::NAMES);
            self.problem(value.span(), &format!("{name}: '{word}' is no kind of tile{hint}"));
            return None;
        }
        let name = format!("{name} ({word})");
        match TileKind::new(word, options) {
            Ok(kind) => Some((name, kind)),
            Err(wrong) => {
                wrong.into_iter().for_each(|(message, place)| self.problem(place, &format!("{name}: {message}")));
                None
            }
        }
    }

    fn options(&mut self, name: &str, value: &Spanned<DeValue>) -> Options {
        let Some(table) = value.get_ref().as_table() else {
            self.problem(value.span(), &format!("{name}: options is no table; write options = {{ last = \"1h\" }}"));
            return Options::default();
        };
        let mut options = Options::default();
        for (key, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.to_string(),
                _ => {
                    let key = key.get_ref();
                    self.problem(value.span(), &format!("{name}: option '{key}' is a text or a whole number"));
                    continue;
                }
            };
            options.insert(key.get_ref().to_string(), (text, value.span()));
        }
        options
    }

    fn columns(&mut self, name: &str, kind: &TileKind, value: &Spanned<DeValue>) -> BTreeMap<String, String> {
        let Some(table) = value.get_ref().as_table() else {
            self.problem(value.span(), &format!("{name}: columns is no table; write columns = {{ time = \"NAME\" }}"));
            return BTreeMap::new();
        };
        let mut columns = BTreeMap::new();
        for entry @ (key, _) in table {
            let role = key.get_ref();
            if kind.roles().contains(&&**role) {
                columns.insert(role.to_string(), self.text(name, entry));
            } else {
                let hint = did_you_mean(role, kind.roles().iter().copied());
                self.problem(key.span(), &format!("{name}: it has no use for a column '{role}'{hint}"));
            }
        }
        columns
    }

    fn feeds(&mut self, name: &str, entry: Entry) -> Vec<String> {
        let of_array = |array: &[Spanned<DeValue>]| {
            array.iter().map(|value| Some(value.get_ref().as_str()?.to_owned())).collect::<Option<Vec<_>>>()
        };
        let feeds = match entry.1.get_ref() {
            DeValue::String(feed) => Some(vec![feed.to_string()]),
            DeValue::Array(array) => of_array(array),
            _ => None,
        };
        feeds.filter(|feeds| (1..=8).contains(&feeds.len())).unwrap_or_else(|| {
            self.problem(entry.1.span(), &format!("{name}: feed is a name in quotes, or an array of 1 to 8 of them"));
            Vec::new()
        })
    }

    fn text(&mut self, name: &str, (key, value): Entry) -> String {
        match value.get_ref().as_str() {
            Some(text) if text.len() <= 200 => text.to_owned(),
            _ => {
                let at = if name.is_empty() { String::new() } else { format!("{name}: ") };
                self.problem(value.span(), &format!("{at}{} is a text in quotes of 200 bytes at most", key.get_ref()));
                String::new()
            }
        }
    }

    fn whole(&mut self, name: &str, (key, value): Entry, most: usize) -> usize {
        let number = value.get_ref().as_integer().and_then(|number| number.to_string().parse::<usize>().ok());
        number.filter(|number| (1..=most).contains(number)).unwrap_or_else(|| {
            let at = if name.is_empty() { String::new() } else { format!("{name}: ") };
            self.problem(value.span(), &format!("{at}{} is a whole number from 1 to {most}", key.get_ref()));
            1
        })
    }

    fn duration(&mut self, (key, value): Entry) -> i64 {
        let duration_ms = value.get_ref().as_str().and_then(|text| parse_duration_ms(text).ok());
        duration_ms.filter(|ms| (1_000..=86_400_000).contains(ms)).unwrap_or_else(|| {
            self.problem(value.span(), &format!("{} is a duration from 1s to 24h, such as \"10s\"", key.get_ref()));
            10_000
        })
    }
}

#[cfg(test)]
mod tests;
