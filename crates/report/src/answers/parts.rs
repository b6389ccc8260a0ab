//! Parts of charts of answers: columns, lines, and points by bucket.

use flowbench_measurement::statistics::quantile;

use crate::answers::buckets::Buckets;
use crate::chart::{Axis, Columns, Panel, Point, Series, SeriesStyle, X};
use crate::quantity::Quantity;

/// Returns the x axis of event time.
pub(super) fn time_axis() -> X {
    X::Numbers(Axis::new("event time (UTC)", "event_time_unix_ms", Quantity::Clock))
}

/// Returns the style of the n-th series of a drawing.
pub(super) fn nth(n: usize) -> SeriesStyle {
    SeriesStyle::Nth { colour: n, marker: n, dash: n }
}

/// Returns a panel of upright columns, one on the other, in the colours from the first on.
pub(super) fn columns(title: &str, quantity: Quantity, series: Vec<(String, Vec<Point>)>) -> Panel {
    let series = series.into_iter().enumerate().map(|(n, (name, points))| Series::new(&name, nth(n), points));
    Panel { columns: Columns::Stacked, ..Panel::new(title, quantity, series.collect()) }
}

/// Returns a panel of one line.
pub(super) fn line(title: &str, quantity: Quantity, name: &str, colour: usize, points: Vec<Point>) -> Panel {
    Panel::new(title, quantity, vec![Series::new(name, nth(colour), points)])
}

/// Returns a panel whose title says what its only line is.
pub(super) fn alone(mut panel: Panel) -> Panel {
    panel.series.iter_mut().for_each(|series| series.legend.clear());
    panel
}

/// Returns a panel of several lines, in the colours from the first on.
pub(super) fn lines(title: &str, quantity: Quantity, series: Vec<(String, Vec<Point>)>) -> Panel {
    let series = series.into_iter().enumerate().map(|(n, (name, points))| Series::new(&name, nth(n), points));
    Panel::new(title, quantity, series.collect())
}

/// Returns a panel with a logarithmic y axis, for values of very different sizes.
pub(super) fn logarithmic(panel: Panel) -> Panel {
    Panel { log: true, ..panel }
}

/// Returns a panel of columns with a line over the same x axis, whose y axis is on the right.
pub(super) fn with_line(columns: Panel, line: Panel) -> Panel {
    Panel { right: Some(Box::new(line)), ..columns }
}

/// Returns the sum of the values of each bucket, which is 0 where there are none.
pub(super) fn sums(buckets: &Buckets, values: impl IntoIterator<Item = (i64, f64)>) -> Vec<Point> {
    let mut sums = vec![0.0; buckets.count];
    for (ms, value) in values {
        sums[buckets.at(ms)] += value;
    }
    sums.iter().enumerate().map(|(bucket, sum)| Point::exact(buckets.start_ms(bucket), *sum)).collect()
}

/// Returns a quantile of the values of each bucket that has any; the range of a point is from the 10 % to the 90 %
/// quantile if `ranges`.
pub(super) fn quantiles(
    buckets: &Buckets,
    values: impl IntoIterator<Item = (i64, f64)>,
    q: f64,
    ranges: bool,
) -> Vec<Point> {
    let mut samples = vec![Vec::new(); buckets.count];
    for (ms, value) in values {
        samples[buckets.at(ms)].push(value);
    }
    let point = |(bucket, sample): (usize, &Vec<f64>)| spread_at(buckets.start_ms(bucket), sample, q, ranges);
    samples.iter().enumerate().filter_map(point).collect()
}

/// Returns a quantile of a sample as a point; `None` without a sample.
pub(super) fn spread_at(x: f64, sample: &[f64], q: f64, ranges: bool) -> Option<Point> {
    let point = Point::exact(x, quantile(sample, q)?);
    if !ranges || sample.len() < 2 {
        return Some(point);
    }
    Some(Point { low: quantile(sample, 0.1)?, high: quantile(sample, 0.9)?, ..point })
}

/// Returns the ratio of two series of points at the same places, where the lower one is not 0.
pub(super) fn ratios(over: &[Point], under: &[Point]) -> Vec<Point> {
    let pairs = over.iter().zip(under).filter(|(_, under)| under.y > 0.0);
    pairs.map(|(over, under)| Point::exact(over.x, over.y / under.y)).collect()
}

/// Returns the sum of several series of points at the same places.
pub(super) fn added(series: &[Vec<Point>]) -> Vec<Point> {
    let Some(first) = series.first() else { return Vec::new() };
    let sum = |at: usize| series.iter().map(|points| points[at].y).sum();
    first.iter().enumerate().map(|(at, point)| Point::exact(point.x, sum(at))).collect()
}

/// Returns the distinct names, sorted.
pub(super) fn distinct<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}
