//! An artifact as one file: an archive with its folder inside.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::packed_file::PackedFile;

/// Endings of the names of archives.
const ENDINGS: [&str; 2] = [".tar.gz", ".tgz"];

/// Returns the name of the folder inside an archive; `None` if the path does not name an archive.
pub(super) fn folder_name(out: &Path) -> Option<&str> {
    let name = out.file_name()?.to_str()?;
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).filter(|folder| !folder.is_empty())
}

/// Writes all files into an archive, below a folder.
pub(super) fn write(path: &Path, folder: &str, files: &[PackedFile], modified: SystemTime) -> io::Result<()> {
    let mut archive = Builder::new(GzEncoder::new(File::create(path)?, Compression::best()));
    let modified_s = modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for file in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(modified_s);
        archive.append_data(&mut header, format!("{folder}/{}", file.path), &file.bytes[..])?;
    }
    let mut output = archive.into_inner()?.finish()?;
    output.flush()?;
    output.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_known_by_its_name() {
        let folder = |path: &str| folder_name(Path::new(path)).map(str::to_owned);
        assert_eq!(folder("out/mine.tar.gz").as_deref(), Some("mine"));
        assert_eq!(folder("mine.v2.tgz").as_deref(), Some("mine.v2"));
        assert_eq!((folder("out/mine"), folder(".tgz"), folder("mine.gz")), (None, None, None));
    }
}
