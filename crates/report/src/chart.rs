//! What a figure shows, before it is drawn: panels, series, points. The SVG and the CSV are two views of one [`Chart`].

use std::collections::BTreeMap;

use flowbench_measurement::repeats::Spread;

use crate::draw::scale::Tick;
use crate::quantity::Quantity;
use crate::text::counted;

/// One figure with everything drawn in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// File name without ending.
    pub(crate) name: String,
    /// The question it answers.
    pub(crate) question: String,
    pub(crate) x: X,
    /// One below the other: one for each unit, or as the figure says.
    pub(crate) panels: Vec<Panel>,
    /// True if one legend above the first panel serves all of them.
    pub(crate) legend_once: bool,
    /// Where every bar or cell is that of a chosen case: what was chosen.
    pub(crate) choices: Option<Choices>,
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
    /// A part of the one bar of the row: the series stand end to end.
    Stack,
    /// A cell of a grid: the names are its columns, the series its rows.
    Cell(Better),
}

/// What is best in a row, and when that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Better {
    pub(crate) more_is_better: bool,
    /// True if one measurement cannot tell which is best.
    pub(crate) scatters: bool,
}

/// The choices behind the bars or cells of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choices {
    /// Column that was chosen in.
    pub(crate) column: String,
    /// By the legend of the series and the row of the bar (column of the cell); `None` if no case was good enough.
    pub(crate) chosen: BTreeMap<(String, usize), Option<ChosenValue>>,
}

/// A chosen value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenValue {
    /// For the CSV, in the unit of the column.
    pub(crate) raw: f64,
    /// For people.
    pub(crate) words: String,
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
    /// Where values are of another kind.
    pub(crate) shade: Option<Shade>,
}

/// The upper part of an axis, shaded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shade {
    /// In raw units.
    pub(crate) from: f64,
    /// Why.
    pub(crate) words: String,
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
    /// In the legend; series of the same legend look the same, but for what the key says.
    pub(crate) legend: String,
    /// What tells it from the other lines of its legend: an entry in the key of its panel.
    pub(crate) key: Option<(SeriesStyle, String)>,
    pub(crate) look: SeriesStyle,
    /// By ascending `x`.
    pub(crate) points: Vec<Point>,
    /// Written at its end; empty for most.
    pub(crate) label: String,
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeriesStyle {
    /// The n-th colour, marker and dash; all go round.
    Nth {
        /// The index of the colour, shared by all lines of a group.
        colour: usize,
        marker: usize,
        dash: usize,
    },
    /// In a key: the n-th dash of whatever colour.
    Dashed(usize),
    /// The grey dashed floor under all others.
    Floor,
    /// What is to be beaten.
    Single,
    /// What could be reached at best.
    Ideal,
    /// A curve through points, thin, in the n-th colour; in a key of whatever colour.
    Law(Option<usize>),
}

/// A value with its range (of six repeats or more the interval of their median), in raw units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// How many values it is made of.
    pub(crate) repeats: usize,
}

impl Point {
    /// A value measured once.
    pub(crate) fn exact(x: f64, y: f64) -> Point {
        Point { x, y, low: y, high: y, repeats: 1 }
    }

    pub(crate) fn of(x: f64, spread: Spread) -> Point {
        Point { x, y: spread.median, low: spread.low, high: spread.high, repeats: spread.repeats }
    }
}

impl Chart {
    /// True if no panel has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.panels.is_empty() || self.choices.is_none() && self.points().next().is_none()
    }

    /// Leaves out series and panels without a point, unless it is said in their place why there is none.
    pub(crate) fn leave_out_what_is_empty(&mut self) {
        if self.choices.as_ref().is_some_and(|choices| !choices.chosen.is_empty()) {
            return;
        }
        for panel in &mut self.panels {
            panel.series.retain(|series| !series.points.is_empty());
        }
        self.panels.retain(|panel| !panel.series.is_empty());
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
            self.notes.push("A log axis has no zero: it is drawn to the left of the break.".to_owned());
        }
        let gone = before - self.points().count();
        if gone > 0 {
            self.notes
                .push(format!("{} not shown: a log axis cannot show zero or negative values.", counted(gone, "point")));
        }
        if clipped > 0 {
            self.notes.push(format!(
                "{} extending to zero or below not shown: a log axis ends above zero.",
                counted(clipped, "range")
            ));
        }
    }

    /// Returns exactly the numbers that are drawn as CSV: a row for each point, raw units in the header, and three
    /// columns for each unit. Where bars show chosen cases, the last column holds the choice, and bars without a value
    /// have a row, too.
    pub(crate) fn csv(&self) -> String {
        let units = self.units();
        let mut header = vec!["series".to_owned(), self.x_column().to_owned()];
        header.extend(units.iter().flat_map(|unit| ["y", "low", "high"].map(|name| format!("{name}_{unit}"))));
        header.extend(self.choices.iter().map(|choices| choices.column.clone()));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: Vec<String>| writer.write_record(record).expect("writing to memory cannot fail");
        write(header);
        for panel in &self.panels {
            let n = units.iter().position(|unit| *unit == panel.quantity.raw_unit()).unwrap_or(0);
            for series in &panel.series {
                for (x, values) in self.csv_values(series) {
                    let mut row = vec![String::new(); 2 + 3 * units.len()];
                    (row[0], row[1]) = (series.name.clone(), self.x_cell(x));
                    row[2 + 3 * n..][..3].clone_from_slice(&values);
                    row.extend(self.choices.iter().map(|choices| choices.raw_cell(series, x)));
                    write(row);
                }
            }
        }
        let bytes = writer.into_inner().expect("writing to memory cannot fail");
        String::from_utf8(bytes).expect("all fields are text")
    }

    /// Raw units of the panels, each once.
    fn units(&self) -> Vec<&'static str> {
        let mut units = Vec::new();
        for unit in self.panels.iter().map(|panel| panel.quantity.raw_unit()) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        units
    }

    /// Position, and value with its range, of each point of a series, and of each bar without a value.
    fn csv_values(&self, series: &Series) -> Vec<(f64, [String; 3])> {
        let cells = |point: &Point| [point.y, point.low, point.high].map(|value| value.to_string());
        let mut values: Vec<(f64, [String; 3])> = series.points.iter().map(|point| (point.x, cells(point))).collect();
        let chosen = self.choices.iter().flat_map(|choices| choices.chosen.keys());
        for (_, row) in chosen.filter(|(legend, _)| *legend == series.legend) {
            if values.iter().all(|(x, _)| *x != *row as f64) {
                values.push((*row as f64, Default::default()));
            }
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values
    }

    fn x_cell(&self, x: f64) -> String {
        match &self.x {
            X::Numbers(_) => x.to_string(),
            X::Names { names, .. } => names[x as usize].clone(),
        }
    }

    fn x_column(&self) -> &str {
        match &self.x {
            X::Numbers(axis) => &axis.column,
            X::Names { column, .. } => column,
        }
    }
}

impl Choices {
    /// The chosen value of a bar as a cell, empty if there is none.
    fn raw_cell(&self, series: &Series, x: f64) -> String {
        let chosen = self.chosen.get(&(series.legend.clone(), x as usize)).and_then(Option::as_ref);
        chosen.map_or(String::new(), |choice| choice.raw.to_string())
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
            shade: None,
        };
        let look = SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 };
        let series =
            Series { name: "a, \"b\"".into(), legend: "a".into(), key: None, look, points, label: String::new() };
        let panel = Panel { title: "latency".into(), quantity: Quantity::Nanoseconds, log, series: vec![series] };
        Chart {
            name: "f".into(),
            question: "?".into(),
            x: X::Numbers(axis),
            panels: vec![panel],
            legend_once: false,
            choices: None,
            notes: vec![],
        }
    }

    #[test]
    fn the_csv_holds_the_drawn_numbers_with_their_units() {
        let chart =
            chart(false, vec![Point { x: 1.0, y: 2.5, low: 2.0, high: 3.0, repeats: 3 }, Point::exact(2.0, 4.0)]);
        let expected = "series,workers,y_ns,low_ns,high_ns\n\"a, \"\"b\"\"\",1,2.5,2,3\n\"a, \"\"b\"\"\",2,4,4,4\n";
        assert_eq!(chart.csv(), expected);
    }

    #[test]
    fn what_has_no_logarithm_is_left_out_and_counted() {
        let range = Point { x: 2.0, y: 5.0, low: 5.0, high: 9.0, repeats: 3 };
        let mut chart = chart(true, vec![Point::exact(1.0, 0.0), Point { low: 0.0, ..range }]);
        chart.leave_out_what_has_no_logarithm();
        assert_eq!(chart.points().copied().collect::<Vec<_>>(), [range]);
        assert_eq!(chart.notes.len(), 2);
        assert!(chart.notes[0].starts_with("1 point not shown"), "{:?}", chart.notes);
    }
}
