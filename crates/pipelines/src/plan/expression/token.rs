//! The tokens of an expression.

use std::ops::Range;

use super::Complaint;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A number as it is written, without a sign.
    Number(String),
    /// A text, without its quotes.
    Text(String),
    /// A name of a field, a parameter or a function, or one of the words `true`, `false` and `in`.
    Name(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the expression.
    End,
}

/// A token and where it is.
pub(crate) type Placed = (Token, Range<usize>);

/// The operators and brackets, those of two letters first.
const SYMBOLS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "?", ":", ".",
];

/// What is written elsewhere, and what to write here.
const FOREIGN: [(&str, &str); 4] = [("<>", "!="), ("=", "=="), ("&", "&&"), ("|", "||")];

/// Splits an expression into tokens; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, Complaint> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            found.push((Token::End, at..at));
            return Ok(found);
        };
        let (token, length) = if first.is_ascii_digit() {
            number(rest, at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = word_length(rest);
            (Token::Name(rest[..length].to_owned()), length)
        } else if first == '"' || first == '\'' {
            quoted(rest, first, at)?
        } else {
            symbol(rest, first, at)?
        };
        found.push((token, at..at + length));
        at += length;
    }
}

fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), Complaint> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let decimals = rest[whole..].strip_prefix('.').map_or(0, digits);
    let length = if decimals > 0 { whole + 1 + decimals } else { whole };
    let letters = word_length(&rest[length..]);
    if letters > 0 {
        let text = &rest[..length + letters];
        let hint = match flowbench_events::parse_duration_ms(text) {
            Ok(_) => format!("; write duration(\"{text}\")"),
            Err(_) => "; write digits, with a point before decimals".to_owned(),
        };
        return Err(Complaint::new(&(at..at + length + letters), format!("'{text}' is not a number{hint}")));
    }
    Ok((Token::Number(rest[..length].to_owned()), length))
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), Complaint> {
    let Some(end) = rest[1..].find(quote) else {
        let message = format!("the text has no end; write {quote} after it");
        return Err(Complaint::new(&(at..at + rest.len()), message));
    };
    let text = &rest[1..=end];
    if let Some(place) = text.find('\\') {
        let place = at + 1 + place;
        let message = "a text has no escapes; give it the other quotes if it has quotes in it";
        return Err(Complaint::new(&(place..place + 1), message));
    }
    Ok((Token::Text(text.to_owned()), end + 2))
}

fn symbol(rest: &str, first: char, at: usize) -> Result<(Token, usize), Complaint> {
    let known = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
    let foreign = FOREIGN.into_iter().find(|(symbol, _)| rest.starts_with(symbol));
    match (known, foreign) {
        (Some(symbol), foreign) if foreign.is_none_or(|(other, _)| other.len() <= symbol.len()) => {
            Ok((Token::Symbol(symbol), symbol.len()))
        }
        (_, Some((symbol, write))) => {
            let message = format!("there is no operator '{symbol}'; write {write}");
            Err(Complaint::new(&(at..at + symbol.len()), message))
        }
        _ => Err(Complaint::new(&(at..at + first.len_utf8()), format!("'{first}' means nothing here"))),
    }
}
