//! Words that mean that nothing is known.

/// The words that stand for an absent field, beside the empty text.
#[derive(Debug, Clone)]
pub(crate) struct Absent {
    words: Vec<String>,
    /// Bytes that begin such a word, or one that looks like it: a text that begins otherwise is looked at no further.
    first_bytes: [bool; 256],
}

impl Default for Absent {
    /// What databases write for it and nobody is called: `NULL` and `\N`.
    fn default() -> Self {
        Absent::new(vec!["NULL".to_owned(), "\\N".to_owned()])
    }
}

impl Absent {
    /// These words and no others.
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

    /// True if `text` may be one of the words, or look like one.
    #[inline(always)]
    pub(crate) fn may_be(&self, text: &str) -> bool {
        match text.as_bytes() {
            [first, ..] => self.first_bytes[usize::from(*first)],
            [] => false,
        }
    }

    /// True if `text` is one of the words, or empty.
    pub(crate) fn is(&self, text: &str) -> bool {
        text.is_empty() || self.words.iter().any(|word| word == text)
    }

    /// The words.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

/// True if `text` is a word that often means that nothing is known.
pub(crate) fn looks_like_nothing(text: &str) -> bool {
    let alike = LOOK_LIKE_NOTHING.get(text.len()).copied().unwrap_or_default();
    alike.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Such words by their length, in lower case.
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
