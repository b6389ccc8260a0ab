//! From a plan to SQL: each stage in its place, a query in FROM where names or conditions need one.
//!
//! Decision D-051.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use flowbench_events::SourceText;

use super::presence::ALWAYS_PRESENT;
use super::read;
use super::source::HEADER;
use super::spelling::{ALONE, Spelling, identifier, interval_text, quoted};
use crate::plan::definition::{Definition, StageKind};
use crate::plan::document::{NamedFormula, Text};
use crate::plan::expression::syntax::{Expression, Syntax};
use crate::plan::template::{Fragment, fragments};

/// Writes a plan in SQL, from which the same plan is read.
///
/// # Errors
///
/// Names what the subset cannot say.
pub(in crate::plan) fn write(definition: &Definition) -> Result<String, String> {
    let parameters = definition.parameters.iter().map(|declared| declared.name.clone()).collect();
    let mut writer = Writer { spelling: Spelling { parameters, ..Spelling::plain() }, ..Writer::default() };
    for stage in &definition.stages {
        writer.stage(&stage.what)?;
    }
    let query = writer.query.ok_or("there are no columns")?;
    let sql = format!("{}{query}", header(definition));
    // What is too deep or too long for the reader is not written.
    match read(&SourceText::new("plan.sql", sql.as_str())) {
        Ok(_) => Ok(sql),
        Err(problems) => Err(format!("as SQL it would not be read again: {}", problems.list()[0].what)),
    }
}

#[derive(Default)]
struct Writer {
    spelling: Spelling,
    /// The query so far, as a source; empty for the events themselves.
    source: String,
    conditions: Vec<String>,
    /// What is added to the columns of the source, and its names.
    added: Vec<String>,
    added_names: BTreeSet<String>,
    key: Vec<String>,
    window: Option<Window>,
    query: Option<String>,
}

/// A window of GROUP BY.
struct Window {
    function: String,
    end: &'static str,
    /// Conditions on what it gives.
    having: Vec<String>,
    /// The aggregates, and whether each is shown or asked for.
    aggregates: Vec<(String, bool)>,
    /// The names behind each name that was given afterwards.
    behind: BTreeMap<String, BTreeSet<String>>,
}

impl Window {
    /// Returns names with those behind them.
    fn expanded(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        let behind: Vec<&BTreeSet<String>> = names.iter().filter_map(|name| self.behind.get(name)).collect();
        behind.into_iter().flatten().cloned().chain(names.iter().cloned()).collect()
    }
}

impl Writer {
    fn stage(&mut self, stage: &StageKind) -> Result<(), String> {
        match stage {
            StageKind::Filter(condition) => {
                self.use_names(&condition.expression);
                let text = self.spelling.within(&condition.expression, 2);
                match &mut self.window {
                    Some(window) => window.having.push(text),
                    None => {
                        self.close();
                        self.conditions.push(text);
                    }
                }
            }
            StageKind::Map(cells) => cells.iter().for_each(|cell| self.map(cell)),
            StageKind::Key(parts) => self.take_key(parts)?,
            StageKind::Running(compute) => {
                let over = self.over("ROWS UNBOUNDED PRECEDING");
                for NamedFormula { name, formula } in compute {
                    let (text, is_sum) = self.over_aggregate(&formula.expression);
                    let text = format!("{text} OVER ({over})");
                    let text = if is_sum { format!("coalesce({text}, 0)") } else { text };
                    self.add(name, &text);
                }
                self.close();
            }
            StageKind::CountIn { within, name } => {
                let bound = format!("{} - INTERVAL '1' MILLISECOND", self.duration(within)?);
                let over = self.over(&format!("RANGE BETWEEN {bound} PRECEDING AND CURRENT ROW"));
                self.add(&name.text, &format!("count(*) OVER ({over})"));
                self.close();
            }
            StageKind::Tumble { size, timezone, compute } => {
                let function = match (size.text.as_str(), timezone) {
                    ("day", zone) => {
                        let zone = zone
                            .as_ref()
                            .map_or_else(|| quoted("UTC"), |zone| setting(zone).unwrap_or(quoted(&zone.text)));
                        format!("TUMBLE(event_time, INTERVAL '1' DAY, {zone})")
                    }
                    _ => format!("TUMBLE(event_time, {})", self.duration(size)?),
                };
                self.window(function, "window_end", compute);
            }
            StageKind::Hop { size, slide, compute } => {
                let function = format!("HOP(event_time, {}, {})", self.duration(slide)?, self.duration(size)?);
                self.window(function, "window_end", compute);
            }
            StageKind::Session { gap, compute } => {
                let function = format!("SESSION(event_time, {})", self.duration(gap)?);
                self.window(function, "session_end", compute);
            }
            StageKind::TopK { .. } => return Err("SQL has no words for the stage top_k".to_owned()),
            StageKind::Sequence { .. } => return Err("SQL has no words for the stage sequence".to_owned()),
            StageKind::Match { .. } => return Err("SQL has no words for the stage match".to_owned()),
            StageKind::Absence { .. } => return Err("SQL has no words for the stage absence".to_owned()),
            StageKind::Emit(columns) => return self.emit(columns),
        }
        Ok(())
    }

    fn map(&mut self, NamedFormula { name, formula }: &NamedFormula) {
        let (text, level) = self.spelling.leveled(&formula.expression);
        if let Some(window) = &mut self.window {
            let names = window.expanded(names_in(&formula.expression));
            window.behind.insert(name.clone(), names);
            self.spelling.replaced.insert(name.clone(), (text, level));
            return;
        }
        if names_in(&formula.expression).iter().any(|used| self.added_names.contains(used)) {
            self.close();
        }
        self.add(name, &text);
    }

    fn take_key(&mut self, parts: &[NamedFormula]) -> Result<(), String> {
        for NamedFormula { name, formula } in parts {
            let is_column = matches!(&formula.expression.syntax, Syntax::Name(column) if column == name);
            if !is_column {
                if self.added_names.contains(name) {
                    return Err(format!("the part '{name}' of the key has the name of something else"));
                }
                if names_in(&formula.expression).iter().any(|used| self.added_names.contains(used)) {
                    self.close();
                }
                self.add(name, &self.spelling.text(&formula.expression));
            }
            if self.spelling.parameters.contains(name) {
                return Err(format!("the part '{name}' of the key is a parameter"));
            }
            self.key.push(name.clone());
        }
        self.close();
        Ok(())
    }

    /// Returns what stands behind OVER, and adds the conditions that the key is present.
    fn over(&mut self, frame: &str) -> String {
        self.close();
        self.require_key();
        let key: Vec<String> = self.key.iter().map(|name| identifier(name)).collect();
        format!("PARTITION BY {} ORDER BY event_time, event_id {frame}", key.join(", "))
    }

    fn require_key(&mut self) {
        let parts = self.key.iter().filter(|name| !ALWAYS_PRESENT.contains(&name.as_str()));
        self.conditions.extend(parts.map(|name| format!("{} IS NOT NULL", identifier(name))));
    }

    /// Returns an aggregate as it stands before OVER, and whether it is a sum, which is 0 for nothing.
    fn over_aggregate(&self, call: &Expression) -> (String, bool) {
        let (text, _) = self.spelling.leveled(call);
        let is = |wanted: &str| matches!(&call.syntax, Syntax::Call(name, ..) if name == wanted);
        let text = if is("last") { text.replacen("last(", "last_value(", 1) } else { text };
        (text, is("sum"))
    }

    fn window(&mut self, function: String, end: &'static str, compute: &[NamedFormula]) {
        self.close();
        self.require_key();
        for NamedFormula { name, formula } in compute {
            let (text, _) = self.spelling.leveled(&formula.expression);
            let text = match &formula.expression.syntax {
                Syntax::Call(how, ..) if how == "sum" => format!("coalesce({text}, 0)"),
                Syntax::Call(how, ..) if how == "last" => {
                    // Before the parenthesis at its end.
                    format!("{} ORDER BY event_time, event_id)", text.strip_suffix(')').unwrap_or(&text))
                }
                _ => text,
            };
            self.spelling.replaced.insert(name.clone(), (text, ALONE));
        }
        let aggregates = compute.iter().map(|named| (named.name.clone(), false)).collect();
        self.window = Some(Window { function, end, having: Vec::new(), aggregates, behind: BTreeMap::new() });
    }

    /// Notes which aggregates an expression asks for.
    fn use_names(&mut self, expression: &Expression) {
        if let Some(window) = &mut self.window {
            let used = window.expanded(names_in(expression));
            window.aggregates.iter_mut().for_each(|(name, is_used)| *is_used |= used.contains(name));
        }
    }

    fn emit(&mut self, columns: &[NamedFormula]) -> Result<(), String> {
        columns.iter().for_each(|column| self.use_names(&column.formula.expression));
        if self.window.is_none() {
            self.close();
        }
        let mut items = vec![match &self.window {
            Some(window) => format!("{} AS event_time", window.end),
            None => "event_time".to_owned(),
        }];
        for NamedFormula { name, formula } in columns {
            let text = self.spelling.text(&formula.expression);
            items.push(named(&text, name));
        }
        let mut query = format!("SELECT {}\n{}", items.join(", "), self.rest());
        if let Some(window) = &self.window {
            if let Some((unused, _)) = window.aggregates.iter().find(|(_, is_used)| !is_used) {
                return Err(format!("in SQL '{unused}' would not be computed, as nothing shows it"));
            }
            let parts = self.key.iter().map(|name| identifier(name)).chain([window.function.clone()]);
            let _ = write!(query, "\nGROUP BY {}", parts.collect::<Vec<_>>().join(", "));
            if !window.having.is_empty() {
                let _ = write!(query, "\nHAVING {}", window.having.join(" AND "));
            }
        }
        self.query = Some(query);
        Ok(())
    }

    fn add(&mut self, name: &str, text: &str) {
        self.added.push(format!("{text} AS {}", identifier(name)));
        self.added_names.insert(name.to_owned());
    }

    /// Makes the query so far the source of the next one, if it adds anything to the columns.
    fn close(&mut self) {
        if self.added.is_empty() {
            return;
        }
        let query = format!("SELECT *, {}\n{}", self.added.join(", "), self.rest());
        self.source = format!("(\n  {}\n)", query.replace('\n', "\n  "));
        self.conditions.clear();
        self.added.clear();
        self.added_names.clear();
    }

    /// Returns FROM and WHERE of the query so far.
    fn rest(&self) -> String {
        let source = if self.source.is_empty() { "events" } else { &self.source };
        let conditions = self.conditions.join(" AND ");
        if conditions.is_empty() { format!("FROM {source}") } else { format!("FROM {source}\nWHERE {conditions}") }
    }

    fn duration(&self, text: &Text) -> Result<String, String> {
        match setting(text).or_else(|| interval_text(&text.text)) {
            Some(text) => Ok(text),
            None => Err(format!("'{}' is not a duration", text.text)),
        }
    }
}

/// Returns a setting that is a parameter.
fn setting(text: &Text) -> Option<String> {
    let name = text.text.strip_prefix('{')?.strip_suffix('}')?;
    Some(format!("${name}"))
}

/// Returns a column and its name, if that is another.
fn named(text: &str, name: &str) -> String {
    let name = identifier(name);
    if text == name { name } else { format!("{text} AS {name}") }
}

/// Returns the names that an expression uses.
fn names_in(expression: &Expression) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting = vec![expression];
    while let Some(one) = waiting.pop() {
        match &one.syntax {
            Syntax::Name(name) => {
                names.insert(name.clone());
            }
            Syntax::Call(function, _, arguments) if function == "format" => {
                if let [Expression { syntax: Syntax::Text(template), .. }] = &arguments[..] {
                    names.extend(fragments(template).map_while(Result::ok).filter_map(|fragment| match fragment {
                        Fragment::Value { name, .. } => Some(name.trim().to_owned()),
                        Fragment::Text(_) => None,
                    }));
                }
            }
            _ => {}
        }
        waiting.extend(one.children());
    }
    names
}

/// Returns what a plan says of itself, as a header.
fn header(definition: &Definition) -> String {
    let mut header = String::new();
    for (key, text) in [("question", &definition.question), ("notes", &definition.notes)] {
        if !text.is_empty() {
            let _ = writeln!(header, "{HEADER} {key} = {}", toml_text(text));
        }
    }
    if !definition.parameters.is_empty() {
        let _ = writeln!(header, "{HEADER} [parameters]");
    }
    for declared in &definition.parameters {
        let (of, default) = (declared.of.name(), toml_text(&declared.default.text));
        let meaning = match declared.meaning.as_str() {
            "" => String::new(),
            meaning => format!(", meaning = {}", toml_text(meaning)),
        };
        let _ = writeln!(
            header,
            "{HEADER} {} = {{ type = \"{of}\", default = {default}{meaning} }}",
            toml_key(&declared.name)
        );
    }
    header
}

/// Returns a text as TOML writes it on one line.
fn toml_text(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(written, "\\u{:04X}", letter as u32);
            }
            letter => written.push(letter),
        }
    }
    written.push('"');
    written
}

fn toml_key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_bare { name.to_owned() } else { toml_text(name) }
}
