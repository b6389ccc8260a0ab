//! Licences as SPDX expressions.

/// Words between two licences.
const OPERATORS: [&str; 3] = ["OR", "AND", "WITH"];

/// Returns the identifiers in an SPDX expression, in their order; of any other text, what could be identifiers.
pub fn licenses(expression: &str) -> Vec<&str> {
    words(expression).filter(|word| is_license(word)).collect()
}

/// Returns true for licences with one of `OR`, `AND` and `WITH` between each two.
pub(super) fn is_expression(text: &str) -> bool {
    let words: Vec<&str> = words(text).collect();
    let is_right = |(at, word): (usize, &&str)| if at % 2 == 0 { is_license(word) } else { OPERATORS.contains(word) };
    words.len() % 2 == 1 && words.iter().enumerate().all(is_right)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '(', ')']).filter(|word| !word.is_empty())
}

/// Returns true for the identifier of a licence.
fn is_license(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    word.chars().all(is_plain) && !OPERATORS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_has_a_word_between_each_two_licences() {
        for text in ["MIT", "MIT OR Apache-2.0", "MIT OR (Apache-2.0 AND CC-BY-4.0)", "GPL-2.0+"] {
            assert!(is_expression(text), "{text}");
        }
        for text in ["", "OR", "MIT OR", "MIT Apache-2.0", "do what you want", "MIT; X"] {
            assert!(!is_expression(text), "{text}");
        }
        assert_eq!(licenses("MIT OR (Apache-2.0 AND CC-BY-4.0)"), ["MIT", "Apache-2.0", "CC-BY-4.0"]);
    }
}
