//! Ranked products: the rank and the views of the leading ones, window by window.

use std::collections::BTreeMap;

use crate::answers::buckets::Buckets;
use crate::answers::drawing::Drawing;
use crate::answers::parts::{distinct, lines};
use crate::answers::table::{AnswersError, AnswersTable};
use crate::answers::times::rfc3339_ms;
use crate::chart::{Panel, Point};
use crate::clock_units::SECOND_MS;
use crate::quantity::Quantity;

pub(super) const DRAWING: Drawing =
    Drawing::new(&["window_start", "rank", "product", "views"], panels).timed(starts_ms, SECOND_MS).noted(notes);

/// Maximum number of products whose lines can be told apart.
const PRODUCTS_MOST: usize = 5;

fn starts_ms(answers: &AnswersTable) -> Result<Vec<i64>, AnswersError> {
    answers.values("window_start", rfc3339_ms, "a time such as 2026-01-05T10:00:00.000Z")
}

fn panels(answers: &AnswersTable, buckets: &Buckets) -> Result<Vec<Panel>, AnswersError> {
    let starts_ms = starts_ms(answers)?;
    let (products, ranks, views) = (answers.texts("product")?, answers.numbers("rank")?, answers.numbers("views")?);
    let mut last_ms: Vec<Option<i64>> = vec![None; buckets.count];
    for ms in &starts_ms {
        let last = &mut last_ms[buckets.at(*ms)];
        *last = (*last).max(Some(*ms));
    }
    // A window of each bucket is shown: ranks have no mean.
    let is_shown = |row: usize| last_ms[buckets.at(starts_ms[row])] == Some(starts_ms[row]);
    let shown: Vec<usize> = (0..answers.len()).filter(|row| is_shown(*row)).collect();
    let leading = leading(&products, &ranks);
    let of = |values: &[f64]| {
        let points = |product: &&str| {
            let rows = shown.iter().filter(|row| products[**row] == *product);
            let mut points: Vec<Point> =
                rows.map(|row| Point::exact(buckets.start_ms(buckets.at(starts_ms[*row])), values[*row])).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            (format!("product {product}"), points)
        };
        leading.iter().map(points).collect::<Vec<_>>()
    };
    Ok(vec![
        lines("Page views in the window", Quantity::Count, of(&views)),
        lines("Rank (1 has the most page views)", Quantity::Count, of(&ranks)),
    ])
}

/// Returns the products that led most: by the sum of 1 / rank over all windows, then by name.
fn leading<'a>(products: &[&'a str], ranks: &[f64]) -> Vec<&'a str> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for (product, rank) in products.iter().zip(ranks) {
        *scores.entry(product).or_default() += 1.0 / rank.max(1.0);
    }
    let mut scores: Vec<(&str, f64)> = scores.into_iter().collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    scores.into_iter().take(PRODUCTS_MOST).map(|(product, _)| product).collect()
}

fn notes(answers: &AnswersTable) -> Vec<String> {
    let products = distinct(&answers.texts("product").unwrap_or_default());
    let which = match products.len() > PRODUCTS_MOST {
        true => format!("The {PRODUCTS_MOST} of {} products that led most; a", products.len()),
        false => "A".to_owned(),
    };
    vec![format!("{which} line has no point where its product is in no list. Shown is the last window of each column.")]
}
