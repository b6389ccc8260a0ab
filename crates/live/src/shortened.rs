//! Texts from outside that are shown, and may be long.

/// Returns the text, or its beginning of so many characters with an ellipsis.
pub fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
