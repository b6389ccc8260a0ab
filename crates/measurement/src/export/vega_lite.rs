//! Vega-Lite: a chart with its data for each figure, made of the CSV behind it, to be restyled or drawn elsewhere.

use serde_json::{Map, Value, json};

use crate::record::{FigureKind, FigureSpec};

use super::source::{ExportSource, ExportedFile};

/// Version of the language.
const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v5.json";

/// Width of a panel in pixels.
const WIDTH: u32 = 640;
/// Length of a line of text that fits above a panel, in characters.
const LINE_MAX: usize = 110;

/// Returns a chart for each figure that was drawn and has data.
pub(crate) fn vega_lite(source: &ExportSource) -> Vec<ExportedFile> {
    let files = source.figures.iter().filter_map(|(spec, csv)| {
        let chart = chart(spec, &FigureData::read(csv)?);
        Some(ExportedFile::named(format!("{}.vl.json", spec.name), format!("{chart:#}\n")))
    });
    files.collect()
}

/// The numbers of a figure: `series`, `x`, `y`, `low` and `high` for each unit, and more columns.
struct FigureData {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl FigureData {
    /// Reads the CSV of a figure; `None` if it is not one or has no rows.
    fn read(csv: &str) -> Option<FigureData> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let words = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = words(reader.headers().ok()?);
        let rows: Vec<Vec<String>> = reader.records().map(|row| Some(words(&row.ok()?))).collect::<Option<_>>()?;
        (header.len() > 2 && header[0] == "series" && !rows.is_empty()).then_some(FigureData { header, rows })
    }

    /// Returns the units of the panels, from top to bottom.
    fn units(&self) -> Vec<&str> {
        self.header.iter().filter_map(|column| column.strip_prefix("y_")).collect()
    }

    /// Returns true if all values of `x` are numbers.
    fn is_numeric(&self) -> bool {
        self.rows.iter().all(|row| number(&row[1]).is_some())
    }

    /// Returns an object for each row, without its empty cells.
    fn values(&self, has_names: bool) -> Vec<Value> {
        let cell = |column: usize, text: &str| match number(text) {
            Some(number) if column > 1 || column == 1 && !has_names => Value::from(number),
            _ => Value::from(text),
        };
        let object = |row: &Vec<String>| {
            let cells = self.header.iter().zip(row).enumerate().filter(|(_, (_, text))| !text.is_empty());
            cells.map(|(at, (name, text))| (field(name), cell(at, text))).collect::<Map<_, _>>().into()
        };
        self.rows.iter().map(object).collect()
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Returns the column as the name of a field: a dot or a bracket would be a path.
fn field(column: &str) -> String {
    column.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

fn chart(spec: &FigureSpec, data: &FigureData) -> Value {
    use FigureKind::{AtLevel, Bars, HeatMap, Operators, Stacked};
    let has_names = matches!(spec.kind, AtLevel | Bars | HeatMap | Operators | Stacked) || !data.is_numeric();
    let x = &data.header[1];
    let panels = data.units().into_iter().enumerate().map(|(n, unit)| {
        let is_log = spec.log_y || spec.panels.get(n).is_some_and(|panel| panel.log_y);
        let is_log = is_log || spec.kind == FigureKind::Ccdf;
        let mut panel = match spec.kind {
            HeatMap => cells(x, unit),
            Stacked | Operators => bars(x, unit),
            _ if has_names => points(x, unit, is_log),
            _ => lines(x, unit, x_scale(spec, data), is_log),
        };
        // The rows of other panels have no value here.
        panel["transform"] = in_domain(&fields(unit).0, is_log);
        panel["width"] = WIDTH.into();
        panel
    });
    json!({
        "$schema": SCHEMA,
        "title": { "text": spec.question, "subtitle": wrapped(&spec.reading) },
        "data": { "values": data.values(has_names) },
        "vconcat": panels.collect::<Vec<_>>(),
        "resolve": { "scale": { "color": "independent" } },
    })
}

/// Returns the kind of the scale of `x`; no logarithm has the zero of no slack.
fn x_scale(spec: &FigureSpec, data: &FigureData) -> Value {
    let is_log = spec.log_x || matches!(spec.kind, FigureKind::Ccdf | FigureKind::Distribution);
    let has_zero = data.rows.iter().any(|row| number(&row[1]).is_some_and(|x| x <= 0.0));
    if is_log && has_zero { json!({ "type": "symlog" }) } else { scale(is_log) }
}

/// Returns lines with points over numbers, and the range of the repeats.
fn lines(x: &str, unit: &str, x_scale: Value, is_log: bool) -> Value {
    let (y, low, high) = fields(unit);
    json!({
        "encoding": {
            "x": { "field": field(x), "type": "quantitative", "title": x, "scale": x_scale },
            "color": { "field": "series", "type": "nominal", "sort": null },
        },
        "layer": [
            {
                "mark": { "type": "line", "point": true, "tooltip": true },
                "encoding": { "y": { "field": y, "type": "quantitative", "title": unit, "scale": scale(is_log) } },
            },
            {
                "transform": in_domain(&low, is_log),
                "mark": "rule",
                "encoding": { "y": { "field": low, "type": "quantitative", "title": unit }, "y2": { "field": high } },
            },
        ],
    })
}

/// Returns a row of points for each name, one for each series, and the range of the repeats.
fn points(x: &str, unit: &str, is_log: bool) -> Value {
    let (y, low, high) = fields(unit);
    json!({
        "encoding": {
            "y": { "field": field(x), "type": "nominal", "title": x, "sort": null },
            "yOffset": { "field": "series", "type": "nominal", "sort": null },
            "color": { "field": "series", "type": "nominal", "sort": null },
        },
        "layer": [
            {
                "mark": { "type": "point", "filled": true, "size": 60, "tooltip": true },
                "encoding": { "x": { "field": y, "type": "quantitative", "title": unit, "scale": scale(is_log) } },
            },
            {
                "transform": in_domain(&low, is_log),
                "mark": "rule",
                "encoding": { "x": { "field": low, "type": "quantitative", "title": unit }, "x2": { "field": high } },
            },
        ],
    })
}

/// Returns a bar for each name, made of all series end to end.
fn bars(x: &str, unit: &str) -> Value {
    json!({
        "mark": { "type": "bar", "tooltip": true },
        "encoding": {
            "y": { "field": field(x), "type": "nominal", "title": x, "sort": null },
            "x": { "field": fields(unit).0, "type": "quantitative", "title": unit, "stack": true },
            "color": { "field": "series", "type": "nominal", "sort": null },
        },
    })
}

/// Returns a grid with a row for each series and a column for each name.
fn cells(x: &str, unit: &str) -> Value {
    let y = fields(unit).0;
    // Shares and factors have no prefix.
    let format = if matches!(unit, "share" | "factor") { ".3~g" } else { ".3~s" };
    json!({
        "encoding": {
            "x": { "field": field(x), "type": "nominal", "title": x, "sort": null },
            "y": { "field": "series", "type": "nominal", "title": null, "sort": null },
        },
        "layer": [
            {
                "mark": { "type": "rect", "tooltip": true },
                "encoding": { "color": { "field": y, "type": "quantitative", "title": unit } },
            },
            { "mark": "text", "encoding": { "text": { "field": y, "type": "quantitative", "format": format } } },
        ],
    })
}

fn fields(unit: &str) -> (String, String, String) {
    let of = |name: &str| field(&format!("{name}_{unit}"));
    (of("y"), of("low"), of("high"))
}

/// Returns a filter for the rows that have a value which the scale can show.
fn in_domain(field: &str, is_log: bool) -> Value {
    let filter = if is_log { format!("datum.{field} > 0") } else { format!("isValid(datum.{field})") };
    json!([{ "filter": filter }])
}

/// Returns the text in lines of at most [`LINE_MAX`] characters, unless a word is longer.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE_MAX => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn scale(is_log: bool) -> Value {
    json!({ "type": if is_log { "log" } else { "linear" } })
}
