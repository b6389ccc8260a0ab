//! Paints bitmaps in light colours. Shapes are those of the bitmap backend of plotters; lines have dashes and round
//! corners, and text has a font that is part of the program.

use plotters::style::TextStyle;
use plotters::style::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};
use plotters_bitmap::{BitMapBackend, BitMapBackendError};

use crate::draw::backend::{FigureBackend, Group, Note, baseline_below, degrees, tenths, text_size};
use crate::draw::bitmap_text::{Mask, Placed};
use crate::draw::ink::Ink;

/// Width of a picture in dots: 7 inches at 300 dots an inch.
pub(crate) const WIDTH_DOTS: u32 = 2100;
/// How much larger a picture is painted than it is written, in each direction.
pub(crate) const FINER: u32 = 2;
/// Width of the outline of a marker in px.
const OUTLINE_PX: f64 = 1.5;

type Painted = Result<(), DrawingErrorKind<BitMapBackendError>>;

/// Paints what plotters draws. Coordinates are tenths of a px.
pub(crate) struct BitmapBackend {
    /// Red, green and blue of each dot, row by row.
    pub(crate) dots: Vec<u8>,
    pub(crate) size: (u32, u32),
    /// Size of the coordinates.
    tenths: (u32, u32),
    /// Dots for each tenth of a px.
    scale: f64,
    dash: &'static [u8],
    note: Note,
}

impl BitmapBackend {
    pub(crate) fn new(width_px: f64, height_px: f64) -> BitmapBackend {
        let scale = f64::from(WIDTH_DOTS * FINER) / f64::from(tenths(width_px));
        let rows = (f64::from(tenths(height_px)) * scale / f64::from(FINER)).ceil() as u32;
        let size = (WIDTH_DOTS * FINER, rows * FINER);
        let dots = vec![0xff; size.0 as usize * size.1 as usize * 3];
        let tenths = (tenths(width_px) as u32, tenths(height_px) as u32);
        BitmapBackend { dots, size, tenths, scale, dash: &[], note: Note::default() }
    }

    fn bitmap(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.dots, self.size)
    }

    fn at(&self, (x, y): BackendCoord) -> BackendCoord {
        ((f64::from(x) * self.scale).round() as i32, (f64::from(y) * self.scale).round() as i32)
    }

    fn dots(&self, tenths: f64) -> f64 {
        tenths * self.scale
    }

    /// Returns the colour on white paper.
    fn colour(&self, color: BackendColor) -> BackendColor {
        BackendColor { rgb: Ink::of(color).rgb_on_white(), ..color }
    }

    /// Paints a line of a width in dots, dashed if lines are dashed now.
    fn stroke(&mut self, path: &[(f64, f64)], width: f64, color: BackendColor) -> Painted {
        let pattern: Vec<f64> = self.dash.iter().map(|px| self.dots(f64::from(*px) * 10.0)).collect();
        for piece in dashes(path, &pattern) {
            for pair in piece.windows(2) {
                self.segment(pair[0], pair[1], width, color)?;
            }
            // Corners between segments are round, those of a closed line at its end as well.
            let is_closed = piece.len() > 2 && piece.first() == piece.last();
            let corners = if is_closed { piece.len() - 1 } else { piece.len().saturating_sub(2) };
            for (x, y) in piece.iter().skip(1).take(corners) {
                let radius = (width / 2.0).round() as u32;
                self.bitmap().draw_circle((x.round() as i32, y.round() as i32), radius, &color, true)?;
            }
        }
        Ok(())
    }

    fn segment(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: BackendColor) -> Painted {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(f64::EPSILON);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        let corner = |(x, y): (f64, f64), sign: f64| ((x + sign * nx).round() as i32, (y + sign * ny).round() as i32);
        if dx == 0.0 || dy == 0.0 {
            let (a, b) = (corner(from, 1.0), corner(to, -1.0));
            let (low, high) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
            // The far edge of a rectangle is painted, too.
            let high = ((high.0 - 1).max(low.0), (high.1 - 1).max(low.1));
            return self.bitmap().draw_rect(low, high, &color, true);
        }
        self.bitmap().fill_polygon([corner(from, 1.0), corner(to, 1.0), corner(to, -1.0), corner(from, -1.0)], &color)
    }

    /// Paints the inside and the outline of a marker or bar; it is empty if there are doubts about it.
    fn closed(&mut self, corners: &[BackendCoord], color: BackendColor, outlined: bool) -> Painted {
        let doubtful = std::mem::take(&mut self.note).doubtful;
        let inside = if doubtful { BackendColor { alpha: 1.0, rgb: (0xff, 0xff, 0xff) } } else { color };
        self.bitmap().fill_polygon(corners.iter().copied(), &inside)?;
        if doubtful || outlined {
            let around = corners.iter().chain(corners.first()).map(|(x, y)| (f64::from(*x), f64::from(*y)));
            let around: Vec<(f64, f64)> = around.collect();
            let (dash, width) = (std::mem::take(&mut self.dash), self.dots(OUTLINE_PX * 10.0));
            self.stroke(&around, width, color)?;
            self.dash = dash;
        }
        Ok(())
    }

    /// Paints text whose place says where its baseline begins, with a halo of paper if its ink asks for one.
    fn write(&mut self, mask: &Mask, placed: Placed, color: BackendColor) {
        if Ink::of(color) == Ink::Halo {
            let far = self.dots(15.0);
            for (dx, dy) in
                [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7)]
            {
                let moved = Placed { x: placed.x + dx * far, y: placed.y + dy * far, ..placed };
                mask.paint(moved, |x, y, strength| {
                    blend(&mut self.dots, self.size, (x, y), (0xff, 0xff, 0xff), strength);
                });
            }
        }
        let colour = self.colour(color);
        mask.paint(placed, |x, y, strength| {
            blend(&mut self.dots, self.size, (x, y), colour.rgb, strength * colour.alpha as f32);
        });
    }

    fn mask(&self, text: &str, style: &impl BackendTextStyle) -> Mask {
        Mask::of(text, self.dots(style.size()) as f32, matches!(style.style(), FontStyle::Bold))
    }
}

impl DrawingBackend for BitmapBackend {
    type ErrorType = BitMapBackendError;

    fn get_size(&self) -> (u32, u32) {
        self.tenths
    }

    fn ensure_prepared(&mut self) -> Painted {
        Ok(())
    }

    fn present(&mut self) -> Painted {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Painted {
        let (at, color) = (self.at(point), self.colour(color));
        self.bitmap().draw_pixel(at, color)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Painted {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Painted {
        let (color, a, b) = (self.colour(style.color()), self.at(a), self.at(b));
        if fill && self.note.doubtful {
            return self.closed(&[a, (b.0, a.1), b, (a.0, b.1)], color, true);
        }
        self.note = Note::default();
        if fill {
            return if color.alpha == 0.0 { Ok(()) } else { self.bitmap().draw_rect(a, b, &color, true) };
        }
        let corners = [a, (b.0, a.1), b, (a.0, b.1), a].map(|(x, y)| (f64::from(x), f64::from(y)));
        self.stroke(&corners, self.dots(style.stroke_width().into()), color)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Painted {
        self.note = Note::default();
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        let (color, width) = (self.colour(style.color()), self.dots(style.stroke_width().into()));
        let mut path: Vec<BackendCoord> = path.into_iter().map(|at| self.at(at)).collect();
        path.dedup();
        let path: Vec<(f64, f64)> = path.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).collect();
        self.stroke(&path, width, color)
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Painted {
        let (color, radius) = (self.colour(style.color()), self.dots(radius.into()));
        let (x, y) = self.at(center);
        let hollow = std::mem::take(&mut self.note).doubtful || !fill;
        // The outline lies half outside, as in the SVG.
        let half = self.dots(OUTLINE_PX * 10.0) / 2.0;
        self.bitmap().draw_circle((x, y), (radius + half).round() as u32, &color, true)?;
        if hollow {
            let paper = BackendColor { alpha: 1.0, rgb: (0xff, 0xff, 0xff) };
            self.bitmap().draw_circle((x, y), (radius - half).round() as u32, &paper, true)?;
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, vert: I, style: &S) -> Painted {
        let color = self.colour(style.color());
        let corners: Vec<BackendCoord> = vert.into_iter().map(|at| self.at(at)).collect();
        self.closed(&corners, color, color.alpha == 1.0)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Painted {
        if text.is_empty() {
            return Ok(());
        }
        let down = baseline_below(style.anchor().v_pos);
        let degrees = degrees(style.transform());
        let mask = self.mask(text, style);
        let before = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => mask.advance / 2.0,
            HPos::Right => mask.advance,
        };
        let y = self.dots(f64::from(y) + down * style.size());
        let placed = Placed { x: self.dots(x.into()), y, before, degrees };
        self.write(&mask, placed, style.color());
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<BitMapBackendError>> {
        Ok(text_size(text, style.size()))
    }
}

impl FigureBackend for BitmapBackend {
    fn open_group(&mut self, _: Group) {}

    fn close_group(&mut self) {}

    fn dash(&mut self, pattern: &'static [u8]) {
        self.dash = pattern;
    }

    fn annotate(&mut self, note: Note) {
        self.note = note;
    }

    fn draw_turned_text(&mut self, text: &str, style: &TextStyle, end: BackendCoord, degrees: f64) -> Painted {
        let mask = self.mask(text, style);
        let (x, y) = (self.dots(end.0.into()), self.dots(end.1.into()));
        self.write(&mask, Placed { x, y, before: mask.advance, degrees }, style.color);
        Ok(())
    }
}

/// Mixes a colour into a dot; dots outside the picture are left out.
fn blend(dots: &mut [u8], size: (u32, u32), (x, y): (i32, i32), rgb: (u8, u8, u8), strength: f32) {
    if x < 0 || y < 0 || x as u32 >= size.0 || y as u32 >= size.1 {
        return;
    }
    let at = (y as usize * size.0 as usize + x as usize) * 3;
    for (dot, colour) in dots[at..at + 3].iter_mut().zip([rgb.0, rgb.1, rgb.2]) {
        let mixed = f32::from(*dot) + (f32::from(colour) - f32::from(*dot)) * strength.clamp(0.0, 1.0);
        *dot = mixed.round() as u8;
    }
}

/// Cuts a line into its dashes, which alternate with gaps; the whole line without a pattern.
fn dashes(path: &[(f64, f64)], pattern: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let Some(first) = path.first().filter(|_| !pattern.is_empty()) else { return vec![path.to_vec()] };
    let mut pieces = vec![vec![*first]];
    let (mut n, mut left) = (0, pattern[0]);
    for pair in path.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            let is_drawn = n % 2 == 0;
            if length < left {
                left -= length;
                if is_drawn {
                    pieces.last_mut().into_iter().for_each(|piece| piece.push(to));
                }
                break;
            }
            from = (from.0 + dx / length * left, from.1 + dy / length * left);
            if is_drawn {
                pieces.last_mut().into_iter().for_each(|piece| piece.push(from));
            } else {
                pieces.push(vec![from]);
            }
            n += 1;
            left = pattern[n % pattern.len()];
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_and_gaps_take_turns_across_corners() {
        let path = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let pieces = dashes(&path, &[8.0, 4.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (8.0, 0.0)], vec![(10.0, 2.0), (10.0, 10.0)],].map(|piece: Vec<_>| piece));
    }
}
