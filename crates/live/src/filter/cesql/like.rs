//! Patterns of LIKE, matched in time that is linear in the text (D-607).

use std::collections::BTreeMap;

/// A pattern in which `%` stands for any characters, `_` for one, and a backslash before either for just that.
#[derive(Debug)]
pub(super) struct Pattern {
    #[cfg(test)]
    pub(super) text: String,
    /// What stands between the percent signs, so that there is one piece more than signs.
    pieces: Vec<Piece>,
}

/// Characters in a row, of which some may be any.
#[derive(Debug)]
enum Piece {
    Literal(String),
    Wild(WildPiece),
}

/// A piece with `_`, searched by shift-and: bit `i` says that the last `i + 1` characters are the first of the piece.
#[derive(Debug)]
struct WildPiece {
    elements: Vec<Option<char>>,
    /// For each character of the piece, the places where it may be.
    places: BTreeMap<char, Vec<u64>>,
    /// The places where any other character may be.
    other_places: Vec<u64>,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Pattern {
        let mut pieces = vec![Vec::new()];
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            let element = match character {
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => None,
                '\\' => Some(characters.next_if(|next| matches!(next, '%' | '_')).unwrap_or('\\')),
                other => Some(other),
            };
            if let Some(last) = pieces.last_mut() {
                last.push(element);
            }
        }
        Pattern {
            #[cfg(test)]
            text: pattern.to_owned(),
            pieces: pieces.into_iter().map(Piece::new).collect(),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.rest(text).is_some()
    }

    /// Returns the rest of a text that matches, which is empty.
    fn rest(&self, text: &str) -> Option<()> {
        let (first, others) = self.pieces.split_first()?;
        let mut rest = first.after_start(text)?;
        let Some((last, between)) = others.split_last() else {
            return rest.is_empty().then_some(());
        };
        for piece in between {
            rest = piece.after_first(rest)?;
        }
        last.is_end(rest).then_some(())
    }
}

impl Piece {
    fn new(elements: Vec<Option<char>>) -> Piece {
        match elements.iter().copied().collect::<Option<String>>() {
            Some(literal) => Piece::Literal(literal),
            None => Piece::Wild(WildPiece::new(elements)),
        }
    }

    /// Returns what follows if the text begins with the piece.
    fn after_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Literal(literal) => text.strip_prefix(literal.as_str()),
            Piece::Wild(piece) => {
                let mut characters = text.chars();
                piece.elements.iter().all(|element| is_like(*element, characters.next())).then_some(characters.as_str())
            }
        }
    }

    fn is_end(&self, text: &str) -> bool {
        match self {
            Piece::Literal(literal) => text.ends_with(literal.as_str()),
            Piece::Wild(piece) => {
                let mut characters = text.chars().rev();
                piece.elements.iter().rev().all(|element| is_like(*element, characters.next()))
            }
        }
    }

    /// Returns what follows the first place where the piece is in the text.
    fn after_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Literal(literal) => text.find(literal.as_str()).map(|at| &text[at + literal.len()..]),
            Piece::Wild(piece) => piece.end_of_first(text).map(|end| &text[end..]),
        }
    }
}

impl WildPiece {
    fn new(elements: Vec<Option<char>>) -> WildPiece {
        let mut other_places = vec![0; elements.len().div_ceil(64)];
        for (at, _) in elements.iter().enumerate().filter(|(_, element)| element.is_none()) {
            other_places[at / 64] |= 1 << (at % 64);
        }
        let mut places = BTreeMap::new();
        for (at, element) in elements.iter().enumerate() {
            if let Some(character) = element {
                let words = places.entry(*character).or_insert_with(|| other_places.clone());
                words[at / 64] |= 1 << (at % 64);
            }
        }
        WildPiece { elements, places, other_places }
    }

    fn end_of_first(&self, text: &str) -> Option<usize> {
        let last = self.elements.len() - 1;
        let mut state = vec![0_u64; self.other_places.len()];
        for (at, character) in text.char_indices() {
            let allowed = self.places.get(&character).unwrap_or(&self.other_places);
            let mut carry = 1;
            for (word, allowed) in state.iter_mut().zip(allowed) {
                let shifted = *word << 1 | carry;
                carry = *word >> 63;
                *word = shifted & allowed;
            }
            if state[last / 64] >> (last % 64) & 1 == 1 {
                return Some(at + character.len_utf8());
            }
        }
        None
    }
}

fn is_like(element: Option<char>, character: Option<char>) -> bool {
    character.is_some() && (element.is_none() || element == character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, by trying everything.
    fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|from| matches_by_definition(rest, &text[from..])),
            ['\\', escaped @ ('%' | '_'), rest @ ..] => {
                text.first() == Some(escaped) && matches_by_definition(rest, &text[1..])
            }
            ['_', rest @ ..] => !text.is_empty() && matches_by_definition(rest, &text[1..]),
            [first, rest @ ..] => text.first() == Some(first) && matches_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_definition_says(pattern in "[ab%_\\\\é]{0,8}", text in "[ab%_\\\\é]{0,10}") {
            let characters: (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            let expected = matches_by_definition(&characters.0, &characters.1);
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }

        #[test]
        fn a_long_piece_is_found_across_words(before in "[ab]{0,80}", piece in "[ab_]{60,200}", after in "[ab]{0,5}") {
            let text = format!("{before}{}{after}", piece.replace('_', "a"));
            let pattern = format!("%{piece}%");
            prop_assert!(Pattern::new(&pattern).matches(&text));
            let is_there = text.replace('b', "c").contains(&piece.replace('_', "a"));
            let has_b = piece.contains('b');
            prop_assert!(!has_b || !is_there);
            prop_assert_eq!(Pattern::new(&pattern).matches(&text.replace('b', "c")), !has_b);
        }
    }

    #[test]
    fn what_makes_others_backtrack_is_matched_at_once() {
        let text = "a".repeat(64 * 1024);
        assert!(!Pattern::new(&format!("{}b", "%a".repeat(5000))).matches(&text));
        assert!(!Pattern::new(&format!("%{}b%", "a_".repeat(4000))).matches(&text));
        assert!(Pattern::new(&"%a_".repeat(5000)).matches(&text));
    }
}
