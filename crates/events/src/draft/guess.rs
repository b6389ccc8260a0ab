//! A guess at the meaning of the columns of a table.

use crate::draft::kinds::{self, KindGuess, KindWord};
use crate::draft::roles::Roles;
use crate::draft::table::Table;
use crate::draft::time_guess::TimeGuess;
use crate::draft::times;
use crate::event::Kind;
use crate::fields::Field;

/// A guess at the meaning of the columns, which are given by number.
pub(super) struct Guess {
    pub(super) events: Events,
    pub(super) roles: Roles,
    pub(super) arrival: Option<(usize, TimeGuess)>,
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
        let order = Roles::new(table, &taken, None).column(Field::Order);
        let rows = kinds::Rows { order, is_time_of_order: times::is_of_order(table, &time) };
        let kind = kinds::column(table, &taken, &rows);
        let roles = Roles::new(table, &taken, kind.as_ref().map(|(column, _)| *column));
        let doubtful = if kind.is_none() { kinds::doubtful(table, &taken, &roles) } else { Vec::new() };
        let are_alike = |column| order.is_some_and(|order| table.repeats(order, column).are_alike());
        let is_grouped = kind.is_none()
            && roles.repeats_order(table)
            && are_alike(time.0)
            && doubtful.iter().all(|(column, _)| are_alike(*column));
        let several = if kind.is_none() && !is_grouped { times::of_several_events(table, &times) } else { Vec::new() };
        if several.len() > 1 {
            return Some(Guess { events: Events::Several(several), roles, arrival, is_grouped, doubtful });
        }
        let kind = kind.map_or_else(|| kinds::without_column(table, &roles), |(_, kind)| kind);
        Some(Guess { events: Events::One { time, kind }, roles, arrival, is_grouped, doubtful })
    }
}
