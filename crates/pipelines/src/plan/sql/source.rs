//! The text of SQL: its header, its tokens, and the places of what is parsed.

use std::ops::Range;
use std::sync::Arc;

use flowbench_events::SourceText;
use sqlparser::ast::Query;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::plan::definition::{self, Heading};
use crate::plan::document::Document;

/// How many words and symbols a query has at most. A chain of operators becomes a tree as deep as it is long.
const TOKENS_MAX: usize = 1000;
/// How deep queries and parentheses nest at most, as the parser counts it.
const DEPTH_MAX: usize = 50;
/// What lines of the header begin with.
pub(super) const HEADER: &str = "--!";

/// The places of a text: from lines and columns to bytes.
pub(super) struct Places {
    pub(super) source: Arc<SourceText>,
    line_starts: Vec<usize>,
    tokens: Vec<TokenWithSpan>,
}

impl Places {
    fn new(source: &Arc<SourceText>, tokens: Vec<TokenWithSpan>) -> Places {
        let ends = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Places { source: source.clone(), line_starts: std::iter::once(0).chain(ends).collect(), tokens }
    }

    /// Returns the bytes of a span; none of one that is not known.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        match (self.byte(span.start), self.byte(span.end)) {
            (Some(start), Some(end)) if start <= end => start..end,
            _ => 0..0,
        }
    }

    fn byte(&self, location: Location) -> Option<usize> {
        let start = *self.line_starts.get(usize::try_from(location.line).ok()?.checked_sub(1)?)?;
        let columns = usize::try_from(location.column).ok()?.checked_sub(1)?;
        let rest = &self.source.text[start..];
        Some(start + rest.char_indices().nth(columns).map_or(rest.len(), |(at, _)| at))
    }

    /// Returns where the call ends that begins at a byte: behind its parentheses.
    pub(super) fn call_end(&self, start: usize) -> usize {
        let mut depth = 0_usize;
        let from = self.tokens.partition_point(|token| self.range(token.span).start < start);
        for token in self.tokens.get(from..).unwrap_or_default() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen if depth <= 1 => return self.range(token.span).end,
                Token::RParen => depth -= 1,
                _ => {}
            }
        }
        start
    }

    /// Returns the place of the first of these words from a byte on; none if there is none.
    pub(super) fn word(&self, words: &[&str], from: usize) -> Range<usize> {
        let is_one = |token: &&TokenWithSpan| match &token.token {
            Token::Word(word) => words.iter().any(|wanted| word.value.eq_ignore_ascii_case(wanted)),
            symbol => words.contains(&symbol.to_string().as_str()),
        };
        let places = self.tokens.iter().filter(is_one).map(|token| self.range(token.span));
        places.into_iter().find(|place| place.start >= from).unwrap_or(from..from)
    }
}

/// Reads the header of a file, which is TOML behind `--!`.
pub(super) fn heading(source: &Arc<SourceText>, document: &mut Document) -> Heading {
    let mut header = String::new();
    let mut is_header = true;
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim();
        is_header &= text.is_empty() || text.starts_with("--");
        match line.find(HEADER).filter(|start| line[..*start].trim().is_empty()) {
            Some(start) if is_header => {
                // The places of what follows stay.
                header.extend(std::iter::repeat_n(' ', start + HEADER.len()));
                header.push_str(&line[start + HEADER.len()..]);
            }
            Some(start) => {
                let place = at + start..at + start + HEADER.len();
                document.problem(place, "the header stands before the query; write this line there");
            }
            None => header.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' })),
        }
        at += line.len();
    }
    let table = document.parsed(&header);
    document.check_keys(table.get_ref(), &["question", "notes", "parameters"], "the header of a pipeline");
    definition::heading(table.get_ref(), document)
}

/// Parses the one query of a file, or notes why it cannot be.
pub(super) fn parsed(source: &Arc<SourceText>, document: &mut Document) -> Option<(Query, Places)> {
    let dialect = GenericDialect {};
    let tokens = match Tokenizer::new(&dialect, &source.text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => {
            let places = Places::new(source, Vec::new());
            let start = places.byte(error.location).unwrap_or(0);
            document.problem(letter_at(&source.text, start), &lower_first(&error.message));
            return None;
        }
    };
    let is_word = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let tokens: Vec<TokenWithSpan> = tokens.into_iter().filter(is_word).collect();
    let places = Places::new(source, tokens.clone());
    if tokens.is_empty() || tokens.iter().all(|token| token.token == Token::EOF) {
        document.problem(0..0, "there is no query; write SELECT columns FROM events");
        return None;
    }
    if let Some(token) = tokens.get(TOKENS_MAX) {
        let message = format!("the query is too long; write at most {TOKENS_MAX} words and symbols");
        document.problem(places.range(token.span), &message);
        return None;
    }
    let mut parser = Parser::new(&dialect).with_recursion_limit(DEPTH_MAX).with_tokens_with_locations(tokens);
    let query = match parser.parse_query() {
        Ok(query) => *query,
        Err(error) => {
            let place = places.range(parser.peek_token().span);
            complain(&error, place, &places, document);
            return None;
        }
    };
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let word = rest.token.to_string();
        let message = format!("the query ends before '{word}', which cannot stand here{}", hint_of(&word));
        document.problem(places.range(rest.span), &message);
        return None;
    }
    Some((query, places))
}

fn complain(error: &ParserError, next: Range<usize>, places: &Places, document: &mut Document) {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return document.problem(next, "the query nests too deep; write it flatter");
        }
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
    };
    // The place stands at the end of the text: " at Line: 1, Column: 8".
    let (what, place) = text.rsplit_once(" at Line: ").unwrap_or((text, ""));
    let location = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    let found = what.rsplit_once("found: ").map_or("", |(_, found)| found);
    let next = if found == "EOF" { places.source.text.trim_end().len() } else { next.start };
    let start = location.and_then(|location| places.byte(location)).unwrap_or(next);
    let place = letter_at(&places.source.text, start);
    document.problem(place, &format!("{}{}", lower_first(what), hint_of(found)));
}

/// Returns what is likely to be meant by a word where it cannot stand.
fn hint_of(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "where" => "; write AND for one more condition",
        "order" => "; write \"order\" in double quotes for the column",
        _ => "",
    }
}

/// Returns the place of a letter, or of the last one.
fn letter_at(text: &str, start: usize) -> Range<usize> {
    let start = if start < text.trim_end().len() {
        start
    } else {
        text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at)
    };
    let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    start..start + length
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
