//! Writes PNG for paper: what the SVG shows in its light colours, 7 inches wide at 300 dots an inch. It is painted twice
//! as large and averaged, so that edges are smooth.

use std::io;

use crate::chart::Chart;
use crate::draw::backend::Sheet;
use crate::draw::bitmap::{BitmapBackend, FINER};
use crate::draw::draw_figure;
use crate::draw::layout::Canvas;
use crate::draw::svg::SvgBackend;

/// 300 dots an inch, in dots a metre.
const DOTS_PER_METRE: u32 = 11_811;
/// Height in px beyond which a figure is no picture for paper.
const HIGHEST_PX: f64 = 4000.0;

/// Returns a chart as PNG; `None` if it is too high for paper.
pub(crate) fn png(chart: &Chart, machine: &str) -> io::Result<Option<Vec<u8>>> {
    let canvas = Canvas::File { machine };
    let height_px =
        draw_figure(&Sheet::new(SvgBackend::new(canvas.width())), chart, canvas).map_err(io::Error::other)?;
    if height_px > HIGHEST_PX {
        return Ok(None);
    }
    let sheet = Sheet::new(BitmapBackend::new(canvas.width(), height_px));
    draw_figure(&sheet, chart, canvas).map_err(io::Error::other)?;
    let backend = sheet.into_backend().ok_or_else(|| io::Error::other("a chart still draws"))?;
    encoded(&backend).map(Some)
}

/// Returns the picture as a file: each dot is the mean of those that were painted for it.
fn encoded(bitmap: &BitmapBackend) -> io::Result<Vec<u8>> {
    let (width, height) = (bitmap.size.0 / FINER, bitmap.size.1 / FINER);
    let finer = FINER as usize;
    let row_bytes = bitmap.size.0 as usize * 3;
    let mut written = Vec::with_capacity(width as usize * height as usize * 3);
    for rows in bitmap.dots.chunks_exact(row_bytes * finer) {
        for x in 0..width as usize {
            for colour in 0..3 {
                let at = |dx: usize, dy: usize| usize::from(rows[dy * row_bytes + (x * finer + dx) * 3 + colour]);
                let sum: usize = (0..finer).flat_map(|dy| (0..finer).map(move |dx| at(dx, dy))).sum();
                written.push((sum / (finer * finer)) as u8);
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: DOTS_PER_METRE,
        yppu: DOTS_PER_METRE,
        unit: png::Unit::Meter,
    }));
    encoder.write_header()?.write_image_data(&written)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Panel, Point, Series, SeriesStyle, X};
    use crate::quantity::Quantity;

    fn chart() -> Chart {
        let axis = Axis::new("workers", "workers", Quantity::Count);
        let look = SeriesStyle::Nth { colour: 0, marker: 0, dash: 1 };
        let points = vec![Point::exact(1.0, 2.0), Point { doubtful: true, ..Point::exact(2.0, 5.0) }];
        let panel = Panel::new("throughput", Quantity::Count, vec![Series::new("exchange", look, points)]);
        Chart::new("f", "Which is fastest?", X::Numbers(axis), vec![panel])
    }

    /// The size of a picture and its dots.
    fn decoded(file: &[u8]) -> (png::Info<'static>, Vec<u8>) {
        let mut reader = png::Decoder::new(io::Cursor::new(file)).read_info().unwrap();
        let mut dots = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut dots).unwrap();
        (reader.info().clone(), dots)
    }

    #[test]
    fn a_picture_is_seven_inches_wide_at_300_dots_an_inch_and_the_same_each_time() {
        let file = png(&chart(), "a machine").unwrap().unwrap();
        assert!(file == png(&chart(), "a machine").unwrap().unwrap());
        let (info, dots) = decoded(&file);
        assert_eq!(info.width, 2100);
        assert_eq!(info.pixel_dims.unwrap().xppu, 11_811);
        let count = |rgb: [u8; 3]| dots.chunks(3).filter(|dot| *dot == rgb).count();
        // Line and markers in the first colour, axes in grey, text in black, and paper.
        assert!(count([0x00, 0x72, 0xb2]) > 1_000 && count([0x6e, 0x77, 0x81]) > 500);
        assert!(count([0x1f, 0x23, 0x28]) > 1_000 && count([0xff; 3]) > dots.len() / 4);
    }

    #[test]
    fn what_is_too_high_for_paper_is_no_picture() {
        let high = Chart { notes: vec!["a note".into(); 400], ..chart() };
        assert!(png(&high, "a machine").unwrap().is_none());
    }
}
