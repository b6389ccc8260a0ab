//! A film as SVG: each line has its time, and style sheets say when that is.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::film::{Film, Shown, Style};

/// Size of a character and distance of two lines.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;

/// Light and dark, in the colours of our figures. Who sees no animation, or wants none, sees the last picture.
const STYLE: &str = "\
svg{background:#fff}
text{fill:#1f2328;font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}
.paper{fill:#fff;stroke:#d8dee4}
.b{font-weight:700}
.d{opacity:.7}
.c1{fill:#b3261e}.c2{fill:#116329}.c3{fill:#9a5b00}.c4{fill:#0072b2}.c5{fill:#8b3f82}.c6{fill:#0b6e7f}.c7{fill:#57606a}
.t{visibility:hidden}
@media (prefers-color-scheme:dark){
svg{background:#0d1117}
text{fill:#e6edf3}
.paper{fill:#0d1117;stroke:#30363d}
.c1{fill:#ff7b72}.c2{fill:#3fb950}.c3{fill:#e69f00}.c4{fill:#56b4e9}.c5{fill:#d2a8ff}.c6{fill:#76e3ea}.c7{fill:#8b949e}
}
";

/// The film as a document, which plays again and again.
pub(crate) fn svg(film: &Film, prompt: &str) -> String {
    let (width, height) =
        (f64::from(film.columns) * WIDTH + 2.0 * MARGIN, f64::from(film.rows) * HEIGHT + 2.0 * MARGIN);
    let (prompt, described) = (escaped(prompt), escaped(&described(film, prompt)));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{prompt}</title>\n\
         <desc id=\"desc\">{described}</desc>\n"
    );
    let classes = classes(film);
    let _ = write!(
        out,
        "<style>\n{STYLE}@media (prefers-reduced-motion:no-preference){{\n{}}}\n</style>\n",
        times(film, &classes)
    );
    let _ = writeln!(
        out,
        "<rect class=\"paper\" x=\".5\" y=\".5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\"/>",
        width - 1.0,
        height - 1.0
    );
    for line in &film.lines {
        out.push_str(&text(line, &classes));
    }
    out + "</svg>\n"
}

fn described(film: &Film, prompt: &str) -> String {
    let faster = if film.speed >= 1.05 { format!(", played {:.1} times as fast", film.speed) } else { String::new() };
    let last = film.lines.iter().filter(|line| line.until_s.is_none());
    let last: Vec<String> = last.map(|line| line.words.iter().map(|words| words.text.as_str()).collect()).collect();
    format!("What {prompt} writes to a terminal{faster}. At its end stands:\n{}", last.join("\n"))
}

/// From when to when a line is shown, in milliseconds; without an end until it begins again.
type Times = (u64, Option<u64>);

fn times_of(line: &Shown) -> Times {
    let ms = |s: f64| (s * 1e3).round() as u64;
    (ms(line.from_s), line.until_s.map(ms))
}

/// A number for each time that some line is shown.
fn classes(film: &Film) -> BTreeMap<Times, usize> {
    let mut classes: BTreeMap<Times, usize> = film.lines.iter().map(|line| (times_of(line), 0)).collect();
    for (n, number) in (0..).zip(classes.values_mut()) {
        *number = n;
    }
    classes
}

/// The rules that show each line at its time.
fn times(film: &Film, classes: &BTreeMap<Times, usize>) -> String {
    let percent = |ms: u64| format!("{:.2}%", ms as f64 / film.length_s / 10.0);
    let mut rules = String::new();
    for ((from, until), n) in classes {
        let before = if *from == 0 { String::new() } else { "0%{visibility:hidden}".to_owned() };
        let after = until.map_or(String::new(), |until| format!("{}{{visibility:hidden}}", percent(until)));
        let _ = writeln!(rules, "@keyframes k{n}{{{before}{}{{visibility:visible}}{after}}}", percent(*from));
        let _ = writeln!(rules, ".k{n}{{animation:k{n} {:.1}s step-end infinite}}", film.length_s);
    }
    rules
}

fn text(line: &Shown, classes: &BTreeMap<Times, usize>) -> String {
    let (plain, y) = (Style::default(), MARGIN + f64::from(line.row) * HEIGHT + 13.0);
    let characters: usize = line.words.iter().map(|words| words.text.chars().count()).sum();
    let hidden = if line.until_s.is_some() { "t " } else { "" };
    // Whatever font there is, columns stand below each other.
    let mut out = format!(
        "<text class=\"{hidden}k{}\" x=\"{MARGIN:.0}\" y=\"{y:.0}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\">",
        classes[&times_of(line)],
        characters as f64 * WIDTH
    );
    for words in &line.words {
        let text = escaped(&words.text);
        match class(words.style) {
            _ if words.style == plain => out.push_str(&text),
            class => {
                let _ = write!(out, "<tspan class=\"{class}\">{text}</tspan>");
            }
        }
    }
    out + "</text>\n"
}

fn class(style: Style) -> String {
    let colour = style.colour.map(|colour| format!("c{colour}"));
    let parts = [colour, style.bold.then(|| "b".to_owned()), style.dim.then(|| "d".to_owned())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::time::Duration;

    use super::*;
    use crate::session::Chunk;

    #[test]
    fn each_line_has_its_time_and_the_last_ones_stay() {
        let chunk = |ms, text: &str| Chunk { at: Duration::from_millis(ms), bytes: text.as_bytes().to_vec() };
        let chunks = [chunk(0, "a & b"), chunk(1000, "\r\x1b[2K\x1b[31mno\x1b[m <c>\r\n")];
        let size = (NonZero::new(20).unwrap(), NonZero::new(4).unwrap());
        let film = Film::of("try it", &chunks, size, Duration::from_secs(10));
        let svg = svg(&film, "try it");
        assert!(svg.contains("<title id=\"title\">try it</title>"), "{svg}");
        assert!(svg.contains(">a &amp; b</text>"), "{svg}");
        assert!(svg.contains("><tspan class=\"c1\">no </tspan>&lt;c&gt;</text>"), "{svg}");
        assert_eq!(svg.matches("class=\"t k").count(), 1, "only one line is gone at the end: {svg}");
        assert_eq!(svg.matches("@keyframes").count(), 3, "{svg}");
        assert!(!svg.contains("<script") && !svg.contains("url("), "{svg}");
    }
}
