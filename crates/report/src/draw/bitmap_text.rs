//! Text in bitmaps, with a font that is part of the program, so that a picture is the same on every machine.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// Subsets of DejaVu Sans; their license is beside them.
const REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

/// How much of each dot a line of text covers.
pub(crate) struct Mask {
    covered: Vec<f32>,
    width: usize,
    height: usize,
    /// Distance of the baseline from the upper edge.
    baseline: f64,
    /// Width of the text in dots.
    pub(crate) advance: f64,
}

/// The place of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Length of the text before `x`.
    pub(crate) before: f64,
    /// Angle by which it is rotated clockwise around `x` and `y`.
    pub(crate) degrees: f64,
}

/// Free dots around a text, for edges that are not quite covered.
const MARGIN: usize = 2;

impl Mask {
    /// Returns the mask of a text whose em is so many dots.
    pub(crate) fn of(text: &str, em: f32, bold: bool) -> Mask {
        let Ok(font) = FontRef::try_from_slice(if bold { BOLD } else { REGULAR }) else { return Mask::empty() };
        let height = font.height_unscaled() / font.units_per_em().unwrap_or(1.0);
        let scaled = font.as_scaled(PxScale::from(em * height));
        let advance: f32 = text.chars().map(|c| scaled.h_advance(font.glyph_id(c))).sum();
        let mut mask = Mask {
            covered: Vec::new(),
            width: advance.ceil() as usize + 2 * MARGIN,
            height: scaled.height().ceil() as usize + 2 * MARGIN,
            baseline: f64::from(scaled.ascent().ceil()) + MARGIN as f64,
            advance: advance.into(),
        };
        mask.covered = vec![0.0; mask.width * mask.height];
        let mut x = MARGIN as f32;
        for c in text.chars() {
            let id = font.glyph_id(c);
            let glyph = id.with_scale_and_position(scaled.scale(), point(x, mask.baseline as f32));
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|dx, dy, covered| {
                    mask.cover(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, covered);
                });
            }
            x += scaled.h_advance(id);
        }
        mask
    }

    fn empty() -> Mask {
        Mask { covered: Vec::new(), width: 0, height: 0, baseline: 0.0, advance: 0.0 }
    }

    fn cover(&mut self, x: i32, y: i32, covered: f32) {
        if x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height {
            let dot = &mut self.covered[y as usize * self.width + x as usize];
            *dot = (*dot + covered).min(1.0);
        }
    }

    /// Calls `dot` for each dot of the picture that the text covers, with how much of it.
    pub(crate) fn paint(&self, placed: Placed, mut dot: impl FnMut(i32, i32, f32)) {
        if self.covered.is_empty() {
            return;
        }
        let (sin, cos) = placed.degrees.to_radians().sin_cos();
        // From the picture to the mask, and back for its corners.
        let (u0, v0) = (placed.before + MARGIN as f64, self.baseline);
        let corners =
            [(0.0, 0.0), (self.width as f64, 0.0), (0.0, self.height as f64), (self.width as f64, self.height as f64)]
                .map(|(u, v)| (u - u0, v - v0))
                .map(|(u, v)| (placed.x + u * cos - v * sin, placed.y + u * sin + v * cos));
        let ends = |of: fn(&(f64, f64)) -> f64| {
            let values = corners.iter().map(of);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let ((left, right), (top, bottom)) = (ends(|corner| corner.0), ends(|corner| corner.1));
        for y in top.floor() as i32..=bottom.ceil() as i32 {
            for x in left.floor() as i32..=right.ceil() as i32 {
                let (dx, dy) = (f64::from(x) + 0.5 - placed.x, f64::from(y) + 0.5 - placed.y);
                let covered = self.between(dx * cos + dy * sin + u0 - 0.5, -dx * sin + dy * cos + v0 - 0.5);
                if covered > 0.0 {
                    dot(x, y, covered);
                }
            }
        }
    }

    /// Returns how much is covered between four dots.
    fn between(&self, u: f64, v: f64) -> f32 {
        let (left, top) = (u.floor(), v.floor());
        let (along, down) = ((u - left) as f32, (v - top) as f32);
        let at = |du: i32, dv: i32| self.at(left as i32 + du, top as i32 + dv);
        let (upper, lower) = (at(0, 0) * (1.0 - along) + at(1, 0) * along, at(0, 1) * (1.0 - along) + at(1, 1) * along);
        upper * (1.0 - down) + lower * down
    }

    fn at(&self, x: i32, y: i32) -> f32 {
        let is_inside = x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height;
        if is_inside { self.covered[y as usize * self.width + x as usize] } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::text_width;

    #[test]
    fn text_is_no_wider_than_the_layout_takes_it_to_be() {
        for text in ["exchange, 2 workers", "latency p99.9 (log)", "12.3 %", "λ 54M events/s, σ 0.06, κ 0.004", "1.6×"]
        {
            let wide = Mask::of(text, 13.0, false).advance;
            assert!(wide <= text_width(text, 13.0) * 1.04, "{text}: {wide}");
        }
    }

    #[test]
    fn a_turned_text_covers_as_many_dots_elsewhere() {
        let mask = Mask::of("exchange", 40.0, false);
        let covered = |degrees: f64| {
            let (mut sum, mut lowest) = (0.0, i32::MIN);
            let placed = Placed { x: 300.0, y: 300.0, before: mask.advance, degrees };
            mask.paint(placed, |_, y, covered| (sum, lowest) = (sum + covered, lowest.max(y)));
            (sum, lowest)
        };
        let (level, steep) = (covered(0.0), covered(40.0));
        assert!((level.0 - steep.0).abs() < level.0 * 0.02 && level.0 > 500.0, "{level:?} {steep:?}");
        // It ends at the same place and comes from above.
        assert!(steep.1 <= level.1 + 2, "{level:?} {steep:?}");
    }
}
