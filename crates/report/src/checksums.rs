//! The list of the files of a results directory, as `sha256sum -c` reads it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use flowbench_measurement::record::RunRecord;
use flowbench_measurement::results_dir::{FILES, ResultsError, write_atomically};
use sha2::{Digest, Sha256};

/// Name of the list.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Writes the sizes and SHA-256 sums of all files of a run that are there; other files in the folder are not its own.
///
/// # Errors
///
/// Fails if a file cannot be read, or if the list cannot be written.
pub(crate) fn write_sums(dir: &Path, run: &RunRecord) -> Result<(), ResultsError> {
    let mut names: Vec<String> = FILES.map(str::to_owned).into_iter().chain(crate::file_names(run)).collect();
    names.retain(|name| name != SUMS && dir.join(name).is_file());
    names.sort();
    let (mut sizes, mut sums) = (String::from("# bytes, file\n"), String::new());
    for name in names {
        let path = dir.join(&name);
        let bytes = fs::read(&path).map_err(|source| ResultsError::Io { doing: "read", path, source })?;
        let _ = writeln!(sizes, "# {}, {name}", bytes.len()); // a string takes everything
        let _ = writeln!(sums, "{}  {name}", sha256(&bytes));
    }
    write_atomically(&dir.join(SUMS), (sizes + &sums).as_bytes())
}

/// Returns a SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a string takes everything
        text
    })
}
