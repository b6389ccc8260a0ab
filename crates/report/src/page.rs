//! The paper a chart is drawn on: title, legend, panels, notes, one below the other.

use std::collections::BTreeSet;

use crate::chart::{Chart, Look, Mark, Series, X};
use crate::svg::{Anchor, COLOURS, STYLE, Svg, number, shortened, text_width, wrapped};
use crate::{cells, lines, rows};

/// Size of ordinary text in px, as in [`STYLE`].
pub(crate) const FONT_PX: f64 = 13.0;
const LINE_PX: f64 = 18.0;
/// How many markers and dash patterns there are.
const SHAPES: usize = 7;
/// Free space at the left and right edge.
pub(crate) const EDGE_PX: f64 = 12.0;

/// Where the drawing will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page<'a> {
    /// A file of its own, with style, question and the machine line.
    File {
        /// One line about the machine.
        machine: &'a str,
    },
    /// Inside the report, on a wide screen.
    Wide,
    /// Inside the report, on a phone.
    Narrow,
}

impl Page<'_> {
    /// Width of the drawing in px.
    pub(crate) fn width(self) -> f64 {
        if self == Page::Narrow { 360.0 } else { 720.0 }
    }

    /// Suffix that keeps the ids of one report apart.
    fn id(self) -> &'static str {
        if self == Page::Narrow { "narrow" } else { "wide" }
    }
}

/// Draws a chart. The same chart gives the same bytes.
pub(crate) fn draw(chart: &Chart, page: Page) -> String {
    let mut body = Svg::default();
    let mut y = EDGE_PX;
    if let Page::File { .. } = page {
        y = paragraph(&mut body, y + 4.0, "head", 16.0, page, &chart.question) + 6.0;
    }
    y = if chart.is_empty() {
        paragraph(&mut body, y, "title", FONT_PX, page, "Nothing to draw.")
    } else {
        panels(&mut body, chart, y, page)
    };
    for note in &chart.notes {
        y = paragraph(&mut body, y, "small", 12.0, page, note);
    }
    if let Page::File { machine } = page {
        y = paragraph(&mut body, y, "small", 12.0, page, machine);
    }
    framed(chart, page, y + EDGE_PX, &body.into_string())
}

/// Draws wrapped text from `y` on; returns where it ends.
fn paragraph(svg: &mut Svg, mut y: f64, class: &str, font_px: f64, page: Page, text: &str) -> f64 {
    for line in wrapped(text, page.width() - 2.0 * EDGE_PX, font_px) {
        y += font_px + 4.0;
        svg.text(EDGE_PX, y - 4.0, class, Anchor::Start, &line);
    }
    y
}

fn panels(svg: &mut Svg, chart: &Chart, mut y: f64, page: Page) -> f64 {
    let (above, beside) = legends(chart);
    y = draw_legend(svg, chart, &above, y, page);
    for (n, (panel, entries)) in chart.panels.iter().zip(beside).enumerate() {
        let last = n + 1 == chart.panels.len();
        let below = |svg: &mut Svg, y: f64| draw_legend(svg, chart, &entries, y, page);
        y = match &chart.x {
            X::Numbers(axis) => lines::draw(svg, chart, axis, panel, y, page.width(), last, below),
            X::Names { names, mark: Mark::Cell(better), .. } => {
                cells::draw(svg, chart, names, *better, panel, y, page.width())
            }
            X::Names { names, mark, .. } => rows::draw(svg, chart, names, *mark, panel, y, page.width(), below),
        };
    }
    y + 4.0
}

type Entries<'a> = Vec<(Look, &'a str)>;

/// The legend above all panels, and that of each: what is the same for all stands above.
fn legends(chart: &Chart) -> (Entries<'_>, Vec<Entries<'_>>) {
    if matches!(chart.x, X::Names { mark: Mark::Cell(_), .. }) {
        // The rows of a grid are named beside it.
        return (Vec::new(), vec![Vec::new(); chart.panels.len()]);
    }
    if chart.legend_once {
        let all = chart.panels.iter().flat_map(|panel| &panel.series);
        let mut above = distinct(all.filter(|series| !series.legend.is_empty()).map(legend_of));
        // The lines of a group differ in their dash, which the key explains.
        let mut named = BTreeSet::new();
        above.retain(|(_, name)| named.insert(*name));
        let keys = chart.panels.iter().map(|panel| distinct(panel.series.iter().filter_map(key_of)));
        let beside: Vec<Entries> = keys.collect();
        if beside.iter().all(|entries| *entries == beside[0]) {
            above.extend(beside[0].iter().copied());
            return (above, vec![Vec::new(); chart.panels.len()]);
        }
        return (above, beside);
    }
    let legends: Vec<Entries> = chart.panels.iter().map(|panel| distinct(panel.series.iter().map(legend_of))).collect();
    if legends.iter().all(|legend| *legend == legends[0]) {
        return (legends[0].clone(), vec![Vec::new(); legends.len()]);
    }
    (Vec::new(), legends)
}

fn legend_of(series: &Series) -> (Look, &str) {
    (series.look, &series.legend)
}

fn key_of(series: &Series) -> Option<(Look, &str)> {
    series.key.as_ref().map(|(look, words)| (*look, words.as_str()))
}

/// Each look once.
fn distinct<'a>(all: impl Iterator<Item = (Look, &'a str)>) -> Entries<'a> {
    let mut entries = Entries::new();
    for (look, name) in all {
        if !entries.iter().any(|(known, _)| *known == look) {
            entries.push((look, name));
        }
    }
    entries
}

/// Draws a legend in as many lines as it needs; nothing if there is only one series to name.
fn draw_legend(svg: &mut Svg, chart: &Chart, entries: &[(Look, &str)], mut y: f64, page: Page) -> f64 {
    if entries.len() < 2 && entries.iter().all(|(look, name)| *look != Look::Floor && name.is_empty()) {
        return y;
    }
    let log = chart.panels.iter().all(|panel| panel.log);
    let bars = !log && matches!(chart.x, X::Names { mark: Mark::Bar | Mark::Stack, .. });
    let right = page.width() - EDGE_PX;
    let mut x = EDGE_PX;
    for (look, name) in entries {
        let name = shortened(name, right - EDGE_PX - 34.0, FONT_PX);
        let width = 34.0 + text_width(&name, FONT_PX);
        if x > EDGE_PX && x + width > right {
            x = EDGE_PX;
            y += LINE_PX;
        }
        swatch(svg, *look, bars, x, y + 9.0);
        svg.text(x + 34.0, y + 13.0, "", Anchor::Start, &name);
        x += width + 16.0;
    }
    y + LINE_PX + 6.0
}

fn swatch(svg: &mut Svg, look: Look, bar: bool, x: f64, y: f64) {
    svg.open("g", &[("class", look.class())]);
    if bar {
        svg.path(format!("M{} {}h28v11h-28z", number(x), number(y - 6.0)), "bar", "");
    } else {
        svg.path(format!("M{} {}h28", number(x), number(y)), look.stroke(), look.dash());
        look.draw_marker(svg, x + 14.0, y);
    }
    svg.close("g");
}

impl Look {
    /// Class that sets the colour.
    pub(crate) fn class(self) -> String {
        match self {
            Look::Nth { colour, .. } | Look::Law(Some(colour)) => format!("c{}", colour % COLOURS),
            // The colour of the text.
            Look::Dashed(_) | Look::Law(None) => "value".to_owned(),
            Look::Floor | Look::Single | Look::Ideal => "floor".to_owned(),
        }
    }

    /// Dash pattern of its line.
    pub(crate) fn dash(self) -> &'static str {
        match self {
            Look::Nth { dash, .. } | Look::Dashed(dash) => {
                ["", "8 3", "3 3", "10 3 3 3", "14 4", "5 2", "2 4"][(dash + dash / SHAPES) % SHAPES]
            }
            Look::Floor => "5 5",
            Look::Ideal => "2 4",
            Look::Single | Look::Law(_) => "",
        }
    }

    /// Class that sets the width of its line.
    pub(crate) fn stroke(self) -> &'static str {
        if matches!(self, Look::Law(_) | Look::Ideal) { "hair" } else { "line" }
    }

    /// Draws its marker; only the n-th has one. The second round has hollow ones.
    pub(crate) fn draw_marker(self, svg: &mut Svg, x: f64, y: f64) {
        let Look::Nth { marker: n, .. } = self else { return };
        let (x, y) = (number(x), number(y));
        let fill = if (n / SHAPES).is_multiple_of(2) { "full" } else { "hollow" };
        let (shape, class) = match n % SHAPES {
            0 => ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", fill),
            1 => ("m-4-4h8v8h-8z", fill),
            2 => ("m0-5l5 9h-10z", fill),
            3 => ("m0-5.5l5.5 5.5-5.5 5.5-5.5-5.5z", fill),
            4 => ("m0 5l5-9h-10z", fill),
            5 => ("m-5 0h10m-5-5v10", "line"),
            _ => ("m-4-4l8 8m0-8l-8 8", "line"),
        };
        svg.path(format!("M{x} {y}{shape}"), class, "");
    }
}

fn framed(chart: &Chart, page: Page, height: f64, body: &str) -> String {
    let mut svg = Svg::default();
    let (width, height) = (number(page.width()), number(height.ceil()));
    let (title, desc) = (format!("{}-{}-title", chart.name, page.id()), format!("{}-{}-desc", chart.name, page.id()));
    svg.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg".to_owned()),
            ("class", format!("fig {}", page.id())),
            ("viewBox", format!("0 0 {width} {height}")),
            ("width", width),
            ("height", height),
            ("role", "img".to_owned()),
            ("aria-labelledby", format!("{title} {desc}")),
        ],
    );
    svg.words("title", &[("id", title)], &chart.question);
    svg.words("desc", &[("id", desc)], &description(chart));
    if let Page::File { .. } = page {
        svg.raw(&format!("<style>{STYLE}</style>\n"));
        // The background of a file of its own; in the report the page has one.
        svg.leaf("rect", &[("width", "100%".into()), ("height", "100%".into()), ("class", "paper".into())]);
    }
    svg.raw(body);
    svg.close("svg");
    svg.into_string()
}

/// The figure in words, for those who cannot see it.
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
