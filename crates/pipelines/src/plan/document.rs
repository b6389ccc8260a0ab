//! The TOML of a pipeline: values with their places, and what is wrong with them.

use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problem, SourceText, did_you_mean_or_list};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expression::Complaint;
use super::expression::parser::parse;
use super::expression::syntax::{Expression, Syntax};

/// A file that is read, and all that is wrong in it so far.
pub(super) struct Document {
    source: Arc<SourceText>,
    pub(super) problems: Vec<Problem>,
}

/// An expression of the file.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    pub(super) expression: Expression,
    text: Text,
}

/// A text of the file.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    /// The place of the whole value.
    pub(super) place: Range<usize>,
    /// Where in the file each byte of the text is, and its end.
    offsets: Arc<[usize]>,
}

/// A name with an expression: `total = sum(value)`.
#[derive(Debug, Clone)]
pub(super) struct NamedFormula {
    pub(super) name: String,
    pub(super) formula: Formula,
}

impl Document {
    pub(super) fn new(source: &Arc<SourceText>) -> Document {
        Document { source: source.clone(), problems: Vec::new() }
    }

    /// Parses the file as far as it can be read, and notes what is wrong with its syntax.
    pub(super) fn parsed<'a>(&mut self, text: &'a str) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        self.problems.extend(errors.iter().map(|error| {
            let hint = match error.message().starts_with("unexpected key or value") {
                true => "; write the texts of an expression in the other quotes: filter = 'kind == \"order_placed\"'",
                false => "",
            };
            Problem::new(&self.source, error.span(), &format!("{}{hint}", error.message()))
        }));
        table
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, place: Range<usize>, message: &str) {
        let place = (!place.is_empty()).then_some(place);
        self.problems.push(Problem::new(&self.source, place, message));
    }

    /// Notes what is wrong with a text.
    pub(super) fn complain(&mut self, text: &Text, complaints: Vec<Complaint>) {
        for Complaint { at, message } in complaints {
            let place = text.place_of(&at);
            self.problem(place, &message);
        }
    }

    /// Notes what is wrong with an expression.
    pub(super) fn complain_of(&mut self, formula: &Formula, complaints: Vec<Complaint>) {
        self.complain(&formula.text, complaints);
    }

    /// Notes the keys of a table that are not among these.
    pub(super) fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str], whose: &str) {
        for key in table.keys().filter(|key| !known.contains(&&**key.get_ref())) {
            let name = key.get_ref();
            let hint = did_you_mean_or_list(name, known.iter().copied());
            self.problem(key.span(), &format!("{whose} has no key '{name}'{hint}"));
        }
    }

    /// Returns a text, or notes that it is none.
    pub(super) fn text(&mut self, value: &Spanned<DeValue<'_>>, needed: &str) -> Option<Text> {
        let DeValue::String(text) = value.get_ref() else {
            self.problem(value.span(), &format!("a text is needed here; write {needed}"));
            return None;
        };
        let raw = self.source.text.get(value.span()).unwrap_or_default();
        let offsets = offsets(raw, text, value.span().start);
        Some(Text { text: text.to_string(), place: value.span(), offsets })
    }

    /// Returns `true` or `false`; anything else is noted and counts as false.
    pub(super) fn flag(&mut self, value: &Spanned<DeValue<'_>>) -> bool {
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => {
                self.problem(value.span(), "true or false is needed here, without quotes");
                false
            }
        }
    }

    /// Returns a whole number as its text, or the text of a setting.
    pub(super) fn whole_number(&mut self, value: &Spanned<DeValue<'_>>, needed: &str) -> Option<Text> {
        match value.get_ref() {
            DeValue::Integer(number) => Some(Text::of(number.as_str(), value.span())),
            DeValue::String(_) => self.text(value, needed),
            _ => {
                self.problem(value.span(), &format!("a whole number is needed here; write {needed}"));
                None
            }
        }
    }

    /// Returns the texts of a list; a text that stands alone is a list of one.
    pub(super) fn texts(&mut self, value: &Spanned<DeValue<'_>>, needed: &str) -> Vec<Text> {
        match value.get_ref() {
            DeValue::Array(list) => list.iter().filter_map(|value| self.text(value, needed)).collect(),
            _ => self.text(value, &format!("[{needed}]")).into_iter().collect(),
        }
    }

    /// Returns the expression of a text, or notes what is wrong with it.
    pub(super) fn formula(&mut self, text: Text) -> Option<Formula> {
        match parse(&text.text) {
            Ok(expression) => Some(Formula { expression, text }),
            Err(complaint) => {
                self.complain(&text, vec![complaint]);
                None
            }
        }
    }

    /// Returns the name and the expression of `name = expression`. A name alone stands for itself.
    pub(super) fn named(&mut self, text: Text) -> Option<NamedFormula> {
        let Some((name, length)) = name_before(&text.text) else {
            let formula = self.formula(text)?;
            let Syntax::Name(name) = &formula.expression.syntax else {
                let place = formula.text.place.clone();
                self.problem(place, "this has no name; write 'name = ' before it");
                return None;
            };
            return Some(NamedFormula { name: name.clone(), formula });
        };
        let rest = Text {
            text: text.text[length..].to_owned(),
            place: text.place.clone(),
            offsets: text.offsets.get(length..).unwrap_or_default().into(),
        };
        Some(NamedFormula { name: name.to_owned(), formula: self.formula(rest)? })
    }
}

impl Formula {
    /// Returns an expression whose places are those in the whole file, whose text this is.
    pub(super) fn of_source(expression: Expression, source: &str) -> Formula {
        let place = expression.at.clone();
        let offsets = (place.start..=place.end).collect();
        let text = source.get(place.clone()).unwrap_or_default().to_owned();
        Formula { expression: moved(expression, place.start), text: Text { text, place, offsets } }
    }

    pub(super) fn place(&self) -> Range<usize> {
        self.text.place_of(&self.expression.at)
    }

    /// Returns the text of the expression.
    pub(super) fn text(&self) -> &str {
        self.text.text.trim()
    }
}

impl Text {
    /// Returns a text that nobody wrote, for a value at a place.
    pub(super) fn of(text: &str, place: Range<usize>) -> Text {
        Text { text: text.to_owned(), place, offsets: Arc::new([]) }
    }

    /// Returns the text for a reader: a setting by a parameter is the name of that.
    pub(super) fn said(&self) -> &str {
        self.text.trim_matches(['{', '}'])
    }

    fn place_of(&self, at: &Range<usize>) -> Range<usize> {
        match (self.offsets.get(at.start), self.offsets.get(at.end)) {
            // The end of the text: its last letter.
            (Some(start), Some(end)) if start == end => start.saturating_sub(1)..*end,
            (Some(start), Some(end)) => *start..*end,
            _ => self.place.clone(),
        }
    }
}

/// Returns an expression whose places are counted from a byte.
fn moved(expression: Expression, start: usize) -> Expression {
    let at = expression.at.start.saturating_sub(start)..expression.at.end.saturating_sub(start);
    let all = |list: Vec<Expression>| list.into_iter().map(|one| moved(one, start)).collect();
    let boxed = |one: Box<Expression>| Box::new(moved(*one, start));
    let syntax = match expression.syntax {
        Syntax::Call(name, name_at, arguments) => {
            let name_at = name_at.start.saturating_sub(start)..name_at.end.saturating_sub(start);
            Syntax::Call(name, name_at, all(arguments))
        }
        Syntax::Not(operand) => Syntax::Not(boxed(operand)),
        Syntax::Minus(operand) => Syntax::Minus(boxed(operand)),
        Syntax::And(operands) => Syntax::And(all(operands)),
        Syntax::Or(operands) => Syntax::Or(all(operands)),
        Syntax::Compare(comparison, both) => Syntax::Compare(comparison, both.map(|one| moved(one, start)).into()),
        Syntax::In(operand, list) => Syntax::In(boxed(operand), all(list)),
        Syntax::Arithmetic(operator, both) => Syntax::Arithmetic(operator, both.map(|one| moved(one, start)).into()),
        Syntax::If(choice) => Syntax::If(choice.map(|one| moved(one, start)).into()),
        alone => alone,
    };
    Expression { syntax, at }
}

/// Returns the name before a single `=`, and how much of the text both take.
fn name_before(text: &str) -> Option<(&str, usize)> {
    let (name, rest) = text.split_once('=')?;
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (is_name(name.trim()) && !rest.starts_with('=')).then(|| (name.trim(), name.len() + 1))
}

/// Returns where in the file each byte of a text is, and its end; `raw` is the text as it is written, from `start`.
fn offsets(raw: &str, text: &str, start: usize) -> Arc<[usize]> {
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| raw.starts_with(quotes)).unwrap_or_default();
    let mut at = quotes.len();
    if quotes.len() == 3 {
        at += raw[at..]
            .find(|letter| letter != '\r')
            .filter(|_| raw[at..].trim_start_matches('\r').starts_with('\n'))
            .map_or(0, |before| before + 1);
    }
    let has_escapes = quotes.starts_with('"');
    let mut offsets = Vec::with_capacity(text.len() + 1);
    for letter in text.chars() {
        let rest = raw.get(at..).unwrap_or_default();
        let length = if has_escapes && rest.starts_with('\\') { escape_length(rest) } else { letter.len_utf8() };
        offsets.extend(std::iter::repeat_n(start + at, letter.len_utf8()));
        at += length;
    }
    offsets.push(start + at);
    offsets.into()
}

fn escape_length(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(b'x') => 4,
        _ => 2,
    }
}
