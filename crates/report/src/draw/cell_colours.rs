//! The colours of cells. One value far from all others does not flatten the rest: ratios beyond the end of the scale
//! have its strongest colour, and other values are coloured by their rank within a row.

use crate::chart::{Better, Panel, Point, Series};
use crate::draw::ink::Ink;
use crate::quantity::Quantity;

/// Maximum opacity of a cell's colour, so that text stays readable in light and dark mode.
const STRONGEST: f64 = 0.55;
/// Opacity of the weakest colour that is seen.
const WEAKEST: f64 = 0.08;
/// Inks of better and worse values: blue and orange, which are safe for colour-blind readers.
const BETTER: Ink = Ink::Series(0);
const WORSE: Ink = Ink::Series(1);
/// Factors that differ from 1 by less than this have no colour.
const SAME: f64 = 0.01;
/// Part of all ratios that lie within the scale, unless it would end before 2×.
const WITHIN: f64 = 0.8;

/// The background of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shade {
    pub(crate) ink: Ink,
    /// Opacity from 0 to 1.
    pub(crate) strength: f64,
    /// True if the value is not distinguishable from 1.
    pub(crate) hatched: bool,
}

impl Shade {
    pub(crate) const NONE: Shade = Shade { ink: BETTER, strength: 0.0, hatched: false };
    pub(crate) const HATCHED: Shade = Shade { hatched: true, ..Shade::NONE };
}

/// The meaning of the colours of a grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Colours {
    more_is_better: bool,
    /// |log₂| of the ratio that ends the scale; absent if the cells have no ratios.
    reach: Option<f64>,
}

impl Colours {
    pub(crate) fn of(panel: &Panel, better: Better) -> Colours {
        let points = panel.series.iter().flat_map(|series| &series.points);
        let mut logs: Vec<f64> = points.map(|point| point.y.log2().abs()).filter(|log| log.is_finite()).collect();
        logs.sort_by(f64::total_cmp);
        let within = logs.get((logs.len() as f64 * WITHIN) as usize).copied().unwrap_or(0.0);
        let reach = (panel.quantity == Quantity::Factor).then_some(within.max(1.0));
        Colours { more_is_better: better.more_is_better, reach }
    }

    /// Returns the background of a cell. Factors have one colour above and another below 1, stronger the farther they
    /// are from it; other values have a stronger colour the better their rank within their row.
    pub(crate) fn shade(&self, row: &Series, point: &Point, undecided: bool) -> Shade {
        match self.reach {
            Some(_) if undecided => Shade::HATCHED,
            Some(reach) => self.of_ratio(point.y, reach),
            None => self.of_rank(row, point),
        }
    }

    /// Returns the legend of the scale.
    pub(crate) fn key(&self) -> Vec<(Shade, String)> {
        let Some(reach) = self.reach else {
            let shade = |strength: f64| Shade { strength, ..Shade::NONE };
            return vec![
                (shade(STRONGEST), "best".to_owned()),
                (shade(WEAKEST), "worst, by rank within a row".to_owned()),
            ];
        };
        let end = reach.exp2();
        let words = |ratio: f64| Quantity::Factor.human(ratio);
        let steps = [1.0 / end, 1.0 / end.sqrt(), 1.0, end.sqrt(), end];
        let label = |ratio: f64| match ratio {
            _ if ratio == end => format!("{} or more", words(ratio)),
            _ if ratio == 1.0 / end => format!("{} or less", words(ratio)),
            _ => words(ratio),
        };
        steps.into_iter().map(|ratio| (self.of_ratio(ratio, reach), label(ratio))).collect()
    }

    fn of_ratio(&self, ratio: f64, reach: f64) -> Shade {
        let log = if ratio > 0.0 { ratio.log2() } else { -reach };
        if log.abs() < (1.0 + SAME).log2() {
            return Shade::NONE;
        }
        let ink = if (log > 0.0) == self.more_is_better { BETTER } else { WORSE };
        let strength = WEAKEST + (STRONGEST - WEAKEST) * (log.abs() / reach).min(1.0);
        Shade { ink, strength, hatched: false }
    }

    fn of_rank(&self, row: &Series, point: &Point) -> Shade {
        let mut values: Vec<f64> = row.points.iter().map(|point| point.y).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let rank = values.iter().position(|value| *value == point.y).unwrap_or(0) as f64;
        let share = if values.len() > 1 { rank / (values.len() - 1) as f64 } else { 0.5 };
        let better = if self.more_is_better { share } else { 1.0 - share };
        Shade { strength: WEAKEST + (STRONGEST - WEAKEST) * better, ..Shade::NONE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::SeriesStyle;

    fn panel(quantity: Quantity, values: &[f64]) -> Panel {
        let points = (0..).zip(values).map(|(x, y)| Point::exact(f64::from(x), *y)).collect();
        let look = SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 };
        Panel::new("", quantity, vec![Series::new("row", look, points)])
    }

    fn strengths(quantity: Quantity, values: &[f64]) -> Vec<(Ink, f64)> {
        let panel = panel(quantity, values);
        let colours = Colours::of(&panel, Better { more_is_better: true, scatters: true });
        let row = &panel.series[0];
        row.points
            .iter()
            .map(|point| colours.shade(row, point, false))
            .map(|shade| (shade.ink, shade.strength))
            .collect()
    }

    #[test]
    fn one_ratio_far_from_all_others_does_not_flatten_them() {
        let of = strengths(Quantity::Factor, &[0.95, 0.41, 1.0, 1.3, 1.6, 0.0004]);
        assert_eq!(of.iter().map(|(ink, _)| *ink).collect::<Vec<_>>(), [WORSE, WORSE, BETTER, BETTER, BETTER, WORSE]);
        assert!(of[1].1 - of[0].1 > 0.3, "{of:?}");
        assert_eq!((of[2].1, of[5].1), (0.0, STRONGEST));
    }

    #[test]
    fn values_that_are_no_ratios_are_coloured_by_rank() {
        let of = strengths(Quantity::Bytes, &[1.0, 2.0, 1e12, 3.0]);
        assert!(of[0].1 < of[1].1 && of[1].1 < of[3].1 && of[3].1 < of[2].1, "{of:?}");
        assert!(of[1].1 - of[0].1 > 0.1);
    }
}
