//! Panels with more lines than a reader tells apart become several of the same y axis, each with some of the lines.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::chart::{Chart, Panel, SeriesStyle, X};

/// Maximum number of groups of lines that overlap in one panel.
const GROUPS_MAX: usize = 7;

/// Returns the chart with crowded panels divided.
pub(crate) fn uncrowded(chart: &Chart) -> Cow<'_, Chart> {
    let is_crowded = |panel: &Panel| panel.right.is_none() && groups(panel).len() > GROUPS_MAX;
    if !matches!(chart.x, X::Numbers(_)) || !chart.panels.iter().any(is_crowded) {
        return Cow::Borrowed(chart);
    }
    let divided = |panel: &Panel| if is_crowded(panel) { divided(panel) } else { vec![panel.clone()] };
    Cow::Owned(Chart { panels: chart.panels.iter().flat_map(divided).collect(), ..chart.clone() })
}

/// Returns the legends of the lines with their colours; groups of one colour stand together.
fn groups(panel: &Panel) -> Vec<(usize, &str)> {
    let mut of_colours: BTreeMap<usize, (usize, Vec<&str>)> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (n, series) in panel.series.iter().enumerate() {
        if let SeriesStyle::Nth { colour, .. } = series.look
            && known.insert((colour, series.legend.as_str()))
        {
            of_colours.entry(colour).or_insert((n, Vec::new())).1.push(&series.legend);
        }
    }
    let mut by_first: Vec<_> = of_colours.into_iter().collect();
    by_first.sort_by_key(|(_, (first, _))| *first);
    let mut groups = Vec::new();
    for (colour, (_, names)) in by_first {
        groups.extend(names.into_iter().map(|name| (colour, name)));
    }
    groups
}

/// Divides the groups of a panel into parts of about the same size. What belongs to no group is in each part.
fn divided(panel: &Panel) -> Vec<Panel> {
    let groups = groups(panel);
    let parts = groups.len().div_ceil(GROUPS_MAX);
    let points = panel.series.iter().flat_map(|series| &series.points);
    let values = points.flat_map(|point| [point.low, point.y, point.high]);
    let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let includes = vec![ends.0, ends.1];
    let size = groups.len().div_ceil(parts);
    let part_of: BTreeMap<(usize, &str), usize> =
        groups.iter().enumerate().map(|(n, group)| (*group, n / size)).collect();
    let empty = |n: usize| {
        let title = format!("{}, {} of {parts}", panel.title, n + 1);
        Panel { log: panel.log, includes: includes.clone(), ..Panel::new(title, panel.quantity, Vec::new()) }
    };
    let mut divided: Vec<Panel> = (0..groups.len().div_ceil(size)).map(empty).collect();
    for series in &panel.series {
        let of_colour = |colour: usize| {
            groups.iter().enumerate().filter(move |(_, (of, _))| *of == colour).map(move |(n, _)| n / size)
        };
        let mut parts: Vec<usize> = match series.look {
            SeriesStyle::Nth { colour, .. } => {
                part_of.get(&(colour, series.legend.as_str())).copied().into_iter().collect()
            }
            SeriesStyle::Law(Some(colour)) => of_colour(colour).collect(),
            _ => (0..divided.len()).collect(),
        };
        parts.dedup();
        parts.into_iter().for_each(|part| divided[part].series.push(series.clone()));
    }
    divided
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Point, Series};
    use crate::quantity::Quantity;

    fn chart(lines: usize) -> Chart {
        let line = |n: usize| {
            let look = SeriesStyle::Nth { colour: n / 2, marker: n, dash: n };
            Series::new(&format!("line {n}"), look, vec![Point::exact(1.0, n as f64)])
        };
        let floor = Series::new("floor", SeriesStyle::Floor, vec![Point::exact(1.0, 0.5)]);
        let axis = Axis::new("x", "x", Quantity::Count);
        let panel = Panel::new("y", Quantity::Count, (0..lines).map(line).chain([floor]).collect());
        Chart::new("c", "?", X::Numbers(axis), vec![panel])
    }

    #[test]
    fn many_lines_are_divided_and_each_stands_in_one_panel_beside_the_floor() {
        assert_eq!(uncrowded(&chart(7)).panels.len(), 1);
        let chart = chart(18);
        let divided = uncrowded(&chart);
        let sizes: Vec<usize> = divided.panels.iter().map(|panel| panel.series.len()).collect();
        assert_eq!(sizes, [7, 7, 7]);
        let names = |series: &Series| (series.look != SeriesStyle::Floor).then(|| series.name.clone());
        let mut lines: Vec<String> =
            divided.panels.iter().flat_map(|panel| panel.series.iter().filter_map(names)).collect();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 18);
        // One y axis for all: it includes the values of every line.
        assert!(divided.panels.iter().all(|panel| panel.includes.contains(&17.0)));
    }
}
