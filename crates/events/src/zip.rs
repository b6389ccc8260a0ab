//! The only file of a zip archive, as web sites offer them.
//!
//! The directory at the end of an archive lists its files, so the archive must be a file and not a stream. A wrong
//! checksum is an error at the end of the reading.
//!
//! Decision D-107.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::contents::{Foreign, Unreadable};
use crate::fields::shown;

/// The maximum size of a directory.
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
const END_MARK: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const ENTRY_MARK: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL_MARK: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// The maximum number of files that are named if there is more than one.
const NAMED_MAX: usize = 5;

/// An entry in the directory of an archive.
#[derive(Debug)]
struct Entry {
    name: String,
    is_encrypted: bool,
    method: u16,
    crc: u32,
    packed_bytes: u32,
    bytes: u32,
    offset: u32,
}

/// Returns a reader of the only file of an archive, which decompresses it.
pub(crate) fn only_file(mut archive: File) -> Result<Box<dyn Read>, Unreadable> {
    let entries = entries(&directory(&mut archive)?)?;
    let entry = only(entries)?;
    let name = shown(&entry.name);
    if entry.is_encrypted {
        return refused(format!("{name} in it is encrypted; unzip it first"));
    }
    if [entry.packed_bytes, entry.bytes, entry.offset].contains(&u32::MAX) {
        return refused(format!("{name} in it has 4 GiB or more; pipe it instead: unzip -p FILE | flowbench ... -"));
    }
    let mut local = [0; LOCAL_BYTES];
    archive.seek(SeekFrom::Start(entry.offset.into()))?;
    archive.read_exact(&mut local)?;
    if !local.starts_with(LOCAL_MARK) {
        return damaged();
    }
    archive.seek_relative(i64::from(u16_at(&local, 26)) + i64::from(u16_at(&local, 28)))?;
    let packed = archive.take(entry.packed_bytes.into());
    match entry.method {
        0 => Ok(Box::new(Checked::new(packed, &entry))),
        8 => Ok(Box::new(Checked::new(DeflateDecoder::new(packed), &entry))),
        method => {
            refused(format!("{name} in it uses compression method {method}, which is not supported; unzip it first"))
        }
    }
}

/// Reads the directory at the end of an archive.
fn directory(archive: &mut File) -> Result<Vec<u8>, Unreadable> {
    const COMMENT_BYTES_MAX: u64 = 0xffff;
    let length = archive.seek(SeekFrom::End(0))?;
    let begin = length.saturating_sub(END_BYTES as u64 + COMMENT_BYTES_MAX);
    archive.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    (&*archive).take(length - begin).read_to_end(&mut tail)?;
    let ends = |at: &usize| tail[*at..].starts_with(END_MARK);
    let Some(end) = (0..(tail.len() + 1).saturating_sub(END_BYTES)).rev().find(ends) else { return damaged() };
    let (bytes, offset) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16));
    if bytes == u32::MAX || offset == u32::MAX || u64::from(bytes) > DIRECTORY_BYTES_MAX {
        return refused("is a zip archive of more than 4 GiB or very many files; unzip it first".to_owned());
    }
    archive.seek(SeekFrom::Start(offset.into()))?;
    let mut directory = Vec::new();
    (&*archive).take(bytes.into()).read_to_end(&mut directory)?;
    Ok(directory)
}

/// Returns the entries that are files of the user, without folders and the additions of macOS.
fn entries(mut directory: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    let mut entries = Vec::new();
    while directory.starts_with(ENTRY_MARK) && directory.len() >= ENTRY_BYTES {
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(directory, at)));
        let Some(name) = directory.get(ENTRY_BYTES..ENTRY_BYTES + name) else { return damaged() };
        let entry = Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            is_encrypted: u16_at(directory, 8) & 1 != 0,
            method: u16_at(directory, 10),
            crc: u32_at(directory, 16),
            packed_bytes: u32_at(directory, 20),
            bytes: u32_at(directory, 24),
            offset: u32_at(directory, 42),
        };
        let rest = ENTRY_BYTES + name.len() + extra + comment;
        directory = directory.get(rest..).unwrap_or_default();
        let is_addition = entry.name.starts_with("__MACOSX/") || entry.name.ends_with(".DS_Store");
        if !entry.name.ends_with('/') && !is_addition {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn only(mut entries: Vec<Entry>) -> Result<Entry, Unreadable> {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has("xl/workbook.xml") || has("xl/workbook.bin") {
        return refused(Foreign::WORKBOOK.to_string());
    }
    if has("[Content_Types].xml") || has("mimetype") {
        return refused(Foreign::OFFICE.to_string());
    }
    let names: Vec<String> = entries.iter().take(NAMED_MAX).map(|entry| shown(&entry.name)).collect();
    let dots = if entries.len() > names.len() { ", ..." } else { "" };
    match (entries.pop(), entries.len()) {
        (Some(entry), 0) => Ok(entry),
        (Some(_), others) => refused(format!(
            "is a zip archive of {} files ({}{dots}); unzip it and give one of them",
            others + 1,
            names.join(", ")
        )),
        (None, _) => refused("is a zip archive without any file in it".to_owned()),
    }
}

/// Reads a file and checks its length and checksum at the end.
struct Checked<R> {
    reader: R,
    crc: Crc,
    promised: (u32, u32), // checksum, bytes
}

impl<R> Checked<R> {
    fn new(reader: R, entry: &Entry) -> Checked<R> {
        Checked { reader, crc: Crc::new(), promised: (entry.crc, entry.bytes) }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(out)?;
        self.crc.update(&out[..length]);
        if length == 0 && !out.is_empty() && (self.crc.sum(), self.crc.amount()) != self.promised {
            return Err(io::Error::new(ErrorKind::InvalidData, "the checksum in the zip archive does not match"));
        }
        Ok(length)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn refused<T>(problem: String) -> Result<T, Unreadable> {
    Err(Unreadable::Refused(problem))
}

fn damaged<T>() -> Result<T, Unreadable> {
    refused("begins like a zip archive but has no valid directory; is the file complete?".to_owned())
}
