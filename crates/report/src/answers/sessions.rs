//! Sessions: how many began, how long they lasted, how many events they had.

use crate::answers::buckets::Buckets;
use crate::answers::drawing::{Along, Drawing, NAME};
use crate::answers::parts::{alone, columns, line, logarithmic, quantiles, ratios, spread_at, sums, with_line};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::answers::times::rfc3339_ms;
use crate::chart::{Chart, Mark, Panel, Point, X};
use crate::clock_units::SECOND_MS;
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing = Drawing::new(&["customer", "start", "end", "events"], panels)
    .timed(starts_ms, SECOND_MS)
    .noted(|_| vec!["Sessions stand at their start; ranges are from the 10 % to the 90 % quantile.".to_owned()])
    .along(&[Along { column: "length", draw: by_length }, Along { column: "events", draw: by_events }]);

/// Upper ends of the classes of lengths, in s, with their names.
const LENGTHS: [(f64, &str); 10] = [
    (0.0, "0 s"),
    (10.0, "10 s"),
    (30.0, "30 s"),
    (60.0, "1 min"),
    (300.0, "5 min"),
    (900.0, "15 min"),
    (1800.0, "30 min"),
    (3600.0, "1 h"),
    (10_800.0, "3 h"),
    (f64::INFINITY, "more"),
];
/// Upper ends of the classes of events, with their names.
const EVENTS: [(f64, &str); 10] = [
    (1.0, "1"),
    (2.0, "2"),
    (3.0, "3"),
    (4.0, "4"),
    (5.0, "5"),
    (7.0, "6–7"),
    (10.0, "8–10"),
    (20.0, "11–20"),
    (50.0, "21–50"),
    (f64::INFINITY, "more"),
];

fn starts_ms(answers: &AnswersTable) -> Result<Vec<i64>, AnswersError> {
    answers.values("start", rfc3339_ms, "a time such as 2026-01-05T10:00:00.000Z")
}

fn lengths_s(answers: &AnswersTable) -> Result<Vec<f64>, AnswersError> {
    let ends_ms = answers.values("end", rfc3339_ms, "a time such as 2026-01-05T10:00:00.000Z")?;
    Ok(starts_ms(answers)?.iter().zip(ends_ms).map(|(start_ms, end_ms)| (end_ms - start_ms) as f64 / 1000.0).collect())
}

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let (starts_ms, events) = (starts_ms(answers)?, answers.numbers("events")?);
    let at = |values: Vec<f64>| starts_ms.iter().copied().zip(values).collect::<Vec<_>>();
    let begun = sums(buckets, at(vec![1.0; answers.len()]));
    let mean_events = ratios(&sums(buckets, at(events)), &begun);
    let lengths = quantiles(buckets, at(lengths_s(answers)?), 0.5, true);
    let events = line("Events of a session, mean", Quantity::Count, "events, mean", 1, mean_events);
    Ok(vec![
        with_line(columns("Sessions", Quantity::Count, vec![("sessions".to_owned(), begun)]), events),
        alone(line("Length of a session, median", Quantity::Seconds, "length, median", 2, lengths)),
    ])
}

fn by_length(answers: &AnswersTable, question: &str) -> Result<Chart, AnswersError> {
    let events = answers.numbers("events")?;
    let line = ("Events of a session, median", "events, median", Quantity::Count, &events[..]);
    Ok(by_class("length_up_to", question, &LENGTHS, &lengths_s(answers)?, line))
}

fn by_events(answers: &AnswersTable, question: &str) -> Result<Chart, AnswersError> {
    let lengths_s = lengths_s(answers)?;
    let line = ("Length of a session, median", "length, median", Quantity::Seconds, &lengths_s[..]);
    Ok(by_class("events", question, &EVENTS, &answers.numbers("events")?, line))
}

/// Draws how many sessions are in each class, from the first to the last that has any, and the median of something else
/// in each.
fn by_class(
    column: &str,
    question: &str,
    classes: &[(f64, &str)],
    values: &[f64],
    (title, name, quantity, others): (&str, &str, Quantity, &[f64]),
) -> Chart {
    let class_of = |value: f64| classes.iter().position(|(most, _)| value <= *most).unwrap_or(classes.len() - 1);
    let mut members = vec![Vec::new(); classes.len()];
    for (value, other) in values.iter().zip(others) {
        members[class_of(*value)].push(*other);
    }
    let used = || members.iter().enumerate().filter(|(_, members)| !members.is_empty()).map(|(class, _)| class);
    let (first, last) = (used().min().unwrap_or(0), used().max().unwrap_or(0));
    let (classes, members) = (&classes[first..=last], &members[first..=last]);
    let counts = (0..).zip(members).map(|(at, members)| Point::exact(f64::from(at), members.len() as f64)).collect();
    let medians = (0..).zip(members).filter_map(|(at, members)| spread_at(f64::from(at), members, 0.5, true)).collect();
    let names = classes.iter().map(|(_, name)| (*name).to_owned()).collect();
    let x = X::Names { column: column.to_owned(), names, mark: Mark::Column };
    let bars = columns("Sessions", Quantity::Count, vec![("sessions".to_owned(), counts)]);
    let mut chart =
        Chart::new(NAME, question, x, vec![with_line(bars, logarithmic(line(title, quantity, name, 1, medians)))]);
    chart.notes.push("Ranges are from the 10 % to the 90 % quantile.".to_owned());
    if values.is_empty() {
        chart.panels.clear();
    }
    chart
}
