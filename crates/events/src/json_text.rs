//! JSON values as text and texts as JSON, and the reasons why a value cannot be read.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::fields::FIELD_BYTES_MAX;

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

/// Returns a value as the text of a field. `is_lossy` tells that bytes of the log which are no text were replaced.
pub(crate) fn field_text(value: &str, is_lossy: bool) -> Result<Cow<'_, str>, String> {
    if matches!(value, "true" | "false") {
        return Err(NEITHER.to_owned());
    }
    let text = text(value)?;
    if text.len() > FIELD_BYTES_MAX {
        return Err(format!("the field has {} bytes, more than 1 MiB", text.len()));
    }
    if text.contains('\0') {
        return Err("the field holds a NUL byte".to_owned());
    }
    if is_lossy && text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("the field is not UTF-8".to_owned());
    }
    Ok(text)
}

/// Returns the reason why a text is not an object.
pub(crate) fn not_an_object(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("not a JSON object of ours: {reason} (character {})", error.column())
}

/// Appends what `push` appends, as a JSON string.
pub(crate) fn push_string(line: &mut String, push: impl FnOnce(&mut String)) {
    line.push('"');
    let start = line.len();
    push(line);
    if line.as_bytes()[start..].iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let plain = line.split_off(start);
        for letter in plain.chars() {
            match letter {
                '"' | '\\' => line.extend(['\\', letter]),
                '\0'..'\x20' => {
                    // Writing to a String cannot fail.
                    let _ = write!(line, "\\u{:04x}", letter as u32);
                }
                _ => line.push(letter),
            }
        }
    }
    line.push('"');
}
