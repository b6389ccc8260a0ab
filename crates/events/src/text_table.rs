//! Tables of texts: the named columns of a CSV or JSON Lines file that is no log of events.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::de::IgnoredAny;

use crate::columns::{find, text};
use crate::dialect::{Dialect, Layout, Text};
use crate::files::{Format, Input};
use crate::names::listed;
use crate::objects::ObjectReader;
use crate::outcome::{NAMED_MAX, ReadError, Reject};
use crate::paths::Paths;
use crate::rows::{Cells, Malformed, Rows};

/// What is read of a table, and how.
#[derive(Debug, Clone, Default)]
pub struct TextTable {
    /// The format. If it is `None`, the ending of the file decides; failing that, its content.
    pub format: Option<Format>,
    /// The names of the columns of a CSV file that has no header line.
    pub header: Option<Vec<String>>,
    /// The columns that are wanted, in any order of the file. A name that no column has means the only one that has it
    /// in another case. In JSON Lines, a name may be a path such as `after.customer`.
    pub columns: Vec<String>,
}

/// What became of the rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSummary {
    /// The rows, without the header and blank lines.
    pub rows: u64,
    /// The first few columns that were not wanted; in JSON Lines, those of the first object.
    pub unused_columns: Vec<String>,
    /// What was recognised of the file, such as `';'-separated`.
    pub assumed: Vec<String>,
}

/// Takes the line of a row, from 1, and its wanted cells; or the reason why the row is bad.
type OnRow<'a> = &'a mut dyn FnMut(u64, Result<&[&str], Reject>);

impl TextTable {
    /// Reads all rows of `input` and calls `on_row` with each: the wanted cells in the order of
    /// [`columns`](TextTable::columns), or the reason why it is bad. A cell that is missing or `null` in JSON is empty.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if the file cannot be read to its end or lacks a wanted column.
    pub fn read(&self, input: &Input, on_row: OnRow) -> Result<TableSummary, ReadError> {
        let raw = input.open()?;
        let name = input.to_string();
        let interrupted = |rows, source| ReadError::Interrupted { input: name.clone(), rows, source };
        let text = Text::open(raw, None).map_err(|source| interrupted(0, source))?;
        let mut summary = TableSummary::default();
        summary.assumed.extend(text.assumed.map(|encoding| encoding.name().to_owned()));
        let read = match self.format.or_else(|| input.format()).unwrap_or_else(|| Format::recognise(&text.sample)) {
            Format::Csv => self.read_csv(text, &mut summary, on_row),
            Format::Jsonl | Format::CloudEvents => self.read_jsonl(text, &mut summary, on_row),
        };
        match read {
            Ok(()) => Ok(summary),
            Err(Stopped::Io(source)) => Err(interrupted(summary.rows, source)),
            Err(Stopped::Columns(problem)) => Err(ReadError::Columns { input: name.clone(), problem }),
        }
    }

    fn read_csv(&self, input: Text, summary: &mut TableSummary, on_row: OnRow) -> Result<(), Stopped> {
        let layout = Layout { columns: self.header.clone(), ..Layout::default() };
        let wanted: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let dialect = Dialect::recognise(&input.sample, &layout, &wanted);
        summary.assumed.extend(dialect.is_assumed.then(|| dialect.name()));
        let mut rows = Rows::new(input.reader).separated_by(dialect.separator);
        if dialect.has_separator_line {
            rows.next()?;
        }
        let header = match &self.header {
            Some(header) => header.clone(),
            None => self.header_line(&mut rows)?,
        };
        rows.expect_width(header.len());
        let places = self.columns.iter().map(|name| place(&header, name)).collect::<Result<Vec<usize>, _>>()?;
        let unused = header.iter().enumerate().filter(|(place, _)| !places.contains(place));
        summary.unused_columns = unused.take(NAMED_MAX).map(|(_, name)| name.clone()).collect();
        while let Some((line, cells)) = rows.next()? {
            summary.rows += 1;
            deliver(line, cells, &places, &header, on_row);
        }
        Ok(())
    }

    fn header_line(&self, rows: &mut Rows<Box<dyn BufRead>>) -> Result<Vec<String>, Stopped> {
        match rows.next()? {
            Some((_, Ok(cells))) => Ok((0..cells.len())
                .map(|column| String::from_utf8_lossy(cells.get(column)).trim().to_owned())
                .collect()),
            Some((_, Err(malformed))) => {
                Err(Stopped::Columns(format!("the header line cannot be read: {}", malformed.reason)))
            }
            None => Err(Stopped::Columns(format!(
                "it is empty; expected a header line with the columns {}",
                listed(&self.columns)
            ))),
        }
    }

    fn read_jsonl(&self, input: Text, summary: &mut TableSummary, on_row: OnRow) -> Result<(), Stopped> {
        let mut reader = ObjectReader::new(input);
        let mut paths: Option<(Paths, Vec<String>)> = None;
        let every: Vec<usize> = (0..self.columns.len()).collect();
        while let Some((line, object)) = reader.next()? {
            summary.rows += 1;
            let object = match object {
                Ok(object) => object,
                Err(reason) => {
                    on_row(line, Err(Reject { line, column: String::new(), reason: reason.to_owned() }));
                    continue;
                }
            };
            let (paths, names) = paths.get_or_insert_with(|| {
                let (names, unused) = self.paths_of(object);
                summary.unused_columns = unused;
                let paths = Paths::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
                (paths, names)
            });
            deliver(line, paths.cells(object), &every, names, on_row);
        }
        let Some((paths, names)) = paths else { return Ok(()) };
        match paths.missing().next() {
            Some(missing) => {
                let there: Vec<String> = names.iter().filter(|name| *name != missing).cloned().collect();
                let others = there.into_iter().chain(summary.unused_columns.iter().cloned()).collect::<Vec<_>>();
                Err(Stopped::Columns(match place(&others, missing) {
                    Err(Stopped::Columns(problem)) => problem,
                    _ => format!("no object has '{missing}'"),
                }))
            }
            None => Ok(()),
        }
    }

    /// Returns the paths of the wanted columns as the first object has them, and the names in it that are not wanted.
    fn paths_of(&self, object: &[u8]) -> (Vec<String>, Vec<String>) {
        let there: BTreeMap<String, IgnoredAny> = serde_json::from_slice(object).unwrap_or_default();
        let there: Vec<String> = there.into_keys().collect();
        let named = |name: &String| place(&there, name).map_or(name.clone(), |place| there[place].clone());
        let names: Vec<String> = self.columns.iter().map(named).collect();
        let is_used = |name: &String| {
            names.iter().any(|path| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
        };
        let unused = there.iter().filter(|name| !is_used(name)).take(NAMED_MAX).cloned().collect();
        (names, unused)
    }
}

/// Why a table was not read to its end.
enum Stopped {
    Io(io::Error),
    Columns(String),
}

impl From<io::Error> for Stopped {
    fn from(source: io::Error) -> Stopped {
        Stopped::Io(source)
    }
}

/// Returns the place of a column by its name, or of the only one with that name in another case.
fn place(header: &[String], name: &str) -> Result<usize, Stopped> {
    find(header, name).or_else(|no_column| {
        let mut alike = (0..header.len()).filter(|place| header[*place].eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some(place), None) => Ok(place),
            _ => Err(Stopped::Columns(no_column.in_words)),
        }
    })
}

fn deliver(line: u64, cells: Result<Cells, Malformed>, places: &[usize], header: &[String], on_row: OnRow) {
    let checked = cells.and_then(|cells| {
        if !cells.fit(header.len()) && cells.len() != header.len() {
            let reason = format!("the row has {} fields, the header {}", cells.len(), header.len());
            return Err(Malformed { column: None, reason });
        }
        let texts = places
            .iter()
            .map(|column| text(cells.get(*column)).map_err(|reason| Malformed { column: Some(*column), reason }));
        texts.collect::<Result<Vec<&str>, Malformed>>()
    });
    match checked {
        Ok(texts) => on_row(line, Ok(&texts)),
        Err(Malformed { column, reason }) => {
            let column = column.and_then(|column| header.get(column)).cloned().unwrap_or_default();
            on_row(line, Err(Reject { line, column, reason }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file of this name and content: the rows as text, the summary, or the error.
    fn read(name: &str, content: &str, table: &TextTable) -> Result<(Vec<String>, TableSummary), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut rows = Vec::new();
        let mut on_row = |line: u64, cells: Result<&[&str], Reject>| {
            rows.push(cells.map_or_else(|reject| reject.to_string(), |cells| format!("{line}: {}", cells.join("|"))));
        };
        let read = table.read(&Input::new(path), &mut on_row);
        read.map(|summary| (rows, summary)).map_err(|error| error.to_string())
    }

    fn wanting(columns: &[&str]) -> TextTable {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        TextTable { columns, ..TextTable::default() }
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_and_any_format() {
        let table = wanting(&["b", "a"]);
        let expected = ["2: 2|1", "3: |x,y"];
        for (name, content) in [
            ("t.csv", "a,extra,B\n1,,2\n\"x,y\",7,\n"),
            ("t.csv", "B;extra;a\n2;;1\n;7;x,y\n"),
            ("t", "\n{\"a\":1,\"b\":\"2\",\"extra\":{}}\n{\"b\":null,\"a\":\"x,y\"}"),
            ("t.json", "[\n{\"a\":1,\"extra\":0,\"B\":2},\n{\"a\":\"x,y\"}]"),
        ] {
            let (rows, summary) = read(name, content, &table).unwrap();
            assert_eq!(rows, expected, "{content}");
            assert_eq!((summary.rows, summary.unused_columns), (2, vec!["extra".to_owned()]), "{content}");
        }
        let paths = wanting(&["after.b"]);
        assert_eq!(read("t.jsonl", "{\"op\":\"c\",\"after\":{\"b\":5}}", &paths).unwrap().0, ["1: 5"]);
    }

    #[test]
    fn a_file_without_a_header_needs_the_names_and_may_be_empty() {
        let table = TextTable { header: Some(vec!["a".to_owned(), "b".to_owned()]), ..wanting(&["b"]) };
        assert_eq!(read("t.csv", "1,2\n3,4\n", &table).unwrap().0, ["1: 2", "2: 4"]);
        assert_eq!(read("t.csv", "", &table).unwrap().1.rows, 0);
        assert_eq!(read("t.jsonl", "", &wanting(&["b"])).unwrap().1.rows, 0);
        let error = read("t.csv", "", &wanting(&["b"])).unwrap_err();
        assert!(error.ends_with("it is empty; expected a header line with the columns b"), "{error}");
    }

    #[test]
    fn bad_rows_have_a_place_and_a_reason_and_stop_nothing() {
        let (rows, _) = read("t.csv", "a,b\n1\n\"x\"y,2\n3,4\n", &wanting(&["a", "b"])).unwrap();
        assert_eq!(rows[0], "line 2: the row has 1 fields, the header 2");
        assert!(rows[1].starts_with("line 3, column a: ") && rows[2] == "4: 3|4", "{rows:?}");
        let (rows, _) = read("t.jsonl", "{\"a\":1}\n{\"a\":[1]}\n[]\n{\"a\":2}\n", &wanting(&["a"])).unwrap();
        assert_eq!(rows[1], "line 2, column a: expected a text or a number");
        assert!(rows[2].starts_with("line 3: not a JSON object") && rows[3] == "4: 2", "{rows:?}");
    }

    #[test]
    fn a_column_that_is_missing_or_there_twice_is_an_error_with_what_is_there() {
        for (name, content) in [("t.csv", "customer,begin\n1,2\n"), ("t.jsonl", "{\"customer\":1,\"begin\":2}")] {
            let error = read(name, content, &wanting(&["customer", "begins"])).unwrap_err();
            let words = "there is no column 'begins'; did you mean 'begin'? (columns: customer, begin)";
            assert!(error.ends_with(words), "{error}");
        }
        let error = read("t.csv", "A,a,A\n1,2,3\n", &wanting(&["A"])).unwrap_err();
        assert!(error.contains("two columns are called 'A'"), "{error}");
    }
}
