//! Foreign names in messages, shortened and without control characters.

use std::borrow::Cow;

const CHARS_MAX: usize = 60;
const NAMES_MAX: usize = 20;

/// Returns a name shortened and without control characters, so that it cannot control a terminal.
pub(crate) fn clean(name: &str) -> Cow<'_, str> {
    let is_long = name.chars().nth(CHARS_MAX).is_some();
    if !is_long && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let plain = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    let mut clean: String = name.chars().take(CHARS_MAX).map(plain).collect();
    if is_long {
        clean.push('…');
    }
    Cow::Owned(clean)
}

/// Returns the first names of a list and the number of the others.
pub(crate) fn listed(names: &[String]) -> String {
    let mut listed: Vec<Cow<str>> = names.iter().take(NAMES_MAX).map(|name| clean(name)).collect();
    if names.len() > NAMES_MAX {
        listed.push(format!("… and {} more", names.len() - NAMES_MAX).into());
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_clean_and_few() {
        assert_eq!(clean("order id"), "order id");
        assert_eq!(clean("a\x1b[2J\nb"), "a\u{fffd}[2J\u{fffd}b");
        assert_eq!(clean(&"é".repeat(61)), "é".repeat(60) + "…");
        let names: Vec<String> = (0..300_000).map(|number| number.to_string()).collect();
        assert!(listed(&names).ends_with("18, 19, … and 299980 more"));
        assert_eq!(listed(&names[..2]), "0, 1");
    }
}
