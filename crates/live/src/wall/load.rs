//! Views and conversions by load-time band, in steps of event time.
//!
//! When a step is complete, decision D-669.

use std::collections::{BTreeMap, BTreeSet};

use crate::wall::content::{BandLoad, LoadOverTime, TileFigure};
use crate::wall::row::AnswerRow;
use crate::wall::tile_state::TileState;

/// Bands in the order in which they are shown; others follow by name.
const BANDS: [&str; 3] = ["good", "needs-improvement", "poor"];
/// Different bands at most.
const BANDS_MAX: usize = 8;
/// Steps of a span that is shown as one.
const STEPS_OF_SPAN: i64 = 60;

/// The rows of the last steps, added up by step and band.
pub(super) struct LoadSteps {
    step_ms: i64,
    count: i64,
    is_one_span: bool,
    /// How late events may come.
    slack_ms: i64,
    steps: BTreeMap<i64, BTreeMap<String, (i64, i64)>>,
    newest_ms: Option<i64>,
}

impl LoadSteps {
    /// Returns steps whose sum over the last `last_ms` is shown.
    pub(super) fn of_span(last_ms: i64) -> LoadSteps {
        let step_ms = (last_ms / STEPS_OF_SPAN).max(1);
        LoadSteps { is_one_span: true, ..LoadSteps::over_time(last_ms, step_ms, 0) }
    }

    /// Returns steps that are shown one by one, where events may come `slack_ms` late.
    pub(super) fn over_time(last_ms: i64, step_ms: i64, slack_ms: i64) -> LoadSteps {
        let count = (last_ms + step_ms - 1) / step_ms;
        LoadSteps { step_ms, count, is_one_span: false, slack_ms, steps: BTreeMap::new(), newest_ms: None }
    }

    /// Returns the number of the first step that is shown.
    fn first(&self) -> Option<i64> {
        self.newest_ms.map(|newest_ms| newest_ms.div_euclid(self.step_ms) - self.count + 1)
    }

    /// Returns how many of the last steps end within the time for which events may still come, the newest one at least.
    fn unfinished_steps(&self) -> usize {
        let Some(newest_ms) = self.newest_ms else { return 0 };
        let last = newest_ms.div_euclid(self.step_ms);
        let complete = newest_ms.saturating_sub(self.slack_ms).div_euclid(self.step_ms);
        usize::try_from((last - complete + 1).clamp(1, self.count)).unwrap_or(1)
    }

    fn bands(&self) -> Vec<&str> {
        let all: BTreeSet<&str> = self.steps.values().flat_map(|bands| bands.keys().map(String::as_str)).collect();
        let known = BANDS.into_iter().filter(|band| all.contains(band));
        known.chain(all.iter().copied().filter(|band| !BANDS.contains(band))).collect()
    }

    /// Returns the sums of some steps by band.
    fn loads(&self, bands: &[&str], steps: std::ops::RangeInclusive<i64>) -> Vec<BandLoad> {
        let load = |band: &&str| {
            let of_band = self.steps.range(steps.clone()).filter_map(|(_, bands)| bands.get(*band));
            let add = |sum: (i64, i64), of_step: &(i64, i64)| {
                (sum.0.saturating_add(of_step.0), sum.1.saturating_add(of_step.1))
            };
            let (views, conversions) = of_band.fold((0, 0), add);
            BandLoad { band: (*band).to_owned(), views, conversions }
        };
        bands.iter().map(load).collect()
    }
}

impl TileState for LoadSteps {
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String> {
        let (time_ms, band) = (row.time_ms()?, row.text("band")?);
        let (views, conversions) = (row.whole("views")?, row.whole("conversions")?);
        if views.is_none() && conversions.is_none() {
            row.text("views")?;
        }
        let bands = self.bands();
        if band.len() > 64 || !bands.contains(&&*band) && bands.len() >= BANDS_MAX {
            return Err(format!("there are more than {BANDS_MAX} bands, or a name of one is longer than 64 bytes"));
        }
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        let (step, first) = (time_ms.div_euclid(self.step_ms), self.first().unwrap_or(i64::MIN));
        if step >= first {
            let sums = self.steps.entry(step).or_default().entry(band).or_default();
            sums.0 = sums.0.saturating_add(row.change * views.unwrap_or(0));
            sums.1 = sums.1.saturating_add(row.change * conversions.unwrap_or(0));
        }
        self.steps = self.steps.split_off(&first);
        Ok(time_ms)
    }

    fn figure(&self) -> TileFigure {
        let (bands, Some(first)) = (self.bands(), self.first()) else { return TileFigure::Bands(Vec::new()) };
        let last = first + self.count - 1;
        if self.is_one_span {
            return TileFigure::Bands(self.loads(&bands, first..=last));
        }
        let steps = (first..=last).map(|step| self.loads(&bands, step..=step)).collect();
        let (first_ms, step_ms, unfinished_steps) = (first * self.step_ms, self.step_ms, self.unfinished_steps());
        TileFigure::Hours(LoadOverTime { first_ms, step_ms, steps, unfinished_steps })
    }

    fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    fn oldest_shown_ms(&self) -> Option<i64> {
        self.first().map(|first| first * self.step_ms)
    }
}
