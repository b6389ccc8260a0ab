//! The first rows of a log as columns of texts.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, BufRead};

use serde_json::Value;

use crate::absent::looks_like_nothing;
use crate::array::{self, Elements};
use crate::dialect::{Dialect, Layout, Text};
use crate::draft::time_guess::is_time;
use crate::encoding::CharacterEncoding;
use crate::files::Format;
use crate::names::clean;

/// The size of the sample, which is large enough for rare values.
const SAMPLE_BYTES: u64 = 2 << 20;
const ROWS_MAX: usize = 20_000;
/// The maximum number of columns, since JSON objects may have any number of paths.
const COLUMNS_MAX: usize = 400;

/// The first rows of a log.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    pub(super) layout: FileLayout,
}

/// What a mapping must state about the file.
#[derive(Debug, Default)]
pub(super) struct FileLayout {
    pub(super) encoding: Option<CharacterEncoding>,
    /// The separator if it is not a comma.
    pub(super) separator: Option<u8>,
    pub(super) has_no_header: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// A cell for each row, which is empty if it is absent.
    pub(super) cells: Vec<String>,
}

impl Table {
    pub(super) fn read(raw: Box<dyn BufRead>, format: Option<Format>) -> io::Result<Table> {
        let text = Text::with_sample(raw, None, SAMPLE_BYTES)?;
        let mut table = match format.unwrap_or_else(|| Format::recognise(&text.sample)) {
            Format::Csv => Table::of_rows(&text.sample),
            Format::Jsonl | Format::CloudEvents => Table::of_objects(&text.sample)?,
        };
        table.layout.encoding = text.assumed;
        Ok(table)
    }

    fn of_rows(sample: &[u8]) -> Table {
        let dialect = Dialect::recognise(sample, &Layout::default(), &[]);
        let mut rows = dialect.first_rows(sample, ROWS_MAX);
        let has_header = rows.first().is_some_and(|first| !first.iter().any(|cell| is_data(cell)));
        let header = if has_header { rows.remove(0) } else { Vec::new() };
        let width = if has_header { header.len() } else { rows.first().map_or(0, Vec::len) };
        let names = |column: usize| header.get(column).cloned().unwrap_or_else(|| format!("column {}", column + 1));
        let mut columns: Vec<Column> =
            (0..width).map(|column| Column { name: names(column), cells: Vec::with_capacity(rows.len()) }).collect();
        while columns.last().is_some_and(|last| last.name.is_empty()) {
            columns.pop();
        }
        for row in &rows {
            for (number, column) in columns.iter_mut().enumerate() {
                column.cells.push(row.get(number).map_or(String::new(), |cell| unless_nothing(cell).to_owned()));
            }
        }
        let layout = FileLayout {
            separator: dialect.is_assumed.then_some(dialect.separator),
            has_no_header: !has_header && !rows.is_empty(),
            ..FileLayout::default()
        };
        Table { columns, rows: rows.len(), layout }
    }

    fn of_objects(sample: &[u8]) -> io::Result<Table> {
        let mut table = Table::default();
        if array::begins(sample) {
            let mut elements = Elements::new(sample);
            while let Some((_, element)) = elements.next()? {
                table.push_object(element.unwrap_or_default());
            }
        } else {
            sample.split(|byte| matches!(byte, b'\n' | b'\r')).for_each(|line| table.push_object(line));
        }
        let rows = table.rows;
        table.columns.iter_mut().for_each(|column| column.cells.resize(rows, String::new()));
        Ok(table)
    }

    fn push_object(&mut self, object: &[u8]) {
        if let Ok(object @ Value::Object(_)) = serde_json::from_slice(object)
            && self.rows < ROWS_MAX
        {
            self.push_value("", &object);
            self.rows += 1;
        }
    }

    /// Puts a value into the column of its path, and the values within into theirs. Of a list, only the first element
    /// counts.
    fn push_value(&mut self, path: &str, value: &Value) {
        let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Object(object) => object.iter().for_each(|(name, value)| self.push_value(&within(name), value)),
            Value::Array(list) => list.iter().take(1).for_each(|first| self.push_value(&within("0"), first)),
            Value::Null => {}
            Value::String(text) => self.push_cell(path, unless_nothing(text)),
            other => self.push_cell(path, &other.to_string()),
        }
    }

    fn push_cell(&mut self, path: &str, cell: &str) {
        let known = self.columns.iter().position(|column| column.name == path);
        let at = known.unwrap_or(self.columns.len());
        if at == COLUMNS_MAX {
            return;
        }
        if known.is_none() {
            self.columns.push(Column { name: path.to_owned(), cells: Vec::new() });
        }
        let cells = &mut self.columns[at].cells;
        cells.resize(self.rows, String::new());
        cells.push(cell.to_owned());
    }

    /// Returns how often the texts of `key` are repeated, and how often with another text in `column` than the first
    /// one.
    pub(super) fn repeats(&self, key: usize, column: usize) -> Repeats {
        let mut first: HashMap<&str, &str> = HashMap::new();
        let mut repeats = Repeats::default();
        for (key, cell) in self.columns[key].cells.iter().zip(&self.columns[column].cells) {
            if key.is_empty() || cell.is_empty() {
                continue;
            }
            let known = *first.entry(key).or_insert(cell);
            if !std::ptr::eq(known, cell.as_str()) {
                repeats.rows += 1;
                repeats.differing += usize::from(known != cell);
            }
        }
        repeats
    }
}

/// The rows whose key occurs in an earlier row.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    pub(super) rows: usize,
    differing: usize,
}

impl Repeats {
    /// Returns true if hardly any row differs, since a few lines of an order may be a minute late.
    pub(super) fn are_alike(&self) -> bool {
        self.differing * 20 <= self.rows
    }

    /// Returns true if there are rows and at least half of them differ.
    pub(super) fn mostly_differ(&self) -> bool {
        self.rows > 0 && self.differing * 2 >= self.rows
    }
}

impl Column {
    /// Returns the cells that are not absent.
    pub(super) fn present(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(String::as_str).filter(|cell| !cell.is_empty() && !looks_like_nothing(cell))
    }

    /// Returns the words that may mean that a cell is absent, each once.
    pub(super) fn words_for_nothing(&self) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for cell in self.cells.iter().map(String::as_str).filter(|cell| looks_like_nothing(cell)) {
            if !words.contains(&cell) {
                words.push(cell);
            }
        }
        words
    }

    /// Returns the number of cells whose text occurs in an earlier row.
    pub(super) fn repeating(&self) -> usize {
        let mut seen = HashSet::new();
        self.present().filter(|cell| !seen.insert(*cell)).count()
    }

    /// Returns up to `most` distinct texts, each with its number of cells.
    pub(super) fn distinct(&self, most: usize) -> Vec<(&str, usize)> {
        let mut distinct: Vec<(&str, usize)> = Vec::new();
        for cell in self.present() {
            match distinct.iter().position(|(known, _)| *known == cell) {
                Some(at) => distinct[at].1 += 1,
                None if distinct.len() == most => break,
                None => distinct.push((cell, 1)),
            }
        }
        distinct
    }

    /// Returns true if nearly all cells are numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.nearly_all(is_number)
    }

    /// Returns true if there are cells and at least nine of ten fit, since a few may be typing errors.
    pub(super) fn nearly_all(&self, fits: impl Fn(&str) -> bool) -> bool {
        let misfits = self.misfits(fits);
        misfits.of > misfits.cells && misfits.cells * 10 <= misfits.of
    }

    /// Returns how many cells do not fit, with an example.
    pub(super) fn misfits(&self, fits: impl Fn(&str) -> bool) -> Misfits<'_> {
        let mut misfits = Misfits::default();
        for cell in self.present() {
            misfits.of += 1;
            if !fits(cell) {
                misfits.cells += 1;
                misfits.example.get_or_insert(cell);
            }
        }
        misfits
    }
}

/// The cells of a column that cannot be read as what the others are.
#[derive(Debug, Default)]
pub(super) struct Misfits<'a> {
    pub(super) cells: usize,
    /// The number of all cells that are not absent.
    pub(super) of: usize,
    /// The first that does not fit.
    pub(super) example: Option<&'a str>,
}

impl fmt::Display for Misfits<'_> {
    /// Writes `1 of 399 cells cannot be read, such as zwölf`, or nothing if all fit.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(example) = self.example else { return Ok(()) };
        write!(out, "{} of {} cells cannot be read, such as {}", self.cells, self.of, clean(example))
    }
}

/// Returns true for a cell that is a number, with any separators and signs.
pub(super) fn is_number(cell: &str) -> bool {
    let amount = cell.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | ','));
    let is_part =
        |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',' | ' ' | '\'' | 'e' | 'E' | '-' | '\u{a0}');
    amount.bytes().any(|byte| byte.is_ascii_digit()) && amount.chars().all(is_part)
}

/// Returns true for a cell that no header has.
fn is_data(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_finite) || is_time(cell)
}

/// Returns a cell, or the empty text for a word by which databases mean that it is absent.
fn unless_nothing(cell: &str) -> &str {
    if matches!(cell, "NULL" | "\\N") { "" } else { cell }
}
