//! What is drawn of answers, by the columns they have.

use crate::answers::drawing::Drawing;
use crate::answers::table::AnswersTable;
use crate::answers::{conversion, dispatches, general, orders, ranks, sessions, stages};

/// The drawings; the first whose columns are all there is taken, and [`general`] if there is none.
pub(super) static DRAWINGS: [Drawing; 7] = [
    conversion::DRAWING,
    orders::DRAWING,
    sessions::DRAWING,
    ranks::DRAWING,
    stages::DRAWING,
    dispatches::DRAWING,
    general::OF_BANDS,
];

/// Returns how answers are drawn.
pub(super) fn drawing_of(answers: &AnswersTable) -> &'static Drawing {
    of_columns(|column| answers.has(&[column]))
}

/// Returns how answers are drawn that have certain columns.
pub(super) fn of_columns(has: impl Fn(&str) -> bool) -> &'static Drawing {
    static GENERAL: Drawing = general::DRAWING;
    let fits = |drawing: &&Drawing| drawing.columns.iter().all(|column| has(column));
    DRAWINGS.iter().find(fits).unwrap_or(&GENERAL)
}
