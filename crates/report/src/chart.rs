//! The content of a figure before it is drawn: panels, series, points. SVG and CSV are two views of one [`Chart`].

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::repeats::Spread;

use crate::draw::scale::Tick;
use crate::quantity::Quantity;
use crate::text::counted;

/// A figure with everything that is drawn in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// File name without ending.
    pub(crate) name: String,
    /// Question that the figure answers.
    pub(crate) question: String,
    pub(crate) x: X,
    /// Panels from top to bottom: one for each unit, or as the figure specifies.
    pub(crate) panels: Vec<Panel>,
    /// True if all panels share one legend above the first.
    pub(crate) legend_once: bool,
    /// Choices behind bars or cells that show chosen cases; absent for other figures.
    pub(crate) choices: Option<Choices>,
    /// Notes on the numbers, such as repeats and omissions.
    pub(crate) notes: Vec<String>,
    /// Codes of the doubts of each doubted case.
    pub(crate) doubts: BTreeMap<usize, String>,
}

/// The x axis, shared by all panels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum X {
    /// Numeric values: panels are line charts, or have columns and lines.
    Numbers(Axis),
    /// Names: panels have a row for each name, whose index is [`Point::x`].
    Names {
        /// Column of the names, or several joined by `+`.
        column: String,
        names: Vec<String>,
        mark: Mark,
    },
}

/// The mark that represents a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A bar from zero.
    Bar,
    /// A point, for scales without zero and for rows that are an axis of a sweep.
    Dot,
    /// Points of all series on one line of the row.
    Over,
    /// A part of the row's bar, on which all series are stacked end to end.
    Stack,
    /// An upright column above each name, with the names side by side along the x axis; see [`Columns`].
    Column,
    /// A cell of a grid, whose columns are the names and whose rows are the series.
    Cell(Better),
}

/// The criterion for the best value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Better {
    pub(crate) more_is_better: bool,
    /// True if a single measurement does not suffice to determine the best.
    pub(crate) scatters: bool,
}

/// The choices behind the bars or cells of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choices {
    /// Column whose value was chosen.
    pub(crate) column: String,
    /// Column of the words in the cells; absent where there are none.
    pub(crate) word_column: Option<String>,
    /// Chosen values by the legend of the series and the row of the bar or column of the cell; `None` if no case
    /// qualified.
    pub(crate) chosen: BTreeMap<(String, usize), Option<ChosenValue>>,
}

/// A chosen value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenValue {
    /// Value in the unit of the column, for the CSV.
    pub(crate) raw: f64,
    /// Value as displayed.
    pub(crate) words: String,
    /// Word of the chosen case, as displayed and for the CSV; empty if it has none.
    pub(crate) word: String,
    /// True if a ratio is not distinguishable from 1: its interval reaches it.
    pub(crate) undecided: bool,
    /// True if the chosen case loses answers, so that it does not compete with cases that lose none.
    pub(crate) loses_answers: bool,
}

/// A numeric axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Title in words, without unit.
    pub(crate) title: String,
    /// Name of the CSV column, which ends in the raw unit.
    pub(crate) column: String,
    pub(crate) quantity: Quantity,
    pub(crate) log: bool,
    /// Ticks; if empty, they are placed at round numbers.
    pub(crate) ticks: Vec<Tick>,
    /// Shaded part of the axis; absent for most.
    pub(crate) shade: Option<ShadedRange>,
}

/// A shaded upper part of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShadedRange {
    /// Beginning of the shade in raw units.
    pub(crate) from: f64,
    /// Reason for the shade.
    pub(crate) words: String,
}

/// A panel with series of one unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Title in words, without unit.
    pub(crate) title: String,
    pub(crate) quantity: Quantity,
    pub(crate) log: bool,
    pub(crate) series: Vec<Series>,
    /// Values that the y axis includes besides those of the series.
    pub(crate) includes: Vec<f64>,
    /// How the series are drawn over a numeric x axis, or over names with [`Mark::Column`].
    pub(crate) columns: Columns,
    /// Lines over the same x axis that have their own y axis on the right; absent for most.
    pub(crate) right: Option<Box<Panel>>,
    /// What happened when, over the same x axis: a row of spikes for each series, above the plot; absent for most.
    pub(crate) strip: Option<Box<Panel>>,
}

/// How the series of a panel are drawn over a numeric x axis, or over names with [`Mark::Column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Columns {
    /// As lines.
    #[default]
    None,
    /// As columns side by side at each x.
    Beside,
    /// As columns on top of each other at each x.
    Stacked,
}

/// The points of one line, or of one kind of bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Name in the CSV, unique within the panel.
    pub(crate) name: String,
    /// Name in the legend; series that share it look alike except for what the key explains.
    pub(crate) legend: String,
    /// Entry in the key of the panel that distinguishes the series from others of its legend.
    pub(crate) key: Option<(SeriesStyle, String)>,
    pub(crate) look: SeriesStyle,
    /// Points by ascending `x`.
    pub(crate) points: Vec<Point>,
}

/// The marker that is an empty circle in every colour.
pub(crate) const RING: usize = usize::MAX;

/// The style of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeriesStyle {
    /// The n-th colour, marker and dash; each repeats cyclically.
    Nth {
        /// The index of the colour, shared by all lines of a group.
        colour: usize,
        marker: usize,
        dash: usize,
    },
    /// The n-th dash in a key, in neutral colour.
    Dashed(usize),
    /// A grey dashed line for what the machine contributes.
    Floor,
    /// The single thread as the baseline.
    Single,
    /// Ideal, linear scaling.
    Ideal,
    /// A shaded range, behind everything else.
    Band,
    /// A thin fitted curve in the n-th colour; `None` for neutral colour in a key.
    Law(Option<usize>),
}

/// A value with its range, or from six repeats on the interval of its median, in raw units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The lower end, where a logarithmic axis cannot show it and `low` is the value.
    pub(crate) unshown_low: Option<f64>,
    /// Number of repeats behind the value.
    pub(crate) repeats: usize,
    /// Number of the case, if the value is that of a single one.
    pub(crate) case: Option<usize>,
    /// True if a measurement behind the value carries doubts about it.
    pub(crate) doubtful: bool,
    /// Colour of this point alone, in place of that of its series.
    pub(crate) colour: Option<usize>,
}

impl Axis {
    /// Returns a linear axis with ticks at round numbers.
    pub(crate) fn new(title: impl Into<String>, column: impl Into<String>, quantity: Quantity) -> Axis {
        Axis { title: title.into(), column: column.into(), quantity, log: false, ticks: Vec::new(), shade: None }
    }
}

impl Point {
    /// Returns a point for a value measured once.
    pub(crate) fn exact(x: f64, y: f64) -> Point {
        Point { x, y, low: y, high: y, unshown_low: None, repeats: 1, case: None, doubtful: false, colour: None }
    }

    pub(crate) fn of(x: f64, spread: Spread) -> Point {
        Point { low: spread.low, high: spread.high, repeats: spread.repeats, ..Point::exact(x, spread.median) }
    }
}

impl Series {
    /// Returns a series with one name everywhere; an empty one has no entry in the legend.
    pub(crate) fn new(name: &str, look: SeriesStyle, points: Vec<Point>) -> Series {
        let (name, legend) = (name.to_owned(), name.to_owned());
        Series { name, legend, key: None, look, points }
    }

    /// Returns the name under which legends and groups of marks know the series.
    pub(crate) fn known_as(&self) -> &str {
        match &self.key {
            Some((_, words)) if self.legend.is_empty() => words,
            _ if self.legend.is_empty() => &self.name,
            _ => &self.legend,
        }
    }
}

impl Panel {
    /// Returns a panel of lines, bars or cells.
    pub(crate) fn new(title: impl Into<String>, quantity: Quantity, series: Vec<Series>) -> Panel {
        Panel {
            title: title.into(),
            quantity,
            log: false,
            series,
            includes: Vec::new(),
            columns: Columns::None,
            right: None,
            strip: None,
        }
    }

    /// Removes what logarithmic axes cannot show; returns the number of ranges that were cut at their value.
    fn leave_out_what_has_no_logarithm(&mut self, log_x: bool) -> usize {
        let (log_y, mut clipped) = (self.log, 0);
        for series in &mut self.series {
            series.points.retain(|point| !(log_x && point.x < 0.0 || log_y && point.y <= 0.0));
            for point in series.points.iter_mut().filter(|point| log_y && point.low <= 0.0) {
                point.unshown_low = Some(point.low);
                point.low = point.y;
                clipped += 1;
            }
        }
        clipped
    }

    /// Iterates over the panel, the one on its right-hand axis, and its strip.
    fn with_strip(&self) -> impl Iterator<Item = &Panel> {
        self.sides().chain(self.strip.as_deref())
    }

    /// Iterates over the panel and the one on its right-hand axis.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Panel> {
        std::iter::once(self).chain(self.right.as_deref())
    }
}

impl Chart {
    /// Returns a chart with one legend above all panels.
    pub(crate) fn new(name: &str, question: &str, x: X, panels: Vec<Panel>) -> Chart {
        Chart {
            name: name.to_owned(),
            question: question.to_owned(),
            x,
            panels,
            legend_once: true,
            choices: None,
            notes: Vec::new(),
            doubts: BTreeMap::new(),
        }
    }

    /// Iterates over all panels, those on right-hand axes included.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().flat_map(Panel::sides)
    }

    /// Returns true if no panel has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.panels.is_empty() || self.choices.is_none() && self.points().next().is_none()
    }

    /// Removes series and panels without a point, unless the figure says in their place why there is none.
    pub(crate) fn leave_out_what_is_empty(&mut self) {
        if self.choices.as_ref().is_some_and(|choices| !choices.chosen.is_empty()) {
            return;
        }
        for panel in &mut self.panels {
            panel.series.retain(|series| !series.points.is_empty());
            if let Some(right) = &mut panel.right {
                right.series.retain(|series| !series.points.is_empty());
            }
        }
        self.panels.retain(|panel| panel.sides().any(|side| !side.series.is_empty()));
    }

    /// Iterates over all points of all panels.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.sides().flat_map(|panel| &panel.series).flat_map(|series| &series.points)
    }

    /// Removes what a logarithmic axis cannot show and adds a note with its amount. A zero on the x axis stays: it is
    /// drawn beyond an axis break.
    pub(crate) fn leave_out_what_has_no_logarithm(&mut self) {
        let log_x = matches!(&self.x, X::Numbers(axis) if axis.log);
        let before = self.points().count();
        let mut clipped = 0;
        for panel in &mut self.panels {
            clipped += panel.leave_out_what_has_no_logarithm(log_x);
            clipped += panel.right.as_mut().map_or(0, |right| right.leave_out_what_has_no_logarithm(log_x));
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
    /// columns for each unit. Where bars or cells show chosen cases, the next column holds the choice, and one more the
    /// word in the cell if there are words; bars without a value have a row, too. Decision D-503.
    pub(crate) fn csv(&self) -> String {
        let units = self.units();
        let mut header = vec!["series".to_owned(), self.x_column().to_owned()];
        header.extend(units.iter().flat_map(|unit| ["y", "low", "high"].map(|name| format!("{name}_{unit}"))));
        header.extend(self.choices.iter().flat_map(Choices::columns));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: Vec<String>| writer.write_record(record).expect("writing to memory cannot fail");
        write(header);
        let mut floors = BTreeSet::new();
        for panel in self.panels.iter().flat_map(Panel::with_strip) {
            let n = units.iter().position(|unit| *unit == panel.quantity.raw_unit()).unwrap_or(0);
            // Several panels may show the same floor.
            let is_new =
                |series: &&Series| series.look != SeriesStyle::Floor || floors.insert((n, series.name.clone()));
            for series in panel.series.iter().filter(is_new) {
                for (x, values) in self.csv_values(series) {
                    let mut row = vec![String::new(); 2 + 3 * units.len()];
                    (row[0], row[1]) = (series.name.clone(), self.x_cell(x));
                    row[2 + 3 * n..][..3].clone_from_slice(&values);
                    row.extend(self.choices.iter().flat_map(|choices| choices.raw_cells(series, x)));
                    write(row);
                }
            }
        }
        let bytes = writer.into_inner().expect("writing to memory cannot fail");
        String::from_utf8(bytes).expect("all fields are text")
    }

    /// Returns the distinct raw units of the panels.
    fn units(&self) -> Vec<&'static str> {
        let mut units = Vec::new();
        for unit in self.panels.iter().flat_map(Panel::with_strip).map(|panel| panel.quantity.raw_unit()) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        units
    }

    /// Returns the position and the value with its range for each point of a series and each bar without a value.
    fn csv_values(&self, series: &Series) -> Vec<(f64, [String; 3])> {
        let low = |point: &Point| point.unshown_low.unwrap_or(point.low);
        let cells = |point: &Point| [point.y, low(point), point.high].map(|value| value.to_string());
        let mut values: Vec<(f64, [String; 3])> = series.points.iter().map(|point| (point.x, cells(point))).collect();
        let ends = (series.legend.clone(), 0)..=(series.legend.clone(), usize::MAX);
        let chosen = self.choices.iter().flat_map(|choices| choices.chosen.range(ends.clone()));
        let known: BTreeSet<usize> = series.points.iter().map(|point| point.x as usize).collect();
        for ((_, row), _) in chosen.filter(|((_, row), _)| !known.contains(row)) {
            values.push((*row as f64, Default::default()));
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
    /// Returns the columns of the CSV: of the choice, and of the word if there are words.
    fn columns(&self) -> Vec<String> {
        [Some(self.column.clone()), self.word_column.clone()].into_iter().flatten().collect()
    }

    /// Returns the chosen value of a bar and its word as cells of these columns, empty if there is none.
    fn raw_cells(&self, series: &Series, x: f64) -> Vec<String> {
        let chosen = self.chosen.get(&(series.legend.clone(), x as usize)).and_then(Option::as_ref);
        let raw = chosen.map_or(String::new(), |choice| choice.raw.to_string());
        let word = self.word_column.as_ref().map(|_| chosen.map_or(String::new(), |choice| choice.word.clone()));
        std::iter::once(raw).chain(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(log: bool, points: Vec<Point>) -> Chart {
        let axis = Axis::new("workers", "workers", Quantity::Count);
        let look = SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 };
        let series = Series { legend: "a".into(), ..Series::new("a, \"b\"", look, points) };
        let panel = Panel { log, ..Panel::new("latency", Quantity::Nanoseconds, vec![series]) };
        Chart::new("f", "?", X::Numbers(axis), vec![panel])
    }

    #[test]
    fn the_csv_holds_the_drawn_numbers_with_their_units() {
        let chart = chart(
            false,
            vec![Point { low: 2.0, high: 3.0, repeats: 3, ..Point::exact(1.0, 2.5) }, Point::exact(2.0, 4.0)],
        );
        let expected = "series,workers,y_ns,low_ns,high_ns\n\"a, \"\"b\"\"\",1,2.5,2,3\n\"a, \"\"b\"\"\",2,4,4,4\n";
        assert_eq!(chart.csv(), expected);
    }

    #[test]
    fn what_has_no_logarithm_is_left_out_and_counted() {
        let range = Point { high: 9.0, repeats: 3, ..Point::exact(2.0, 5.0) };
        let mut chart = chart(true, vec![Point::exact(1.0, 0.0), Point { low: 0.0, ..range }]);
        chart.leave_out_what_has_no_logarithm();
        // The range is drawn from its value on, and its numbers stay what they are.
        assert_eq!(chart.points().copied().collect::<Vec<_>>(), [Point { unshown_low: Some(0.0), ..range }]);
        assert!(chart.csv().ends_with("2,5,0,9\n"), "{}", chart.csv());
        assert_eq!(chart.notes.len(), 2);
        assert!(chart.notes[0].starts_with("1 point not shown"), "{:?}", chart.notes);
    }
}
