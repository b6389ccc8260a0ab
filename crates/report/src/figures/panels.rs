//! The panels of a figure: which columns share a panel, the style of their lines, and their names.

use std::collections::BTreeMap;

use flowbench_measurement::record::{FigureKind, FigureSpec, PanelSpec};

use crate::chart::{Panel, Point, Series, SeriesStyle};
use crate::quantity::{Quantity, words};
use crate::select::{HISTOGRAMS, Selection};

/// The rate that a search found.
const SEARCHED: &str = "sustainable_events_per_s";
/// Columns whose value has an interval of its own, and the columns of its ends: the bracket that a search ended with, and
/// the interval of what faster pages would win.
const BRACKETS: [(&str, [&str; 2]); 2] = [
    (SEARCHED, ["sustainable_bracket_low_events_per_s", "sustainable_bracket_high_events_per_s"]),
    ("conversions_won", ["conversions_won_low", "conversions_won_high"]),
];

/// Maximum number of lines that a reader tells apart where they overlap.
pub(crate) const LINES_MAX: usize = 7;

/// The columns of one panel.
struct Layout<'a> {
    /// Title as given; if empty, the words that the columns share.
    title: &'a str,
    quantity: Quantity,
    log: bool,
    columns: Vec<&'a str>,
}

/// A group of cases with the index of its colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) colour: usize,
}

impl Group<'_> {
    /// All cases together, with no name.
    pub(crate) const ALL: [Group<'static>; 1] = [Group { name: "", colour: 0 }];

    /// Returns the groups of a selection in their colours.
    pub(crate) fn all_of<'a>(selection: &'a Selection) -> Vec<Group<'a>> {
        let groups = selection.groups.iter().zip(&selection.colours);
        groups.map(|(name, colour)| Group { name, colour: *colour }).collect()
    }
}

/// Returns true if columns are a rate found by a search and the bracket around it: they are one value with an interval.
pub(crate) fn is_bracketed(columns: &[&str]) -> bool {
    brackets_in(columns).iter().any(|(column, _)| *column == SEARCHED)
}

/// Returns the columns that are there together with both ends of their interval.
fn brackets_in(columns: &[&str]) -> Vec<(&'static str, [&'static str; 2])> {
    let is_whole =
        |(column, ends): &(&str, [&str; 2])| columns.contains(column) && ends.iter().all(|end| columns.contains(end));
    BRACKETS.into_iter().filter(is_whole).collect()
}

/// Sets the interval of each point to the bracket around it, as far as its ends are known.
fn with_bracket(lines: Vec<Line>, ends: [Vec<Line>; 2]) -> Vec<Line> {
    let [low, high] = ends.map(|lines| {
        let points = lines.into_iter().flat_map(|(_, points)| points);
        points.map(|point| (point.x.to_bits(), point.y)).collect::<BTreeMap<u64, f64>>()
    });
    let end = |ends: &BTreeMap<u64, f64>, point: &Point| ends.get(&point.x.to_bits()).copied().unwrap_or(point.y);
    let with =
        |point: Point| Point { low: end(&low, &point).min(point.y), high: end(&high, &point).max(point.y), ..point };
    lines.into_iter().map(|(name, points)| (name, points.into_iter().map(with).collect())).collect()
}

/// Points of one line, with a name if a column and group have several lines.
pub(crate) type Line = (Option<String>, Vec<Point>);

/// Returns true if the figure specifies or implies its panels, as opposed to one for each unit: they share one legend.
pub(crate) fn are_chosen(spec: &FigureSpec) -> bool {
    !spec.panels.is_empty() || matches!(spec.kind, FigureKind::AtLevel | FigureKind::Stacked)
}

/// Returns the panels with a series for each column and group. `points` returns the lines of one column and group, or
/// of all groups for `None`.
pub(crate) fn panels(
    spec: &FigureSpec,
    groups: &[Group],
    points: impl Fn(&str, Option<usize>) -> Vec<Line>,
) -> Vec<Panel> {
    let layouts = layouts(spec).into_iter().flat_map(|layout| layout.uncrowded(groups.len(), are_chosen(spec)));
    layouts.map(|layout| panel(layout, are_chosen(spec), groups, &points)).collect()
}

/// Returns the quantity of a column. Kinds of histograms have no unit in their name; they are in ns.
pub(crate) fn quantity(column: &str) -> Quantity {
    if HISTOGRAMS.contains(&column) { Quantity::Nanoseconds } else { Quantity::of(column) }
}

fn layouts(spec: &FigureSpec) -> Vec<Layout<'_>> {
    let y = || spec.y.iter().map(String::as_str);
    match spec.kind {
        _ if !spec.panels.is_empty() => {
            let of_panel = |panel| Layout::of(panel, spec.log_y);
            spec.panels.iter().map(of_panel).collect()
        }
        FigureKind::Stacked => vec![Layout::untitled(y().collect(), spec.log_y)],
        FigureKind::AtLevel => y().map(|column| Layout::untitled(vec![column], spec.log_y)).collect(),
        _ => by_quantity(y()).into_iter().map(|columns| Layout::untitled(columns, spec.log_y)).collect(),
    }
}

impl<'a> Layout<'a> {
    /// Returns a panel for each column where all of them together would have too many lines. Each of them has the
    /// columns that measure the machine.
    fn uncrowded(self, groups: usize, chosen: bool) -> Vec<Layout<'a>> {
        let (floors, lines) = floors_and_lines(self.columns.clone());
        if chosen || lines.len() < 2 || groups < 2 || lines.len() * groups <= LINES_MAX {
            return vec![self];
        }
        let of_line = |line: &'a str| floors.iter().copied().chain([line]).collect();
        lines.iter().map(|line| Layout { columns: of_line(line), ..self }).collect::<Vec<_>>()
    }

    fn of(panel: &'a PanelSpec, log: bool) -> Layout<'a> {
        let columns = panel.y.iter().map(String::as_str).collect();
        Layout { title: &panel.title, log: log || panel.log_y, ..Layout::untitled(columns, log) }
    }

    fn untitled(columns: Vec<&'a str>, log: bool) -> Layout<'a> {
        let quantity = columns.first().map_or(Quantity::Count, |column| quantity(column));
        Layout { title: "", quantity, log, columns }
    }
}

fn panel(layout: Layout, chosen: bool, groups: &[Group], points: &impl Fn(&str, Option<usize>) -> Vec<Line>) -> Panel {
    let (floors, lines) = floors_and_lines(layout.columns);
    let brackets = brackets_in(&lines);
    let is_end = |line: &&str| brackets.iter().any(|(_, ends)| ends.contains(line));
    let lines: Vec<&str> = lines.into_iter().filter(|line| !is_end(line)).collect();
    let points = |column: &str, group: Option<usize>| match brackets.iter().find(|(name, _)| *name == column) {
        Some((_, ends)) => with_bracket(points(column, group), ends.map(|end| points(end, group))),
        None => points(column, group),
    };
    let (common, rest) = common_and_rest(&lines);
    let mut series = Vec::new();
    for (g, group) in groups.iter().enumerate() {
        for (c, column) in lines.iter().enumerate() {
            let many = groups.len() > 1;
            let style = match chosen {
                true => Style::within_groups(*group, many.then_some(g), column, &rest, c),
                false => Style::of_its_own(*group, many, column, lines.len(), g * lines.len() + c, c),
            };
            push_series(&mut series, points(column, Some(g)), style);
        }
    }
    for column in floors {
        let legend = words(column).replacen("hiccup", "hiccup floor", 1).replacen("lost wait", "lost time", 1);
        let (name, look) = (legend.clone(), SeriesStyle::Floor);
        let style = match chosen {
            true => Style { name, legend: String::new(), key: Some((look, legend)), look },
            false => Style { name, legend, key: None, look },
        };
        push_series(&mut series, points(column, None), style);
    }
    let title = match (layout.title, chosen) {
        ("", true) => common,
        ("", false) => common_title(&lines),
        (title, _) => title.to_owned(),
    };
    Panel { log: layout.log, ..Panel::new(title, layout.quantity, series) }
}

/// The names and the style of a series.
struct Style {
    name: String,
    legend: String,
    key: Option<(SeriesStyle, String)>,
    look: SeriesStyle,
}

impl Style {
    /// Each line of the panel has an entry in the legend: its colour depends on the group (on the column if there is
    /// only one group), marker and dash on the line.
    fn of_its_own(group: Group, many: bool, column: &str, columns: usize, line: usize, c: usize) -> Style {
        let legend = match (group.name, columns) {
            ("", 1) => String::new(),
            ("", _) => words(column),
            (group, 1) => group.to_owned(),
            (group, _) => format!("{group}: {}", words(column)),
        };
        let name = if legend.is_empty() { words(column) } else { legend.clone() };
        let colour = if many { group.colour } else { c };
        Style { name, legend, key: None, look: SeriesStyle::Nth { colour, marker: line, dash: line } }
    }

    /// The legend lists the groups by colour and marker; the key of the panel lists its columns by dash.
    fn within_groups(group: Group, g: Option<usize>, column: &str, keys: &[String], c: usize) -> Style {
        let Group { name: group, colour } = group;
        let name = if group.is_empty() { words(column) } else { format!("{group}: {}", words(column)) };
        let colour = if g.is_some() { colour } else { c };
        let look = SeriesStyle::Nth { colour, marker: g.unwrap_or(c), dash: c };
        let in_key = if g.is_some() { SeriesStyle::Dashed(c) } else { look };
        let key = (keys.len() > 1).then(|| (in_key, keys[c].clone()));
        Style { name, legend: group.to_owned(), key, look }
    }
}

fn push_series(series: &mut Vec<Series>, lines: Vec<Line>, style: Style) {
    for (own, points) in lines {
        let Style { name, legend, key, look } = &style;
        let name = own.map_or(name.clone(), |own| format!("{name}, {own}"));
        series.push(Series { legend: legend.clone(), key: key.clone(), ..Series::new(&name, *look, points) });
    }
}

/// Returns true for columns that measure the machine rather than the system under test.
pub(crate) fn is_floor(column: &str) -> bool {
    column.starts_with("hiccup") || column.starts_with("lost") && !column.starts_with("lost_answers")
}

/// Separates columns that measure the machine, which are drawn as floors, from the others; if there are no others, they
/// are ordinary lines.
fn floors_and_lines(columns: Vec<&str>) -> (Vec<&str>, Vec<&str>) {
    let (floors, lines): (Vec<&str>, Vec<&str>) = columns.into_iter().partition(|column| is_floor(column));
    if lines.is_empty() { (lines, floors) } else { (floors, lines) }
}

fn by_quantity<'a>(columns: impl Iterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let mut out: Vec<Vec<&str>> = Vec::new();
    for column in columns {
        match out.iter_mut().find(|same| quantity(same[0]) == quantity(column)) {
            Some(same) => same.push(column),
            None => out.push(vec![column]),
        }
    }
    out
}

/// Returns the words that all columns begin with, or the names of all columns.
fn common_title(columns: &[&str]) -> String {
    let names: Vec<String> = columns.iter().map(|column| words(column)).collect();
    let first: Vec<&str> = names.first().map_or_else(Vec::new, |name| name.split(' ').collect());
    let common = (0..first.len()).rev().map(|n| first[..=n].join(" "));
    let shared = |prefix: &String| names.iter().all(|name| name == prefix || name.starts_with(&format!("{prefix} ")));
    common.into_iter().find(shared).unwrap_or_else(|| names.join(", "))
}

/// Returns the words shared at the beginning and the end of all columns, and the words that distinguish each. Without a
/// shared beginning, returns all names joined, and each name in full.
fn common_and_rest(columns: &[&str]) -> (String, Vec<String>) {
    let names: Vec<String> = columns.iter().map(|column| words(column)).collect();
    let split: Vec<Vec<&str>> = names.iter().map(|name| name.split(' ').collect()).collect();
    let Some(first) = split.first().filter(|_| split.len() > 1) else { return (names.join(", "), names) };
    let shortest = split.iter().map(Vec::len).min().unwrap_or(0);
    let same = |n: &usize| split.iter().all(|name| name[*n] == first[*n]);
    let prefix = (0..shortest - 1).take_while(same).count();
    if prefix == 0 {
        return (names.join(", "), names);
    }
    let same = |n: &usize| split.iter().all(|name| name[name.len() - n] == first[first.len() - n]);
    let suffix = (1..shortest - prefix).take_while(same).count();
    let common = [&first[..prefix], &first[first.len() - suffix..]].concat().join(" ");
    (common, split.iter().map(|name| name[prefix..name.len() - suffix].join(" ")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_is_titled_by_what_its_columns_share() {
        assert_eq!(common_title(&["latency_p50_ns", "latency_p99_ns"]), "latency");
        assert_eq!(common_title(&["missing", "spurious"]), "missing, spurious");
        assert_eq!(common_title(&["latency_p50_ns"]), "latency p50");
    }

    #[test]
    fn time_lost_to_the_machine_is_a_floor_and_lost_answers_are_not() {
        assert!(["hiccup", "hiccup_p99_ns", "lost-time", "lost_wait_p99_ns"].into_iter().all(is_floor));
        assert!(!is_floor("lost_answers_share") && !is_floor("latency_p99_ns"));
    }

    #[test]
    fn what_columns_share_is_said_once() {
        let parts = |columns: &[&str]| {
            let (common, rest) = common_and_rest(columns);
            format!("{common} | {}", rest.join(", "))
        };
        assert_eq!(parts(&["event_time_wait_p50_ms", "event_time_wait_p99_ms"]), "event time wait | p50, p99");
        let attribution =
            ["attribution_driver_lag_mean_ns", "attribution_queueing_mean_ns", "attribution_compute_mean_ns"];
        assert_eq!(parts(&attribution), "attribution mean | driver lag, queueing, compute");
        assert_eq!(
            parts(&["entries_peak", "buffered_peak"]),
            "entries peak, buffered peak | entries peak, buffered peak"
        );
        assert_eq!(parts(&["churn"]), "churn | churn");
        assert_eq!(parts(&["eviction_pass_s", "eviction_bookkeeping_s"]), "eviction time | pass, bookkeeping");
        assert_eq!(parts(&["release_mean_ms", "release_max_ms"]), "release time | mean, max");
        assert_eq!(parts(&["missing", "missing_share"]), "missing, missing share | missing, missing share");
        assert_eq!(parts(&["latency_p50_ns", "latency_p50_ns"]), "latency | p50, p50");
    }
}
