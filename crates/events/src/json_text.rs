//! JSON values as text, and the reasons why one cannot be read.

use std::borrow::Cow;

/// The reason for which a value that is neither a text nor a number is rejected.
pub(crate) const NEITHER: &str = "expected a text or a number";

/// Returns a value as text, which is the content of a string, the digits of a number, `true` or `false`. `null` is
/// empty.
pub(crate) fn text(value: &str) -> Result<Cow<'_, str>, String> {
    match value.as_bytes() {
        b"null" => Ok(Cow::Borrowed("")),
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Ok(Cow::Borrowed(&value[1..value.len() - 1])),
        [b'"', ..] => {
            serde_json::from_str(value).map(Cow::Owned).map_err(|_| "an escape sequence is half a character".to_owned())
        }
        [b'-' | b'0'..=b'9' | b't' | b'f', ..] => Ok(Cow::Borrowed(value)),
        _ => Err(NEITHER.to_owned()),
    }
}

/// Returns the reason why a text is not an object.
pub(crate) fn not_an_object(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("not a JSON object of ours: {reason} (character {})", error.column())
}
