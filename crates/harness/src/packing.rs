//! Packs results with what this program knows of them: the note of a shipped experiment, the lock file of the build,
//! and names that are to stay here.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flowbench_measurement::results_dir::{ResultsError, read_run};
use flowbench_report::{PackError, Packed, PrivateName, Supplement, licenses};
use thiserror::Error;

use crate::environment::{build, host_names, lock_digest, lock_file};
use crate::experiment::shipped;

/// Results to pack, and how.
#[derive(Debug, Clone)]
pub struct PackRequest {
    /// The results directory.
    pub dir: PathBuf,
    /// The new folder, or an archive if its name ends in `.tar.gz`; by default the name of the results with `-artifact`
    /// behind it.
    pub out: Option<PathBuf>,
    /// File of the note; by default that of a shipped experiment.
    pub note: Option<PathBuf>,
    /// The lock file of the build that measured; by default that of this build, if it is the same.
    pub lock: Option<PathBuf>,
    /// The licence of the artifact as an SPDX expression.
    pub license: String,
    /// File with the text of the licence, if it is none of `known_licenses`.
    pub license_text: Option<PathBuf>,
    /// SPDX identifiers of licences with their texts.
    pub known_licenses: &'static [(&'static str, &'static str)],
    /// How the program is cited, the text of its `CITATION.cff`.
    pub citation: &'static str,
    /// True to pack a run that has not come to its end.
    pub may_be_incomplete: bool,
    /// True to pack texts with names of this machine or its user.
    pub keeps_names: bool,
}

/// A folder with packed results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The folder.
    pub folder: PathBuf,
    /// What was packed.
    pub packed: Packed,
    /// What is not in it and might be, a line each.
    pub remarks: Vec<String>,
}

/// Why results were not packed.
#[derive(Debug, Error)]
pub enum PackFailed {
    /// The record of the run cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The folder cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A file of the request cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The lock file is that of another build.
    #[error(
        "{} is not the lock file of the build that measured: its digest is {found} and not {wanted}; take that of \
         commit {commit}",
        path.display()
    )]
    Lock {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The digest in the record of the run.
        wanted: String,
        /// The commit of the build, or `unknown`.
        commit: String,
    },
    /// An archive of a kind that is not written was asked for.
    #[error("{}: a folder or an archive in .tar.gz is written; name one of them", .0.display())]
    Archive(PathBuf),
}

/// Packs results into a new folder.
///
/// # Errors
///
/// Fails if the folder exists or would be inside of the results, if the run is incomplete, if a text has a private
/// name, or if a file cannot be read or written.
pub fn pack(request: &PackRequest) -> Result<Artifact, PackFailed> {
    let run = read_run(&request.dir)?;
    let folder = request.out.clone().unwrap_or_else(|| beside(&request.dir));
    if folder.extension().is_some_and(|ending| OTHER_ARCHIVES.iter().any(|one| ending == *one)) {
        return Err(PackFailed::Archive(folder));
    }
    let note = match &request.note {
        Some(path) => Some(read(path)?),
        None => shipped(&run.experiment).map(|shipped| shipped.note.to_owned()),
    };
    let commit = run.build.commit.clone().unwrap_or_else(|| "unknown".to_owned());
    let lock = lock(request, &run.build.lock_digest, &commit)?;
    let (license_texts, missing_texts) = license_texts(request)?;
    let private = if request.keeps_names { Vec::new() } else { private_names(&request.dir) };
    let supplement = Supplement {
        note: note.as_deref(),
        lock: lock.as_deref(),
        license: &request.license,
        license_texts: &license_texts,
        citation: request.citation,
        is_of_this_build: run.build == build(),
        private: &private,
        may_be_incomplete: request.may_be_incomplete,
    };
    let packed = flowbench_report::pack(&request.dir, &folder, &supplement)?;
    let missing_note = note.is_none().then(|| "no note: give one with --note".to_owned());
    let missing_lock = lock.is_none().then(|| {
        format!("no Cargo.lock: another build has measured; give its file with --lock (git show {commit}:Cargo.lock)")
    });
    let missing_texts =
        missing_texts.into_iter().map(|name| format!("no text of {name}: give one with --license-text"));
    let remarks = missing_note.into_iter().chain(missing_lock).chain(missing_texts).collect();
    Ok(Artifact { folder, packed, remarks })
}

/// Endings of archives that are not written.
const OTHER_ARCHIVES: [&str; 4] = ["tar", "zip", "zst", "xz"];

/// A licence: its SPDX identifier and its text.
type License = (String, String);

/// Returns the licences of an artifact whose texts are at hand, and the identifiers of the others.
fn license_texts(request: &PackRequest) -> Result<(Vec<License>, Vec<String>), PackFailed> {
    let known =
        |name: &str| request.known_licenses.iter().find(|(of, _)| *of == name).map(|(_, text)| (*text).to_owned());
    let given = request.license_text.as_deref().map(read).transpose()?;
    let (mut texts, mut missing) = (Vec::new(), Vec::new());
    for name in licenses(&request.license) {
        match known(name).or_else(|| given.clone()) {
            Some(text) => texts.push((name.to_owned(), text)),
            None => missing.push(name.to_owned()),
        }
    }
    Ok((texts, missing))
}

/// Returns the name of the folder for an artifact of results: beside them, and called after them.
fn beside(dir: &Path) -> PathBuf {
    let dir = if dir.file_name().is_some() { dir.to_owned() } else { dir.canonicalize().unwrap_or(dir.to_owned()) };
    let name = dir.file_name().map_or("results".into(), |name| name.to_string_lossy().into_owned());
    dir.with_file_name(format!("{name}-artifact"))
}

fn read(path: &Path) -> Result<String, PackFailed> {
    fs::read_to_string(path).map_err(|source| PackFailed::File { path: path.to_owned(), source })
}

/// Returns the lock file with a digest: the one that is named, or that of this build.
fn lock(request: &PackRequest, wanted: &str, commit: &str) -> Result<Option<String>, PackFailed> {
    let Some(path) = &request.lock else {
        return Ok(lock_file().filter(|text| lock_digest(text) == wanted).map(str::to_owned));
    };
    let text = read(path)?;
    let (found, wanted) = (lock_digest(&text), wanted.to_owned());
    if found == wanted {
        return Ok(Some(text));
    }
    Err(PackFailed::Lock { path: path.clone(), found, wanted, commit: commit.to_owned() })
}

/// Returns the names of this machine, of its user, and of the folders of both.
fn private_names(dir: &Path) -> Vec<PrivateName> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let home = variable("HOME");
    let user_of_home = home.as_deref().and_then(|home| Path::new(home).file_name()?.to_str().map(str::to_owned));
    let users = [variable("USER"), variable("LOGNAME"), user_of_home];
    let text = |path: PathBuf| path.to_str().map(str::to_owned);
    let folders = [home, env::current_dir().ok().and_then(text), dir.canonicalize().ok().and_then(text)];
    let hosts = host_names().into_iter().chain(variable("HOSTNAME"));
    let mut names: Vec<PrivateName> = hosts.flat_map(|host| PrivateName::of_host(&host)).collect();
    names.extend(folders.iter().flatten().filter_map(|path| PrivateName::of_folder(path)));
    names.extend(users.iter().flatten().filter_map(|user| PrivateName::of_user(user)));
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::SHIPPED;

    #[test]
    fn an_artifact_stands_beside_its_results() {
        assert_eq!(beside(Path::new("results/mine")), Path::new("results/mine-artifact"));
        assert_eq!(beside(Path::new("results/mine/")), Path::new("results/mine-artifact"));
        let here = env::current_dir().unwrap();
        let name = format!("{}-artifact", here.file_name().unwrap().to_str().unwrap());
        assert_eq!(beside(Path::new(".")), here.with_file_name(name));
    }

    #[test]
    fn every_shipped_experiment_has_its_note() {
        for name in SHIPPED.iter().map(|shipped| shipped.name) {
            assert!(shipped(name).is_some_and(|shipped| shipped.note.starts_with("# ")), "{name}");
        }
        assert!(shipped("mine").is_none());
    }

    #[test]
    fn the_home_of_the_user_is_private() {
        let names = private_names(Path::new("."));
        let here = env::current_dir().unwrap().to_str().unwrap().to_owned();
        assert!(names.contains(&PrivateName::Folder(here)), "{names:?}");
    }
}
