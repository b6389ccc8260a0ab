//! Cuts the text of an expression into tokens.

use super::syntax::Span;
use super::{CesqlError, CesqlErrorKind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// The name of an attribute or a function.
    Word,
    /// Digits without a sign.
    Digits,
    /// What stands between quotes.
    Text(String),
    /// A reserved word, in upper case.
    Keyword(&'static str),
    /// An operator, a parenthesis or a comma.
    Symbol(&'static str),
    End,
}

/// The words that cannot be names of attributes.
const KEYWORDS: [&str; 9] = ["AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"];

/// The symbols, longer ones before those they begin with.
const SYMBOLS: [&str; 15] = ["!=", "<>", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", ","];

/// Returns the tokens of a text, of which the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, CesqlError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            at += 1;
            continue;
        }
        let (kind, length) = token(text, at, first)?;
        tokens.push(Token { kind, span: Span { start: at, end: at + length } });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, span: Span { start: at, end: at } });
    Ok(tokens)
}

fn token(text: &str, at: usize, first: char) -> Result<(TokenKind, usize), CesqlError> {
    let rest = &text[at..];
    if first == '\'' || first == '"' {
        return quoted(rest, first).ok_or_else(|| {
            let reason = format!("the text that begins here does not end; close it with {first}");
            refused(text, at, reason)
        });
    }
    if first.is_ascii_alphanumeric() {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return Ok((word(&rest[..length]), length));
    }
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok((TokenKind::Symbol(symbol), symbol.len()));
    }
    let reason = format!(
        "unexpected {first:?}; texts stand in quotes, names of attributes are of lower-case letters and digits"
    );
    Err(refused(text, at, reason))
}

fn word(word: &str) -> TokenKind {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return TokenKind::Digits;
    }
    match KEYWORDS.into_iter().find(|keyword| word.eq_ignore_ascii_case(keyword)) {
        Some(keyword) => TokenKind::Keyword(keyword),
        None => TokenKind::Word,
    }
}

/// Reads a text in quotes, and returns how long it is with them.
///
/// Only the quote it stands in is escaped. Any other backslash stands for itself, takes the next character along, and is
/// left to LIKE (D-604).
fn quoted(rest: &str, quote: char) -> Option<(TokenKind, usize)> {
    let mut content = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                let (_, next) = characters.next()?;
                if next != quote {
                    content.push('\\');
                }
                content.push(next);
            }
            end if end == quote => return Some((TokenKind::Text(content), at + 1)),
            other => content.push(other),
        }
    }
    None
}

fn refused(text: &str, at: usize, reason: String) -> CesqlError {
    CesqlError::new(text, CesqlErrorKind::Parse, Span { start: at, end: at }, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_quote() {
        let content = |text: &str| match tokens(text).map(|tokens| tokens[0].kind.clone()) {
            Ok(TokenKind::Text(content)) => Some(content),
            _ => None,
        };
        assert_eq!(content(r#"'a"b\'c'"#).as_deref(), Some(r#"a"b'c"#));
        assert_eq!(content(r#""a'b\"c""#).as_deref(), Some(r#"a'b"c"#));
        assert_eq!(content(r"'a\%\\'").as_deref(), Some(r"a\%\\"));
        assert_eq!(content(r"'a\'"), None);
        assert_eq!(content("'a"), None);
    }

    #[test]
    fn words_are_keywords_in_any_case() {
        let kinds: Vec<TokenKind> = tokens("tRuE 12 12a x<>1").unwrap().into_iter().map(|token| token.kind).collect();
        let expected = [
            TokenKind::Keyword("TRUE"),
            TokenKind::Digits,
            TokenKind::Word,
            TokenKind::Word,
            TokenKind::Symbol("<>"),
            TokenKind::Digits,
            TokenKind::End,
        ];
        assert_eq!(kinds, expected);
    }
}
