//! The settings of a mapping that apply to the log as a whole.

use toml::de::{DeTable, DeValue};

use crate::absent::Absent;
use crate::decimal::NumberStyle;
use crate::decoder::Decoder;
use crate::toml_text::{Wrong, string, text};

/// The keys at the top of a mapping that are not fields.
pub(crate) const KEYS: [&str; 9] =
    ["absent", "decimal", "thousands", "group", "event", "separator", "encoding", "header", "columns"];

/// Returns the decoder that the settings describe, before fields add to it.
pub(crate) fn decoder(top: &DeTable) -> Result<Decoder, Wrong> {
    let mut decoder = Decoder::native();
    if let Some(words) = absent(top)? {
        decoder.absent = words;
    }
    decoder.set_numbers(numbers(top)?);
    Ok(decoder)
}

/// Reads the words that mean that a field is absent.
fn absent(top: &DeTable) -> Result<Option<Absent>, Wrong> {
    let Some(value) = top.get("absent") else { return Ok(None) };
    let DeValue::Array(words) = value.get_ref() else {
        return Err(("write it like absent = [\"nan\", \"None\"]".to_owned(), value.span()));
    };
    let words = words.iter().map(|word| string(word, "a word of absent").map(|(word, _)| word.to_owned()));
    words.collect::<Result<_, _>>().map(|words| Some(Absent::new(words)))
}

fn numbers(top: &DeTable) -> Result<NumberStyle, Wrong> {
    let decimal = match text(top, "decimal")? {
        None => '.',
        Some((mark, place)) => one_of(mark, &['.', ',']).ok_or(("decimal is \".\" or \",\"".to_owned(), place))?,
    };
    let Some((mark, place)) = text(top, "thousands")? else { return Ok(NumberStyle { decimal, thousands: None }) };
    match one_of(mark, &[',', '.', '\'', ' ', '\u{a0}', '\u{202f}']) {
        Some(thousands) if thousands == decimal => {
            let other = if decimal == '.' { ',' } else { '.' };
            Err((format!("\"{thousands}\" is the decimal separator; did you mean decimal = \"{other}\"?"), place))
        }
        None => Err(("thousands is \",\", \".\", \"'\" or a space".to_owned(), place)),
        thousands => Ok(NumberStyle { decimal, thousands }),
    }
}

/// Returns the only character of `text` if it is one of these.
fn one_of(text: &str, letters: &[char]) -> Option<char> {
    letters.iter().copied().find(|letter| text.strip_prefix(*letter) == Some(""))
}
