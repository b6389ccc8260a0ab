//! Writes SVG: elements, numbers in a fixed form, and the style sheet of all figures.
//!
//! Decision D-501.

use crate::quantity::trimmed;
use crate::text::escaped;

/// Style sheet of all figures for light and dark mode, in Okabe-Ito colours; series differ in marker and dash as well.
///
/// A series sets `color`, its marks use `currentColor`. All rules are simple, so that basic viewers show light mode.
pub(crate) const STYLE: &str = include_str!("figure.css");

/// Number of colours in [`STYLE`].
pub(crate) const COLOURS: usize = 7;

/// An SVG fragment under construction.
#[derive(Debug, Default)]
pub(crate) struct Svg {
    out: String,
}

/// Alignment of a text relative to its position.
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

    /// Closes an element.
    pub(crate) fn close(&mut self, element: &str) {
        self.out.push_str("</");
        self.out.push_str(element);
        self.out.push_str(">\n");
    }

    /// Adds an element without content.
    pub(crate) fn leaf(&mut self, element: &str, attributes: &[(&str, String)]) {
        self.begin(element, attributes);
        self.out.push_str("/>\n");
    }

    /// Adds an element with text.
    pub(crate) fn words(&mut self, element: &str, attributes: &[(&str, String)], text: &str) {
        self.open(element, attributes);
        self.out.push_str(&escaped(text));
        self.close(element);
    }

    /// Adds one line of text with its baseline at `y`.
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

    /// Adds one line of text that ends at `x` and `y`, rotated clockwise around that point.
    pub(crate) fn turned_text(&mut self, x: f64, y: f64, degrees: f64, text: &str) {
        let (x, y) = (number(x), number(y));
        let turn = format!("rotate({} {x} {y})", number(degrees));
        self.words("text", &[("x", x), ("y", y), ("text-anchor", "end".to_owned()), ("transform", turn)], text);
    }

    /// Adds a straight line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ends = [("x1", number(from.0)), ("y1", number(from.1)), ("x2", number(to.0)), ("y2", number(to.1))];
        let [x1, y1, x2, y2] = ends;
        self.leaf("line", &[x1, y1, x2, y2, ("class", class.to_owned())]);
    }

    /// Adds a path.
    pub(crate) fn path(&mut self, d: String, class: &str, dash: &str) {
        let mut attributes = vec![("d", d), ("class", class.to_owned())];
        if !dash.is_empty() {
            attributes.push(("stroke-dasharray", dash.to_owned()));
        }
        self.leaf("path", &attributes);
    }

    /// Adds text that is already SVG.
    pub(crate) fn raw(&mut self, svg: &str) {
        self.out.push_str(svg);
    }

    /// Returns the fragment.
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

/// Returns a style sheet without line breaks and indentation.
pub(crate) fn compact(css: &str) -> String {
    css.lines().map(str::trim_start).collect()
}

/// Formats a coordinate with at most two decimals.
pub(crate) fn number(value: f64) -> String {
    trimmed(format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        assert_eq!([number(1.0), number(-0.001), number(12.345), number(3.1)], ["1", "0", "12.35", "3.1"]);
    }
}
