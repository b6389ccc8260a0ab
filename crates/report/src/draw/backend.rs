//! What a figure needs of a backend beyond the shapes and texts of plotters.
//!
//! Decision D-501.

use std::cell::RefCell;
use std::rc::Rc;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};
use plotters_backend::{BackendCoord, DrawingBackend, FontTransform};

use crate::draw::ink::Ink;
use crate::text::{text_width, wrapped};

/// The result of drawing something: where it ends, mostly.
pub(crate) type Drawing<T, DB> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A backend of plotters with coordinates in tenths of a px, which are whole numbers there.
pub(crate) trait FigureBackend: DrawingBackend {
    /// Opens a group of all marks of a series, or of its entry in the legend.
    fn open_group(&mut self, group: Group);
    /// Closes a group.
    fn close_group(&mut self);
    /// Dashes the lines from now on by alternating lengths in px; an empty pattern ends that.
    fn dash(&mut self, pattern: &'static [u8]);
    /// Says what the next shape is the mark of.
    fn annotate(&mut self, note: Note);
    /// Draws text that ends at a position, rotated clockwise around it.
    fn draw_turned_text(
        &mut self,
        text: &str,
        style: &TextStyle,
        end: BackendCoord,
        degrees: f64,
    ) -> Result<(), plotters_backend::DrawingErrorKind<Self::ErrorType>>;
}

/// A group of shapes that belong to one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) ink: Ink,
    /// Name of the series in the legend; empty for a group that nobody looks for.
    pub(crate) name: &'a str,
    pub(crate) is_key: bool,
}

/// What a mark says when it is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Series, position and value in words; empty for marks that say nothing.
    pub(crate) title: String,
    /// Number of the case.
    pub(crate) case: Option<usize>,
    /// True if the mark is drawn hollow: there are doubts about its value.
    pub(crate) doubtful: bool,
}

/// Font size of ordinary text in px, as in `figure.css`.
pub(crate) const FONT_PX: f64 = 13.0;

/// Size and weight of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lettering {
    pub(crate) font_px: f64,
    pub(crate) bold: bool,
    pub(crate) ink: Ink,
    /// Less than 1 for text in the background.
    pub(crate) strength: f64,
}

impl Lettering {
    pub(crate) const PLAIN: Lettering = Lettering { font_px: FONT_PX, bold: false, ink: Ink::Text, strength: 1.0 };
    pub(crate) const HALO: Lettering = Lettering { ink: Ink::Halo, ..Lettering::PLAIN };
    pub(crate) const TITLE: Lettering = Lettering { bold: true, ..Lettering::PLAIN };
    pub(crate) const HEAD: Lettering = Lettering { font_px: 16.0, ..Lettering::TITLE };
    pub(crate) const SMALL: Lettering = Lettering { font_px: 12.0, strength: 0.8, ..Lettering::PLAIN };
    pub(crate) const FINE: Lettering = Lettering { font_px: 12.0, ..Lettering::PLAIN };
    pub(crate) const TINY: Lettering = Lettering { font_px: 10.5, ..Lettering::PLAIN };

    /// Returns the style that plotters passes to a backend.
    pub(crate) fn style(self, anchor: HPos) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, f64::from(tenths(self.font_px)), weight);
        let color = self.ink.mix(self.strength).to_backend_color();
        TextStyle { color, ..TextStyle::from(font).pos(Pos::new(anchor, VPos::Center)) }
    }
}

/// Returns a length in px as a coordinate of a [`FigureBackend`].
pub(crate) fn tenths(px: f64) -> i32 {
    (px * 10.0).round() as i32
}

/// Returns a style for lines of a width in px.
pub(crate) fn stroke(ink: Ink, px: f64) -> ShapeStyle {
    ink.stroke_width(tenths(px) as u32)
}

/// A figure under construction: positions and lengths are in px from its upper left corner.
pub(crate) struct Sheet<DB: FigureBackend> {
    backend: Rc<RefCell<DB>>,
    root: DrawingArea<DB, Shift>,
}

impl<DB: FigureBackend> Sheet<DB> {
    pub(crate) fn new(backend: DB) -> Sheet<DB> {
        let backend = Rc::new(RefCell::new(backend));
        Sheet { root: DrawingArea::from(&backend), backend }
    }

    /// Returns the backend with all that was drawn; absent if a chart still draws on it.
    pub(crate) fn into_backend(self) -> Option<DB> {
        drop(self.root);
        Rc::into_inner(self.backend).map(RefCell::into_inner)
    }

    /// Returns the whole sheet as an area of plotters; its coordinates are those of the backend.
    pub(crate) fn root(&self) -> &DrawingArea<DB, Shift> {
        &self.root
    }

    /// Returns a part of the sheet as an area of plotters.
    pub(crate) fn area(&self, left: f64, top: f64, width: f64, height: f64) -> DrawingArea<DB, Shift> {
        self.root.clone().shrink((tenths(left), tenths(top)), (tenths(width), tenths(height)))
    }

    /// Adds one line of text with its baseline at `y`.
    pub(crate) fn text(&self, x: f64, y: f64, lettering: Lettering, anchor: HPos, text: &str) -> Drawing<(), DB> {
        let middle = y - BASELINE * lettering.font_px;
        self.root.draw_text(text, &lettering.style(anchor), (tenths(x), tenths(middle)))
    }

    /// Adds the title of a panel below `y`, in as many lines as it takes; returns what `y` is for the last of them.
    pub(crate) fn title(&self, left: f64, mut y: f64, width: f64, words: &str) -> Drawing<f64, DB> {
        // Bold letters are wider.
        let lines = wrapped(words, width * 0.92, FONT_PX);
        for (n, line) in lines.iter().enumerate() {
            y += if n > 0 { FONT_PX + 4.0 } else { 0.0 };
            self.text(left, y + 14.0, Lettering::TITLE, HPos::Left, line)?;
        }
        Ok(y)
    }

    /// Adds one line of text that ends at `x` and `y`, rotated clockwise around that point.
    pub(crate) fn turned_text(&self, x: f64, y: f64, degrees: f64, text: &str) -> Drawing<(), DB> {
        let style = Lettering::PLAIN.style(HPos::Right);
        let drawn = self.backend.borrow_mut().draw_turned_text(text, &style, (tenths(x), tenths(y)), degrees);
        drawn.map_err(DrawingAreaErrorKind::BackendError)
    }

    pub(crate) fn open_group(&self, group: Group) {
        self.backend.borrow_mut().open_group(group);
    }

    pub(crate) fn close_group(&self) {
        self.backend.borrow_mut().close_group();
    }

    pub(crate) fn dash(&self, pattern: &'static [u8]) {
        self.backend.borrow_mut().dash(pattern);
    }

    pub(crate) fn annotate(&self, note: Note) {
        self.backend.borrow_mut().annotate(note);
    }
}

/// Returns how far the baseline of a text is below its anchor, as a part of the font size.
pub(crate) fn baseline_below(anchor: VPos) -> f64 {
    match anchor {
        VPos::Top => 0.8,
        VPos::Center => BASELINE,
        VPos::Bottom => -0.2,
    }
}

/// Returns the angle, clockwise, by which a text is rotated around its anchor.
pub(crate) fn degrees(transform: FontTransform) -> f64 {
    match transform {
        FontTransform::None => 0.0,
        FontTransform::Rotate90 => 90.0,
        FontTransform::Rotate180 => 180.0,
        FontTransform::Rotate270 => 270.0,
    }
}

/// Returns the width and height of a text, in the unit of its font size.
pub(crate) fn text_size(text: &str, font_size: f64) -> (u32, u32) {
    (text_width(text, font_size) as u32, font_size as u32)
}

/// Distance from the middle of a line of text down to its baseline, as a part of the font size.
pub(crate) const BASELINE: f64 = 0.35;
