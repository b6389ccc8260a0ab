//! The column that tells what happened in words that are not known.
//!
//! Decision D-109.

use crate::draft::kind_names::KindName;
use crate::draft::kinds::{KindGuess, KindWord, Rows, all_words, changes, repeats};
use crate::draft::roles::Roles;
use crate::draft::table::Table;
use crate::draft::words::words;

/// The maximum number of words in a column whose name does not say that they are kinds.
const WORDS_MAX: usize = 12;
/// The minimum number of rows for each word, on average, of a column that has only few.
const ROWS_PER_WORD: usize = 5;
/// The maximum number of columns that are named as doubtful.
const COLUMNS_MAX: usize = 3;

/// Returns the column that plainly tells what happened although its words are not known. Its name says so, or its words
/// change while the order stays and time goes on.
pub(super) fn column(table: &Table, taken: &[usize], roles: &Roles, rows: &Rows) -> Option<(usize, KindGuess)> {
    let tells = |(column, name, words): &(usize, KindName, Vec<KindWord>)| match name {
        KindName::Event => !words.is_empty(),
        KindName::State => are_of_rows(table, *column, words, rows),
        KindName::Type => are_several(words) && !are_lines(table, roles, rows),
        KindName::Other => are_few(table, words) && are_stages(table, *column, rows),
    };
    let (column, name, words) = free(table, taken, roles).filter(tells).min_by_key(|(_, name, _)| *name)?;
    let may_be_last = name == KindName::State && !changes(table, column, rows);
    Some((column, KindGuess::Words { column, words, may_be_last }))
}

/// Returns the first columns of a few words that may tell what happened, if no column plainly does.
pub(super) fn doubtful(table: &Table, taken: &[usize], roles: &Roles) -> Vec<(usize, Vec<KindWord>)> {
    let few = free(table, taken, roles).filter(|(_, _, words)| are_few(table, words));
    few.map(|(column, _, words)| (column, words)).take(COLUMNS_MAX).collect()
}

/// Returns the columns of words that no field uses and whose name is not that of something else.
fn free<'a>(
    table: &'a Table,
    taken: &'a [usize],
    roles: &'a Roles,
) -> impl Iterator<Item = (usize, KindName, Vec<KindWord>)> + 'a {
    let is_free = |column: &usize| !taken.contains(column) && !roles.uses(*column);
    (0..table.columns.len()).filter(is_free).filter_map(|column| {
        let name = &table.columns[column].name;
        let words = all_words(table, column)?;
        let is_mostly_there = words.iter().map(|word| word.rows).sum::<usize>() * 2 >= table.rows;
        let are_few = words.len() <= WORDS_MAX || words.len() * ROWS_PER_WORD <= table.rows;
        (is_mostly_there && are_few && !is_of_something_else(name)).then(|| (column, KindName::of(name), words))
    })
}

/// Returns true if each state seems to have a row of its own. The state of a country has no order to change.
fn are_of_rows(table: &Table, column: usize, states: &[KindWord], rows: &Rows) -> bool {
    let is_alone = || {
        let is_of_a_country = words(&table.columns[column].name).iter().any(|word| word == "state");
        !is_of_a_country && !rows.is_time_of_order && !repeats(table, column, rows)
    };
    let changes = rows.order.is_some() && changes(table, column, rows);
    are_several(states) && (changes || is_alone())
}

/// Returns true if orders have several rows at several times and mostly another word in each.
fn are_stages(table: &Table, column: usize, rows: &Rows) -> bool {
    let Some(order) = rows.order else { return false };
    let repeats = table.repeats(order, column);
    repeats.rows * 4 >= table.rows && repeats.mostly_differ() && table.repeats(order, rows.time).mostly_differ()
}

/// Returns true if the rows of an order are at one time, as its lines are.
fn are_lines(table: &Table, roles: &Roles, rows: &Rows) -> bool {
    let is_at_once = |order| table.repeats(order, rows.time).are_alike();
    roles.repeats_order(table) && rows.order.is_some_and(is_at_once)
}

/// Returns true if there are several words in letters, only a few of them, each in many rows.
fn are_few(table: &Table, words: &[KindWord]) -> bool {
    words.len() <= WORDS_MAX && words.len() * ROWS_PER_WORD <= table.rows && are_several(words)
}

/// Returns true if there are two words or more, all of which have letters.
fn are_several(words: &[KindWord]) -> bool {
    words.len() > 1 && words.iter().all(|word| word.word.contains(char::is_alphabetic))
}

fn is_of_something_else(name: &str) -> bool {
    const OTHERS: [&str; 20] = [
        "brand", "browser", "category", "city", "color", "colour", "country", "currency", "device", "gender", "item",
        "language", "payment", "product", "region", "segment", "shipping", "size", "tax", "unit",
    ];
    words(name).iter().any(|word| OTHERS.contains(&word.as_str()))
}
