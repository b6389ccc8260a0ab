//! A number over event time.

use std::collections::BTreeMap;

use crate::wall::content::{NumberOverTime, TileFigure};
use crate::wall::row::AnswerRow;
use crate::wall::tile_state::TileState;

/// Points that are kept of a span.
const POINTS_MAX: i64 = 360;

/// The newest point of each step of the last span.
pub(super) struct Points {
    last_ms: i64,
    step_ms: i64,
    unit: String,
    points: BTreeMap<i64, (i64, f64)>,
    newest_ms: Option<i64>,
}

impl Points {
    pub(super) fn new(last_ms: i64, unit: String) -> Points {
        let step_ms = (last_ms / POINTS_MAX).max(1);
        Points { last_ms, step_ms, unit, points: BTreeMap::new(), newest_ms: None }
    }
}

impl TileState for Points {
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String> {
        let (time_ms, number) = (row.time_ms()?, row.number("number")?);
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        let step = time_ms.div_euclid(self.step_ms);
        let kept = self.points.get(&step).copied();
        if row.change > 0 && kept.is_none_or(|(kept_ms, _)| kept_ms <= time_ms) {
            self.points.insert(step, (time_ms, number));
        } else if row.change < 0 && kept == Some((time_ms, number)) {
            self.points.remove(&step);
        }
        let first = self.oldest_shown_ms().unwrap_or(i64::MIN).div_euclid(self.step_ms);
        self.points = self.points.split_off(&first);
        Ok(time_ms)
    }

    fn figure(&self) -> TileFigure {
        TileFigure::Series(NumberOverTime { unit: self.unit.clone(), points: self.points.values().copied().collect() })
    }

    fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    fn oldest_shown_ms(&self) -> Option<i64> {
        self.newest_ms.map(|newest_ms| newest_ms.saturating_sub(self.last_ms))
    }
}
