//! Writes SVG: a backend of plotters that turns inks into classes, numbers in a fixed form, and the style sheet of all
//! figures.
//!
//! Decision D-501.

use std::convert::Infallible;

use plotters::style::text_anchor::HPos;
use plotters::style::{FontStyle, TextStyle};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

use crate::draw::backend::{FigureBackend, Group, Note, baseline_below, degrees, tenths, text_size};
use crate::draw::ink::Ink;
use crate::quantity::trimmed;
use crate::text::escaped;

/// Style sheet of all figures for light and dark mode; series differ in marker and dash as well.
///
/// A series sets `color`, its marks use `currentColor`. All rules are simple, so that basic viewers show light mode.
pub(crate) const STYLE: &str = include_str!("figure.css");

type Written = Result<(), DrawingErrorKind<Infallible>>;

/// The height of the canvas in tenths of a px: more than any figure needs, which ends where its last note does.
const ENDLESS: u32 = 1 << 30;

/// Writes what plotters draws as SVG. Coordinates are tenths of a px.
#[derive(Debug)]
pub(crate) struct SvgBackend {
    out: String,
    width_px: f64,
    /// Inks of the open groups: their shapes need no class for it.
    groups: Vec<Ink>,
    dash: &'static [u8],
    note: Option<Note>,
}

impl SvgBackend {
    pub(crate) fn new(width_px: f64) -> SvgBackend {
        SvgBackend { out: String::new(), width_px, groups: Vec::new(), dash: &[], note: None }
    }

    /// Returns the elements that were drawn.
    pub(crate) fn into_string(self) -> String {
        self.out
    }

    /// Appends a shape with its class; the note that waits for it becomes its title.
    fn shape(&mut self, element: &str, geometry: &str, class: &str, more: &str) {
        let note = self.note.take().unwrap_or_default();
        let case = note.case.map_or(String::new(), |case| format!(" data-case=\"{case}\""));
        self.out.push_str(&format!("<{element} {geometry} class=\"{class}\"{more}{case}"));
        if note.title.is_empty() {
            self.out.push_str("/>\n");
        } else {
            self.out.push_str(&format!("><title>{}</title></{element}>\n", escaped(&note.title)));
        }
    }

    fn is_doubtful(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.doubtful)
    }

    /// Returns the classes of a shape: what it is, and its ink unless the group has it.
    fn class(&self, what: &str, color: BackendColor) -> String {
        match Ink::of(color) {
            ink @ (Ink::Base | Ink::Grid | Ink::Paper) => ink.class(),
            ink if self.groups.last() == Some(&ink) => what.to_owned(),
            Ink::Text if self.groups.is_empty() => what.to_owned(),
            ink => format!("{what} {}", ink.class()),
        }
    }

    fn fill_opacity(color: BackendColor) -> String {
        if color.alpha < 1.0 { format!(" fill-opacity=\"{}\"", number(color.alpha)) } else { String::new() }
    }

    fn dash_attribute(&self) -> String {
        if self.dash.is_empty() {
            return String::new();
        }
        let lengths: Vec<String> = self.dash.iter().map(u8::to_string).collect();
        format!(" stroke-dasharray=\"{}\"", lengths.join(" "))
    }

    /// Appends one line of text at the position of its baseline.
    fn write_text(&mut self, text: &str, style: &impl BackendTextStyle, (x, y): (String, String), more: &str) {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        let ink = Ink::of(style.color());
        let mut classes: Vec<&str> = match (style.size() as i32, style.color().alpha < 1.0) {
            (160, _) => vec!["head"],
            (120, true) => vec!["small"],
            (120, false) => vec!["fine"],
            (105, _) => vec!["tiny"],
            _ => Vec::new(),
        };
        if matches!(style.style(), FontStyle::Bold) && !classes.contains(&"head") {
            classes.push("title");
        }
        let ink_class = ink.class();
        if !(ink == Ink::Text && self.groups.is_empty()) {
            classes.push(&ink_class);
        }
        let class = if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) };
        self.out.push_str(&format!("<text x=\"{x}\" y=\"{y}\"{class}{anchor}{more}>{}</text>\n", escaped(text)));
    }
}

impl DrawingBackend for SvgBackend {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (tenths(self.width_px) as u32, ENDLESS)
    }

    fn ensure_prepared(&mut self) -> Written {
        Ok(())
    }

    fn present(&mut self) -> Written {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Written {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Written {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Written {
        if style.color().alpha == 0.0 && self.note.is_none() {
            return Ok(());
        }
        let (width, height) = (px(b.0 - a.0), px(b.1 - a.1));
        let geometry = format!("x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\"", px(a.0), px(a.1));
        let what = match (fill, self.is_doubtful()) {
            (true, false) => "bar",
            (true, true) => "bar doubtful",
            (false, _) => line_class(style.stroke_width()),
        };
        let class = self.class(what, style.color());
        let more = if fill { SvgBackend::fill_opacity(style.color()) } else { self.dash_attribute() };
        self.shape("rect", &geometry, &class, &more);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Written {
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        let class = self.class(line_class(style.stroke_width()), style.color());
        let (d, dash) = (path_data(path), self.dash_attribute());
        self.shape("path", &format!("d=\"{d}\""), &class, &dash);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, fill: bool) -> Written {
        let geometry = format!("cx=\"{}\" cy=\"{}\" r=\"{}\"", px(x), px(y), px(radius as i32));
        let class = self.class(marker_class(fill, self.is_doubtful()), style.color());
        self.shape("circle", &geometry, &class, "");
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, vert: I, style: &S) -> Written {
        let what = if style.color().alpha < 1.0 { "bar" } else { marker_class(true, self.is_doubtful()) };
        let class = self.class(what, style.color());
        let geometry = format!("d=\"{}z\"", path_data(vert));
        self.shape("path", &geometry, &class, &SvgBackend::fill_opacity(style.color()));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Written {
        if text.is_empty() {
            return Ok(());
        }
        let down = baseline_below(style.anchor().v_pos);
        let turn = match degrees(style.transform()) {
            0.0 => String::new(),
            degrees => format!(" transform=\"rotate({degrees} {} {})\"", px(x), px(y)),
        };
        let baseline = (f64::from(y) + down * style.size()) / 10.0;
        self.write_text(text, style, (px(x), number(baseline)), &turn);
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok(text_size(text, style.size()))
    }
}

impl FigureBackend for SvgBackend {
    fn open_group(&mut self, group: Group) {
        self.groups.push(group.ink);
        let (kind, class) = (if group.is_key { "key" } else { "s" }, group.ink.class());
        self.out.push_str(&match group.name {
            "" => format!("<g class=\"{class}\">\n"),
            name => format!("<g class=\"{kind} {class}\" data-series=\"{}\">\n", escaped(name)),
        });
    }

    fn close_group(&mut self) {
        self.groups.pop();
        self.out.push_str("</g>\n");
    }

    fn dash(&mut self, pattern: &'static [u8]) {
        self.dash = pattern;
    }

    fn annotate(&mut self, note: Note) {
        self.note = Some(note);
    }

    fn draw_turned_text(&mut self, text: &str, style: &TextStyle, end: BackendCoord, degrees: f64) -> Written {
        let (x, y) = (px(end.0), px(end.1));
        let turn = format!(" transform=\"rotate({} {x} {y})\"", number(degrees));
        self.write_text(text, style, (x, y), &turn);
        Ok(())
    }
}

/// Returns the class that sets the width of a line.
fn line_class(tenths: u32) -> &'static str {
    match tenths {
        ..=10 => "hair",
        11..=15 => "thin",
        _ => "line",
    }
}

fn marker_class(filled: bool, doubtful: bool) -> &'static str {
    match (filled, doubtful) {
        (_, true) => "hollow doubtful",
        (true, false) => "full",
        (false, false) => "hollow",
    }
}

/// Returns the commands of a path along some positions; a position that equals the one before adds nothing.
fn path_data(path: impl IntoIterator<Item = BackendCoord>) -> String {
    let mut d = String::new();
    let mut last = None;
    for (x, y) in path {
        match last {
            None => d.push_str(&format!("M{} {}", px(x), px(y))),
            Some(before) if before == (x, y) => {}
            Some((_, before)) if before == y => d.push_str(&format!("H{}", px(x))),
            Some((before, _)) if before == x => d.push_str(&format!("V{}", px(y))),
            Some(_) => d.push_str(&format!("L{} {}", px(x), px(y))),
        }
        last = Some((x, y));
    }
    d
}

/// Formats tenths of a px in px.
fn px(tenths: i32) -> String {
    number(f64::from(tenths) / 10.0)
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

    #[test]
    fn a_path_says_only_what_changes() {
        assert_eq!(path_data([(0, 0), (0, 15), (20, 15), (20, 15), (35, 5)]), "M0 0V1.5H2L3.5 0.5");
    }

    #[test]
    fn shapes_take_the_ink_of_their_group_and_the_note_that_waits() {
        let mut backend = SvgBackend::new(100.0);
        backend.open_group(Group { ink: Ink::Series(1), name: "<a>", is_key: false });
        backend.annotate(Note { title: "a & b".into(), case: Some(7), doubtful: true });
        let ink = |ink: Ink| plotters::style::Color::to_backend_color(&ink);
        backend.draw_circle((10, 20), 40, &ink(Ink::Series(1)), true).unwrap();
        backend.draw_circle((10, 20), 40, &ink(Ink::Floor), true).unwrap();
        backend.close_group();
        let expected = "<g class=\"s c1\" data-series=\"&lt;a&gt;\">\n\
            <circle cx=\"1\" cy=\"2\" r=\"4\" class=\"hollow doubtful\" data-case=\"7\"><title>a &amp; b</title></circle>\n\
            <circle cx=\"1\" cy=\"2\" r=\"4\" class=\"full floor\"/>\n</g>\n";
        assert_eq!(backend.into_string(), expected);
    }
}
