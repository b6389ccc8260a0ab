//! Orders of each day: their number as columns, their total as a line.

use crate::answers::buckets::Buckets;
use crate::answers::drawing::Drawing;
use crate::answers::parts::{columns, line, sums, with_line};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::answers::times::day_ms;
use crate::chart::Panel;
use crate::clock_units::DAY_MS;
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing = Drawing::new(&["day", "orders", "total"], panels)
    .timed(days_ms, DAY_MS)
    .noted(|_| vec!["A day is that of the time zone of the pipeline, and stands at its date.".to_owned()]);

fn days_ms(answers: &AnswersTable) -> Result<Vec<i64>, AnswersError> {
    answers.values("day", day_ms, "a day such as 2026-01-05")
}

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let days_ms = days_ms(answers)?;
    let sums_of = |column: &str| {
        let numbers = answers.numbers(column)?;
        Ok(sums(buckets, days_ms.iter().copied().zip(numbers)))
    };
    let orders = columns("Orders", Quantity::Count, vec![("orders".to_owned(), sums_of("orders")?)]);
    Ok(vec![with_line(orders, line("Total value", Quantity::Count, "total value", 1, sums_of("total")?))])
}
