//! Draws a chart: title, legend, panels and notes, from top to bottom. plotters draws axes, grids and marks onto a
//! backend of our own that writes SVG.
//!
//! Decision D-501.

pub(crate) mod ink;
pub(crate) mod layout;
pub(crate) mod scale;
pub(crate) mod svg;

mod backend;
mod bars;
#[cfg(feature = "png")]
mod bitmap;
#[cfg(feature = "png")]
mod bitmap_text;
mod cell_colours;
mod cells;
mod clock;
mod columns;
mod horizontal;
mod legend;
mod lines;
mod marks;
mod outline;
mod plot;
#[cfg(feature = "png")]
pub(crate) mod png;
mod rows;
mod series_style;
mod small_multiples;
mod strip;

use plotters::style::text_anchor::HPos;

use crate::chart::{Chart, Mark, X};
use crate::draw::backend::{Drawing, FigureBackend, Lettering, Sheet};
use crate::draw::layout::{Canvas, EDGE_PX, Frame};
use crate::draw::legend::{draw_legend, legends};
use crate::draw::small_multiples::uncrowded;
use crate::draw::svg::{STYLE, SvgBackend, compact, number};
use crate::text::{escaped, wrapped};

/// Returns a chart as SVG. Identical charts give identical bytes.
pub(crate) fn draw(chart: &Chart, canvas: Canvas) -> String {
    draw_described(chart, canvas, &description(chart))
}

/// Returns a chart as SVG, with what it says to those who cannot see it.
pub(crate) fn draw_described(chart: &Chart, canvas: Canvas, description: &str) -> String {
    let sheet = Sheet::new(SvgBackend::new(canvas.width()));
    let height = draw_figure(&sheet, chart, canvas).expect("writing to memory cannot fail");
    let backend = sheet.into_backend().expect("all charts of the figure are drawn");
    framed(chart, canvas, height, description, &backend.into_string())
}

/// Draws a figure onto a sheet; returns its height in px.
fn draw_figure<DB: FigureBackend>(sheet: &Sheet<DB>, chart: &Chart, canvas: Canvas) -> Drawing<f64, DB> {
    let chart = &*uncrowded(chart);
    let mut y = EDGE_PX;
    if let Canvas::File { .. } = canvas {
        y = paragraph(sheet, y + 4.0, Lettering::HEAD, canvas, &chart.question)? + 6.0;
    }
    y = if chart.is_empty() {
        paragraph(sheet, y, Lettering::TITLE, canvas, "Nothing to draw.")?
    } else {
        panels(sheet, chart, y, canvas)?
    };
    for note in &chart.notes {
        y = paragraph(sheet, y, Lettering::SMALL, canvas, note)?;
    }
    if let Canvas::File { machine } = canvas {
        y = paragraph(sheet, y, Lettering::SMALL, canvas, machine)?;
    }
    Ok((y + EDGE_PX).ceil())
}

/// Draws wrapped text from `y` downwards; returns its lower edge.
fn paragraph<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    mut y: f64,
    lettering: Lettering,
    canvas: Canvas,
    text: &str,
) -> Drawing<f64, DB> {
    // Bold letters are wider.
    let width = (canvas.width() - 2.0 * EDGE_PX) * if lettering.bold { 0.92 } else { 1.0 };
    for line in wrapped(&text.replace('`', ""), width, lettering.font_px) {
        y += lettering.font_px + 4.0;
        sheet.text(EDGE_PX, y - 4.0, lettering, HPos::Left, &line)?;
    }
    Ok(y)
}

fn panels<DB: FigureBackend>(sheet: &Sheet<DB>, chart: &Chart, mut y: f64, canvas: Canvas) -> Drawing<f64, DB> {
    let (above, beside) = legends(chart);
    y = draw_legend(sheet, chart, &above, true, y, canvas)?;
    let axis = matches!(chart.x, X::Numbers(_) | X::Names { mark: Mark::Column, .. })
        .then(|| lines::shared_axis(chart, canvas.width()));
    for (n, (panel, entries)) in chart.panels.iter().zip(beside).enumerate() {
        let last = n + 1 == chart.panels.len();
        let below = |sheet: &Sheet<DB>, y: f64| draw_legend(sheet, chart, &entries, false, y, canvas);
        let frame = Frame { chart, panel, top: y, width: canvas.width(), bottom_px: canvas.bottom_px() };
        y = match (&axis, &chart.x) {
            (Some(axis), _) => lines::draw(sheet, &frame, axis, last, below)?,
            (_, X::Names { names, mark: Mark::Cell(better), .. }) => cells::draw(sheet, &frame, names, *better)?,
            (_, X::Names { names, mark: Mark::Over, .. }) => rows::draw(sheet, &frame, names, below)?,
            (_, X::Names { names, mark, .. }) => bars::draw(sheet, &frame, names, *mark, below)?,
            (None, X::Numbers(_)) => y,
        };
    }
    Ok(y + 4.0)
}

/// Returns the SVG of a figure around its drawing.
fn framed(chart: &Chart, canvas: Canvas, height: f64, description: &str, body: &str) -> String {
    let (width, height) = (number(canvas.width()), number(height));
    let name = escaped(&format!("{}-{}", chart.name, canvas.id()));
    let style = match canvas {
        // The background of a file of its own; in the report the canvas has one.
        Canvas::File { .. } => format!(
            "<style>{}</style>\n<rect width=\"100%\" height=\"100%\" class=\"paper\"/>\n",
            escaped(&compact(STYLE))
        ),
        _ => String::new(),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig {}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"{name}-title {name}-desc\">\
         <title id=\"{name}-title\">{}</title>\n<desc id=\"{name}-desc\">{}</desc>\n{style}{body}</svg>\n",
        canvas.id(),
        escaped(&chart.question),
        escaped(description),
    )
}

/// Describes the figure in words, for screen readers.
fn description(chart: &Chart) -> String {
    let mut words = Vec::new();
    for panel in chart.sides() {
        let values = || panel.series.iter().flat_map(|series| &series.points).map(|point| point.y);
        let (least, greatest) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if least.is_finite() {
            let human = |value| panel.quantity.human(value);
            words.push(format!("{}: {} to {}.", panel.title, human(least), human(greatest)));
        }
    }
    words.extend(chart.notes.iter().cloned());
    words.join(" ")
}
