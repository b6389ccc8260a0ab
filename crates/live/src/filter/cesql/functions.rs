//! The built-in functions.

use std::borrow::Cow;

use super::evaluator::{Evaluated, Evaluator, Failure};
use super::syntax::Node;
use super::value::{Type, Value};
use super::{CesqlErrorKind, MAX_TEXT_BYTES};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Bool,
    Concat,
    ConcatWs,
    Int,
    IsBool,
    IsInt,
    Left,
    Length,
    Lower,
    Right,
    String,
    Substring,
    Trim,
    Upper,
}

/// A function with its name, its type, and how few and how many arguments it takes.
struct Signature(&'static str, Function, Type, usize, usize);

/// All functions. IS_BOOL and IS_INT were in drafts of the language, and are kept because casts can fail (D-605).
const SIGNATURES: [Signature; 15] = [
    Signature("ABS", Function::Abs, Type::Integer, 1, 1),
    Signature("BOOL", Function::Bool, Type::Boolean, 1, 1),
    Signature("CONCAT", Function::Concat, Type::Text, 0, usize::MAX),
    Signature("CONCAT_WS", Function::ConcatWs, Type::Text, 1, usize::MAX),
    Signature("INT", Function::Int, Type::Integer, 1, 1),
    Signature("IS_BOOL", Function::IsBool, Type::Boolean, 1, 1),
    Signature("IS_INT", Function::IsInt, Type::Boolean, 1, 1),
    Signature("LEFT", Function::Left, Type::Text, 2, 2),
    Signature("LENGTH", Function::Length, Type::Integer, 1, 1),
    Signature("LOWER", Function::Lower, Type::Text, 1, 1),
    Signature("RIGHT", Function::Right, Type::Text, 2, 2),
    Signature("STRING", Function::String, Type::Text, 1, 1),
    Signature("SUBSTRING", Function::Substring, Type::Text, 2, 3),
    Signature("TRIM", Function::Trim, Type::Text, 1, 1),
    Signature("UPPER", Function::Upper, Type::Text, 1, 1),
];

impl Function {
    /// Returns the function of a name, in upper or lower case, that takes so many arguments.
    pub(super) fn find(name: &str, arguments: usize) -> Option<Function> {
        let Signature(_, function, _, least, most) =
            SIGNATURES.iter().find(|signature| name.eq_ignore_ascii_case(signature.0))?;
        (*least..=*most).contains(&arguments).then_some(*function)
    }

    fn result_type(self) -> Type {
        SIGNATURES.iter().find(|signature| signature.1 == self).map_or(Type::Boolean, |signature| signature.2)
    }
}

/// Returns the functions with the number of their arguments.
pub(super) fn signatures() -> String {
    let count = |least: usize, most: usize| match most {
        usize::MAX => format!("{least}.."),
        _ if least == most => least.to_string(),
        _ => format!("{least}..{most}"),
    };
    let names: Vec<String> = SIGNATURES
        .iter()
        .map(|Signature(name, _, _, least, most)| format!("{name}/{}", count(*least, *most)))
        .collect();
    names.join(", ")
}

/// Calls a function, which the parser has found for this number of arguments.
pub(super) fn call<'e>(
    evaluator: &Evaluator<'e>,
    function: Function,
    arguments: &'e [Node],
    node: &'e Node,
) -> Evaluated<'e> {
    let of = function.result_type();
    let text = |index: usize| evaluator.text(&arguments[index], of);
    let integer = |index: usize| evaluator.integer(&arguments[index], of);
    let made = |text: String| match text.len() {
        0..=MAX_TEXT_BYTES => Ok(Value::Text(text.into())),
        _ => Err(Failure::of(CesqlErrorKind::Generic, node, of)),
    };
    match function {
        Function::Abs => absolute(integer(0)?).map_err(|value| failure(CesqlErrorKind::Math, node, value)),
        Function::Bool => Ok(Value::Boolean(evaluator.boolean(&arguments[0], of)?)),
        Function::Int => integer(0).map(Value::Integer),
        Function::String => text(0).map(Value::Text),
        Function::IsBool => Ok(Value::Boolean(evaluator.operand(&arguments[0], of)?.to_boolean().is_some())),
        Function::IsInt => Ok(Value::Boolean(evaluator.operand(&arguments[0], of)?.to_integer().is_some())),
        Function::Length => Ok(Value::Integer(count(&text(0)?).try_into().unwrap_or(i32::MAX))),
        Function::Lower => made(text(0)?.to_lowercase()),
        Function::Upper => made(text(0)?.to_uppercase()),
        Function::Trim => Ok(Value::Text(sliced(text(0)?, str::trim))),
        Function::Concat => joined(evaluator, "", arguments, node),
        Function::ConcatWs => joined(evaluator, &text(0)?, &arguments[1..], node),
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

#[cfg(test)]
pub(super) fn name(function: Function) -> &'static str {
    SIGNATURES.iter().find(|signature| signature.1 == function).map_or("", |signature| signature.0)
}
