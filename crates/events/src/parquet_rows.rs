//! Parquet files, read as the CSV that they would be exported to: one seam serves logs and answers alike.
//!
//! Decision D-111.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::ColumnDescriptor;

use crate::contents::Unreadable;
use crate::time::rfc3339;
use crate::zone::Zone;

/// Returns the rows of a file as CSV, with a header line. A value that is null is an empty cell.
///
/// # Errors
///
/// Fails if the file is damaged, or names the column that has no text.
pub(crate) fn as_csv(file: File) -> Result<Box<dyn Read>, Unreadable> {
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut names = Vec::new();
    for (place, column) in schema.columns().iter().enumerate() {
        let name = column.path().string();
        if !has_text(column) || schema.get_column_root(place).is_group() {
            let problem = format!("has a column '{name}' that is no text, number or time; export the others alone");
            return Err(Unreadable::Refused(problem));
        }
        names.push(name);
    }
    let clocks = schema.columns().iter().map(|column| Clock::of(column)).collect();
    let mut csv = CsvRows { rows: RowIter::from_file_into(Box::new(reader)), clocks, text: Vec::new(), read: 0 };
    csv.push(&names)?;
    Ok(Box::new(csv))
}

/// The rows of a file as the bytes of CSV.
struct CsvRows {
    rows: RowIter<'static>,
    /// What the times of each column are, which the reader of rows does not tell.
    clocks: Vec<Clock>,
    /// The lines that are ready, and how much of them was read.
    text: Vec<u8>,
    read: usize,
}

/// What the times of a column are.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    /// They are read as whole numbers of nanoseconds.
    is_in_nanoseconds: bool,
    /// They are not those of UTC, so they have no offset.
    is_local: bool,
}

impl Clock {
    fn of(column: &ColumnDescriptor) -> Clock {
        let Some(LogicalType::Timestamp(of)) = column.logical_type_ref() else { return Clock::default() };
        Clock { is_in_nanoseconds: of.unit == TimeUnit::NANOS, is_local: !of.is_adjusted_to_u_t_c }
    }

    fn time(self, ms: i64) -> String {
        let mut text = rfc3339(ms);
        if self.is_local && text.ends_with('Z') {
            text.pop();
        }
        text
    }
}

impl CsvRows {
    fn push<T: AsRef<[u8]>>(&mut self, cells: &[T]) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(std::mem::take(&mut self.text));
        writer.write_record(cells)?;
        self.text = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(())
    }

    fn push_row(&mut self, row: &Row) -> io::Result<()> {
        let cells = row.get_column_iter().zip(&self.clocks).map(|((_, field), clock)| match field {
            Field::Long(ns) if clock.is_in_nanoseconds => clock.time(ns.div_euclid(1_000_000)),
            Field::TimestampMillis(ms) => clock.time(*ms),
            Field::TimestampMicros(us) => clock.time(us.div_euclid(1000)),
            field => text(field),
        });
        let cells: Vec<String> = cells.collect();
        self.push(&cells)
    }
}

impl Read for CsvRows {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
            if let Some(row) = self.rows.next() {
                let row = row.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                self.push_row(&row)?;
            }
        }
        let count = (&self.text[self.read..]).read(bytes)?;
        self.read += count;
        Ok(count)
    }
}

/// True if the values of a column can be written as texts.
fn has_text(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{
        DATE, DECIMAL, ENUM, INT_8, INT_16, INT_32, INT_64, JSON, NONE, TIMESTAMP_MICROS, TIMESTAMP_MILLIS, UINT_8,
        UINT_16, UINT_32, UINT_64, UTF8,
    };
    let converted = column.converted_type();
    match column.physical_type() {
        Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE | Physical::INT96 => true,
        Physical::INT32 => {
            matches!(converted, NONE | INT_8 | INT_16 | INT_32 | UINT_8 | UINT_16 | UINT_32 | DATE | DECIMAL)
        }
        Physical::INT64 => {
            let is_of_day = matches!(column.logical_type_ref(), Some(LogicalType::Time { .. }));
            !is_of_day && matches!(converted, NONE | INT_64 | UINT_64 | TIMESTAMP_MILLIS | TIMESTAMP_MICROS | DECIMAL)
        }
        Physical::BYTE_ARRAY => matches!(converted, NONE | UTF8 | ENUM | JSON | DECIMAL),
        Physical::FIXED_LEN_BYTE_ARRAY => converted == DECIMAL,
    }
}

/// Returns a value as flowbench writes it in CSV.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Date(day) => Zone::date(*day),
        // What is whole ends in a point.
        Field::Decimal(_) => field.to_string().trim_end_matches('.').to_owned(),
        // As they are, not in scientific notation.
        Field::Float(number) => number.to_string(),
        Field::Double(number) => number.to_string(),
        other => other.to_string(),
    }
}

fn damaged(error: ParquetError) -> Unreadable {
    Unreadable::Refused(format!("is a Parquet file that cannot be read: {error}; is the file complete?"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use crate::files::Input;
    use crate::text_table::TextTable;

    fn lines(path: &Path, columns: &[&str]) -> Vec<String> {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        let table = TextTable { columns, ..TextTable::default() };
        let mut lines = Vec::new();
        let mut on_row = |line: u64, cells: Result<&[&str], crate::Reject>| {
            lines.push(format!("{line}: {}", cells.unwrap().join("|")));
        };
        table.read(&Input::new(path), &mut on_row).unwrap();
        lines
    }

    #[test]
    #[ignore = "needs a python3 with duckdb, see .ci/run"]
    fn parquet_of_duckdb_is_read_as_the_csv_that_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let python = std::env::var("FLOWBENCH_EXPORTS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = r#"import duckdb
duckdb.execute("SET TimeZone = 'Asia/Kathmandu'")
row = """SELECT TIMESTAMPTZ '2026-03-29T01:59:59.999Z' AS at, DATE '1969-12-31' AS day, 'a "b", c' AS "text",
  CAST(12.5 AS DECIMAL(38, 3)) AS amount, CAST(-3 AS DECIMAL(9, 0)) AS whole, 7::BIGINT AS n, 200::UTINYINT AS small,
  1e20::DOUBLE AS large, true AS flag, TIMESTAMP_NS '2026-01-01 00:00:00.123456789' AS ns"""
nulls = "SELECT " + ", ".join(["NULL"] * 10)
duckdb.execute(f"COPY ({row} UNION ALL {nulls}) TO 'rows.parquet'")
duckdb.execute(f"COPY (SELECT range AS n FROM range(300000)) TO 'many.parquet' (COMPRESSION 'uncompressed')")
duckdb.execute("COPY (SELECT [1, 2] AS numbers, 1 AS n) TO 'list.parquet'")
duckdb.execute("COPY (SELECT 1 AS n) TO 'zstd.parquet' (COMPRESSION 'zstd')")
"#;
        let done = Command::new(python).args(["-c", script]).current_dir(&folder).status().unwrap();
        assert!(done.success());
        let path = |name: &str| folder.path().join(name);
        let columns = ["at", "day", "text", "amount", "whole", "n", "small", "large", "flag", "ns"];
        assert_eq!(
            lines(&path("rows.parquet"), &columns),
            [
                "2: 2026-03-29T01:59:59.999Z|1969-12-31|a \"b\", c|12.500|-3|7|200|100000000000000000000|true|\
                 2026-01-01T00:00:00.123",
                "3: |||||||||"
            ]
        );
        let many = lines(&path("many.parquet"), &["n"]);
        assert_eq!((many.len(), many.last().unwrap().as_str()), (300_000, "300001: 299999"));
        let refused = |name: &str| {
            let table = TextTable { columns: vec!["n".to_owned()], ..TextTable::default() };
            table.read(&Input::new(path(name)), &mut |_, _| {}).unwrap_err().to_string()
        };
        assert!(refused("list.parquet").contains("a column 'numbers.list.element'"), "{}", refused("list.parquet"));
        assert!(refused("zstd.parquet").to_lowercase().contains("zstd"), "{}", refused("zstd.parquet"));
        let bytes = std::fs::read(path("many.parquet")).unwrap();
        std::fs::write(path("cut.parquet"), &bytes[..bytes.len() / 2]).unwrap();
        assert!(refused("cut.parquet").contains("is the file complete?"), "{}", refused("cut.parquet"));
    }
}
