//! A guess at the meaning of the columns of a table.

use crate::draft::kinds::{self, KindGuess, KindWord};
use crate::draft::roles::Roles;
use crate::draft::table::Table;
use crate::draft::time_guess::TimeGuess;
use crate::draft::times;
use crate::draft::unknown_words;
use crate::event::Kind;
use crate::fields::Field;

/// A guess at the meaning of the columns, which are given by number.
pub(super) struct Guess {
    pub(super) events: Events,
    pub(super) roles: Roles,
    pub(super) arrival: Option<(usize, TimeGuess)>,
    /// The columns that hold times, whether they are used or not.
    pub(super) times: Vec<usize>,
    /// Whether rows with the same order are one event.
    pub(super) is_grouped: bool,
    /// The columns that may hold the kind, if none is taken for it.
    pub(super) doubtful: Vec<(usize, Vec<KindWord>)>,
}

/// The events of a row.
pub(super) enum Events {
    /// A row is one event.
    One { time: (usize, TimeGuess), kind: KindGuess },
    /// A row is an event for each of its times.
    Several(Vec<(Kind, usize, TimeGuess)>),
}

impl Guess {
    /// Returns a guess, or `None` if no column holds times.
    pub(super) fn new(table: &Table) -> Option<Guess> {
        let mut times = times::of(table);
        let arrival = times::take_arrival(table, &mut times);
        let taken: Vec<usize> = times.iter().chain(&arrival).map(|(column, _)| *column).collect();
        let time = times::best(table, &times)?;
        let several = times::of_several_events(table, &times);
        let kind = kind_column(table, &taken, &time, several.len() > 1);
        let roles = Roles::new(table, &taken, kind.as_ref().map(|(column, _)| *column));
        let mut doubtful = if kind.is_none() { kinds::doubtful(table, &taken, &roles) } else { Vec::new() };
        let is_grouped = kind.is_none() && are_lines(table, &roles, time.0, &doubtful);
        let is_several = kind.is_none() && !is_grouped && several.len() > 1;
        if kind.is_none() && !is_grouped && !is_several && doubtful.is_empty() {
            doubtful = unknown_words::doubtful(table, &taken, &roles);
        }
        let events = if is_several {
            Events::Several(several)
        } else {
            let kind = kind.map_or_else(|| kinds::without_column(table, &roles), |(_, kind)| kind);
            Events::One { time, kind }
        };
        Some(Guess { events, roles, arrival, times: taken, is_grouped, doubtful })
    }

    /// Returns the column that tells what happened if none of its words is known.
    pub(super) fn unknown_kinds(&self) -> Option<usize> {
        match &self.events {
            Events::One { kind: KindGuess::Words { column, words, .. }, .. } => {
                words.iter().all(|word| word.meaning.is_none()).then_some(*column)
            }
            _ => None,
        }
    }
}

/// Returns the column that tells what happened, in words that are known if there is such a column. If `is_several`, the
/// times of a row may tell it too.
fn kind_column(
    table: &Table,
    taken: &[usize],
    time: &(usize, TimeGuess),
    is_several: bool,
) -> Option<(usize, KindGuess)> {
    let roles = Roles::new(table, taken, None);
    let order = roles.column(Field::Order);
    let rows = kinds::Rows { order, time: time.0, is_time_of_order: times::is_of_order(table, time) };
    let unknown = || (!is_several).then(|| unknown_words::column(table, taken, &roles, &rows))?;
    kinds::column(table, taken, &rows).or_else(unknown)
}

/// Returns true if the rows of an order are its lines.
fn are_lines(table: &Table, roles: &Roles, time: usize, doubtful: &[(usize, Vec<KindWord>)]) -> bool {
    let order = roles.column(Field::Order);
    let are_alike = |column| order.is_some_and(|order| table.repeats(order, column).are_alike());
    roles.repeats_order(table) && are_alike(time) && doubtful.iter().all(|(column, _)| are_alike(*column))
}
