//! One file of an artifact.

use flowbench_measurement::checksum::sha256;
use sha2::{Digest, Sha256};

use crate::checksums::sum;

/// A file of an artifact with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedFile {
    /// Path from the folder of the artifact, with `/` between its parts.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

impl PackedFile {
    pub(super) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }

    /// Returns the text of the file; `None` if it is not UTF-8.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Returns the SHA-256 of the content in hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        sha256(&self.bytes)
    }
}

/// Returns the list of checksums that `sha256sum -c` reads.
pub(super) fn sums(files: &[PackedFile]) -> String {
    files.iter().map(|file| sum(&file.path, &file.bytes)).collect()
}

/// Returns the size that the list of checksums will have for files of these paths.
pub(super) fn sums_bytes<'a>(paths: impl Iterator<Item = &'a str>) -> usize {
    paths.map(|path| "  \n".len() + 2 * Sha256::output_size() + path.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        let files = [PackedFile::new("a/abc.txt", "abc"), PackedFile::new("empty", "")];
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/abc.txt\n\
                      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\n";
        assert_eq!(sums(&files), wanted);
        assert_eq!(sums_bytes(files.iter().map(|file| file.path.as_str())), wanted.len());
    }
}
