//! The file that keeps the cursors of functions over a restart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The version of the file.
const VERSION: u32 = 1;

/// Bytes of the file.
const BYTES_MAX: u64 = 1 << 20;

/// Positions by the names of functions, in a file that is replaced as a whole.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    written: BTreeMap<String, u64>,
}

/// Why the cursors of functions could not be read or written.
#[derive(Debug, Error)]
pub enum CursorFileError {
    /// The file or its folder failed.
    #[error("the cursors of functions in {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} does not hold the cursors of functions: {reason}; move it away, and each function begins behind the newest event",
        path.display()
    )]
    Unreadable {
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

impl CursorFile {
    /// Reads a file. If there is none, it holds no cursors.
    ///
    /// # Errors
    ///
    /// Fails if there is a file that cannot be read or understood, which is left as it is.
    pub(super) fn open(path: impl Into<PathBuf>) -> Result<CursorFile, CursorFileError> {
        let path = path.into();
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(CursorFile { path, written: BTreeMap::new() });
            }
            Err(error) => return Err(CursorFileError::Io { path, error }),
        }
        match serde_json::from_str::<Content>(&text) {
            Ok(Content { version: VERSION, cursors }) => Ok(CursorFile { path, written: cursors }),
            Ok(Content { version, .. }) => {
                let reason = format!("it is of version {version}, and {VERSION} can be read");
                Err(CursorFileError::Unreadable { path, reason })
            }
            Err(error) => Err(CursorFileError::Unreadable { path, reason: error.to_string() }),
        }
    }

    /// Returns the cursors that were read or written last.
    pub(super) fn cursors(&self) -> &BTreeMap<String, u64> {
        &self.written
    }

    /// Replaces the file, durably, if the cursors are others than those it has.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written; it is what it was, then.
    pub(super) fn write(&mut self, cursors: &BTreeMap<String, u64>) -> Result<(), CursorFileError> {
        if *cursors == self.written {
            return Ok(());
        }
        let content = Content { version: VERSION, cursors: cursors.clone() };
        replace(&self.path, &content).map_err(|error| CursorFileError::Io { path: self.path.clone(), error })?;
        self.written = content.cursors;
        Ok(())
    }
}

fn replace(path: &Path, content: &Content) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_the_same_after_writing_and_reading() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("functions.json");
        let mut file = CursorFile::open(&path).unwrap();
        assert!(file.cursors().is_empty());
        let cursors = BTreeMap::from([("orders.count".to_owned(), 7), ("orders.alert".to_owned(), u64::MAX)]);
        file.write(&cursors).unwrap();
        assert_eq!(CursorFile::open(&path).unwrap().cursors(), &cursors);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        // What is half written when the machine stops is not the file.
        fs::write(place.path().join("functions.json.tmp"), "{\"vers").unwrap();
        assert_eq!(CursorFile::open(&path).unwrap().cursors(), &cursors);
    }

    #[test]
    fn what_holds_no_cursors_is_refused_and_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("functions.json");
        for text in ["", "7", "{\"version\":2,\"cursors\":{}}", "{\"version\":1,\"cursors\":{\"a\":-1}}"] {
            fs::write(&path, text).unwrap();
            let error = CursorFile::open(&path).unwrap_err();
            assert!(error.to_string().contains("does not hold the cursors"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
