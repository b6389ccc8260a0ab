//! The file that keeps the cursors of functions or of rules over a restart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::durable_file::{FileMode, replace};

/// The version of the file.
const VERSION: u32 = 1;

/// Bytes of the file.
const BYTES_MAX: u64 = 1 << 20;

/// Positions by the names of those who read, in a file that is replaced as a whole.
#[derive(Debug)]
pub struct CursorsByName {
    path: PathBuf,
    readers: &'static str,
    written: BTreeMap<String, u64>,
}

/// Why cursors could not be read or written.
#[derive(Debug, Error)]
pub enum CursorFileError {
    /// The file or its folder failed.
    #[error("the cursors of {readers} in {}: {error}", path.display())]
    Io {
        /// Those who read, such as `functions`.
        readers: &'static str,
        /// The file.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} does not hold the cursors of {readers}: {reason}; move it away, and all {readers} begin behind the newest event",
        path.display()
    )]
    Unreadable {
        /// Those who read, such as `functions`.
        readers: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    cursors: BTreeMap<String, u64>,
}

impl CursorsByName {
    /// Reads the file of `readers`, such as `functions`. If there is none, it holds no cursors.
    ///
    /// # Errors
    ///
    /// Fails if there is a file that cannot be read or understood, which is left as it is.
    pub fn open(path: impl Into<PathBuf>, readers: &'static str) -> Result<CursorsByName, CursorFileError> {
        let path = path.into();
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(CursorsByName { path, readers, written: BTreeMap::new() });
            }
            Err(error) => return Err(CursorFileError::Io { readers, path, error }),
        }
        match serde_json::from_str::<Content>(&text) {
            Ok(Content { version: VERSION, cursors }) => Ok(CursorsByName { path, readers, written: cursors }),
            Ok(Content { version, .. }) => {
                let reason = format!("it is of version {version}, and {VERSION} can be read");
                Err(CursorFileError::Unreadable { readers, path, reason })
            }
            Err(error) => Err(CursorFileError::Unreadable { readers, path, reason: error.to_string() }),
        }
    }

    /// Returns the cursors that were read or written last.
    pub fn cursors(&self) -> &BTreeMap<String, u64> {
        &self.written
    }

    /// Replaces the file, durably, if the cursors are others than those it has.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written; it is what it was, then.
    pub fn write(&mut self, cursors: &BTreeMap<String, u64>) -> Result<(), CursorFileError> {
        if *cursors == self.written {
            return Ok(());
        }
        let content = Content { version: VERSION, cursors: cursors.clone() };
        let written = serde_json::to_vec(&content)
            .map_err(io::Error::from)
            .and_then(|text| replace(&self.path, &text, FileMode::Usual));
        written.map_err(|error| CursorFileError::Io { readers: self.readers, path: self.path.clone(), error })?;
        self.written = content.cursors;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn cursors_are_the_same_after_writing_and_reading() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("functions.json");
        let mut file = CursorsByName::open(&path, "functions").unwrap();
        assert!(file.cursors().is_empty());
        let cursors = BTreeMap::from([("orders.count".to_owned(), 7), ("orders.alert".to_owned(), u64::MAX)]);
        file.write(&cursors).unwrap();
        assert_eq!(CursorsByName::open(&path, "functions").unwrap().cursors(), &cursors);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        // What is half written when the machine stops is not the file.
        fs::write(place.path().join("functions.json.tmp"), "{\"vers").unwrap();
        assert_eq!(CursorsByName::open(&path, "functions").unwrap().cursors(), &cursors);
    }

    #[test]
    fn what_holds_no_cursors_is_refused_and_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("functions.json");
        for text in ["", "7", "{\"version\":2,\"cursors\":{}}", "{\"version\":1,\"cursors\":{\"a\":-1}}"] {
            fs::write(&path, text).unwrap();
            let error = CursorsByName::open(&path, "functions").unwrap_err();
            assert!(error.to_string().contains("does not hold the cursors"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
