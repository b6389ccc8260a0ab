//! What a tile keeps of its rows, by its kind.

use crate::wall::content::TileFigure;
use crate::wall::row::AnswerRow;

/// The rows of a tile, as far as they are shown.
pub(super) trait TileState: Send {
    /// Takes a row and returns its time; the error says why the row is of no use.
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String>;

    /// Returns what is to be shown.
    fn figure(&self) -> TileFigure;

    /// Returns the time of the newest row, in ms since the Unix epoch.
    fn newest_ms(&self) -> Option<i64>;

    /// Returns the time from which on rows matter to what is shown; `None` if all do.
    fn oldest_shown_ms(&self) -> Option<i64>;
}
