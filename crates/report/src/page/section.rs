//! What the parts of a page are made of.

use flowbench_measurement::record::{FigureSpec, QuestionRecord};

use crate::chart::Chart;
use crate::figures::check::FigureError;
use crate::text::prose;

/// A question with the charts or the errors of its figures.
pub(crate) type Section<'a> = (&'a QuestionRecord, Vec<(&'a FigureSpec, Result<Chart, FigureError>)>);

/// Returns a paragraph of a class; empty for none.
pub(crate) fn paragraph(class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<p{class}>{}</p>\n", prose(text))
}
