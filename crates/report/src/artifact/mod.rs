//! A results directory as an artifact: a folder, or an archive of one, that somebody else can check without asking.
//!
//! Decision D-505.

mod archive;
mod claim_rows;
mod licenses;
mod metadata;
mod packed_file;
mod part_times;
mod private_name;
mod readme;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flowbench_measurement::record::RunRecord;
use flowbench_measurement::results_dir::{ResultsError, epoch_ms};
use thiserror::Error;

pub use licenses::licenses;
pub use private_name::{FoundName, PrivateName};

use crate::Results;
use crate::checksums::SUMS;
use licenses::is_expression;
use metadata::{METADATA, RESULTS, metadata};
use packed_file::{PackedFile, sums};
use readme::{Contents, readme};

/// What goes into an artifact beside the results.
#[derive(Debug, Clone, Copy)]
pub struct Supplement<'a> {
    /// The note of the experiment, if it has one.
    pub note: Option<&'a str>,
    /// The lock file of the build that measured, if it is at hand.
    pub lock: Option<&'a str>,
    /// The licence of the artifact as an SPDX expression.
    pub license: &'a str,
    /// Texts of licences, each with its SPDX identifier.
    pub license_texts: &'a [(String, String)],
    /// How the program is cited, a text in the Citation File Format; a run has its own version and commit.
    pub citation: &'a str,
    /// True if the build that packs is the one that measured.
    pub is_of_this_build: bool,
    /// Names that no text of the artifact may contain.
    pub private: &'a [PrivateName],
    /// True to pack a run that has not come to its end.
    pub may_be_incomplete: bool,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Number of files.
    pub files: usize,
    /// Size of all of them, bytes.
    pub bytes: u64,
}

/// Why a results directory was not packed; nothing is left behind then.
#[derive(Debug, Error)]
pub enum PackError {
    /// The results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The run has not come to its end.
    #[error(
        "{}: the run is incomplete, {measured} of {planned} measurements are there: finish it with `flowbench run \
         --resume`, or pack it as it is with --incomplete",
        dir.display()
    )]
    Incomplete {
        /// The results directory.
        dir: PathBuf,
        /// Number of measurements.
        measured: usize,
        /// Number of planned ones.
        planned: usize,
    },
    /// The artifact would replace something.
    #[error("{} exists already: choose another name with --out", .0.display())]
    Exists(PathBuf),
    /// The artifact would become a part of itself.
    #[error("{} is inside of the results: choose a folder beside them with --out", .0.display())]
    Inside(PathBuf),
    /// A private name stands in a file.
    #[error(
        "{} line {} has {}: take it out, or pack it as it is with --keep-names",
        found.file, found.line, found.name
    )]
    Private {
        /// Where it was found.
        found: FoundName,
    },
    /// Something that is no file cannot be packed.
    #[error("{} is neither a file nor a folder: replace it by what it stands for, or take it out", .0.display())]
    NoFile(PathBuf),
    /// The licence is no SPDX expression.
    #[error("'{0}' is no SPDX expression; write one such as CC-BY-4.0, or MIT OR Apache-2.0")]
    License(String),
    /// The operating system refused an operation.
    #[error("{} cannot be {doing}: {source}", path.display())]
    Io {
        /// The operation: `read`, `written`.
        doing: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Packs the results in `dir` into the new folder `out`, or into an archive if its name ends in `.tar.gz` or `.tgz`. The
/// same results give the same bytes.
///
/// # Errors
///
/// Fails if `dir` holds no results or an incomplete run, if `out` exists or is inside of `dir`, if a text has a private
/// name, or if a file cannot be read or written.
pub fn pack(dir: &Path, out: &Path, supplement: &Supplement<'_>) -> Result<Packed, PackError> {
    let results = Results::read(dir)?;
    check(dir, out, &results, supplement)?;
    let mut files = beside(&results.run, supplement);
    let mut packed = Vec::new();
    collect(dir, RESULTS, &mut packed)?;
    let contents = Contents {
        results_bytes: packed.iter().map(|file| file.bytes.len()).sum(),
        has_note: supplement.note.is_some(),
        has_lock: supplement.lock.is_some(),
        license: supplement.license,
        has_license_texts: !supplement.license_texts.is_empty(),
        is_of_this_build: supplement.is_of_this_build,
    };
    files.push(PackedFile::new("README.md", readme(&results, &contents)));
    files.append(&mut packed);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(found) = private_name::find(&files, supplement.private) {
        return Err(PackError::Private { found });
    }
    files.push(PackedFile::new(METADATA, metadata(&results.run, supplement.license, &files)));
    files.push(PackedFile::new(SUMS, sums(&files)));
    write(out, &files, modified(&results.run))?;
    Ok(Packed { files: files.len(), bytes: files.iter().map(|file| file.bytes.len() as u64).sum() })
}

fn check(dir: &Path, out: &Path, results: &Results, supplement: &Supplement<'_>) -> Result<(), PackError> {
    let run = &results.run;
    let (measured, planned) = (results.cases.len(), run.planned_cases);
    let is_complete = !run.interrupted && run.wall_s.is_some() && measured >= planned;
    if !is_complete && !supplement.may_be_incomplete {
        return Err(PackError::Incomplete { dir: dir.to_owned(), measured, planned });
    }
    if !is_expression(supplement.license) {
        return Err(PackError::License(supplement.license.to_owned()));
    }
    if out.symlink_metadata().is_ok() {
        return Err(PackError::Exists(out.to_owned()));
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let above = absolute(out).parent().map(|above| above.canonicalize().unwrap_or_else(|_| above.to_owned()));
    let own = dir.canonicalize().unwrap_or_else(|_| absolute(dir));
    match above.is_some_and(|above| above.starts_with(own)) {
        true => Err(PackError::Inside(out.to_owned())),
        false => Ok(()),
    }
}

/// Returns the files that stand beside the results, except for those that are made of all the others.
fn beside(run: &RunRecord, supplement: &Supplement<'_>) -> Vec<PackedFile> {
    let mut files = vec![
        PackedFile::new("CITATION.cff", citation(run, supplement.citation)),
        PackedFile::new("experiment.toml", run.resolved_experiment.as_str()),
    ];
    let license = |(name, text): &(String, String)| PackedFile::new(format!("LICENSES/{name}.txt"), text.as_str());
    files.extend(supplement.license_texts.iter().map(license));
    files.extend(supplement.note.map(|note| PackedFile::new("experiment.md", note)));
    files.extend(supplement.lock.map(|lock| PackedFile::new("Cargo.lock", lock)));
    files
}

/// Returns how the flowbench that has measured is cited.
fn citation(run: &RunRecord, text: &str) -> String {
    let (version, commit) = (&run.build.flowbench, &run.build.commit);
    let line = |line: &str| match line.strip_prefix("version: ") {
        Some(_) => format!("version: {version}\n") + &commit_line(commit.as_deref()),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn commit_line(commit: Option<&str>) -> String {
    commit.map_or(String::new(), |commit| format!("commit: \"{commit}\"\n"))
}

/// Reads all files below a folder, by name.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<PackedFile>) -> Result<(), PackError> {
    let failed = |path: &Path, source| PackError::Io { doing: "read", path: path.to_owned(), source };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(|source| failed(folder, source))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
            files.push(PackedFile::new(format!("{prefix}{name}"), bytes));
        } else {
            return Err(PackError::NoFile(path));
        }
    }
    Ok(())
}

/// Writes an artifact, or nothing: it gets its name when it is complete.
fn write(out: &Path, files: &[PackedFile], modified: SystemTime) -> Result<(), PackError> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = out.with_file_name(format!(".tmp-flowbench-{}-{name}", std::process::id()));
    let written = match archive::folder_name(out) {
        Some(folder) => archive::write(&unfinished, folder, files, modified),
        None => files.iter().try_for_each(|file| write_file(&unfinished.join(&file.path), &file.bytes, modified)),
    };
    let renamed = written.and_then(|()| fs::rename(&unfinished, out));
    renamed.map_err(|source| {
        let _ = fs::remove_file(&unfinished).or_else(|_| fs::remove_dir_all(&unfinished));
        PackError::Io { doing: "written", path: out.to_owned(), source }
    })
}

fn write_file(path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, bytes)?;
    File::options().append(true).open(path)?.set_modified(modified)
}

/// Returns the time that all files get: when the run began.
fn modified(run: &RunRecord) -> SystemTime {
    let seconds = epoch_ms(&run.started_at).unwrap_or(0) / 1000;
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
