//! The cursor of a sink in a small file, so that a restart goes on where it was.
//!
//! Decision D-636.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::durable_file::{FileMode, replace};
use crate::queue::Cursor;

const BYTES_MAX: u64 = 4096;

/// The file of one sink.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
}

/// What is kept of a sink between two sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptSink {
    /// The feed that the cursor is of.
    pub(crate) feed: String,
    /// The position of the next event.
    pub(crate) cursor: u64,
    /// The fingerprint of the configuration whose receiver answered that it is gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone: Option<String>,
}

/// Why the cursor of a sink was not read or written.
#[derive(Debug, Error)]
pub enum WebhookCursorError {
    /// The file could not be read or written.
    #[error("{}: {source}; the cursors of webhooks need a folder that can be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The content is not that of a cursor.
    #[error("{}: not the cursor of a webhook: {reason}; remove the file to begin with the oldest event that is kept", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl KeptSink {
    /// Returns the cursor.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(self.cursor)
    }
}

impl CursorFile {
    /// Returns the file of a sink in a folder.
    pub(crate) fn new(folder: &Path, sink: &str) -> CursorFile {
        CursorFile { path: folder.join(format!("webhook-{sink}.json")) }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; `None` if there is none.
    pub(crate) fn load(&self) -> Result<Option<KeptSink>, WebhookCursorError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error(error)),
        };
        let mut text = String::new();
        let read = file.take(BYTES_MAX).read_to_string(&mut text);
        let content = |reason: String| WebhookCursorError::Content { path: self.path.clone(), reason };
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(content(error.to_string())),
            Err(error) => Err(self.io_error(error)),
            Ok(_) => serde_json::from_str(&text).map(Some).map_err(|error| content(error.to_string())),
        }
    }

    /// Replaces the file. After a crash there is the old content or the new one.
    pub(crate) fn store(&self, kept: &KeptSink) -> Result<(), WebhookCursorError> {
        let mut text = serde_json::to_string(kept).map_err(|error| self.io_error(error.into()))?;
        text.push('\n');
        replace(&self.path, text.as_bytes(), FileMode::Usual).map_err(|error| self.io_error(error))
    }

    fn io_error(&self, source: io::Error) -> WebhookCursorError {
        WebhookCursorError::Io { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_stored_is_loaded_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path(), "shop");
        assert_eq!(file.load().unwrap(), None);
        let mut kept = KeptSink { feed: "alerts".to_owned(), cursor: 7, gone: None };
        for gone in [None, Some("f00d".to_owned())] {
            kept.gone = gone;
            kept.cursor += 1;
            file.store(&kept).unwrap();
            assert_eq!(file.load().unwrap().as_ref(), Some(&kept));
        }
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["webhook-shop.json"]);
    }

    #[test]
    fn what_a_crash_left_behind_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path(), "shop");
        fs::write(folder.path().join("webhook-shop.json.tmp"), "{\"feed\":\"al").unwrap();
        assert_eq!(file.load().unwrap(), None);
        let kept = KeptSink { feed: "alerts".to_owned(), cursor: 7, gone: None };
        file.store(&kept).unwrap();
        assert_eq!(file.load().unwrap(), Some(kept));
    }

    #[test]
    fn another_content_is_an_error_with_the_path_and_is_not_taken_for_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path(), "shop");
        for wrong in [
            &b""[..],
            b"{}",
            b"{\"feed\":\"a\",\"cursor\":-1}",
            b"{\"feed\":\"a\",\"cursor\":1,\"x\":2}",
            b"\xff",
            &[b' '; 9000],
        ] {
            fs::write(file.path(), wrong).unwrap();
            let error = file.load().unwrap_err().to_string();
            assert!(error.contains("webhook-shop.json: not the cursor of a webhook"), "{error}");
        }
        let missing = CursorFile::new(&folder.path().join("none"), "shop");
        let error = missing.store(&KeptSink { feed: String::new(), cursor: 0, gone: None }).unwrap_err();
        assert!(error.to_string().contains("none/webhook-shop.json"), "{error}");
    }
}
