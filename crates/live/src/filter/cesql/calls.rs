//! Calls of functions.

use std::borrow::Cow;

use super::evaluator::{Evaluated, Evaluator, Failure};
use super::functions::Function;
use super::syntax::Node;
use super::value::{Type, Value};
use super::{CesqlErrorKind, MAX_TEXT_BYTES};

impl<'e> Evaluator<'e> {
    /// Calls a function, which the parser has found for this number of arguments.
    pub(super) fn call(&self, function: Function, arguments: &'e [Node], node: &'e Node) -> Evaluated<'e> {
        let of = function.result_type();
        let text = |index: usize| self.text(&arguments[index], of);
        let integer = |index: usize| self.integer(&arguments[index], of);
        let made = |text: String| match text.len() {
            0..=MAX_TEXT_BYTES => Ok(Value::Text(text.into())),
            _ => Err(Failure::of(CesqlErrorKind::Generic, node, of)),
        };
        match function {
            Function::Abs => absolute(integer(0)?).map_err(|value| failure(CesqlErrorKind::Math, node, value)),
            Function::Bool => Ok(Value::Boolean(self.boolean(&arguments[0], of)?)),
            Function::Int => integer(0).map(Value::Integer),
            Function::String => text(0).map(Value::Text),
            Function::IsBool => Ok(Value::Boolean(self.operand(&arguments[0], of)?.to_boolean().is_some())),
            Function::IsInt => Ok(Value::Boolean(self.operand(&arguments[0], of)?.to_integer().is_some())),
            Function::Length => Ok(Value::Integer(count(&text(0)?).try_into().unwrap_or(i32::MAX))),
            Function::Lower => made(text(0)?.to_lowercase()),
            Function::Upper => made(text(0)?.to_uppercase()),
            Function::Trim => Ok(Value::Text(sliced(text(0)?, str::trim))),
            Function::Concat => joined(self, "", arguments, node),
            Function::ConcatWs => joined(self, &text(0)?, &arguments[1..], node),
            Function::Left => {
                left(text(0)?, integer(1)?).map_err(|value| failure(CesqlErrorKind::FunctionEvaluation, node, value))
            }
            Function::Right => {
                right(text(0)?, integer(1)?).map_err(|value| failure(CesqlErrorKind::FunctionEvaluation, node, value))
            }
            Function::Substring => {
                let (text, from) = (text(0)?, integer(1)?);
                let length = if arguments.len() == 3 { integer(2)? } else { i32::MAX };
                substring(text, from, length)
                    .ok_or_else(|| Failure::of(CesqlErrorKind::FunctionEvaluation, node, Type::Text))
            }
        }
    }
}

fn failure<'e>(kind: CesqlErrorKind, node: &Node, value: Value<'e>) -> Failure<'e> {
    Failure { kind, span: node.span, value }
}

fn absolute(number: i32) -> Result<Value<'static>, Value<'static>> {
    number.checked_abs().map(Value::Integer).ok_or(Value::Integer(i32::MAX))
}

fn joined<'e>(evaluator: &Evaluator<'e>, delimiter: &str, arguments: &'e [Node], node: &'e Node) -> Evaluated<'e> {
    let mut whole = String::new();
    for (index, argument) in arguments.iter().enumerate() {
        let text = evaluator.text(argument, Type::Text)?;
        let delimiter = if index == 0 { "" } else { delimiter };
        if whole.len() + delimiter.len() + text.len() > MAX_TEXT_BYTES {
            return Err(Failure::of(CesqlErrorKind::Generic, node, Type::Text));
        }
        whole.extend([delimiter, &text]);
    }
    Ok(Value::Text(whole.into()))
}

/// Returns the first characters, or the whole text as an error if there is to be less than none.
fn left(text: Cow<str>, length: i32) -> Result<Value, Value> {
    match usize::try_from(length) {
        Ok(length) => Ok(Value::Text(sliced(text, |text| &text[..offset(text, length)]))),
        Err(_) => Err(Value::Text(text)),
    }
}

/// Returns the last characters, or the whole text as an error if there is to be less than none.
fn right(text: Cow<str>, length: i32) -> Result<Value, Value> {
    match usize::try_from(length) {
        Ok(length) => {
            let skipped = count(&text).saturating_sub(length);
            Ok(Value::Text(sliced(text, |text| &text[offset(text, skipped)..])))
        }
        Err(_) => Err(Value::Text(text)),
    }
}

/// Returns so many characters from a position, which counts from 1, or backwards from -1. There is nothing at 0.
fn substring(text: Cow<str>, from: i32, length: i32) -> Option<Value> {
    let length = usize::try_from(length).ok()?;
    let available = count(&text);
    let distance = usize::try_from(from.unsigned_abs()).ok()?;
    if distance > available {
        return None;
    }
    let skipped = match from {
        0 => return Some(Type::Text.zero()),
        1.. => distance - 1,
        _ => available - distance,
    };
    Some(Value::Text(sliced(text, |text| {
        let rest = &text[offset(text, skipped)..];
        &rest[..offset(rest, length)]
    })))
}

/// Takes a part of a text, without a copy where the text is borrowed.
fn sliced<'e>(text: Cow<'e, str>, part: impl Fn(&str) -> &str) -> Cow<'e, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// Returns the byte at which a character begins; the length of the text if it has fewer.
fn offset(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}
