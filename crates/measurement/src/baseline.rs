//! A run as one file to compare with: what was run and every case, behind a line with their checksum.
//!
//! The first line is `{"flowbench_baseline":1,"sha256":"..."}`, with the SHA-256 of all bytes behind it; the second is
//! `run.json` in one line, and the rest is `cases.ndjson`. Whoever edits a number has to say so in the checksum too, which
//! no accident does.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checksum::sha256;
use crate::record::{CaseRecord, RunRecord};
use crate::results_dir::{ResultsError, from_json};

/// Version of the form of the file.
const FORM: u32 = 1;

/// The first line of the file.
#[derive(Serialize, Deserialize)]
struct Seal {
    flowbench_baseline: u32,
    sha256: String,
}

/// The reason why a file is no baseline.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{}: is no baseline; `flowbench export DIR --to baseline -o FILE` writes one", .0.display())]
    NoBaseline(PathBuf),
    /// The file was written by a later version of flowbench.
    #[error("{}: is a baseline of form {found}, this flowbench reads up to {FORM}: use a later one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The form that was found.
        found: u32,
    },
    /// The content is not what the checksum was made of.
    #[error("{}: was changed or cut off since it was written: its checksum is not that of its first line", .0.display())]
    Changed(PathBuf),
    /// A line cannot be read, although the checksum is right.
    #[error(transparent)]
    Line(#[from] ResultsError),
}

/// Returns the content of a baseline.
pub(crate) fn baseline_text(run: &RunRecord, cases: &[CaseRecord]) -> String {
    // Records are serialised without failing: their keys are texts.
    let line = |text: serde_json::Result<String>| text.unwrap_or_default() + "\n";
    let run = line(serde_json::to_string(run));
    let sealed: String =
        std::iter::once(run).chain(cases.iter().map(|case| line(serde_json::to_string(case)))).collect();
    let seal = Seal { flowbench_baseline: FORM, sha256: sha256(sealed.as_bytes()) };
    line(serde_json::to_string(&seal)) + &sealed
}

/// Reads a baseline.
///
/// # Errors
///
/// Fails if the file cannot be read, is no baseline or one of a later version, and if it was changed.
pub fn read_baseline(path: &Path) -> Result<(RunRecord, Vec<CaseRecord>), BaselineError> {
    let no_baseline = || BaselineError::NoBaseline(path.to_owned());
    let bytes = fs::read(path).map_err(|source| BaselineError::Io { path: path.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|_| no_baseline())?;
    let (first, sealed) = text.split_once('\n').ok_or_else(no_baseline)?;
    let seal: Seal = serde_json::from_str(first).map_err(|_| no_baseline())?;
    if seal.flowbench_baseline > FORM {
        return Err(BaselineError::Newer { path: path.to_owned(), found: seal.flowbench_baseline });
    }
    if seal.sha256 != sha256(sealed.as_bytes()) {
        return Err(BaselineError::Changed(path.to_owned()));
    }
    let mut lines = (2..).zip(sealed.lines());
    let (line, run) = lines.next().ok_or_else(no_baseline)?;
    let run = from_json(path, line, run)?;
    let cases = lines.map(|(line, text)| from_json(path, line, text)).collect::<Result<_, _>>()?;
    Ok((run, cases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example;

    #[test]
    fn a_baseline_is_read_back_and_any_changed_byte_is_noticed() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("baseline.json");
        let (run, cases) = (example::run(), vec![example::case(1, 1), example::failed_case(2, 1)]);
        let text = baseline_text(&run, &cases);
        fs::write(&path, &text).unwrap();
        assert_eq!(read_baseline(&path).unwrap(), (run, cases));

        let sealed = text.find('\n').unwrap() + 1;
        for at in (sealed..text.len()).step_by(97) {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(read_baseline(&path).is_err(), "byte {at}");
        }
        fs::write(&path, &text[..text.len() - 1]).unwrap();
        let error = read_baseline(&path).unwrap_err();
        assert!(matches!(error, BaselineError::Changed(_)), "{error}");
    }

    #[test]
    fn what_is_no_baseline_says_how_to_write_one() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("file");
        for text in ["", "{}\n", "event_id,kind\n1,2\n", "\u{0}\n"] {
            fs::write(&path, text).unwrap();
            assert!(read_baseline(&path).unwrap_err().to_string().contains("--to baseline"), "{text}");
        }
        fs::write(&path, "{\"flowbench_baseline\":2,\"sha256\":\"\"}\nanything\n").unwrap();
        assert!(matches!(read_baseline(&path), Err(BaselineError::Newer { found: 2, .. })));
        assert!(matches!(read_baseline(&dir.path().join("none")), Err(BaselineError::Io { .. })));
    }
}
