//! A first mapping for a foreign log, guessed from the names and the cells of its columns.

mod column_names;
mod guess;
mod kind_names;
mod kinds;
mod numbers;
mod roles;
mod table;
mod text;
mod time_guess;
mod times;
mod unknown_words;
mod unused;
mod words;

use crate::files::{Format, Input};
use crate::names::listed;
use crate::outcome::ReadError;

use guess::Guess;
use table::Table;
use text::Draft;

/// Drafts the mapping of a log as TOML with its guesses as comments. If `format` is `None`, the file decides.
///
/// The draft can be read by [`Mapping::parse`](crate::Mapping::parse) as it is, unless a column tells what happened in
/// words that are not known. Then it lists them, and is refused until one of them is given a kind.
///
/// # Errors
///
/// Returns [`ReadError`] if the log cannot be read, has no rows, or has no column with times, which every event needs.
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
