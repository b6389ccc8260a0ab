//! Writing SVG: elements, numbers in a fixed form, and the one style sheet of all figures.
//!
//! Decision D-501.

use crate::quantity::trimmed;
use crate::text::escaped;

/// The style of every figure, light and dark: Okabe-Ito colours, told apart by marker and dash as well.
///
/// A series sets `color`; its marks use `currentColor`. Plain rules only, so that simple viewers show the light one.
pub(crate) const STYLE: &str = include_str!("figure.css");

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

/// A style sheet without the line breaks and indents it is kept with.
pub(crate) fn compact(css: &str) -> String {
    css.lines().map(str::trim_start).collect()
}

/// A coordinate: two decimals at most.
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
