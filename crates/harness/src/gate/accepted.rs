//! The file of regressions that were accepted, each with its commit, its reason and its expiry.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use thiserror::Error;

/// A regression that does not fail the gate until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Name of the case as the gate prints it: choices with `/` between them. Some of them stand for all cases that have
    /// them.
    pub case: String,
    /// The column: a metric, or one that is compared exactly.
    pub column: String,
    /// The commit that brought the regression.
    pub commit: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is accepted, `2027-01-31`.
    pub expires: Date,
}

/// Why the accepted regressions cannot be read.
#[derive(Debug, Error)]
pub enum AcceptedError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; give a file of [[accepted]] regressions, or leave --accepted out", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a list of accepted regressions.
    #[error("{}: {problem}\neach [[accepted]] has case, column, commit, reason and expires = \"2027-01-31\"", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Reads a file of accepted regressions.
///
/// # Errors
///
/// Fails if the file cannot be read, or if an entry lacks a field, has an empty one or an unknown one.
pub fn read_accepted(path: &Path) -> Result<Vec<Accepted>, AcceptedError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        accepted: Vec<Accepted>,
    }
    let io = |source| AcceptedError::Io { path: path.to_owned(), source };
    let content = |problem: String| AcceptedError::Content { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let file: File = toml::from_str(&text).map_err(|error| content(error.to_string().trim_end().to_owned()))?;
    let empty =
        |one: &&Accepted| [&one.case, &one.column, &one.commit, &one.reason].iter().any(|text| text.trim().is_empty());
    match file.accepted.iter().find(empty) {
        Some(one) => {
            Err(content(format!("the entry for case '{}', column '{}' has an empty field", one.case, one.column)))
        }
        None => Ok(file.accepted),
    }
}

impl Accepted {
    /// Returns true if this entry is about the column of the case, whether or not it has expired.
    pub fn is_about(&self, case: &str, column: &str) -> bool {
        let has = |choice: &str| case.split('/').any(|other| other == choice);
        self.case.split('/').all(has) && self.column == column
    }

    /// Returns true if the entry still holds on a day.
    pub fn holds_on(&self, day: Date) -> bool {
        day <= self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Accepted>, String> {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("accepted.toml");
        std::fs::write(&path, text).unwrap();
        read_accepted(&path).map_err(|error| error.to_string())
    }

    const ENTRY: &str = "[[accepted]]\ncase = \"delay/sessions\"\ncolumn = \"latency_p99_ns\"\ncommit = \"abc\"\n\
                         reason = \"exact calendar\"\nexpires = \"2027-01-31\"\n";

    #[test]
    fn an_entry_is_about_its_case_and_column_and_holds_until_its_day_is_over() {
        let entries = read(ENTRY).unwrap();
        let about = |case, column| entries[0].is_about(case, column);
        assert!(about("delay/sessions/x2/idle=park", "latency_p99_ns") && about("delay/sessions", "latency_p99_ns"));
        assert!(!about("delay/funnel", "latency_p99_ns") && !about("delay/sessions", "latency_p50_ns"));
        let day = |text: &str| entries[0].holds_on(text.parse().unwrap());
        assert_eq!([day("2027-01-31"), day("2027-02-01")], [true, false]);
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn an_entry_without_a_reason_or_an_expiry_is_an_error_that_says_what_belongs_there() {
        for missing in ["reason", "expires", "commit"] {
            let text: String = ENTRY.split_inclusive('\n').filter(|line| !line.starts_with(missing)).collect();
            let error = read(&text).unwrap_err();
            assert!(
                error.contains(&format!("missing field `{missing}`")) && error.contains("each [[accepted]] has"),
                "{error}"
            );
        }
        assert!(read(&ENTRY.replace("exact calendar", " ")).unwrap_err().contains("has an empty field"));
        assert!(read_accepted(Path::new("/nowhere")).unwrap_err().to_string().contains("cannot be read"));
    }
}
