//! Tables as CSV text.

use thiserror::Error;

/// A line that does not fit its table.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct TableError {
    /// Number of the line, from 1.
    pub line: usize,
    /// Description of what is wrong with it.
    pub what: String,
}

/// Returns records as CSV (RFC 4180, `\n` line ends), with quotes around the fields that need them.
pub(crate) fn csv_text<R, F>(records: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = F>,
    F: AsRef<[u8]>,
{
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).expect("writing to memory cannot fail");
    }
    let bytes = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("all fields are text")
}
