//! The newest window of a ranking.

use std::collections::BTreeMap;

use crate::shortened::shortened;
use crate::wall::content::{RankedWindow, TileFigure};
use crate::wall::row::AnswerRow;
use crate::wall::thousandths::Thousandths;
use crate::wall::tile_state::TileState;

/// The last rank that is kept.
const RANKS_MAX: i64 = 100;
/// Windows that are kept: if the newest is taken back, the one before is shown.
const WINDOWS_MAX: usize = 3;

/// The newest windows by their beginning, each with its end, and names and numbers by rank.
pub(super) struct Windows {
    top: usize,
    windows: BTreeMap<i64, Window>,
}

#[derive(Default)]
struct Window {
    end_ms: Option<i64>,
    ranks: BTreeMap<i64, (String, Thousandths)>,
}

impl Windows {
    pub(super) fn new(top: usize) -> Windows {
        Windows { top, windows: BTreeMap::new() }
    }
}

impl TileState for Windows {
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String> {
        let (start_ms, name) = (row.time_ms()?, row.text("product")?);
        let rank = row.whole("rank")?.filter(|rank| (1..=RANKS_MAX).contains(rank));
        let rank = rank.ok_or_else(|| format!("a row has no rank from 1 to {RANKS_MAX}"))?;
        let number = row.thousandths("views")?.ok_or_else(|| "a row has no number to be ranked by".to_owned())?;
        let ranked = (shortened(&name, 80), number);
        if row.change > 0 {
            let window = self.windows.entry(start_ms).or_default();
            window.end_ms = row.event_time_ms().filter(|end_ms| *end_ms > start_ms);
            window.ranks.insert(rank, ranked);
        } else if let Some(Window { ranks, .. }) = self.windows.get_mut(&start_ms) {
            // A place that was given to another in the meantime stays his.
            if ranks.get(&rank) == Some(&ranked) {
                ranks.remove(&rank);
            }
            self.windows.retain(|_, window| !window.ranks.is_empty());
        }
        if self.windows.len() > WINDOWS_MAX {
            self.windows.pop_first();
        }
        Ok(start_ms)
    }

    fn figure(&self) -> TileFigure {
        let newest = self.windows.last_key_value();
        let ranks = newest.map(|(_, window)| window.ranks.values().take(self.top).cloned().collect());
        TileFigure::Ranking(RankedWindow {
            start_ms: newest.map(|(start_ms, _)| *start_ms),
            end_ms: newest.and_then(|(_, window)| window.end_ms),
            ranks: ranks.unwrap_or_default(),
        })
    }

    fn newest_ms(&self) -> Option<i64> {
        self.windows.last_key_value().map(|(start_ms, _)| *start_ms)
    }

    fn oldest_shown_ms(&self) -> Option<i64> {
        self.newest_ms()
    }
}
