//! The words that mean that a field is absent.

/// The words that mean that a field is absent, in addition to the empty text.
#[derive(Debug, Clone)]
pub(crate) struct Absent {
    words: Vec<String>,
    /// The bytes that begin such a word or a similar one. Other texts need no further look.
    first_bytes: [bool; 256],
}

impl Default for Absent {
    /// Returns the words that databases write, `NULL` and `\N`.
    fn default() -> Self {
        Absent::new(vec!["NULL".to_owned(), "\\N".to_owned()])
    }
}

impl Absent {
    /// Returns these words and no others.
    pub(crate) fn new(words: Vec<String>) -> Absent {
        let mut first_bytes = [false; 256];
        for word in words.iter().map(String::as_str).chain(LOOK_LIKE_NOTHING.into_iter().flatten().copied()) {
            for byte in word.bytes().take(1) {
                first_bytes[usize::from(byte)] = true;
                first_bytes[usize::from(byte.to_ascii_uppercase())] = true;
            }
        }
        Absent { words, first_bytes }
    }

    /// Returns true if `text` may be one of the words or similar to one.
    #[inline(always)]
    pub(crate) fn may_be(&self, text: &str) -> bool {
        match text.as_bytes() {
            [first, ..] => self.first_bytes[usize::from(*first)],
            [] => false,
        }
    }

    /// Returns true if `text` is empty or one of the words.
    pub(crate) fn is(&self, text: &str) -> bool {
        text.is_empty() || self.words.iter().any(|word| word == text)
    }

    /// Returns the words.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

/// Returns true if `text` is a word that often means that a field is absent.
pub(crate) fn looks_like_nothing(text: &str) -> bool {
    let alike = LOOK_LIKE_NOTHING.get(text.len()).copied().unwrap_or_default();
    alike.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Such words in lower case, by their length.
const LOOK_LIKE_NOTHING: [&[&str]; 10] = [
    &[],
    &["-", "?"],
    &["--", "na", "\\n"],
    &["nan", "nil", "n/a", "#na"],
    &["none", "null", "#n/a", "<na>"],
    &["undef"],
    &["(null)", "<null>", "[null]", "(none)", "<none>"],
    &["not set", "unknown"],
    &[],
    &["undefined", "(not set)"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_as_long_as_their_place_says() {
        for (length, words) in LOOK_LIKE_NOTHING.into_iter().enumerate() {
            for word in words {
                assert!(word.len() == length && looks_like_nothing(word), "{word}");
                assert!(looks_like_nothing(&word.to_uppercase()) && Absent::default().may_be(word), "{word}");
            }
        }
        for text in ["", "0", "-5", "nancy", "noone", "a-", "N", "\u{fffd}"] {
            assert!(!looks_like_nothing(text), "{text}");
        }
    }

    #[test]
    fn without_a_list_the_words_of_databases_are_absent() {
        for (text, is) in [("", true), ("NULL", true), ("\\N", true), ("null", false), ("nan", false), ("NULLS", false)]
        {
            assert_eq!(Absent::default().is(text), is, "{text}");
        }
        let listed = Absent::new(vec!["0".to_owned(), "é".to_owned()]);
        for (text, is) in [("", true), ("0", true), ("é", true), ("NULL", false), ("00", false)] {
            assert_eq!((listed.is(text), listed.may_be(text)), (is, !text.is_empty()), "{text}");
        }
    }
}
