//! Panels with more lines than a reader tells apart become several of the same y axis, each with some of the lines.

use std::borrow::Cow;

use crate::chart::{Chart, Panel, Series, SeriesStyle, X};

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
    let mut groups: Vec<(usize, &str)> = Vec::new();
    for series in &panel.series {
        if let SeriesStyle::Nth { colour, .. } = series.look {
            let group = (colour, series.legend.as_str());
            if !groups.contains(&group) {
                let after_its_colour = groups.iter().rposition(|(of, _)| *of == colour);
                groups.insert(after_its_colour.map_or(groups.len(), |last| last + 1), group);
            }
        }
    }
    groups
}

/// Divides the groups of a panel into parts of about the same size. What belongs to no group is in each part.
fn divided(panel: &Panel) -> Vec<Panel> {
    let groups = groups(panel);
    let parts = groups.len().div_ceil(GROUPS_MAX);
    let points = panel.series.iter().flat_map(|series| &series.points);
    let includes: Vec<f64> = points.flat_map(|point| [point.low, point.y, point.high]).collect();
    let part = |(n, groups): (usize, &[(usize, &str)])| {
        let is_of_part = |series: &&Series| match series.look {
            SeriesStyle::Nth { colour, .. } => groups.contains(&(colour, series.legend.as_str())),
            SeriesStyle::Law(Some(colour)) => groups.iter().any(|(of, _)| *of == colour),
            _ => true,
        };
        let title = format!("{}, {} of {parts}", panel.title, n + 1);
        let series = panel.series.iter().filter(is_of_part).cloned().collect();
        Panel { title, series, includes: includes.clone(), ..panel.clone() }
    };
    groups.chunks(groups.len().div_ceil(parts)).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Point};
    use crate::quantity::Quantity;

    fn chart(lines: usize) -> Chart {
        let line = |n: usize| {
            let look = SeriesStyle::Nth { colour: n / 2, marker: n, dash: n };
            Series::new(&format!("line {n}"), look, vec![Point::exact(1.0, n as f64)])
        };
        let floor = Series::new("floor", SeriesStyle::Floor, vec![Point::exact(1.0, 0.5)]);
        let axis = Axis {
            title: "x".into(),
            column: "x".into(),
            quantity: Quantity::Count,
            log: false,
            ticks: vec![],
            shade: None,
        };
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
