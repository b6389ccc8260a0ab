//! The columns that hold times, and the one that is the time of the event.

use crate::draft::table::{Column, Table};
use crate::draft::time_guess::{TimeGuess, guess, guess_of_most};
use crate::draft::words::words;
use crate::event::Kind;
use crate::names::clean;

/// Returns all columns of times.
pub(super) fn of(table: &Table) -> Vec<(usize, TimeGuess)> {
    let guess = |number: usize| {
        let column = &table.columns[number];
        let cells: Vec<&str> = column.present().collect();
        let is_named = table.layout.has_no_header || is_named_like_a_time(&column.name);
        let time = guess(&cells, is_named).or_else(|| is_named.then(|| guess_of_most(&cells))?);
        Some((number, time?))
    };
    (0..table.columns.len()).filter_map(guess).collect()
}

/// Returns examples of columns that have the name of a time, to explain why none can be read.
pub(super) fn unread(table: &Table) -> String {
    let is_named = |column: &&Column| is_named_like_a_time(&column.name);
    let cell = |column: &Column| {
        let cell = column.present().find(|cell| guess(&[cell], true).is_none()).or(column.present().next())?;
        Some(format!("'{}' has '{}'", clean(&column.name), clean(cell)))
    };
    let seen: Vec<String> = table.columns.iter().filter(is_named).filter_map(cell).take(3).collect();
    if seen.is_empty() { String::new() } else { format!(" that can be read ({})", seen.join(", ")) }
}

/// Returns true if the time is that of an order as a whole, or only a day, and not of a later state.
pub(super) fn is_of_order(table: &Table, (column, guess): &(usize, TimeGuess)) -> bool {
    guess.is_date || kind_of_time(&table.columns[*column].name).is_some()
}

/// Removes and returns the column of arrival times.
pub(super) fn take_arrival(table: &Table, times: &mut Vec<(usize, TimeGuess)>) -> Option<(usize, TimeGuess)> {
    let is_arrival = |(column, _): &(usize, TimeGuess)| {
        const OF_ARRIVAL: [&str; 6] = ["arrival", "arrived", "ingested", "ingestion", "collector", "recordedtime"];
        words(&table.columns[*column].name).iter().any(|word| OF_ARRIVAL.contains(&word.as_str()))
    };
    let at = times.iter().position(is_arrival)?;
    (times.len() > 1).then(|| times.remove(at))
}

/// Returns the time of the event by its name. Days without a time of day come last.
pub(super) fn best(table: &Table, times: &[(usize, TimeGuess)]) -> Option<(usize, TimeGuess)> {
    let score = |(column, guess): &&(usize, TimeGuess)| {
        let column = &table.columns[*column];
        let present = column.present().count() * 10 / column.cells.len().max(1);
        name_score(&column.name) + present as i64 - if guess.is_date { 15 } else { 0 }
    };
    // The last maximum wins, so that the first column is preferred.
    times.iter().rev().max_by_key(score).cloned()
}

/// Returns the kinds of events that a row has a time for, by the names of the columns.
pub(super) fn of_several_events(table: &Table, times: &[(usize, TimeGuess)]) -> Vec<(Kind, usize, TimeGuess)> {
    let mut events: Vec<(Kind, usize, TimeGuess)> = Vec::new();
    for (column, guess) in times {
        if let Some(kind) = kind_of_time(&table.columns[*column].name)
            && !events.iter().any(|(known, ..)| *known == kind)
        {
            events.push((kind, *column, guess.clone()));
        }
    }
    events.sort_by_key(|(kind, ..)| *kind);
    events
}

const OF_TIME: [&str; 11] =
    ["time", "timestamp", "datetime", "date", "ts", "at", "when", "epoch", "day", "created", "occurred"];
/// Words in the names of times that are plans, or times of something else.
const NOT_OF_EVENT: [&str; 22] = [
    "estimated",
    "estimate",
    "expected",
    "promised",
    "due",
    "limit",
    "updated",
    "update",
    "modified",
    "first",
    "last",
    "previous",
    "prev",
    "birth",
    "birthday",
    "expires",
    "expiry",
    "deleted",
    "paid",
    "registered",
    "registration",
    "approved",
];

fn is_named_like_a_time(name: &str) -> bool {
    let of_time =
        |word: &String| OF_TIME.contains(&word.as_str()) || word.ends_with("time") || word.ends_with("timestamp");
    words(name).iter().any(of_time)
}

fn name_score(name: &str) -> i64 {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let mut score = 0;
    if has(&["event", "timestamp", "occurred", "when", "happened"]) {
        score += 30;
    }
    if has(&["created", "placed", "purchase", "purchased", "ordered", "order", "invoice", "invoiced"]) {
        score += 25;
    }
    if is_named_like_a_time(name) {
        score += 20;
    }
    if has(&NOT_OF_EVENT) {
        score -= 60;
    }
    if kind_of_time(name).is_some_and(|kind| kind != Kind::OrderPlaced) {
        score -= 20;
    }
    score
}

/// Returns the kind of event that happens at a time with this name.
fn kind_of_time(name: &str) -> Option<Kind> {
    let words = words(name);
    let begins = |stems: &[&str]| words.iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)));
    if words.iter().any(|word| NOT_OF_EVENT.contains(&word.as_str())) {
        return None;
    }
    let kinds: [(&[&str], Kind); 8] = [
        (&["cancel"], Kind::OrderCancelled),
        (&["review"], Kind::ReviewPosted),
        (&["carrier", "ship", "dispatch", "fulfil", "sent"], Kind::OrderDispatched),
        (&["deliver", "received"], Kind::OrderDelivered),
        (&["pack", "picked"], Kind::OrderPacked),
        (&["view", "visit"], Kind::PageViewed),
        (&["download"], Kind::InfoDownloaded),
        (&["purchase", "placed", "order", "created", "invoice", "checkout", "bought"], Kind::OrderPlaced),
    ];
    kinds.into_iter().find(|(stems, _)| begins(stems)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_stages_of_an_order_are_known_by_their_names() {
        for (name, kind) in [
            ("order_purchase_timestamp", Some(Kind::OrderPlaced)),
            ("order_approved_at", None),
            ("order_delivered_carrier_date", Some(Kind::OrderDispatched)),
            ("order_delivered_customer_date", Some(Kind::OrderDelivered)),
            ("order_estimated_delivery_date", None),
            ("Cancelled at", Some(Kind::OrderCancelled)),
            ("shippedAt", Some(Kind::OrderDispatched)),
            ("updated_at", None),
        ] {
            assert_eq!(kind_of_time(name), kind, "{name}");
        }
    }
}
