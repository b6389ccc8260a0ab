//! A first mapping for a foreign log, guessed from its first rows: from the names of its columns and what they hold.

mod kinds;
mod numbers;
mod roles;
mod table;
mod text;
mod times;

use crate::fields::Field;
use crate::files::{Format, Input};
use crate::names::listed;
use crate::read::ReadError;

use kinds::{KindGuess, KindWord};
use roles::Roles;
use table::Table;
use text::Draft;
use times::TimeGuess;

/// Drafts the mapping of a log as TOML, with what it guesses as comments; `format` is told by the file unless given.
///
/// The draft can be read by [`Mapping::parse`](crate::Mapping::parse) as it is. It is an error if no column holds times,
/// since nothing can be an event then.
pub fn draft_mapping(input: &Input, format: Option<Format>) -> Result<String, ReadError> {
    let name = input.to_string();
    let raw = input.open()?;
    let table = Table::read(raw, format.or_else(|| input.format()));
    let table = table.map_err(|source| ReadError::Interrupted { input: name.clone(), rows: 0, source })?;
    if table.rows == 0 {
        return Err(ReadError::Columns { input: name, problem: "there is no row to draft a mapping from".to_owned() });
    }
    let guess = Guess::new(&table).ok_or_else(|| {
        let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        let seen = times::unread(&table);
        let problem = format!("no column holds times{seen}, and every event needs one (columns: {})", listed(&names));
        ReadError::Columns { input: name.clone(), problem }
    })?;
    Ok(Draft::new(&name, &table, &guess).write())
}

/// What the columns of a table are taken for; columns by number.
struct Guess {
    events: Events,
    roles: Roles,
    arrival: Option<(usize, TimeGuess)>,
    /// The rows that have the order in common are one event.
    is_grouped: bool,
    /// Columns that may tell what happened, where none is taken for it.
    doubtful: Vec<(usize, Vec<KindWord>)>,
}

/// What a row is.
enum Events {
    /// One event, at one time.
    One { time: (usize, TimeGuess), kind: KindGuess },
    /// An event for each of its times.
    Several(Vec<(crate::Kind, usize, TimeGuess)>),
}

impl Guess {
    /// `None` if there is no time.
    fn new(table: &Table) -> Option<Guess> {
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
        let kind = kind.map_or_else(|| roles.kind_without_column(table), |(_, kind)| kind);
        Some(Guess { events: Events::One { time, kind }, roles, arrival, is_grouped, doubtful })
    }
}
