//! What a figure shows, before it is drawn: panels, series, points. The SVG and the CSV are two views of one [`Chart`].

use crate::quantity::Quantity;
use crate::scale::Tick;

/// One figure with everything drawn in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// File name without ending.
    pub(crate) name: String,
    /// The question it answers.
    pub(crate) question: String,
    pub(crate) x: X,
    /// One below the other, one for each unit.
    pub(crate) panels: Vec<Panel>,
    /// What a reader must know of the numbers: repeats, what was left out.
    pub(crate) notes: Vec<String>,
}

/// The axis the panels share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum X {
    /// Numbers: panels are line charts.
    Numbers(Axis),
    /// Names: panels are rows, one for each name; [`Point::x`] is its index.
    Names {
        /// Column (or columns, joined by `+`) the names come from.
        column: String,
        names: Vec<String>,
        mark: Mark,
    },
}

/// What stands for a value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A bar from zero.
    Bar,
    /// A point: where there is no zero to begin a bar at, or the rows are an axis of a sweep.
    Dot,
}

/// A numeric axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// In words, without unit.
    pub(crate) title: String,
    /// Column of the CSV; ends in the raw unit.
    pub(crate) column: String,
    pub(crate) quantity: Quantity,
    pub(crate) log: bool,
    /// Where to put the ticks; empty: at round numbers.
    pub(crate) ticks: Vec<Tick>,
}

/// Series of one unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// In words, without unit.
    pub(crate) title: String,
    pub(crate) quantity: Quantity,
    pub(crate) log: bool,
    pub(crate) series: Vec<Series>,
}

/// Points of one line, or of one kind of bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Unique in the panel; named in the CSV.
    pub(crate) name: String,
    /// In the legend; series of the same legend look the same.
    pub(crate) legend: String,
    pub(crate) look: Look,
    /// By ascending `x`.
    pub(crate) points: Vec<Point>,
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The n-th colour, and the n-th marker and dash; both go round.
    Nth {
        /// The same for all lines of a group.
        colour: usize,
        /// Different for each line of a panel.
        shape: usize,
    },
    /// The grey dashed floor under all others.
    Floor,
}

/// A value with its range, in raw units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Point {
    /// A value measured once.
    pub(crate) fn exact(x: f64, y: f64) -> Point {
        Point { x, y, low: y, high: y }
    }
}

impl Chart {
    /// True if no panel has a point.
    pub(crate) fn is_empty(&self) -> bool {
        self.points().next().is_none()
    }

    /// Every point of every panel.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points)
    }

    /// Leaves out what a logarithmic axis cannot show, and says how much in the notes. A zero on the x axis stays: it
    /// has a place of its own beyond a break in the axis.
    pub(crate) fn leave_out_what_has_no_logarithm(&mut self) {
        let log_x = matches!(&self.x, X::Numbers(axis) if axis.log);
        let before = self.points().count();
        let mut clipped = 0;
        for panel in &mut self.panels {
            let log_y = panel.log;
            for series in &mut panel.series {
                series.points.retain(|point| !(log_x && point.x < 0.0 || log_y && point.y <= 0.0));
                for point in series.points.iter_mut().filter(|point| log_y && point.low <= 0.0) {
                    point.low = point.y;
                    clipped += 1;
                }
            }
        }
        if log_x && self.points().any(|point| point.x == 0.0) {
            self.notes.push("Zero has no place on a log axis: it stands left of the break.".to_owned());
        }
        let gone = before - self.points().count();
        if gone > 0 {
            self.notes.push(format!(
                "{} not shown: zero and negative values have no place on a log axis.",
                counted(gone, "point")
            ));
        }
        if clipped > 0 {
            self.notes
                .push(format!("{} reach down to zero or below: not shown on a log axis.", counted(clipped, "range")));
        }
    }

    /// Exactly the numbers that are drawn, tidy: a row for each point, raw units in the header, and a column group for
    /// each unit.
    pub(crate) fn csv(&self) -> String {
        let mut out = format!("series,{}", quoted(self.x_column()));
        for panel in &self.panels {
            let unit = panel.quantity.raw_unit();
            out.push_str(&format!(",y_{unit},low_{unit},high_{unit}"));
        }
        out.push('\n');
        for (n, panel) in self.panels.iter().enumerate() {
            for series in &panel.series {
                for point in &series.points {
                    out.push_str(&self.csv_row(n, &series.name, point));
                }
            }
        }
        out
    }

    fn csv_row(&self, panel: usize, series: &str, point: &Point) -> String {
        let x = match &self.x {
            X::Numbers(_) => point.x.to_string(),
            X::Names { names, .. } => quoted(&names[point.x as usize]),
        };
        let before = ",,,".repeat(panel);
        let after = ",,,".repeat(self.panels.len() - 1 - panel);
        format!("{},{x}{before},{},{},{}{after}\n", quoted(series), point.y, point.low, point.high)
    }

    fn x_column(&self) -> &str {
        match &self.x {
            X::Numbers(axis) => &axis.column,
            X::Names { column, .. } => column,
        }
    }
}

/// `1 point`, `2 points`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A CSV field, quoted where it must be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(log: bool, points: Vec<Point>) -> Chart {
        let axis = Axis {
            title: "workers".into(),
            column: "workers".into(),
            quantity: Quantity::Count,
            log: false,
            ticks: vec![],
        };
        let series =
            Series { name: "a, \"b\"".into(), legend: "a".into(), look: Look::Nth { colour: 0, shape: 0 }, points };
        let panel = Panel { title: "latency".into(), quantity: Quantity::Nanoseconds, log, series: vec![series] };
        Chart { name: "f".into(), question: "?".into(), x: X::Numbers(axis), panels: vec![panel], notes: vec![] }
    }

    #[test]
    fn the_csv_holds_the_drawn_numbers_with_their_units() {
        let chart = chart(false, vec![Point { x: 1.0, y: 2.5, low: 2.0, high: 3.0 }, Point::exact(2.0, 4.0)]);
        let expected = "series,workers,y_ns,low_ns,high_ns\n\"a, \"\"b\"\"\",1,2.5,2,3\n\"a, \"\"b\"\"\",2,4,4,4\n";
        assert_eq!(chart.csv(), expected);
    }

    #[test]
    fn what_has_no_logarithm_is_left_out_and_counted() {
        let mut chart = chart(true, vec![Point::exact(1.0, 0.0), Point { x: 2.0, y: 5.0, low: 0.0, high: 9.0 }]);
        chart.leave_out_what_has_no_logarithm();
        assert_eq!(chart.points().copied().collect::<Vec<_>>(), [Point { x: 2.0, y: 5.0, low: 5.0, high: 9.0 }]);
        assert_eq!(chart.notes.len(), 2);
        assert!(chart.notes[0].starts_with("1 point not shown"), "{:?}", chart.notes);
    }
}
