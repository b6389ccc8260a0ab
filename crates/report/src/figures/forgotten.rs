//! When states were forgotten, above the panels of memory over time: the marks of eviction.

use flowbench_measurement::record::TimelinePoint;
use flowbench_measurement::timeline::{Column, TimelineRow};

use crate::chart::{Panel, Point, Series, SeriesStyle};
use crate::figures::panels::{Group, LINES_MAX};
use crate::quantity::Quantity;
use crate::results::rows_of;
use crate::select::Selection;

/// Number of stretches of the x axis in which forgotten states are counted.
const STRETCHES: usize = 150;

/// Adds a strip to the first panel of bytes: a row for each group, with the number of states forgotten in each stretch of the x
/// axis until the input had ended, per case. Returns the note that explains it; none without a strip.
///
/// There is none if no state was forgotten, if it was not counted, or for more groups than a reader tells apart.
pub(crate) fn add_strips(
    panels: &mut [Panel],
    selection: &Selection,
    groups: &[Group],
    x: Column,
    timeline: &[TimelineRow],
) -> Option<String> {
    let of_bytes = panels.iter_mut().find(|panel| panel.quantity == Quantity::Bytes && !panel.series.is_empty())?;
    let strip = strip(selection, groups, x, timeline)?;
    let largest = strip.series.iter().flat_map(|series| &series.points).map(|point| point.y).fold(0.0, f64::max);
    if groups.len() > LINES_MAX {
        return None;
    }
    of_bytes.strip = Some(Box::new(strip));
    Some(format!(
        "Spikes above memory: states forgotten until the input had ended, in each of {STRETCHES} stretches; the tallest is {}.",
        Quantity::Count.human(largest)
    ))
}

/// Returns the rows of all groups; `None` if nothing was forgotten.
fn strip(selection: &Selection, groups: &[Group], x: Column, timeline: &[TimelineRow]) -> Option<Panel> {
    let rows = |case| rows_of(timeline, |row: &TimelineRow| (row.case, row.repeat), case);
    let cases = selection.cases.iter();
    let ends = cases.clone().filter_map(|case| rows(case.record).iter().filter_map(|row| x(&row.point)).max());
    let width = (ends.max()?.max(1) as f64) / STRETCHES as f64;
    let row = |(n, group): (usize, &Group)| {
        let mut counts = [0_u64; STRETCHES];
        let of_group: Vec<_> = selection.of_group(Some(n)).collect();
        for case in &of_group {
            let points: Vec<TimelinePoint> = rows(case.record).iter().map(|row| row.point).collect();
            for (at, forgotten) in forgotten(&points, x) {
                let stretch = (at as f64 / width).max(0.0) as usize;
                counts[stretch.min(STRETCHES - 1)] += forgotten;
            }
        }
        let share = of_group.len().max(1) as f64;
        let point =
            |(stretch, count): (usize, &u64)| Point::exact((stretch as f64 + 0.5) * width, *count as f64 / share);
        let points = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(point).collect();
        let name = if group.name.is_empty() {
            "states forgotten".to_owned()
        } else {
            format!("{}: states forgotten", group.name)
        };
        let look = SeriesStyle::Nth { colour: group.colour, marker: 0, dash: 0 };
        Series { legend: group.name.to_owned(), ..Series::new(&name, look, points) }
    };
    let series: Vec<Series> = groups.iter().enumerate().map(row).collect();
    let is_any = series.iter().any(|series| !series.points.is_empty());
    is_any.then(|| Panel::new("states forgotten", Quantity::Count, series))
}

/// Returns how many states were forgotten between two points of a case, with the x of the later one, while there was input.
fn forgotten(points: &[TimelinePoint], x: Column) -> Vec<(i64, u64)> {
    let admitted = points.last().map_or(0, |point| point.admitted);
    let ended = points.iter().position(|point| point.admitted == admitted).map_or(0, |last| last + 1);
    // The last point is taken when everything is done, and of an input in its own time it is the first with all of it.
    let until = ended.min(points.len().saturating_sub(1));
    let between = |pair: &[TimelinePoint]| {
        let [before, after] = pair else { return None };
        let count = after.forgotten?.saturating_sub(before.forgotten?);
        (count > 0).then_some((x(after)?, count))
    };
    points[..until].windows(2).filter_map(between).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_forgotten_between_two_points_and_what_the_end_of_the_input_releases_is_not_counted() {
        let point = |(at_ns, admitted, forgotten)| TimelinePoint {
            at_ns,
            admitted,
            forgotten: Some(forgotten),
            ..TimelinePoint::default()
        };
        let points = [(0, 0, 0), (10, 5, 0), (20, 10, 40), (30, 15, 40), (40, 20, 45), (50, 20, 900)].map(point);
        let at_ns: Column = |point| Some(point.at_ns as i64);
        assert_eq!(forgotten(&points, at_ns), [(20, 40), (40, 5)]);
        assert_eq!(forgotten(&[], at_ns), []);
        let in_time = [(0, 0, 0), (10, 5, 30), (20, 10, 70), (30, 15, 900)].map(point);
        assert_eq!(forgotten(&in_time, at_ns), [(10, 30), (20, 40)], "the last events and the end come together");
        let unknown = points.map(|point| TimelinePoint { forgotten: None, ..point });
        assert_eq!(forgotten(&unknown, at_ns), [], "older files");
    }
}
