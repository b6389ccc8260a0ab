//! Judges the answers of any engine: against the truth, and against what is exact for a slack.
//!
//! Answers from elsewhere are texts. [`AnswerForm`] brings them and our own into one form, [`GivenAnswers`] collects
//! them (a [`Changelog`] is reduced to the answers that are left), and an [`Assessment`] says which differ, and how.
//!
//! Decision D-440.

mod answer_form;
mod assessment;
mod changelog;
mod due;
mod findings;
#[cfg(test)]
mod tests;

pub use answer_form::{AnswerForm, AnswerRow, WrongCell};
pub use assessment::Assessment;
pub use changelog::{Changelog, GivenAnswers, GivenRow, Operation};
pub use due::DueAnswers;
pub use findings::{Deviation, DeviationKind, Findings};
