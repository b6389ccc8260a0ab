//! The list of the files of a results directory, as `sha256sum -c` reads it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use flowbench_measurement::checksum::sha256;
use flowbench_measurement::record::RunRecord;
use flowbench_measurement::results_dir::{FILES, ResultsError, write_atomically};

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
        sums.push_str(&sum(&name, &bytes));
    }
    write_atomically(&dir.join(SUMS), (sizes + &sums).as_bytes())
}

/// Returns the line of a file as `sha256sum` writes it.
pub(crate) fn sum(name: &str, bytes: &[u8]) -> String {
    format!("{}  {name}\n", sha256(bytes))
}
