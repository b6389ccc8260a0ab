//! `over-time`: columns of the timeline against the time since the start of a case, or against event time. Each repeat
//! has its own line.

use flowbench_measurement::record::{FigureSpec, TimelinePoint};
use flowbench_measurement::timeline::{COLUMNS, Column, TimelineRow, thin};

use crate::chart::{Axis, Chart, Point, X};
use crate::doubted::is_doubted;
use crate::figures::forgotten;
use crate::figures::panels::{Group, are_chosen, panels};
use crate::figures::sweep::mixed_note;
use crate::quantity::{Quantity, words};
use crate::results::rows_of;
use crate::select::{Chosen, Selection};

/// Number of intervals to which a line is thinned, with about two points each.
const BUCKETS: usize = 150;
/// Number of intervals of all lines of a panel together; more lines are thinned more, down to a few intervals each.
const BUCKETS_OF_ALL: usize = 20_000;
const BUCKETS_LEAST: usize = 4;
/// Column of the x axis unless a figure names another.
const AT_NS: &str = "at_ns";
/// Columns that may be the x axis.
pub(crate) const X_COLUMNS: [&str; 2] = [AT_NS, "newest_event_time_ms"];

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, timeline: &[TimelineRow]) -> Chart {
    let x_column = if spec.x.is_empty() { AT_NS } else { &spec.x };
    let buckets = (BUCKETS_OF_ALL / selection.cases.len().max(1)).clamp(BUCKETS_LEAST, BUCKETS);
    let groups = Group::all_of(selection);
    let mut panels = panels(spec, &groups, |column, group| {
        let of_group = selection.of_group(group);
        of_group.map(|case| (Some(line_name(case)), line(case, x_column, column, timeline, buckets))).collect()
    });
    let x = Axis { log: spec.log_x, ..Axis::new(x_title(x_column), x_column, Quantity::of(x_column)) };
    let x_of = value_of(x_column);
    let strips = x_of.and_then(|x| forgotten::add_strips(&mut panels, selection, &groups, x, timeline));
    let mut notes: Vec<String> = strips.into_iter().collect();
    if selection.cases.iter().any(|case| case.record.repeat > 1) {
        notes.push("Each repeat has its own line.".to_owned());
    }
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    notes.extend(mixed_note(&selection.cases, &by));
    if !selection.cases.is_empty() && timeline.is_empty() {
        notes.push("timeline.csv holds no samples.".to_owned());
    }
    Chart { legend_once: are_chosen(spec), notes, ..Chart::new(&spec.name, &spec.question, X::Numbers(x), panels) }
}

/// Returns the function that reads a column of the timeline.
fn value_of(column: &str) -> Option<Column> {
    COLUMNS.iter().find(|(name, _)| *name == column).map(|(_, value)| *value)
}

fn line_name(case: &Chosen) -> String {
    format!("case {} repeat {}", case.record.case, case.record.repeat)
}

/// Returns the title of the x axis.
fn x_title(column: &str) -> String {
    if column == AT_NS { words(column) } else { "event time since the first event of the trace".to_owned() }
}

fn line(case: &Chosen, x_column: &str, column: &str, timeline: &[TimelineRow], buckets: usize) -> Vec<Point> {
    let Some((x, value)) = value_of(x_column).zip(value_of(column)) else { return Vec::new() };
    let of_case = rows_of(timeline, |row| (row.case, row.repeat), case.record);
    let points: Vec<TimelinePoint> = of_case.iter().map(|row| row.point).filter(|point| x(point).is_some()).collect();
    let thinned = thin(&points, buckets, value);
    let doubtful = is_doubted(case.record, column);
    let point = |point| Some(Point { doubtful, ..Point::exact(x(point)? as f64, value(point)? as f64) });
    thinned.iter().filter_map(point).collect()
}
