//! Upright columns over a horizontal axis, side by side or stacked at each x.

use std::collections::BTreeMap;

use crate::chart::{Chart, Columns, Panel, Point};
use crate::draw::backend::{Drawing, FigureBackend, Group, Sheet, tenths};
use crate::draw::horizontal::Horizontal;
use crate::draw::ink::Ink;
use crate::draw::marks::{draw_bar, draw_range, note};
use crate::draw::plot::{Plot, sheet_x};

/// Greatest width of a column in px.
const WIDEST_PX: f64 = 48.0;
/// Part of the room between two x that their columns take.
const SHARE: f64 = 0.8;

/// Draws the series of a panel as columns.
pub(crate) fn draw_columns<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    chart: &Chart,
    panel: &Panel,
    horizontal: &Horizontal,
) -> Drawing<(), DB> {
    let base = if panel.log { plot.get_y_range().start } else { 0.0 };
    let beside = if panel.columns == Columns::Beside { panel.series.len() } else { 1 };
    let width = width_px(plot, panel, horizontal) / beside as f64;
    let mut tops = BTreeMap::new();
    for (n, series) in panel.series.iter().enumerate() {
        let ink = series.look.ink();
        sheet.open_group(Group { ink, name: series.known_as(), is_key: false });
        let shift = if beside > 1 { (n as f64 - (beside - 1) as f64 / 2.0) * width } else { 0.0 };
        for point in &series.points {
            let from = if panel.columns == Columns::Stacked { top_of(&mut tops, point) } else { base };
            let at = |y: f64| plot.map_coordinate(&(horizontal.place(point.x), y));
            let (x, half) = (at(base).0 + tenths(shift), tenths(width / 2.0 - 0.5));
            let to = if panel.columns == Columns::Stacked { from + point.y } else { point.y };
            sheet.annotate(note(chart, panel, series, point));
            draw_bar(sheet, (x - half, at(from).1), (x + half, at(to).1), ink)?;
            if panel.columns == Columns::Beside {
                draw_range(sheet, (x, at(point.low).1), (x, at(point.high).1), Ink::Text)?;
            }
        }
        sheet.close_group();
    }
    Ok(())
}

/// Returns where the stack at the x of a point ends, and puts the point on top of it.
fn top_of(tops: &mut BTreeMap<u64, f64>, point: &Point) -> f64 {
    let top = tops.entry(point.x.to_bits()).or_default();
    *top += point.y;
    *top - point.y
}

/// Returns the width in px of all columns of one x: a share of the least distance between two.
fn width_px<DB: FigureBackend>(plot: &Plot<DB>, panel: &Panel, horizontal: &Horizontal) -> f64 {
    let points = panel.series.iter().flat_map(|series| &series.points);
    let mut places: Vec<i32> = points.map(|point| sheet_x(plot, horizontal.place(point.x))).collect();
    places.sort_unstable();
    places.dedup();
    let least = places.windows(2).map(|pair| pair[1] - pair[0]).min();
    least.map_or(WIDEST_PX, |tenths| (f64::from(tenths) / 10.0 * SHARE).clamp(1.0, WIDEST_PX))
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use crate::chart::{Axis, Chart, Columns, Mark, Panel, Point, Series, SeriesStyle, X};
    use crate::draw::draw;
    use crate::draw::layout::Canvas;
    use crate::quantity::Quantity;

    /// Views per hour in two bands, and the share of them that ended in an order.
    fn views_and_conversions(x: X, step: f64, columns: Columns) -> Chart {
        let look = |n: usize| SeriesStyle::Nth { colour: n, marker: n, dash: 0 };
        let points =
            |of: &dyn Fn(f64) -> f64| (0..24).map(|n| Point::exact(f64::from(n) * step, of(n.into()))).collect();
        let good = Series::new("good", look(0), points(&|n| 100.0 + 10.0 * n));
        let poor = Series::new("poor", look(1), points(&|n| 50.0 + n % 5.0));
        let rate = Series::new("conversion", look(2), points(&|n| 0.02 + n / 1000.0));
        let right = Some(Box::new(Panel::new("conversion", Quantity::Share, vec![rate])));
        let panel = Panel { columns, right, ..Panel::new("views", Quantity::Count, vec![good, poor]) };
        Chart::new("views", "Do slow pages sell less?", x, vec![panel])
    }

    fn of_a_day(columns: Columns) -> Chart {
        let axis = Axis::new("hour, UTC", "hour_unix_ms", Quantity::Clock);
        let mut chart = views_and_conversions(X::Numbers(axis), 3.6e6, columns);
        for side in &mut chart.panels {
            let right = side.right.iter_mut().flat_map(|right| &mut right.series);
            let points = side.series.iter_mut().chain(right).flat_map(|series| &mut series.points);
            points.for_each(|point| point.x += 1_740_787_200_000.0);
        }
        chart
    }

    /// Top and height of each column of a series.
    fn columns(document: &Document, series: &str) -> Vec<(f64, f64)> {
        let groups = document.descendants().filter(|node| node.attribute("data-series") == Some(series));
        let rects = groups.flat_map(|group| group.children()).filter(|node| node.has_tag_name("rect"));
        let is_mark = |node: &Node| node.children().any(|child| child.has_tag_name("title"));
        let number = |node: &Node, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        rects.filter(is_mark).map(|node| (number(&node, "y"), number(&node, "height"))).collect()
    }

    #[test]
    fn columns_stand_on_one_axis_and_the_line_has_its_own() {
        let svg = draw(&of_a_day(Columns::Beside), Canvas::Wide);
        let document = Document::parse(&svg).unwrap();
        let (good, poor) = (columns(&document, "good"), columns(&document, "poor"));
        assert_eq!((good.len(), poor.len()), (24, 24));
        let ratio = good[23].1 / poor[23].1;
        assert!((ratio - 330.0 / 53.0).abs() < 0.05, "{ratio}");
        // Both y axes are labelled, the right one in %, and the x axis with the time of day.
        for text in [">400<", ">views<", ">5<", ">conversion (%)<", ">06:00<", ">hour, UTC<"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.contains("good, hour, UTC 2025-03-01 23:00: 330</title>"), "{svg}");
    }

    #[test]
    fn stacked_columns_stand_on_each_other() {
        let svg = draw(&of_a_day(Columns::Stacked), Canvas::Narrow);
        let document = Document::parse(&svg).unwrap();
        for (good, poor) in columns(&document, "good").into_iter().zip(columns(&document, "poor")) {
            assert!((poor.0 + poor.1 - good.0).abs() < 0.11, "{good:?} {poor:?}");
        }
    }

    #[test]
    fn columns_may_have_names() {
        let names = (0..24).map(|n| format!("b{n}")).collect();
        let x = X::Names { column: "band".into(), names, mark: Mark::Column };
        let chart = views_and_conversions(x, 1.0, Columns::Beside);
        let svg = draw(&chart, Canvas::Wide);
        assert_eq!(columns(&Document::parse(&svg).unwrap(), "poor").len(), 24);
        assert!(svg.contains(">b7</text>") && svg.contains("good, b7: 170</title>"), "{svg}");
        let header = "series,band,y_count,low_count,high_count,y_share,low_share,high_share";
        assert!(chart.csv().starts_with(header) && chart.csv().contains("\nconversion,b7,,,,0.027,0.027,0.027\n"));
    }
}
