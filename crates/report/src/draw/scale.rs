//! Linear and logarithmic scales with ticks at round numbers of human units, which plotters draws as axes.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use crate::draw::backend::{FONT_PX, tenths};
use crate::quantity::{Quantity, Unit, trimmed};
use crate::text::text_width;

/// Distance in px from the beginning of a logarithmic axis with a place for zero to its part above zero; the axis break
/// is in between.
pub(crate) const ZERO_GAP_PX: f64 = 52.0;
/// Distance in px from the beginning of the axis to the place of zero, so that markers do not cover the axis.
pub(crate) const ZERO_INSET_PX: f64 = 8.0;

/// A tick of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Position in raw units.
    pub(crate) value: f64,
    /// Text beside the tick.
    pub(crate) label: String,
}

/// An axis of raw values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    log: bool,
    low: f64,
    high: f64,
    /// True if zero has a place before the beginning of a logarithmic scale.
    has_zero: bool,
    pub(crate) ticks: Vec<Tick>,
    /// Unit of the tick labels for the axis title; empty if the labels include it.
    pub(crate) unit: &'static str,
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        if !self.log {
            return RangedCoordf64::from(self.low..self.high).map(value, limit);
        }
        let begin = if self.has_zero { limit.0 + tenths(ZERO_GAP_PX) } else { limit.0 };
        match (self.has_zero, *value == 0.0) {
            (true, true) => limit.0 + tenths(ZERO_INSET_PX),
            _ => RangedCoordf64::from(self.low.ln()..self.high.ln()).map(&value.ln(), (begin, limit.1)),
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Only lines with labels are drawn: none in between.
        let labelled = !hint.weight().allow_light_points();
        self.ticks.iter().filter(|_| labelled).map(|tick| tick.value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|tick| tick.value == *value);
        tick.map_or_else(String::new, |tick| tick.label.clone())
    }
}

impl Scale {
    /// Returns a linear scale that includes zero and all values, begins and ends at a tick, and has about `count`
    /// steps.
    pub(crate) fn linear(quantity: Quantity, values: &[f64], count: usize) -> Scale {
        let (least, greatest) = bounds(values);
        let (least, greatest) = (least.min(0.0), if least >= 0.0 && greatest <= 0.0 { 1.0 } else { greatest.max(0.0) });
        let unit = quantity.unit_for(greatest.max(-least));
        let step = nice_step((greatest - least) / unit.size / count.max(1) as f64);
        let first = (least / unit.size / step + 1e-9).floor() as i64;
        let last = (greatest / unit.size / step - 1e-9).ceil() as i64;
        let ticks = (first..=last).map(|n| linear_tick(quantity, unit, n as f64 * step, step)).collect();
        let (low, high) = (first as f64 * step * unit.size, last as f64 * step * unit.size);
        let sign = if quantity == Quantity::Count { "" } else { unit.sign };
        Scale { log: false, low, high, has_zero: false, ticks, unit: sign }
    }

    /// Returns a logarithmic scale around positive values that begins and ends at a round value.
    pub(crate) fn log(quantity: Quantity, values: &[f64]) -> Scale {
        let (least, greatest) = bounds(values);
        let fine = marks(quantity, least, greatest, &[1.0, 2.0, 5.0]);
        // One single value gets the marks around it, not a scale without width.
        let slack = if least < greatest { 1.000_001 } else { 0.999_999 };
        let below = fine.iter().copied().filter(|mark| *mark <= least * slack);
        let above = fine.iter().copied().filter(|mark| *mark >= greatest / slack);
        let (low, high) = (below.fold(0.0, f64::max), above.fold(f64::INFINITY, f64::min));
        // Values beyond every mark still get a scale, if one without marks.
        let (low, high) =
            (if low > 0.0 { low } else { least / 2.0 }, if high.is_finite() { high } else { greatest * 2.0 });
        let inside = |marks: Vec<f64>| -> Vec<f64> { marks.into_iter().filter(|m| *m >= low && *m <= high).collect() };
        let decades = inside(marks(quantity, least, greatest, &[1.0]));
        let chosen = if decades.len() >= 3 { apart(decades, 3.0) } else { apart(inside(fine), 1.2) };
        let ticks = chosen.into_iter().map(|value| Tick { value, label: quantity.tick(value) }).collect();
        Scale { log: true, low, high, has_zero: false, ticks, unit: quantity.tick_unit() }
    }

    /// Returns the scale limited to `low..high`, with the given ticks.
    pub(crate) fn with_ticks(mut self, low: f64, high: f64, ticks: Vec<Tick>, unit: &'static str) -> Scale {
        (self.low, self.high, self.ticks, self.unit) = (low, high, ticks, unit);
        self
    }

    /// Returns the scale with zero at a place of its own, since a logarithmic scale has none.
    pub(crate) fn with_zero(mut self) -> Scale {
        self.has_zero = true;
        if self.ticks.iter().all(|tick| tick.value != 0.0) {
            self.ticks.insert(0, Tick { value: 0.0, label: "0".to_owned() });
        }
        self
    }

    /// Returns the scale without the labels that do not fit on an axis of some width, giving precedence to its end. The
    /// lines of the grid stay.
    pub(crate) fn uncrowded(mut self, width_px: f64) -> Scale {
        let mut free = f64::INFINITY;
        for n in (0..self.ticks.len()).rev() {
            let half = text_width(&self.ticks[n].label, FONT_PX) / 2.0;
            let x = f64::from(self.map(&self.ticks[n].value, (0, tenths(width_px)))) / 10.0;
            match x + half + 4.0 <= free {
                true => free = x - half - 4.0,
                false => self.ticks[n].label.clear(),
            }
        }
        self
    }

    /// Returns the scale without labels, for panels above others with the same axis.
    pub(crate) fn unlabelled(mut self) -> Scale {
        self.ticks.iter_mut().for_each(|tick| tick.label.clear());
        self
    }

    /// Returns the width in px of the widest label.
    pub(crate) fn label_width(&self) -> f64 {
        self.ticks.iter().map(|tick| text_width(&tick.label, FONT_PX)).fold(0.0, f64::max)
    }
}

/// Returns a scale that includes the values.
pub(crate) fn scale(quantity: Quantity, log: bool, values: &[f64], count: usize) -> Scale {
    if log { Scale::log(quantity, values) } else { Scale::linear(quantity, values, count) }
}

/// Returns the marks that are at least `ratio` apart. Marks nearly coincide where the next unit begins (1000 KiB and 1
/// MiB, 10 h and 1 d): the one in the larger unit is kept.
fn apart(mut marks: Vec<f64>, ratio: f64) -> Vec<f64> {
    marks.reverse();
    marks.dedup_by(|next, kept| *kept < *next * ratio);
    marks.reverse();
    marks
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if least.is_finite() { (least, greatest) } else { (1.0, 1.0) }
}

/// Returns the smallest of 1, 2 and 5 times a power of ten that is at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powi(step.log10().floor() as i32);
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|nice| *nice >= step * 0.999_999);
    nice.unwrap_or(10.0 * power)
}

fn linear_tick(quantity: Quantity, unit: Unit, in_unit: f64, step: f64) -> Tick {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let number = trimmed(format!("{in_unit:.decimals$}"));
    let sign = if quantity == Quantity::Count && in_unit != 0.0 { unit.sign } else { "" };
    Tick { value: in_unit * unit.size, label: format!("{number}{sign}") }
}

/// Returns the round values `factor × 10ⁿ` of every unit in ascending order, slightly beyond both ends.
fn marks(quantity: Quantity, least: f64, greatest: f64, factors: &[f64]) -> Vec<f64> {
    let units = quantity.units();
    let mut marks = Vec::new();
    for (n, unit) in units.iter().enumerate() {
        let end = units.get(n + 1).map_or(f64::INFINITY, |next| next.size);
        // Below the smallest unit the decades go on downwards.
        let first_power = if n == 0 { -12 } else { 0 };
        for power in first_power..=15 {
            let decade = unit.size * 10_f64.powi(power);
            marks.extend(factors.iter().map(|factor| factor * decade).filter(|mark| *mark < end * 0.999_999));
        }
    }
    marks.retain(|mark| *mark >= least / 11.0 && *mark <= greatest * 11.0);
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of a value on an axis of 100 px, in tenths.
    fn at(scale: &Scale, value: f64) -> i32 {
        scale.map(&value, (0, 1000))
    }

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn a_linear_scale_begins_at_zero_and_ends_on_a_tick_beyond_the_data() {
        let scale = Scale::linear(Quantity::Nanoseconds, &[120e3, 870e3], 5);
        assert_eq!(labels(&scale), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!((scale.unit, at(&scale, 0.0), at(&scale, 500e3)), ("µs", 0, 500));
    }

    #[test]
    fn a_linear_scale_holds_negative_values() {
        let scale = Scale::linear(Quantity::Bytes, &[-1_048_576.0, 2_097_152.0], 3);
        assert_eq!(labels(&scale), ["-1", "0", "1", "2"]);
        assert_eq!(at(&scale, 0.0), 333);
    }

    #[test]
    fn nothing_but_zeros_still_gives_a_scale() {
        let scale = Scale::linear(Quantity::Count, &[0.0, 0.0], 4);
        assert_eq!(at(&scale, 0.0), 0);
        assert!(scale.ticks.len() >= 2);
    }

    #[test]
    fn a_log_scale_marks_the_decades_in_human_units() {
        let scale = Scale::log(Quantity::Nanoseconds, &[12e3, 1.9e6]);
        assert_eq!(labels(&scale), ["10 µs", "100 µs", "1 ms"]);
        assert_eq!(at(&scale, 10e3), 0);
        assert!(at(&scale, 1.9e6) < 1000);
        let slack = Scale::log(Quantity::Milliseconds, &[1e3, 3600e3]);
        assert_eq!(labels(&slack), ["1 s", "10 s", "1 min", "10 min", "1 h"]);
        let bytes = Scale::log(Quantity::Bytes, &[5e5, 2e7]);
        assert!(!labels(&bytes).contains(&"1000 KiB"), "{:?}", labels(&bytes));
        let days = Scale::log(Quantity::Milliseconds, &[100.0, 2e8]);
        assert!(!labels(&days).contains(&"10 h") && labels(&days).contains(&"1 d"), "{:?}", labels(&days));
    }

    #[test]
    fn a_log_scale_of_less_than_two_decades_is_marked_more_finely() {
        let scale = Scale::log(Quantity::Count, &[3.0, 40.0]);
        assert_eq!(labels(&scale), ["2", "5", "10", "20", "50"]);
    }

    #[test]
    fn values_beyond_every_mark_still_get_a_scale() {
        for value in [1e-200, 1e200] {
            let position = at(&Scale::log(Quantity::Count, &[value]), value);
            assert!((0..=1000).contains(&position), "{value}: {position}");
            assert!((0..=1000).contains(&at(&Scale::linear(Quantity::Count, &[value], 5), value)));
        }
    }

    #[test]
    fn zero_has_a_place_of_its_own_on_a_log_scale() {
        let scale = Scale::log(Quantity::Milliseconds, &[1e3, 1e5]).with_zero();
        assert_eq!((at(&scale, 0.0), at(&scale, 1e3)), (80, 520));
        assert_eq!(labels(&scale)[0], "0");
    }

    #[test]
    fn a_log_scale_of_one_single_value_has_some_width() {
        let scale = Scale::log(Quantity::Count, &[10.0]);
        assert!((0..=1000).contains(&at(&scale, 10.0)));
    }
}
