//! The folder of a session: its recording, its rules and its functions.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is removed when it is dropped.
pub(super) struct SessionFolder(PathBuf);

/// What the names of such folders begin with; the id of the process follows, and a number.
const PREFIX: &str = "flowbench-live-";

/// A function that counts the lines of its batches and emits an event for each hundredth.
const HUNDREDTHS: &str = include_str!("hundredths.wat");

impl SessionFolder {
    /// Makes the folder of this process among temporary files, and removes those of processes that were killed.
    pub(super) fn create() -> io::Result<SessionFolder> {
        let parent = std::env::temp_dir();
        for entry in std::fs::read_dir(&parent)?.flatten() {
            let name = entry.file_name();
            let process =
                name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
            if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
                let _ = std::fs::remove_dir_all(entry.path()); // it may be somebody else's
            }
        }
        // A number that is taken is of a process that had the same id.
        for number in 0..u16::MAX {
            let folder = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(SessionFolder(folder)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("{} is full of {PREFIX}*", parent.display())))
    }

    pub(super) fn recording(&self) -> PathBuf {
        self.0.join("live.jsonl.zst")
    }

    /// Writes rules that look at each answer of a feed and fire on none; returns their file unless there are none.
    pub(super) fn write_rules(&self, rules: usize, feed: &str) -> io::Result<Option<PathBuf>> {
        let mut text = String::new();
        for number in 1..=rules {
            let _ = write!(text, "[[rule]]\nname = 'rule-{number}'\non = '{feed}'\nwhen = \"type == 'none'\"\n");
            text.push_str("emit = 'com.example.none'\n\n");
        }
        let path = self.0.join("rules.toml");
        if rules > 0 {
            std::fs::write(&path, text)?;
        }
        Ok(Some(path).filter(|_| rules > 0))
    }

    /// Writes functions that read a feed; returns their folder unless there are none.
    pub(super) fn write_functions(&self, functions: usize, feed: &str) -> io::Result<Option<PathBuf>> {
        let folder = self.0.join("functions");
        if functions > 0 {
            std::fs::create_dir(&folder)?;
        }
        for number in 1..=functions {
            std::fs::write(folder.join(format!("{feed}.hundredths-{number}.wat")), HUNDREDTHS)?;
        }
        Ok(Some(folder).filter(|_| functions > 0))
    }
}

impl Drop for SessionFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            log::warn!("{} cannot be removed: {error}", self.0.display());
        }
    }
}
