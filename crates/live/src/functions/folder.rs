//! The folder of functions: what is in it, and what has changed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::limits;
use super::module::ModuleForm;

/// Files of the folder that are looked at.
const FILES_MAX: usize = 1_000;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 100;

/// How old the time of a file has to be before it stands for the content: within it a file may change once more and
/// keep its time.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A folder, and the content its files had when it was looked at last.
#[derive(Debug)]
pub(super) struct FunctionFolder {
    path: PathBuf,
    seen: BTreeMap<String, SeenFile>,
}

/// A file that is meant as a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionFile {
    /// The name of the function: that of the file without its ending, such as `orders.count`.
    pub(super) name: String,
    /// The queue the function reads: what is before the last dot of the name.
    pub(super) feed: String,
    pub(super) content: FileContent,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileContent {
    /// What it held the last time.
    Unchanged,
    /// A module, which may be valid or not.
    Module { bytes: Vec<u8>, form: ModuleForm, digest: String },
    /// What cannot be a function, and why.
    Refused(String),
}

#[derive(Debug)]
struct SeenFile {
    length: u64,
    modified: SystemTime,
    is_settled: bool,
    digest: String,
}

impl FunctionFolder {
    pub(super) fn new(path: impl Into<PathBuf>) -> FunctionFolder {
        FunctionFolder { path: path.into(), seen: BTreeMap::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the files that are meant as functions, by name. A name comes once.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    pub(super) fn scan(&mut self) -> io::Result<Vec<FunctionFile>> {
        let names = self.names()?;
        self.seen.retain(|name, _| names.iter().any(|(there, _)| there == name));
        let mut files: Vec<FunctionFile> = Vec::new();
        for (index, (file_name, form)) in names.into_iter().enumerate() {
            let (name, _) = file_name.rsplit_once('.').unwrap_or((&file_name, ""));
            let is_twin = files.last().is_some_and(|last| last.name == name);
            let feed = name.rsplit_once('.').map_or("", |(feed, _)| feed);
            let (name, feed) = (if is_twin { &file_name } else { name }.to_owned(), feed.to_owned());
            let content = if is_twin {
                FileContent::Refused(
                    "another file has the same name but for its ending; remove one of the two".to_owned(),
                )
            } else if index >= limits::FUNCTIONS_MAX {
                FileContent::Refused(format!("there are more than {} functions in the folder", limits::FUNCTIONS_MAX))
            } else if let Err(reason) = check_name(&name, &feed) {
                FileContent::Refused(reason)
            } else {
                self.content(&file_name, form).unwrap_or_else(|error| FileContent::Refused(error.to_string()))
            };
            if matches!(content, FileContent::Refused(_)) {
                self.seen.remove(&file_name);
            }
            files.push(FunctionFile { name, feed, content });
        }
        Ok(files)
    }

    fn names(&self) -> io::Result<Vec<(String, ModuleForm)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)?.take(FILES_MAX) {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let form = match name.rsplit_once('.') {
                // A name that begins with a dot is that of a file another program is still writing.
                Some((stem, _)) if stem.is_empty() || stem.starts_with('.') => continue,
                Some((_, "wasm")) => ModuleForm::Binary,
                Some((_, "wat")) => ModuleForm::Text,
                _ => continue,
            };
            names.push((name, form));
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }

    fn content(&mut self, file_name: &str, form: ModuleForm) -> io::Result<FileContent> {
        let path = self.path.join(file_name);
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Ok(FileContent::Refused("it is not a file".to_owned()));
        }
        let (length, modified) = (metadata.len(), metadata.modified()?);
        let seen = self.seen.get(file_name);
        if seen.is_some_and(|seen| seen.is_settled && seen.length == length && seen.modified == modified) {
            return Ok(FileContent::Unchanged);
        }
        let Some(bytes) = read_bounded(&path)? else {
            return Ok(FileContent::Refused(format!("it is larger than {} bytes", limits::MODULE_BYTES_MAX)));
        };
        let digest = digest_of(&bytes);
        let is_same = seen.is_some_and(|seen| seen.digest == digest);
        let is_settled = modified.elapsed().is_ok_and(|age| age > SETTLED_AFTER);
        let now = SeenFile { length, modified, is_settled, digest: digest.clone() };
        self.seen.insert(file_name.to_owned(), now);
        Ok(if is_same { FileContent::Unchanged } else { FileContent::Module { bytes, form, digest } })
    }
}

fn check_name(name: &str, feed: &str) -> Result<(), String> {
    if feed.is_empty() {
        return Err("its name does not say which queue it reads; call it QUEUE.NAME.wasm or QUEUE.NAME.wat".to_owned());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.len() > NAME_BYTES_MAX || name.ends_with('.') || !name.bytes().all(is_allowed) {
        return Err(format!("a name is of letters, digits, '.', '_' and '-', and {NAME_BYTES_MAX} characters at most"));
    }
    Ok(())
}

/// Returns what a file holds, or nothing if that is too much.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::MODULE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limits::MODULE_BYTES_MAX).then_some(bytes))
}

fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
        fs::write(folder.join(name), content).unwrap();
    }

    fn refused(file: &FunctionFile) -> &str {
        match &file.content {
            FileContent::Refused(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_says_its_queue_and_is_new_once() {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), "shop.orders.count.wat", "(module)");
        write(place.path(), ".orders.new.wasm", "half");
        write(place.path(), "README.md", "text");
        let mut folder = FunctionFolder::new(place.path());
        let files = folder.scan().unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!((&*files[0].name, &*files[0].feed), ("shop.orders.count", "shop.orders"));
        assert!(matches!(&files[0].content, FileContent::Module { form: ModuleForm::Text, .. }));
        assert_eq!(folder.scan().unwrap()[0].content, FileContent::Unchanged);
        // The same length, and within what the clock of a file system tells apart.
        write(place.path(), "shop.orders.count.wat", "(modulE)");
        assert!(matches!(folder.scan().unwrap()[0].content, FileContent::Module { .. }));
    }

    #[test]
    fn what_cannot_be_a_function_says_why() {
        let place = tempfile::tempdir().unwrap();
        for name in ["count.wasm", "a.b.wasm", "a.b.wat", "ü.b.wasm", "a..wat"] {
            write(place.path(), name, "(module)");
        }
        write(place.path(), "a.large.wasm", vec![0; limits::MODULE_BYTES_MAX + 1]);
        fs::create_dir(place.path().join("a.folder.wasm")).unwrap();
        let files = FunctionFolder::new(place.path()).scan().unwrap();
        let by_name = |name: &str| refused(files.iter().find(|file| file.name == name).unwrap());
        assert!(by_name("count").contains("call it QUEUE.NAME.wasm"));
        assert!(by_name("a.b.wat").contains("remove one of the two"));
        assert!(by_name("ü.b").contains("letters, digits"));
        assert!(by_name("a.").contains("letters, digits"));
        assert!(by_name("a.large").contains("larger than 1048576 bytes"));
        assert!(by_name("a.folder").contains("not a file"));
    }

    #[test]
    fn functions_are_bounded_in_number() {
        let place = tempfile::tempdir().unwrap();
        for number in 0..limits::FUNCTIONS_MAX + 1 {
            write(place.path(), &format!("a.f{number:02}.wat"), "(module)");
        }
        let files = FunctionFolder::new(place.path()).scan().unwrap();
        assert!(refused(&files[limits::FUNCTIONS_MAX]).contains("more than 32"));
        assert!(matches!(files[limits::FUNCTIONS_MAX - 1].content, FileContent::Module { .. }));
    }
}
