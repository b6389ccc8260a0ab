//! Numbers and texts: what they are depends on what they stand beside.

use std::ops::Range;

use flowbench_events::{Channel, Kind, Value, Zone, did_you_mean_or_list, parse_duration_ms, parse_rfc3339_ms};

use super::{Compiler, typed};
use crate::plan::expression::names::Typed;
use crate::plan::expression::node::{ABSENT, Node};
use crate::plan::expression::types::Type;

/// The word of a text that does not occur in the trace: no event has it.
const UNKNOWN: i64 = -1;

impl Compiler<'_> {
    /// Returns the word of a text or a number that is given for a value of a type.
    ///
    /// # Errors
    ///
    /// Says what would be right.
    pub(crate) fn word_of(&mut self, text: &str, of: Type) -> Result<i64, String> {
        let number = |needed: &str| format!("'{text}' is not {of}; write {needed}");
        match of {
            Type::Integer => text.parse().ok().filter(|word| *word != ABSENT).ok_or_else(|| number("digits")),
            Type::Money => Value::parse(text)
                .map(|value| value.0)
                .ok_or_else(|| number("digits, and at most three decimals after a point")),
            Type::Duration => parse_duration_ms(text).map_err(|error| error.to_string()),
            Type::Time => parse_rfc3339_ms(text).map_err(|error| error.to_string()),
            Type::Timezone => match Zone::named(text) {
                Ok(_) => Ok(self.number_of_text(text)),
                Err(error) => Err(error.to_string()),
            },
            of => self.text_of(text, of).ok_or_else(|| self.not_a(text, of)),
        }
    }

    pub(super) fn number(&mut self, text: &str, at: &Range<usize>, expected: Option<Type>) -> Option<Typed> {
        let of = match expected {
            Some(Type::Money | Type::Total) => Type::Money,
            Some(Type::Integer) => Type::Integer,
            _ if text.contains('.') => Type::Money,
            _ => Type::Integer,
        };
        match self.word_of(text, of) {
            Ok(word) => typed(Node::Constant(word), of),
            Err(message) => self.complain(at, message),
        }
    }

    pub(super) fn text(&mut self, text: &str, at: &Range<usize>, expected: Option<Type>) -> Option<Typed> {
        let of = expected.unwrap_or(Type::Text);
        if matches!(of, Type::Customer | Type::Order | Type::Product | Type::Country) && text.is_empty() {
            return self.complain(at, "nothing equals what is absent; write has(x), or !has(x) for what is absent");
        }
        match self.text_of(text, of) {
            Some(word) => typed(Node::Constant(word), of),
            None => {
                let message = self.not_a(text, of);
                self.complain(at, message)
            }
        }
    }

    /// Returns the word of a text of a type whose values are written as texts; `None` if it is no such text.
    fn text_of(&mut self, text: &str, of: Type) -> Option<i64> {
        match of {
            Type::Kind => Kind::from_name(text).map(|kind| kind as i64),
            Type::Channel => Channel::from_name(text).map(|channel| channel as i64),
            Type::Country => Some(self.symbols.find_country(text).map_or(UNKNOWN, i64::from)),
            Type::Customer | Type::Order | Type::Product => {
                Some(self.symbols.find_id(text).map_or(UNKNOWN, |id| i64::from(id.0)))
            }
            Type::Text => Some(self.number_of_text(text)),
            _ => None,
        }
    }

    pub(super) fn number_of_text(&mut self, text: &str) -> i64 {
        let known = self.texts.iter().position(|known| known == text);
        let number = known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        number as i64
    }

    fn not_a(&self, text: &str, of: Type) -> String {
        let hint = match of {
            Type::Kind => did_you_mean_or_list(text, Kind::ALL.map(Kind::name)),
            Type::Channel => did_you_mean_or_list(text, Channel::ALL.map(Channel::name)),
            Type::Integer | Type::Money | Type::Total => "; write numbers without quotes".to_owned(),
            Type::Time => format!("; write timestamp(\"{text}\")"),
            Type::Duration => format!("; write duration(\"{text}\")"),
            Type::Flag => "; write true or false without quotes".to_owned(),
            _ => String::new(),
        };
        format!("'{text}' is not {of}{hint}")
    }
}
