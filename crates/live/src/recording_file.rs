//! The file of a recording: compressed frames, each an epoch that is durable as a whole.
//!
//! Decision D-661.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flowbench_events::RecordingLine;
use thiserror::Error;
use zstd::stream::read::Decoder;

use crate::durable_file::sync_folder;

/// A recording that is being written by this process alone.
#[derive(Debug)]
pub struct RecordingFile {
    path: PathBuf,
    file: File,
    /// Where the last whole frame ends.
    end: u64,
}

/// Why a recording cannot be begun or gone on with.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file cannot be read or written.
    #[error("the recording {path} cannot be {action}: {error}")]
    File {
        /// The path.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        error: io::Error,
    },
    /// Another process writes it.
    #[error("the recording {0} is being written by another process; name another one")]
    Locked(PathBuf),
    /// The file is something else, or damaged before its end.
    #[error("{path} is no recording that can be gone on with: {reason}; name another file, or move this one away")]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What was found when a recording was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The lines that were read.
    pub lines: u64,
    /// The bytes of an epoch that was not written to its end and was not accepted, which were cut off.
    pub cut_off_bytes: u64,
}

/// Compression takes little time at this level, and epochs are small.
const LEVEL: i32 = 1;

/// No epoch is longer when it is uncompressed: a frame that claims more is damaged.
const FRAME_BYTES_MAX: u64 = 64 << 20;

impl RecordingFile {
    /// Begins a recording at `path`, or goes on with the one that is there, whose lines are given to `each` in order.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be used, is written by another process, is damaged, or `each` refuses a line.
    pub fn open(
        path: &Path,
        slack_ms: i64,
        mut each: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(RecordingFile, Recovered), RecordingError> {
        let failed = |action| move |error| RecordingError::File { path: path.to_owned(), action, error };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed("opened"))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => RecordingError::Locked(path.to_owned()),
            TryLockError::Error(error) => failed("locked")(error),
        })?;
        let length = file.metadata().map_err(failed("read"))?.len();
        let mut recording = RecordingFile { path: path.to_owned(), file, end: 0 };
        let mut recovered = Recovered::default();
        recording.read_frames(length, &mut recovered, &mut each)?;
        recovered.cut_off_bytes = length - recording.end;
        if recovered.cut_off_bytes > 0 {
            recording.truncate().map_err(failed("repaired"))?;
        }
        if recording.end == 0 {
            let mut line = String::new();
            RecordingLine::Begin { slack_ms }.push(&mut line);
            recording.append(&line).map_err(failed("written"))?;
            sync_folder(path).map_err(failed("written"))?;
        }
        Ok((recording, recovered))
    }

    /// Returns the slack, in ms, of the recording at `path`; `None` if there is none that can be gone on with.
    pub fn slack_ms(path: &Path) -> Option<i64> {
        let mut text = String::new();
        frame_at(&File::open(path).ok()?, 0, &mut text).ok()??;
        match RecordingLine::parse(text.lines().next()?)? {
            Ok(RecordingLine::Begin { slack_ms }) => Some(slack_ms),
            _ => None,
        }
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends lines as a frame. When this returns, they are on the disk.
    ///
    /// # Errors
    ///
    /// Fails if they are too long, or cannot be written or synced. Then none of them is in the recording, as far as the disk lets it.
    pub fn append(&mut self, lines: &str) -> io::Result<()> {
        if lines.len() as u64 > FRAME_BYTES_MAX {
            return Err(io::Error::other(format!("an epoch of {} bytes could not be read again", lines.len())));
        }
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(lines.as_bytes())?;
        let frame = encoder.finish()?;
        let written = self.file.write_all(&frame).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.end += frame.len() as u64,
            // What was written of it would be cut off when the recording is opened; now it must not come before others.
            Err(_) => self.truncate()?,
        }
        written
    }

    /// Reads frame after frame, and notes where the last whole one ends.
    fn read_frames(
        &mut self,
        length: u64,
        recovered: &mut Recovered,
        each: &mut impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), RecordingError> {
        let damaged = |reason: String| RecordingError::Damaged { path: self.path.clone(), reason };
        let mut text = String::new();
        while self.end < length {
            match frame_at(&self.file, self.end, &mut text) {
                Ok(Some(end)) => {
                    for line in text.lines() {
                        recovered.lines += 1;
                        if recovered.lines == 1
                            && !matches!(RecordingLine::parse(line), Some(Ok(RecordingLine::Begin { .. })))
                        {
                            return Err(damaged("its first line does not say that it is one".to_owned()));
                        }
                        each(line).map_err(|reason| damaged(format!("line {}: {reason}", recovered.lines)))?;
                    }
                    self.end = end;
                }
                // The file ends within the frame, so nothing of it was accepted.
                Ok(None) if self.end > 0 => break,
                Ok(None) => return Err(damaged("it has no whole frame of Zstandard".to_owned())),
                Err(error) => return Err(damaged(format!("at byte {}: {error}", self.end))),
            }
        }
        Ok(())
    }

    fn truncate(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.sync_data()
    }
}

/// Reads the frame that begins at `begin`; returns where it ends, or `None` if the file ends before it does.
fn frame_at(mut file: &File, begin: u64, text: &mut String) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(begin))?;
    let mut counted = Counted { reader: BufReader::new(file), bytes: 0 };
    text.clear();
    let mut decoder = Decoder::with_buffer(&mut counted)?.single_frame();
    let read = (&mut decoder).take(FRAME_BYTES_MAX + 1).read_to_string(text);
    drop(decoder);
    match read {
        Ok(_) if text.len() as u64 <= FRAME_BYTES_MAX && text.ends_with('\n') => Ok(Some(begin + counted.bytes)),
        Ok(_) => Err(io::Error::other("a frame that is no epoch")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Counts the bytes that are taken out of a buffer.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.reader.consume(bytes);
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<(RecordingFile, Recovered, Vec<String>), RecordingError> {
        let mut lines = Vec::new();
        let (file, recovered) = RecordingFile::open(path, 1000, |line| {
            lines.push(line.to_owned());
            Ok(())
        })?;
        Ok((file, recovered, lines))
    }

    #[test]
    fn wherever_it_is_cut_off_the_whole_epochs_before_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.jsonl.zst");
        let (mut recording, _, lines) = open(&path).unwrap();
        assert!(lines.is_empty());
        let mut ends = vec![recording.bytes()];
        for epoch in 0..5 {
            recording.append(&format!("{{\"a\":{epoch}}}\n{{\"b\":{epoch}}}\n")).unwrap();
            ends.push(recording.bytes());
        }
        drop(recording);
        let whole = std::fs::read(&path).unwrap();
        for length in 1..=whole.len() {
            let cut = folder.path().join("cut");
            std::fs::write(&cut, &whole[..length]).unwrap();
            let epochs = ends.iter().filter(|end| **end <= length as u64).count();
            if epochs == 0 {
                assert!(matches!(open(&cut), Err(RecordingError::Damaged { .. })), "{length}");
                continue;
            }
            let (mut recording, recovered, lines) = open(&cut).unwrap();
            assert_eq!((lines.len(), recovered.lines), (1 + 2 * (epochs - 1), lines.len() as u64));
            assert_eq!(recovered.cut_off_bytes, length as u64 - ends[epochs - 1]);
            recording.append("{\"more\":1}\n").unwrap();
            drop(recording);
            assert_eq!(open(&cut).unwrap().2.last().unwrap(), "{\"more\":1}");
        }
    }

    #[test]
    fn damage_before_the_end_is_no_cut_and_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.jsonl.zst");
        let (mut recording, ..) = open(&path).unwrap();
        let begin = recording.bytes() as usize;
        (0..3).for_each(|epoch| recording.append(&format!("{{\"a\":{epoch}}}\n")).unwrap());
        let end = recording.bytes() as usize / 2;
        drop(recording);
        let whole = std::fs::read(&path).unwrap();
        for at in begin..end {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            match open(&path) {
                Err(RecordingError::Damaged { .. }) => assert_eq!(std::fs::read(&path).unwrap(), bytes, "{at}"),
                // A length that was changed can reach beyond the end of the file.
                Ok((_, recovered, _)) => assert!(recovered.cut_off_bytes > 0, "{at}"),
                Err(error) => panic!("{at}: {error}"),
            }
        }
    }

    #[test]
    fn two_processes_cannot_write_one_and_other_files_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.jsonl.zst");
        let _first = open(&path).unwrap();
        assert!(matches!(open(&path), Err(RecordingError::Locked(_))));
        let other = folder.path().join("other");
        for text in ["kind,event_time\n", "\u{28b5}\u{fd2f}"] {
            std::fs::write(&other, text).unwrap();
            assert!(matches!(open(&other), Err(RecordingError::Damaged { .. })));
            assert_eq!(std::fs::read_to_string(&other).unwrap(), text);
        }
        std::fs::write(&other, zstd::encode_all(&b"{\"kind\":\"page_viewed\"}\n"[..], 1).unwrap()).unwrap();
        assert!(open(&other).unwrap_err().to_string().contains("does not say that it is one"));
    }
}
