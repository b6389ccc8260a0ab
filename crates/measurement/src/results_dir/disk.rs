//! What is done to the disk, step by step: a write is over when it is synced, a name when its directory is.
//!
//! Every step can be made to fail in tests.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Prefix of the names of files that are not complete yet.
pub(super) const TEMPORARY: &str = ".tmp-flowbench-";

/// Writes or replaces a whole file by a temporary file beside it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path);
    let mut file = temporary_file(dir)?;
    write_and_sync(file.as_file_mut(), bytes)?;
    step()?;
    file.persist(path).map_err(|error| error.error)?;
    sync(&File::open(dir)?)?;
    log::debug!("{} is written, {} bytes", path.display(), bytes.len());
    Ok(())
}

/// Writes a file of 64 KiB into the directory and removes it again.
pub(super) fn probe(dir: &Path) -> io::Result<()> {
    let mut file = temporary_file(dir)?;
    write_and_sync(file.as_file_mut(), &[b' '; 1 << 16])?;
    file.close()
}

/// Writes and syncs the content of a file.
pub(super) fn write_and_sync(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = step() {
        // A disk that is full takes a part.
        let _ = file.write_all(&bytes[..bytes.len() / 2]);
        return Err(error);
    }
    file.write_all(bytes)?;
    sync(file)
}

/// Syncs a file or a directory.
pub(super) fn sync(file: &File) -> io::Result<()> {
    step()?;
    file.sync_all()
}

/// Cuts a file to a length.
pub(super) fn cut(file: &File, length: u64) -> io::Result<()> {
    step()?;
    file.set_len(length)
}

/// Creates a folder and those above it, each synced into the one above.
pub(super) fn create_folders(path: &Path) -> io::Result<()> {
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    step()?;
    fs::create_dir_all(path)?;
    new.iter()
        .rev()
        .filter(|folder| !folder.as_os_str().is_empty())
        .try_for_each(|folder| sync(&File::open(parent(folder))?))
}

/// Removes temporary files left by processes that were killed. No other process may be writing.
pub(super) fn remove_temporary_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            // Whoever draws a report meanwhile may have given it its name by now.
            fs::remove_file(entry.path()).or_else(ignore_missing)?;
        }
    }
    Ok(())
}

/// Temporary files are private by default; results are as readable as any other file of the user. An error does not name
/// the temporary file, which nobody knows.
fn temporary_file(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    step()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir).map_err(|error| {
        let cause = error.get_ref().and_then(|named| named.source()?.downcast_ref::<io::Error>()?.raw_os_error());
        cause.map_or(error, io::Error::from_raw_os_error)
    })
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Returns the folder of a file.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().map_or(Path::new("."), or_current)
}

/// Returns a folder, and the current one for an empty path.
pub(super) fn or_current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Fails where a test wants it to.
#[cfg(not(test))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use planted::step;

/// Steps that fail because a test has planted it.
#[cfg(test)]
pub(super) mod planted {
    use std::cell::Cell;
    use std::io;
    use std::ops::Range;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
        static FAILING: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    /// Makes the steps of this thread with these numbers fail as on a full disk, counted from 0 and from now on.
    pub(crate) fn fail(steps: Range<usize>) {
        STEPS.set(0);
        FAILING.set((steps.start, steps.end));
    }

    /// Returns the number of steps since [`fail`] was called.
    pub(crate) fn steps() -> usize {
        STEPS.get()
    }

    pub(super) fn step() -> io::Result<()> {
        let (at, (start, end)) = (STEPS.get(), FAILING.get());
        STEPS.set(at + 1);
        if (start..end).contains(&at) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}
