//! Files that appear only when they are complete: each is written beside its place, synced, and renamed.
//!
//! Decision D-108.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A file that will replace another. If it is dropped unfinished, it is removed and the other stays.
#[derive(Debug)]
pub(crate) struct Replacement {
    file: File,
    temporary: PathBuf,
    place: PathBuf,
}

/// The temporary files that a killed process would leave behind.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the temporary files of unfinished outputs. A process that is about to end calls this, for example on Ctrl-C.
pub fn remove_unfinished_outputs() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = fs::remove_file(path);
    }
}

impl Replacement {
    /// Begins a file for `place` in the same folder. A file that is already there must be writable.
    pub(crate) fn begin(place: &Path) -> io::Result<Replacement> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let replaced = match File::options().append(true).open(place) {
            Ok(file) => Some(file.metadata()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = place.with_file_name(format!(".tmp-flowbench-{}-{number}", std::process::id()));
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let file = File::options().write(true).create_new(true).open(&temporary)?;
        unfinished.push(temporary.clone());
        drop(unfinished);
        let replacement = Replacement { file, temporary, place: place.to_owned() };
        if let Some(replaced) = replaced {
            replacement.file.set_permissions(replaced.permissions())?;
        }
        Ok(replacement)
    }

    /// Returns the file that the content goes to.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Syncs the file and renames it to its place.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.place)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.temporary);
        let _ = fs::remove_file(&self.temporary); // which is not there any more if it took its place
    }
}
