//! A run that was kept: a results directory, or a baseline in one file.

use std::path::{Path, PathBuf};

use flowbench_measurement::baseline::read_baseline;
use flowbench_measurement::record::{CaseRecord, RunRecord};
use flowbench_measurement::results_dir::{FILES, read_cases, read_run};
use flowbench_report::file_names;

use crate::failure::Failure;

/// Reads the run and the cases of a results directory, or of a baseline.
pub(crate) fn read_kept(path: &Path) -> Result<(RunRecord, Vec<CaseRecord>), Failure> {
    if path.is_file() { read_baseline(path).map_err(Failure::failed) } else { read_dir(path) }
}

/// Reads the run and the cases of a results directory.
pub(crate) fn read_dir(dir: &Path) -> Result<(RunRecord, Vec<CaseRecord>), Failure> {
    check_results_dir(dir)?;
    let run = read_run(dir).map_err(Failure::failed)?;
    Ok((run, read_cases(dir).map_err(Failure::failed)?.rows))
}

/// Fails if there is no folder of that name.
pub(crate) fn check_results_dir(dir: &Path) -> Result<(), Failure> {
    match dir.is_dir() {
        true => Ok(()),
        false => Err(Failure::failed(format!("there is no folder {}; give a results directory", dir.display()))),
    }
}

/// Returns the files that belong to a run, whether they are there or not.
pub(crate) fn files_of_run(dir: &Path, run: &RunRecord) -> Vec<PathBuf> {
    FILES.map(str::to_owned).into_iter().chain(file_names(run)).map(|name| dir.join(name)).collect()
}
