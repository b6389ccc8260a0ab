//! A command does not replace what it reads, under any name, and writes no two outputs to one file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file of a command: what messages call it, and its path. `-` is a standard stream.
pub(crate) type Named<'a> = (&'static str, &'a Path);

/// What two paths have in common that lead to one file: its inode, or the place of a file that does not exist yet.
#[derive(PartialEq)]
enum Identity {
    File { device: u64, inode: u64 },
    Place { folder: PathBuf, name: PathBuf },
}

/// Fails if a file that is written is also read, or written twice. Each file that is written has the option that names
/// another one.
pub(crate) fn refuse_to_overwrite(written: &[(Named, &str)], read: &[Named]) -> Result<(), Failure> {
    let mut taken: Vec<(&str, Identity)> = Vec::new();
    for (what, path) in read {
        taken.extend(existing(path, "/dev/stdin").map(|identity| (*what, identity)));
    }
    for ((what, path), option) in written {
        let Some(identity) = existing(path, "/dev/stdout").or_else(|| to_be(path)) else { continue };
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == identity) {
            let path = if *path == Path::new("-") { "standard output".into() } else { path.to_string_lossy() };
            return Err(Failure::usage_error(format!(
                "{path}: the {what} would replace the {other}; name another file with {option}"
            )));
        }
        taken.push((what, identity));
    }
    Ok(())
}

/// Returns the identity of a regular file; `None` if there is none.
fn existing(path: &Path, standard: &str) -> Option<Identity> {
    let path = if path == Path::new("-") { Path::new(standard) } else { path };
    let found = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(Identity::File { device: found.dev(), inode: found.ino() })
}

/// Returns the identity of a file that is going to be created; `None` if none is.
fn to_be(path: &Path) -> Option<Identity> {
    if path == Path::new("-") || path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Some(Identity::Place { folder: folder.canonicalize().ok()?, name: path.file_name()?.into() })
}
