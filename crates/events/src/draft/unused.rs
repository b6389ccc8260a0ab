//! The columns that a draft does not use, and why.

use crate::draft::column_names::QUANTITIES;
use crate::draft::guess::{Events, Guess};
use crate::draft::kind_names::is_called_state;
use crate::draft::kinds::KindGuess;
use crate::draft::numbers;
use crate::draft::roles::{field_called, is_called};
use crate::draft::table::Table;
use crate::event::Channel;
use crate::fields::Field;
use crate::names::clean;

/// Columns that are not used for the same reason.
pub(super) struct Unused {
    pub(super) columns: Vec<usize>,
    pub(super) reason: String,
}

/// Returns the columns that are not used, those without a particular reason last.
pub(super) fn unused(table: &Table, guess: &Guess) -> Vec<Unused> {
    let used = used(guess);
    let mut unused: Vec<Unused> = Vec::new();
    let mut without_reason = Vec::new();
    for column in (0..table.columns.len()).filter(|column| !used.contains(column)) {
        let Some(reason) = reason(table, guess, column) else {
            without_reason.push(column);
            continue;
        };
        match unused.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.columns.push(column),
            None => unused.push(Unused { columns: vec![column], reason }),
        }
    }
    if !without_reason.is_empty() {
        unused.push(Unused { columns: without_reason, reason: "no known name".to_owned() });
    }
    unused
}

fn used(guess: &Guess) -> Vec<usize> {
    let mut used: Vec<usize> = guess.roles.fields.iter().map(|(_, column)| *column).collect();
    used.extend(guess.roles.quantity);
    used.extend(guess.arrival.iter().map(|(column, _)| *column));
    match &guess.events {
        Events::One { time: (time, _), kind } => {
            used.push(*time);
            used.extend(match kind {
                KindGuess::Words { column, .. } | KindGuess::InvoiceLetter { column } => Some(*column),
                KindGuess::Constant(_) => None,
            });
        }
        Events::Several(events) => used.extend(events.iter().map(|(_, column, _)| *column)),
    }
    used
}

fn reason(table: &Table, guess: &Guess, number: usize) -> Option<String> {
    let column = &table.columns[number];
    if column.present().next().is_none() {
        return Some("always empty so far".to_owned());
    }
    if guess.times.contains(&number) {
        return Some("another time".to_owned());
    }
    if is_called_state(&column.name) && matches!(guess.events, Events::Several(_)) {
        return Some("the times tell what happened".to_owned());
    }
    if matches!(guess.events, Events::One { kind: KindGuess::Constant(_), .. })
        && guess.doubtful.iter().any(|(doubtful, _)| *doubtful == number)
    {
        return Some("see below".to_owned());
    }
    let is_quantity = is_called(&column.name, &QUANTITIES);
    let field = if is_quantity { Field::Value } else { field_called(&column.name)? };
    if let Some(other) = guess.roles.column(field) {
        return Some(format!("the {} is {}", field.name(), clean(&table.columns[other].name)));
    }
    if is_quantity {
        return Some("a quantity without a price".to_owned());
    }
    let misfits = match field {
        Field::Value => numbers::misfits(column, numbers::guess(table, number, None).style),
        Field::LoadTimeMs | Field::Rating => column.misfits(|cell| numbers::fits(field, cell)),
        Field::Channel => column.misfits(|cell| Channel::from_name(cell).is_some()),
        Field::EventId => return Some("its cells repeat, which ids do not".to_owned()),
        _ => return None,
    };
    misfits.example.is_some().then(|| format!("as {}, {misfits}", field.name()))
}
