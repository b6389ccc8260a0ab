//! Draws a chart as SVG: title, legend, panels and notes, from top to bottom.

pub(crate) mod layout;
pub(crate) mod scale;
pub(crate) mod svg;

mod bars;
mod cells;
mod legend;
mod lines;
mod rows;
mod series_style;

use crate::chart::{Chart, Mark, X};
use crate::draw::layout::{Canvas, EDGE_PX, FONT_PX, Frame};
use crate::draw::legend::{draw_legend, legends};
use crate::draw::svg::{Anchor, STYLE, Svg, compact, number};
use crate::text::wrapped;

/// Returns a chart as SVG. Identical charts give identical bytes.
pub(crate) fn draw(chart: &Chart, canvas: Canvas) -> String {
    let mut body = Svg::default();
    let mut y = EDGE_PX;
    if let Canvas::File { .. } = canvas {
        y = paragraph(&mut body, y + 4.0, "head", 16.0, canvas, &chart.question) + 6.0;
    }
    y = if chart.is_empty() {
        paragraph(&mut body, y, "title", FONT_PX, canvas, "Nothing to draw.")
    } else {
        panels(&mut body, chart, y, canvas)
    };
    for note in &chart.notes {
        y = paragraph(&mut body, y, "small", 12.0, canvas, note);
    }
    if let Canvas::File { machine } = canvas {
        y = paragraph(&mut body, y, "small", 12.0, canvas, machine);
    }
    framed(chart, canvas, y + EDGE_PX, &body.into_string())
}

/// Draws wrapped text from `y` downwards; returns its lower edge.
fn paragraph(svg: &mut Svg, mut y: f64, class: &str, font_px: f64, canvas: Canvas, text: &str) -> f64 {
    for line in wrapped(text, canvas.width() - 2.0 * EDGE_PX, font_px) {
        y += font_px + 4.0;
        svg.text(EDGE_PX, y - 4.0, class, Anchor::Start, &line);
    }
    y
}

fn panels(svg: &mut Svg, chart: &Chart, mut y: f64, canvas: Canvas) -> f64 {
    let (above, beside) = legends(chart);
    y = draw_legend(svg, chart, &above, y, canvas);
    for (n, (panel, entries)) in chart.panels.iter().zip(beside).enumerate() {
        let last = n + 1 == chart.panels.len();
        let below = |svg: &mut Svg, y: f64| draw_legend(svg, chart, &entries, y, canvas);
        let frame = Frame { chart, panel, top: y, width: canvas.width() };
        y = match &chart.x {
            X::Numbers(axis) => lines::draw(svg, &frame, axis, last, below),
            X::Names { names, mark: Mark::Cell(better), .. } => cells::draw(svg, &frame, names, *better),
            X::Names { names, mark: Mark::Over, .. } => rows::draw(svg, &frame, names, below),
            X::Names { names, mark, .. } => bars::draw(svg, &frame, names, *mark, below),
        };
    }
    y + 4.0
}

fn framed(chart: &Chart, canvas: Canvas, height: f64, body: &str) -> String {
    let mut svg = Svg::default();
    let (width, height) = (number(canvas.width()), number(height.ceil()));
    let (title, desc) =
        (format!("{}-{}-title", chart.name, canvas.id()), format!("{}-{}-desc", chart.name, canvas.id()));
    svg.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg".to_owned()),
            ("class", format!("fig {}", canvas.id())),
            ("viewBox", format!("0 0 {width} {height}")),
            ("width", width),
            ("height", height),
            ("role", "img".to_owned()),
            ("aria-labelledby", format!("{title} {desc}")),
        ],
    );
    svg.words("title", &[("id", title)], &chart.question);
    svg.words("desc", &[("id", desc)], &description(chart));
    if let Canvas::File { .. } = canvas {
        svg.raw(&format!("<style>{}</style>\n", compact(STYLE)));
        // The background of a file of its own; in the report the canvas has one.
        svg.leaf("rect", &[("width", "100%".into()), ("height", "100%".into()), ("class", "paper".into())]);
    }
    svg.raw(body);
    svg.close("svg");
    svg.into_string()
}

/// Describes the figure in words, for screen readers.
fn description(chart: &Chart) -> String {
    let mut words = Vec::new();
    for panel in &chart.panels {
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
