//! Writing SVG: escaping, numbers with a fixed form, elements, and the one style sheet of all figures.
//!
//! Decision D-501.

use crate::quantity::trimmed;

/// The style of every figure, light and dark: Okabe-Ito colours, told apart by marker and dash as well.
///
/// A series sets `color`; its marks use `currentColor`. Plain rules only, so that simple viewers show the light one.
pub(crate) const STYLE: &str = "\
.fig{color:#1f2328;background:#fff;font-family:system-ui,sans-serif;font-size:13px}\
.fig text{fill:currentColor;stroke:none}\
.fig .head{font-size:16px;font-weight:600}.fig .title{font-weight:600}.fig .small{font-size:12px;opacity:.8}\
.fig .fine{font-size:12px}.fig .tiny{font-size:10.5px}\
.fig .grid{stroke:#d8dee4;stroke-width:1}.fig .base{stroke:#6e7781;stroke-width:1}\
.fig .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}\
.fig .thin{stroke:currentColor;stroke-width:1.5;fill:none}.fig .hair{stroke:currentColor;stroke-width:1;fill:none}\
.fig .full{fill:currentColor;stroke:currentColor;stroke-width:1.5}\
.fig .hollow{fill:#fff;stroke:currentColor;stroke-width:1.5}\
.fig .bar{fill:currentColor}.fig .paper{fill:#fff}\
.fig .halo{paint-order:stroke;stroke:#fff;stroke-width:3px}.fig .value{color:#1f2328}\
.fig .c0{color:#0072b2}.fig .c1{color:#d55e00}.fig .c2{color:#009e73}.fig .c3{color:#cc79a7}\
.fig .c4{color:#1f2328}.fig .c5{color:#e69f00}.fig .c6{color:#56b4e9}.fig .floor{color:#6e7781}\
@media (prefers-color-scheme:dark){.fig{color:#e6edf3;background:#0d1117}\
.fig .grid{stroke:#30363d}.fig .base{stroke:#8b949e}.fig .hollow,.fig .paper{fill:#0d1117}.fig .halo{stroke:#0d1117}\
.fig .value{color:#e6edf3}\
.fig .c0{color:#56b4e9}.fig .c4{color:#e6edf3}.fig .c6{color:#f0e442}.fig .floor{color:#8b949e}}";

/// How many colours [`STYLE`] has.
pub(crate) const COLOURS: usize = 7;

/// An SVG fragment that grows.
#[derive(Debug, Default)]
pub(crate) struct Svg {
    out: String,
}

/// Which side of its point a text stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Opens an element.
    pub(crate) fn open(&mut self, element: &str, attributes: &[(&str, String)]) {
        self.begin(element, attributes);
        self.out.push('>');
    }

    /// Closes it.
    pub(crate) fn close(&mut self, element: &str) {
        self.out.push_str("</");
        self.out.push_str(element);
        self.out.push_str(">\n");
    }

    /// An element without content.
    pub(crate) fn leaf(&mut self, element: &str, attributes: &[(&str, String)]) {
        self.begin(element, attributes);
        self.out.push_str("/>\n");
    }

    /// An element with text.
    pub(crate) fn words(&mut self, element: &str, attributes: &[(&str, String)], text: &str) {
        self.open(element, attributes);
        self.out.push_str(&escaped(text));
        self.close(element);
    }

    /// One line of text with its baseline at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let attributes =
            [("x", number(x)), ("y", number(y)), ("class", class.to_owned()), ("text-anchor", anchor.to_owned())];
        self.words("text", &attributes, text);
    }

    /// One line of text turned clockwise by so many degrees around its end, at `x` and `y`.
    pub(crate) fn turned_text(&mut self, x: f64, y: f64, degrees: f64, text: &str) {
        let (x, y) = (number(x), number(y));
        let turn = format!("rotate({} {x} {y})", number(degrees));
        self.words("text", &[("x", x), ("y", y), ("text-anchor", "end".to_owned()), ("transform", turn)], text);
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ends = [("x1", number(from.0)), ("y1", number(from.1)), ("x2", number(to.0)), ("y2", number(to.1))];
        let [x1, y1, x2, y2] = ends;
        self.leaf("line", &[x1, y1, x2, y2, ("class", class.to_owned())]);
    }

    /// A path.
    pub(crate) fn path(&mut self, d: String, class: &str, dash: &str) {
        let mut attributes = vec![("d", d), ("class", class.to_owned())];
        if !dash.is_empty() {
            attributes.push(("stroke-dasharray", dash.to_owned()));
        }
        self.leaf("path", &attributes);
    }

    /// Text that is SVG already.
    pub(crate) fn raw(&mut self, svg: &str) {
        self.out.push_str(svg);
    }

    /// The fragment.
    pub(crate) fn into_string(self) -> String {
        self.out
    }

    fn begin(&mut self, element: &str, attributes: &[(&str, String)]) {
        self.out.push('<');
        self.out.push_str(element);
        for (name, value) in attributes {
            self.out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
    }
}

/// Text for XML and HTML, between tags and in quoted attributes; see [`harmless`] for what else it keeps out.
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

/// Text for people: [`escaped`], and numbers stay with their units.
pub(crate) fn prose(text: &str) -> String {
    escaped(&unbroken(text))
}

/// U+FFFD in place of characters that XML forbids, that steer a terminal, or that turn the reading direction and could
/// disguise a name.
pub fn harmless(c: char) -> char {
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A coordinate: two decimals at most.
pub(crate) fn number(value: f64) -> String {
    trimmed(format!("{value:.2}"))
}

/// About how wide a text is, in pixels; rather too wide than too narrow.
pub(crate) fn text_width(text: &str, font_px: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '\u{a0}' => 0.34,
        'm' | 'w' | 'M' | 'W' | '%' => 0.95,
        c if c.is_ascii_uppercase() => 0.7,
        c if c.is_ascii() => 0.61,
        // Han, Kana, Hangul and emoji are as wide as high.
        c if c as u32 >= 0x1100 => 1.05,
        _ => 0.65,
    };
    text.chars().map(em).sum::<f64>() * font_px
}

/// Units and other words that stay on the line of their number.
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

/// The text with a no-break space between a number and its unit.
pub(crate) fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        out.push_str(word);
        let Some(next) = words.peek() else { break };
        let unit = next.trim_end_matches(['.', ',', ';', ':', ')', ']', '?']);
        let number = word.trim_start_matches(['(', '[', '≈', '<', '>', '-', '+', '−']);
        let joined = number.starts_with(|c: char| c.is_ascii_digit()) && STAY_WITH_NUMBER.contains(&unit);
        out.push(if joined { '\u{a0}' } else { ' ' });
    }
    out
}

/// The text in lines no wider than `width`; a word too long for a line is cut, a number never leaves its unit.
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

/// The text, or as much of its beginning as fits, with an ellipsis.
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
    fn numbers_have_one_form() {
        assert_eq!([number(1.0), number(-0.001), number(12.345), number(3.1)], ["1", "0", "12.35", "3.1"]);
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
