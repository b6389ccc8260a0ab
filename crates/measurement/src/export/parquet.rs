//! Apache Parquet: tables with typed columns, for DuckDB, pandas, Polars and Spark.
//!
//! Decision D-314.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::metric::spreads;
use super::source::{ExportSource, ExportedFile, MeasuredCase};
use crate::columns::Cell;
use crate::metrics::Better;

/// The columns of a table with their cells, from left to right; all columns are of one length.
type Columns = Vec<(&'static str, Vec<Cell>)>;

/// Returns `cases.parquet`, with the columns of `cases.csv` after the name of the case and a row for each repeat, and
/// `metrics.parquet`, with a row for each metric of each case.
pub(crate) fn parquet(source: &ExportSource) -> Vec<ExportedFile> {
    let cases = source.measured();
    [("cases.parquet", cases_table(&cases)), ("metrics.parquet", metrics_table(source, &cases))]
        .into_iter()
        .map(|(name, columns)| {
            let bytes = written(&columns).expect("writing to memory cannot fail");
            ExportedFile::named(name.to_owned(), bytes)
        })
        .collect()
}

fn cases_table(cases: &[MeasuredCase<'_>]) -> Columns {
    let mut columns: Columns = Vec::new();
    for case in cases {
        for repeat in case.repeats {
            let name = ("case_name", Cell::Text(case.name.text()));
            push_row(&mut columns, std::iter::once(name).chain(repeat.columns()));
        }
    }
    columns
}

fn metrics_table(source: &ExportSource, cases: &[MeasuredCase<'_>]) -> Columns {
    let text = |text: &str| Cell::Text(text.to_owned());
    let run = &source.run;
    let mut columns: Columns = Vec::new();
    for case in cases {
        for (metric, spread) in spreads(case) {
            let better = if metric.better == Better::Higher { "higher" } else { "lower" };
            let row = [
                ("experiment", text(&run.experiment)),
                ("started_at", text(&run.started_at)),
                ("commit", text(run.build.commit.as_deref().unwrap_or_default())),
                ("part", text(&case.first().part)),
                ("case_name", Cell::Text(case.name.text())),
                ("metric", text(metric.column)),
                ("unit", text(metric.unit.word())),
                ("better", text(better)),
                ("median", Cell::Number(spread.median)),
                ("low", Cell::Number(spread.low)),
                ("high", Cell::Number(spread.high)),
                ("repeats", Cell::Integer(spread.repeats as i64)),
            ];
            push_row(&mut columns, row.into_iter());
        }
    }
    columns
}

/// Adds a row; the first one names the columns.
fn push_row(columns: &mut Columns, row: impl Iterator<Item = (&'static str, Cell)>) {
    let is_first = columns.is_empty();
    for (n, (name, cell)) in row.enumerate() {
        if is_first {
            columns.push((name, Vec::new()));
        }
        columns[n].1.push(cell);
    }
}

/// Returns a table as the bytes of a file with one row group.
fn written(columns: &Columns) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|(name, cells)| field(name, physical(cells)));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("flowbench").with_fields(fields).build()?);
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build()))?;
    let mut group = file.next_row_group()?;
    for (_, cells) in columns {
        match physical(cells) {
            Physical::INT64 => write_column::<Int64Type>(&mut group, cells, integer)?,
            Physical::DOUBLE => write_column::<DoubleType>(&mut group, cells, Cell::number)?,
            _ => write_column::<ByteArrayType>(&mut group, cells, utf8)?,
        }
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}

/// Returns a column in which values may be absent.
fn field(name: &str, physical: Physical) -> Result<Arc<Type>, ParquetError> {
    let logical = (physical == Physical::BYTE_ARRAY).then_some(LogicalType::String);
    let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

/// Returns the type that holds all cells of a column; a column without any value holds numbers.
fn physical(cells: &[Cell]) -> Physical {
    let any = |is: fn(&Cell) -> bool| cells.iter().any(is);
    if any(|cell| matches!(cell, Cell::Text(_))) {
        Physical::BYTE_ARRAY
    } else if any(|cell| matches!(cell, Cell::Integer(_))) && !any(|cell| matches!(cell, Cell::Number(_))) {
        Physical::INT64
    } else {
        Physical::DOUBLE
    }
}

/// Writes the cells of a column; `value` is `None` for those that are absent.
fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    cells: &[Cell],
    value: fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = cells.iter().map(value).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(&values, Some(&levels), None)?;
        column.close()?;
    }
    Ok(())
}

fn integer(cell: &Cell) -> Option<i64> {
    if let Cell::Integer(value) = cell { Some(*value) } else { None }
}

/// Returns the text of a cell; a number among texts becomes text, and an empty text is absent, as in `cases.csv`.
fn utf8(cell: &Cell) -> Option<ByteArray> {
    let text = cell.to_string();
    (!text.is_empty()).then(|| ByteArray::from(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;
    use std::process::Command;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    /// Returns the rows of a file, with the names of the columns.
    fn read_back(file: &ExportedFile) -> Vec<Vec<(String, Field)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(&file.name);
        std::fs::write(&path, &file.bytes).unwrap();
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect())
            .collect()
    }

    fn reference() -> ExportSource {
        ExportSource::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../results/ci/reference")).unwrap()
    }

    #[test]
    fn every_cell_is_read_back_as_it_was_and_absent_ones_are_null() {
        let source = reference();
        let rows = read_back(&parquet(&source)[0]);
        assert_eq!(rows.len(), source.cases.len());
        let mut nulls = 0;
        for (row, case) in rows.iter().zip(&source.cases) {
            let columns = case.columns();
            assert_eq!(row.len(), 1 + columns.len());
            for ((name, field), (column, cell)) in row[1..].iter().zip(&columns) {
                assert_eq!(name, column);
                match field {
                    Field::Null => nulls += 1,
                    Field::Long(value) => assert_eq!(*cell, Cell::Integer(*value), "{column}"),
                    Field::Double(value) => assert_eq!(cell.number(), Some(*value), "{column}"),
                    Field::Str(text) => assert_eq!(*text, cell.to_string(), "{column}"),
                    other => panic!("{column}: {other:?}"),
                }
                assert_eq!(matches!(field, Field::Null), cell.to_string().is_empty(), "{column}");
            }
        }
        assert!(nulls > 0);
    }

    #[test]
    fn metrics_are_those_of_the_other_exports_and_twice_the_same() {
        let source = reference();
        let files = parquet(&source);
        let expected: usize = source.measured().iter().map(|case| spreads(case).len()).sum();
        let rows = read_back(&files[1]);
        assert!(rows.len() == expected && expected > 10);
        assert!(rows.iter().flatten().all(|(_, field)| !matches!(field, Field::Null)), "none is absent");
        assert_eq!(files, parquet(&source));
    }

    #[test]
    #[ignore = "needs a python3 with duckdb, see .ci/run"]
    fn duckdb_reads_what_is_in_cases_csv() {
        let python =
            std::env::var("FLOWBENCH_EXPORTS_PYTHON").expect("set FLOWBENCH_EXPORTS_PYTHON to a python3 with duckdb");
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = tempfile::tempdir().unwrap();
        for file in parquet(&reference()) {
            std::fs::write(folder.path().join(&file.name), &file.bytes).unwrap();
        }
        let csv = root.join("results/ci/reference/cases.csv");
        std::fs::copy(csv, folder.path().join("cases.csv")).unwrap();
        let check = root.join("tests/exports/check.py");
        let output = Command::new(python).arg(check).arg("parquet").arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), reference().cases.len().to_string());
    }
}
