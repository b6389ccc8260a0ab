//! What is wrong with a text that somebody wrote: every problem with its place, and what would be right.

use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

/// A text in which problems are found: a file, or a setting of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The path of the file, or what else names the text.
    pub name: String,
    /// The text; empty if it is not known.
    pub text: String,
}

impl SourceText {
    /// Returns a text with its name, to be shared by the problems found in it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<SourceText> {
        Arc::new(SourceText { name: name.into(), text: text.into() })
    }

    /// Returns the line and the column, in characters, of a byte of the text, both from 1.
    pub fn line_and_column(&self, at: usize) -> (usize, usize) {
        line_and_column(&self.text, at)
    }
}

/// Returns the line and the column, in characters, of a byte of a text, both from 1.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The text.
    pub source: Arc<SourceText>,
    /// The place in the text, bytes; `None` if it is about the whole of it.
    pub place: Option<Range<usize>>,
    /// What is wrong.
    pub what: String,
    /// What would be right; empty if that is not known.
    pub help: String,
}

/// How a hint begins within a message that [`Problem::new`] takes apart.
const HINTS: [&str; 4] = ["; did you mean ", "; there are ", "; write ", "; give "];

impl Problem {
    /// Returns a problem with a text. A hint at the end of `message`, such as `; did you mean 'x'?`, becomes its help.
    pub fn new(source: &Arc<SourceText>, place: Option<Range<usize>>, message: &str) -> Problem {
        let hint = HINTS.iter().filter_map(|begin| message.find(begin)).min();
        let (what, help) = hint.map_or((message, ""), |at| (&message[..at], &message[at + 2..]));
        Problem { source: source.clone(), place, what: what.to_owned(), help: help.to_owned() }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.source.name)?;
        if let Some(place) = &self.place {
            let (line, column) = self.source.line_and_column(place.start);
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.what)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

/// Everything that is wrong with a text and with what belongs to it, at least one problem. As text, a line for each:
/// `mine.toml, line 3, column 11: what is wrong; what would be right`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns one problem as all there are.
    pub fn one(problem: Problem) -> Problems {
        Problems(vec![problem])
    }

    /// Returns a problem without a place, of a text that is named and not known.
    pub fn of_name(name: impl Into<String>, message: &str) -> Problems {
        Problems::one(Problem::new(&SourceText::new(name, ""), None, message))
    }

    /// Fails with these problems, each once and in the order of their places; returns `Ok` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if there is a problem.
    pub fn check(problems: Vec<Problem>) -> Result<(), Problems> {
        let mut sorted: Vec<Problem> = Vec::new();
        for problem in problems {
            if !sorted.contains(&problem) {
                sorted.push(problem);
            }
        }
        sorted.sort_by_key(|problem| problem.place.as_ref().map_or(usize::MAX, |place| place.start));
        if sorted.is_empty() { Ok(()) } else { Err(Problems(sorted)) }
    }

    /// Returns the problems.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }

    /// Returns the problems with each changed.
    #[must_use]
    pub fn map(self, change: impl FnMut(Problem) -> Problem) -> Problems {
        Problems(self.0.into_iter().map(change).collect())
    }

    /// Returns the problems as owned values.
    pub fn into_list(self) -> Vec<Problem> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_a_place_and_a_help() {
        let source = SourceText::new("x.toml", "a = 1\nüb = 2\n");
        let at = source.text.find("= 2").unwrap();
        let problem = Problem::new(&source, Some(at..at + 1), "there is no key 'üb'; did you mean 'ub'?");
        assert_eq!(problem.to_string(), "x.toml, line 2, column 4: there is no key 'üb'; did you mean 'ub'?");
        assert_eq!((problem.what.as_str(), problem.help.as_str()), ("there is no key 'üb'", "did you mean 'ub'?"));
        let whole = Problem::new(&source, None, "two; three");
        assert_eq!((whole.to_string().as_str(), whole.help.as_str()), ("x.toml: two; three", ""));
    }

    #[test]
    fn problems_are_told_once_and_in_order() {
        let source = SourceText::new("x", "abcdef");
        let at = |place: usize| Problem::new(&source, Some(place..place + 1), "wrong");
        let whole = Problem::new(&source, None, "wrong");
        let Err(problems) = Problems::check(vec![whole.clone(), at(4), at(2), at(4)]) else { panic!("no problem") };
        assert_eq!(problems.list(), [at(2), at(4), whole]);
        assert_eq!(Problems::check(Vec::new()), Ok(()));
    }
}
