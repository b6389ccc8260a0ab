//! The decimal and thousands separators of amounts.

use std::cmp::Reverse;

use crate::decimal::{Decimal, NumberStyle};
use crate::draft::table::{Column, Misfits, Table, is_number};
use crate::fields::Field;

/// A guess at the style of the amounts of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NumberGuess {
    pub(super) style: NumberStyle,
    /// An ambiguous amount and the style in which it would be another one.
    pub(super) doubt: Option<(String, NumberStyle)>,
}

/// Returns the style in which most of the amounts can be read, preferably the plain one.
pub(super) fn guess(table: &Table, value: usize, quantity: Option<usize>) -> NumberGuess {
    let read = |style: NumberStyle| {
        let cells = [Some(value), quantity].into_iter().flatten().flat_map(|column| table.columns[column].present());
        cells.filter(|cell| Decimal::parse_amount(cell, style).is_ok()).count()
    };
    // A file with decimal commas is usually separated by semicolons.
    let mut styles = styles();
    if table.layout.separator == Some(b';') {
        styles[1..].sort_by_key(|style| style.decimal == '.');
    }
    let style = styles.into_iter().min_by_key(|style| Reverse(read(*style))).unwrap_or(NumberStyle::PLAIN);
    NumberGuess { style, doubt: doubt(&table.columns[value], style) }
}

/// Returns true if nearly all cells are amounts in the same style.
pub(super) fn are_amounts(column: &Column) -> bool {
    styles().into_iter().any(|style| column.nearly_all(|cell| Decimal::parse_amount(cell, style).is_ok()))
}

/// Returns true for a cell that is a load time or a rating.
pub(super) fn fits(field: Field, cell: &str) -> bool {
    let number = cell.parse::<f64>().unwrap_or(f64::NAN);
    is_number(cell)
        && match field {
            Field::Rating => (1.0..=5.0).contains(&number) && number.fract() == 0.0,
            _ => number >= 0.0,
        }
}

/// Returns the cells that are no amounts in this style.
pub(super) fn misfits(column: &Column, style: NumberStyle) -> Misfits<'_> {
    column.misfits(|cell| Decimal::parse_amount(cell, style).is_ok())
}

fn styles() -> [NumberStyle; 8] {
    let style = |(decimal, thousands)| NumberStyle { decimal, thousands };
    [
        ('.', None),
        ('.', Some(',')),
        ('.', Some(' ')),
        ('.', Some('\'')),
        (',', None),
        (',', Some('.')),
        (',', Some(' ')),
        (',', Some('\'')),
    ]
    .map(style)
}

/// Returns an amount whose point or comma may be the other separator, if each amount that has one has three digits
/// after it, as `1.201` has.
fn doubt(column: &Column, style: NumberStyle) -> Option<(String, NumberStyle)> {
    let is_amount = |cell: &&str| Decimal::parse_amount(cell, style).is_ok();
    let mut marked = column.present().filter(|cell| cell.contains(['.', ','])).filter(is_amount);
    let first = marked.next()?;
    let mark = first.chars().find(|letter| matches!(letter, '.' | ','))?;
    let (point, comma) = (Some('.'), Some(','));
    let other = match (mark, style.decimal, style.thousands) {
        ('.', '.', None) => NumberStyle { decimal: ',', thousands: point },
        (',', '.', between) if between == comma => NumberStyle { decimal: ',', thousands: None },
        (',', ',', None) => NumberStyle { decimal: '.', thousands: comma },
        _ => return None,
    };
    let is_either = |cell: &str| {
        let amount = cell.trim_matches(|letter: char| !letter.is_ascii_digit());
        let parts = amount.split_once(mark);
        parts.is_some_and(|(whole, behind)| {
            let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            (1..=3).contains(&whole.len())
                && behind.len() == 3
                && is_digits(whole)
                && is_digits(behind)
                && !whole.starts_with('0')
        })
    };
    (is_either(first) && marked.all(is_either)).then(|| (first.to_owned(), other))
}
