//! The count and the total of the current day, and of the day before.

use std::collections::BTreeMap;

use flowbench_events::Zone;

use crate::wall::content::{DayTotal, DayTotals, TileFigure};
use crate::wall::row::AnswerRow;
use crate::wall::tile_state::TileState;

/// The rows of the last two days of a time zone, added up by day. The current day is that of the newest row.
pub(super) struct LastDays {
    zone: Zone,
    unit: String,
    days: BTreeMap<i32, DayTotal>,
    newest_ms: Option<i64>,
}

impl LastDays {
    pub(super) fn new(zone: Zone, unit: String) -> LastDays {
        LastDays { zone, unit, days: BTreeMap::new(), newest_ms: None }
    }
}

impl TileState for LastDays {
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String> {
        let time_ms = row.time_ms()?;
        let count = row.whole("count")?;
        let count = count.map_or_else(|| row.text("count").map(|_| 0), Ok)?;
        let total = row.thousandths("total")?.unwrap_or_default();
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        let day = self.days.entry(self.zone.day(time_ms)).or_default();
        day.count = day.count.saturating_add(row.change * count);
        day.total += total * row.change;
        let today = self.newest_ms.map_or(0, |newest_ms| self.zone.day(newest_ms));
        self.days = self.days.split_off(&(today - 1));
        Ok(time_ms)
    }

    fn figure(&self) -> TileFigure {
        let today = self.newest_ms.map(|newest_ms| self.zone.day(newest_ms));
        let of = |day: i32| self.days.get(&day).copied();
        TileFigure::Today(DayTotals {
            day: today.map(Zone::date).unwrap_or_default(),
            zone: self.zone.name().to_owned(),
            unit: self.unit.clone(),
            today: today.and_then(of).unwrap_or_default(),
            yesterday: today.and_then(|today| of(today - 1)),
        })
    }

    fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    fn oldest_shown_ms(&self) -> Option<i64> {
        // A day begins when the one before it ends.
        self.days.keys().next().map(|day| self.zone.day_end_ms(day - 1))
    }
}
