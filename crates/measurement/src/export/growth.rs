//! Files that grow by each run that is exported to them.

use thiserror::Error;

/// The reason why rows are not appended to a file.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// The file has other columns.
    #[error("has other columns than this export; choose another file, or move it away")]
    OtherHeader,
    /// The file holds the rows already.
    #[error("holds this run already")]
    Taken,
    /// The file goes on behind the entries that it would be given more of.
    #[error("has something else behind its last test, so no test can be added; move that to the beginning")]
    OtherEnd,
}

/// Returns a file with the rows of an export appended, whose first line is the header of both. A file without content
/// takes the header too.
///
/// # Errors
///
/// [`AppendError::OtherHeader`] if the headers differ, [`AppendError::Taken`] if a row with the same first cell, which is the
/// time at which a run began, is there already.
pub fn appended(existing: &str, exported: &str) -> Result<String, AppendError> {
    let (header, rows) = exported.split_at(exported.find('\n').map_or(exported.len(), |end| end + 1));
    if existing.is_empty() {
        return Ok(exported.to_owned());
    }
    // An editor may have left other line ends, or none at the end.
    let mut lines = existing.lines();
    if lines.next() != Some(header.trim_end_matches('\n')) {
        return Err(AppendError::OtherHeader);
    }
    let first_cell = |row: &str| row.split(',').next().unwrap_or_default().to_owned();
    if rows.lines().next().is_some_and(|row| lines.any(|line| first_cell(line) == first_cell(row))) {
        return Err(AppendError::Taken);
    }
    let line_end = if existing.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{existing}{line_end}{rows}"))
}

/// Returns a YAML file with those entries of its last mapping appended that it lacks. An entry begins with its key, indented
/// by two spaces; the mapping stays as it is otherwise.
///
/// # Errors
///
/// [`AppendError::OtherEnd`] if the file does not end with the mapping of the export.
pub fn with_entries(existing: &str, exported: &str) -> Result<String, AppendError> {
    let is_top = |line: &&str| line.starts_with(|first: char| !first.is_whitespace() && first != '#');
    let is_key = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
    if !existing.is_empty() && existing.lines().rfind(is_top) != exported.lines().rfind(is_top) {
        return Err(AppendError::OtherEnd);
    }
    let mut text = if existing.is_empty() { String::new() } else { format!("{}\n", existing.trim_end_matches('\n')) };
    let mut is_new = existing.is_empty();
    for line in exported.lines() {
        if is_key(line) {
            is_new = !existing.lines().any(|other| other == line);
        }
        if is_new {
            text.push_str(&format!("{line}\n"));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_appended_below_one_header() {
        assert_eq!(appended("", "a,b\n1,2\n").unwrap(), "a,b\n1,2\n");
        assert_eq!(appended("a,b\n1,2\n", "a,b\n3,4\n").unwrap(), "a,b\n1,2\n3,4\n");
        assert_eq!(appended("a,b\r\n1,2", "a,b\n3,4\n5,6\n").unwrap(), "a,b\r\n1,2\n3,4\n5,6\n");
    }

    #[test]
    fn other_columns_and_rows_that_are_there_are_refused() {
        assert_eq!(appended("a,c\n1,2\n", "a,b\n3,4\n"), Err(AppendError::OtherHeader));
        assert_eq!(appended("a,b\n1,2\n3,4\n", "a,b\n3,4\n5,6\n"), Err(AppendError::Taken));
        assert_eq!(appended("a,b\n1,2\n", "a,b\n1,7\n"), Err(AppendError::Taken), "a run that has gone on since");
    }

    #[test]
    fn entries_that_are_missing_are_added_to_the_last_mapping() {
        let exported = "# head\ntests:\n  a:\n    type: csv\n  b:\n    type: csv\n";
        assert_eq!(with_entries("", exported).unwrap(), exported);
        let existing = "tests:\n  b:\n    type: mine\n# mine\n";
        let grown = with_entries(existing, exported).unwrap();
        assert_eq!(grown, "tests:\n  b:\n    type: mine\n# mine\n  a:\n    type: csv\n");
        assert_eq!(with_entries(&grown, exported).unwrap(), grown);
        assert_eq!(with_entries("tests:\n  a:\nother:\n", exported), Err(AppendError::OtherEnd));
    }
}
