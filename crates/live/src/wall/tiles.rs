//! The tiles of a wall: each follows its queues by cursors and keeps no more than it shows.
//!
//! Decisions D-651 and D-652.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowbench_events::{Problems, did_you_mean_or_list};

use crate::cloud_event::CloudEvent;
use crate::filter::{EventFilter, event_filter};
use crate::queue::{Cursor, CursorError, EventQueue};
use crate::shortened::shortened;
use crate::wall::content::{MissedRows, TileContent, TileFigure};
use crate::wall::external::{Anew, ExternalFeed, ExternalSource};
use crate::wall::kind::TileKind;
use crate::wall::layout::{TileSpec, WallLayout};
use crate::wall::load::LoadSteps;
use crate::wall::newest_events::NewestEvents;
use crate::wall::overdue::Overdue;
use crate::wall::ranking::Windows;
use crate::wall::row::AnswerRow;
use crate::wall::series::Points;
use crate::wall::tile_state::TileState;
use crate::wall::today::LastDays;

/// Events that are read of a queue at a time.
const BATCH: usize = 4_096;
/// Characters of the reason why a row is of no use at most.
const WHY_MAX: usize = 200;

/// All tiles of a wall.
pub struct WallTiles {
    tiles: Vec<Tile>,
}

/// What an update has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallUpdate {
    /// The numbers of the tiles that have read something, from 0.
    pub changed: Vec<usize>,
    /// True if all queues were read to their ends.
    pub is_caught_up: bool,
}

impl WallTiles {
    /// Returns the tiles of a layout, which read the queues of these names from their beginnings.
    ///
    /// # Errors
    ///
    /// Fails if a tile wants a feed that there is not.
    pub fn new(layout: &WallLayout, feeds: &BTreeMap<String, Arc<EventQueue>>) -> Result<WallTiles, Problems> {
        let tiles = (1..).zip(&layout.tiles).map(|(n, spec)| Tile::new(n, spec, feeds, layout.slack_ms));
        Ok(WallTiles { tiles: tiles.collect::<Result<_, _>>()? })
    }

    /// Reads what has come into the queues since the last time, a bounded part of it at once.
    pub fn update(&mut self) -> WallUpdate {
        let mut update = WallUpdate { changed: Vec::new(), is_caught_up: true };
        for (n, tile) in self.tiles.iter_mut().enumerate() {
            let (has_changed, is_caught_up) = tile.update();
            update.changed.extend(has_changed.then_some(n));
            update.is_caught_up &= is_caught_up;
        }
        update
    }

    /// Returns what each tile shows.
    pub fn contents(&self) -> Vec<TileContent> {
        (0..self.tiles.len()).filter_map(|n| self.content(n)).collect()
    }

    /// Returns what the tile with this number shows; `None` if there is none.
    pub fn content(&self, tile: usize) -> Option<TileContent> {
        self.tiles.get(tile).map(Tile::content)
    }

    /// Returns the external sources of the tiles, for whoever reads them.
    pub fn external(&self) -> Vec<Arc<ExternalFeed>> {
        self.tiles.iter().filter_map(|tile| tile.external.as_ref().map(|external| Arc::clone(&external.feed))).collect()
    }
}

struct Tile {
    id: String,
    spec: TileSpec,
    readers: Vec<QueueReader>,
    external: Option<FollowedSource>,
    filter: Option<EventFilter>,
    state: State,
    slack_ms: i64,
    /// Rows that were missed and still matter.
    missed: Option<MissedRows>,
    /// The latest event time at which rows may be missing.
    missed_until_ms: Option<i64>,
    unusable: u64,
    why_unusable: String,
}

/// An external source with what the tile has of it.
struct FollowedSource {
    feed: Arc<ExternalFeed>,
    generation: Option<u64>,
    problem: Option<String>,
}

struct QueueReader {
    queue: Arc<EventQueue>,
    cursor: Cursor,
    /// True until the first row behind a gap is read: only it tells how far the gap reaches.
    is_behind_gap: bool,
}

enum State {
    Rows(Box<dyn TileState>),
    Events(NewestEvents),
}

impl State {
    fn new(kind: &TileKind, slack_ms: i64) -> State {
        State::Rows(match kind.clone() {
            TileKind::Events { last } => return State::Events(NewestEvents::new(last)),
            TileKind::Bands { last_ms } => Box::new(LoadSteps::of_span(last_ms)),
            TileKind::Hours { last_ms, step_ms } => Box::new(LoadSteps::over_time(last_ms, step_ms, slack_ms)),
            TileKind::Today { zone, unit } => Box::new(LastDays::new(zone, unit)),
            TileKind::Overdue { oldest } => Box::new(Overdue::new(oldest)),
            TileKind::Ranking { top } => Box::new(Windows::new(top)),
            TileKind::Series { last_ms, unit } => Box::new(Points::new(last_ms, unit)),
        })
    }

    /// Takes an event and returns its time, unless it is of no use or need not have one.
    fn take(&mut self, event: &CloudEvent, columns: &BTreeMap<String, String>) -> Result<Option<i64>, String> {
        match self {
            State::Rows(rows) => rows.take(&AnswerRow::of(event, columns)?).map(Some),
            State::Events(events) => {
                events.take(event);
                Ok(None)
            }
        }
    }
}

impl QueueReader {
    fn new(queue: &Arc<EventQueue>) -> QueueReader {
        QueueReader { queue: Arc::clone(queue), cursor: Cursor(0), is_behind_gap: false }
    }
}

impl Tile {
    fn new(
        n: usize,
        spec: &TileSpec,
        feeds: &BTreeMap<String, Arc<EventQueue>>,
        slack_ms: i64,
    ) -> Result<Tile, Problems> {
        let reader = |name: &String| match feeds.get(name) {
            Some(queue) => Ok(QueueReader::new(queue)),
            None => {
                let hint = did_you_mean_or_list(name, feeds.keys().map(String::as_str));
                Err(Problems::of_name(
                    format!("tile {n} ({})", spec.title),
                    &format!("no feed is called '{name}'{hint}"),
                ))
            }
        };
        let filter = spec.filter.as_deref().map(event_filter).transpose();
        let source = |source: &ExternalSource| FollowedSource {
            feed: ExternalFeed::new(source.clone()),
            generation: None,
            problem: None,
        };
        Ok(Tile {
            id: format!("tile-{n}"),
            spec: spec.clone(),
            readers: spec.feeds.iter().map(reader).collect::<Result<_, _>>()?,
            external: spec.external.as_ref().map(source),
            filter: filter.map_err(|error| Problems::of_name(format!("tile {n} ({})", spec.title), &error))?,
            state: State::new(&spec.kind, slack_ms),
            slack_ms,
            missed: None,
            missed_until_ms: None,
            unusable: 0,
            why_unusable: String::new(),
        })
    }

    /// Reads on; returns whether there was anything, and whether all was read.
    fn update(&mut self) -> (bool, bool) {
        let (mut has_changed, mut is_caught_up) = (self.look_at_source(), true);
        for n in 0..self.readers.len() {
            let QueueReader { queue, cursor, .. } = &self.readers[n];
            let read = queue.read(*cursor, BATCH);
            match read {
                Ok(events) => {
                    for queued in &events {
                        self.take(n, &queued.event);
                    }
                    self.readers[n].cursor.0 += events.len() as u64;
                    has_changed |= !events.is_empty();
                    is_caught_up &= events.len() < BATCH;
                }
                Err(CursorError::Gone { wanted, oldest }) => {
                    self.miss(n, oldest - wanted, Cursor(oldest));
                    (has_changed, is_caught_up) = (true, false);
                }
                Err(_) => {
                    // Not a cursor of this queue; what it has given since cannot be known.
                    let end = self.readers[n].queue.end();
                    self.miss(n, 1, end);
                    (has_changed, is_caught_up) = (true, false);
                }
            }
        }
        self.forget_what_no_longer_matters();
        (has_changed, is_caught_up)
    }

    /// Looks at an external source; returns whether it has begun anew, or has another problem than before.
    fn look_at_source(&mut self) -> bool {
        let Some(external) = &mut self.external else { return false };
        let before = std::mem::replace(&mut external.problem, external.feed.problem());
        let mut has_changed = external.problem != before;
        if let Some(Anew { generation, queue }) = external.feed.anew(external.generation) {
            external.generation = Some(generation);
            (self.state, self.readers) = (State::new(&self.spec.kind, self.slack_ms), vec![QueueReader::new(&queue)]);
            (self.missed, self.missed_until_ms) = (None, None);
            (self.unusable, self.why_unusable) = (0, String::new());
            has_changed = true;
        }
        has_changed
    }

    fn take(&mut self, reader: usize, event: &CloudEvent) {
        if self.filter.as_ref().is_some_and(|filter| !filter(event)) {
            return;
        }
        match self.state.take(event, &self.spec.columns) {
            Ok(time_ms) => {
                if self.readers[reader].is_behind_gap {
                    self.readers[reader].is_behind_gap = false;
                    self.missed_until_ms = self.missed_until_ms.max(time_ms);
                }
            }
            Err(why) => {
                self.unusable += 1;
                self.why_unusable = shortened(&why, WHY_MAX);
            }
        }
    }

    /// Goes on behind rows that are no longer kept.
    fn miss(&mut self, reader: usize, count: u64, cursor: Cursor) {
        (self.readers[reader].cursor, self.readers[reader].is_behind_gap) = (cursor, true);
        let State::Rows(rows) = &self.state else { return };
        let newest_ms = rows.newest_ms();
        let missed = self.missed.get_or_insert(MissedRows { since_ms: newest_ms, count: 0 });
        missed.count += count;
        self.missed_until_ms = self.missed_until_ms.max(newest_ms);
    }

    /// Forgets missed rows as soon as all that is shown is of later times.
    fn forget_what_no_longer_matters(&mut self) {
        let State::Rows(rows) = &self.state else { return };
        let is_over = |(oldest_ms, until_ms)| oldest_ms > until_ms;
        if rows.oldest_shown_ms().zip(self.missed_until_ms).is_some_and(is_over)
            && !self.readers.iter().any(|reader| reader.is_behind_gap)
        {
            (self.missed, self.missed_until_ms) = (None, None);
        }
    }

    fn content(&self) -> TileContent {
        let (newest_ms, figure) = match &self.state {
            State::Rows(rows) => (rows.newest_ms(), rows.figure()),
            State::Events(events) => (events.newest_ms(), TileFigure::Events(events.list())),
        };
        let unusable = match self.unusable {
            0 => None,
            1 => Some(format!("1 row cannot be used: {}", self.why_unusable)),
            n => Some(format!("{n} rows cannot be used; the last: {}", self.why_unusable)),
        };
        let problem = self.external.as_ref().and_then(|external| external.problem.clone());
        let problems: Vec<String> = [problem, unusable].into_iter().flatten().collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        let (id, title) = (self.id.clone(), self.spec.title.clone());
        TileContent { id, title, newest_ms, incomplete: self.missed, problem, figure }
    }
}

#[cfg(test)]
mod tests;
