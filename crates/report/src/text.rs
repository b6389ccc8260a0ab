//! Text for people and for markup: escaping, the width of a text, and where it may be broken or cut.

/// Escapes text for XML and HTML, between tags and in quoted attributes, and replaces what [`harmless`] replaces.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c => out.push(harmless(c)),
        }
    }
    out
}

/// Escapes prose and binds numbers to their units with no-break spaces.
pub(crate) fn prose(text: &str) -> String {
    escaped(&unbroken(text))
}

/// Returns the character, or U+FFFD for one that XML forbids, that steers a terminal, or that changes the reading
/// direction and could disguise a name.
pub fn harmless(c: char) -> char {
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Formats a count with its noun: `1 point`, `2 points`.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Estimates the width of a text in px, erring on the wide side.
pub(crate) fn text_width(text: &str, font_px: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '\u{a0}' => 0.34,
        'm' | 'w' | 'M' | 'W' | '%' => 0.95,
        '×' | '≈' | '≤' | '≥' | '−' | '→' => 0.84,
        c if c.is_ascii_uppercase() => 0.7,
        c if c.is_ascii() => 0.61,
        // Han, Kana, Hangul and emoji are as wide as high.
        c if c as u32 >= 0x1100 => 1.05,
        _ => 0.65,
    };
    text.chars().map(em).sum::<f64>() * font_px
}

/// Units and other words that must stay on the line of their number.
const STAY_WITH_NUMBER: [&str; 29] = [
    "ns",
    "µs",
    "ms",
    "s",
    "min",
    "h",
    "d",
    "B",
    "KiB",
    "MiB",
    "GiB",
    "TiB",
    "%",
    "×",
    "k",
    "M",
    "G",
    "events/s",
    "events",
    "answers",
    "cases",
    "case",
    "workers",
    "worker",
    "measurements",
    "repeats",
    "records",
    "process",
    "processes",
];

/// Puts a no-break space between each number and its unit.
pub(crate) fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        out.push_str(word);
        let Some(next) = words.peek() else { break };
        let unit = next.trim_end_matches(['.', ',', ';', ':', ')', ']', '?']);
        let number = word.trim_start_matches(['(', '[', '~', '<', '>', '-', '+', '−']);
        let joined = number.starts_with(|c: char| c.is_ascii_digit()) && STAY_WITH_NUMBER.contains(&unit);
        out.push(if joined { '\u{a0}' } else { ' ' });
    }
    out
}

/// Wraps text into lines no wider than `width` px; a word too long for a line is cut, and a number stays with its unit.
pub(crate) fn wrapped(text: &str, width: f64, font_px: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    let text = unbroken(text);
    for word in text.split(|c: char| c.is_whitespace() && c != '\u{a0}').filter(|word| !word.is_empty()) {
        let word = shortened(word, width, font_px);
        let Some(line) = lines.last_mut() else { break };
        let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if text_width(&longer, font_px) <= width || line.is_empty() {
            *line = longer;
        } else {
            lines.push(word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Returns the text, or as much of its beginning as fits into `width` px, followed by an ellipsis.
pub(crate) fn shortened(text: &str, width: f64, font_px: f64) -> String {
    if text_width(text, font_px) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if text_width(&out, font_px) > width - font_px {
            out.pop();
            break;
        }
    }
    out + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(escaped("<script>'&\"</script>"), "&lt;script&gt;&#39;&amp;&quot;&lt;/script&gt;");
        assert_eq!(escaped("a\u{0}b\u{1b}[31m\u{202e}"), "a\u{fffd}b\u{fffd}[31m\u{fffd}");
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(
            unbroken("from 2.6 µs (1 worker) to 6 ×, in 3 s."),
            "from 2.6\u{a0}µs (1\u{a0}worker) to 6\u{a0}×, in 3\u{a0}s."
        );
        assert_eq!(unbroken("part 2 of a day"), "part 2 of a day");
    }

    #[test]
    fn wrapping_keeps_every_short_word_and_cuts_endless_ones() {
        let lines = wrapped("a plain sentence of several words", 80.0, 13.0);
        assert_eq!(lines.join(" "), "a plain sentence of several words");
        assert!(lines.len() > 1);
        assert!(wrapped(&"x".repeat(500), 100.0, 13.0)[0].ends_with('…'));
    }
}
