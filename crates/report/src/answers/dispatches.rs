//! Dispatches: how many orders are overdue and how many are dispatched, and how long that takes.

use crate::answers::buckets::Buckets;
use crate::answers::drawing::Drawing;
use crate::answers::parts::{columns, distinct, lines, quantiles, sums};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::chart::Panel;
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing = Drawing::new(&["order", "customer", "state", "lead_ms"], panels);

/// Quantiles of the lead, with their names.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let states = answers.texts("state")?;
    let times_ms = answers.times_ms();
    let count = |state: &&str| {
        let rows = (0..answers.len()).filter(|row| states[*row] == *state);
        ((*state).to_owned(), sums(buckets, rows.map(|row| (times_ms[row], 1.0))))
    };
    let counts = distinct(&states).iter().map(count).collect();
    // An overdue order has no lead yet.
    let lead = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<i64>().ok().map(Some) };
    let leads_ms = answers.values("lead_ms", lead, "a whole number of milliseconds, or empty")?;
    let leads: Vec<(i64, f64)> =
        times_ms.iter().zip(leads_ms).filter_map(|(ms, lead_ms)| Some((*ms, lead_ms? as f64))).collect();
    let of_leads = QUANTILES.map(|(q, name)| (name.to_owned(), quantiles(buckets, leads.iter().copied(), q, false)));
    Ok(vec![
        columns("Orders", Quantity::Count, counts),
        lines("Lead from placed to dispatched", Quantity::Milliseconds, of_leads.into()),
    ])
}
