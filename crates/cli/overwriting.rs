//! Nothing that a command reads is replaced by what it writes, under whatever name, and no two outputs are one file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file of a command: what messages call it, and its path; `-` is a standard stream.
pub(crate) type Named<'a> = (&'static str, &'a Path);

/// What makes two paths one file: hard links and symbolic links, or the place of one that is not there yet.
#[derive(PartialEq)]
enum Identity {
    File { device: u64, inode: u64 },
    Place { folder: PathBuf, name: PathBuf },
}

/// Fails if something that is written is also read, or written twice; `option` is how another place is named.
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

/// `None`: it is not there, or is no regular file.
fn existing(path: &Path, standard: &str) -> Option<Identity> {
    let path = if path == Path::new("-") { Path::new(standard) } else { path };
    let found = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(Identity::File { device: found.dev(), inode: found.ino() })
}

/// `None`: nothing is to be created there.
fn to_be(path: &Path) -> Option<Identity> {
    if path == Path::new("-") || path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Some(Identity::Place { folder: folder.canonicalize().ok()?, name: path.file_name()?.into() })
}
