//! Pipelines by name, or by the path of a file.
//!
//! Decision D-047.

use std::io::ErrorKind;
use std::path::Path;

use flowbench_events::Problems;
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Pipeline, Registry, UnknownName};
use thiserror::Error;

/// Why there is no pipeline of a name.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// No pipeline has the name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The file cannot be read, or something in it is wrong.
    #[error(transparent)]
    File(#[from] Problems),
}

/// Returns the pipeline of a name that the registry knows, or that of the file at a path, such as `./mine.toml`.
///
/// # Errors
///
/// Fails if there is no such name, if the file cannot be read, and with everything that is wrong in it.
pub fn find_pipeline(name: &str, registry: Registry) -> Result<&'static dyn Pipeline, PipelineError> {
    if !FilePipeline::is_path(name) {
        return Ok(registry.find(name)?);
    }
    let text = pipeline_text(Path::new(name)).map_err(|problem| Problems::of_name(name, &problem))?;
    Ok(FilePipeline::parse(name, &text)?)
}

/// Returns the text of the file of a pipeline.
pub(crate) fn pipeline_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        let fix = match error.kind() {
            ErrorKind::NotFound => {
                "; give the path of a TOML file, or the name of a pipeline that `flowbench list` has"
            }
            _ if path.is_dir() => "; give the path of a TOML file in this folder",
            _ => "",
        };
        format!("cannot be read: {error}{fix}")
    })
}

/// Returns the registry with the pipelines whose files have these names and texts.
///
/// # Errors
///
/// Fails with everything that is wrong in the files.
pub(crate) fn with_files<'a>(
    registry: Registry,
    files: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Registry, Problems> {
    let (mut registry, mut problems) = (registry, Vec::new());
    for (name, text) in files {
        match FilePipeline::parse(name, text) {
            Ok(pipeline) => registry = registry.with(pipeline),
            Err(found) => problems.extend(found.into_list()),
        }
    }
    Problems::check(problems).map(|()| registry)
}
