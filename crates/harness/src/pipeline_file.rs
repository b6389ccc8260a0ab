//! Pipelines by name, or by the path of a file.
//!
//! Decision D-047.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use flowbench_events::Problems;
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Pipeline, Registry, UnknownName};
use thiserror::Error;

/// How large the file of a pipeline is at most, bytes: what is larger is something else, and reading it would take long.
const TEXT_BYTES_MAX: u64 = 256 << 10;

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

/// Returns the pipeline of a name that the registry or the wall of live sessions has, or that of the file at a path, such as
/// `./mine.toml`.
///
/// # Errors
///
/// Fails if there is no such name, if the file cannot be read, and with everything that is wrong in it.
pub fn find_pipeline(name: &str, registry: Registry) -> Result<&'static dyn Pipeline, PipelineError> {
    if !FilePipeline::is_path(name) {
        let found = registry.find(name);
        // What a program calls like a feed of the wall is its own.
        #[cfg(feature = "live")]
        if found.is_err()
            && let Some(pipeline) = crate::live::wall_file(name)
        {
            return Ok(pipeline?);
        }
        return Ok(found?);
    }
    Ok(find_pipeline_file(name)?)
}

/// Returns the pipeline of the file at a path, such as `./mine.toml` or `./mine.sql`.
///
/// # Errors
///
/// Fails if the file cannot be read, and with everything that is wrong in it.
pub fn find_pipeline_file(path: &str) -> Result<&'static FilePipeline, Problems> {
    let text = pipeline_text(Path::new(path)).map_err(|problem| Problems::of_name(path, &problem))?;
    FilePipeline::parse(path, &text)
}

/// Returns the text of the file of a pipeline.
pub(crate) fn pipeline_text(path: &Path) -> Result<String, String> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|error| {
        let fix = match error.kind() {
            ErrorKind::NotFound => {
                "; give the path of a file of TOML or SQL, or the name of a pipeline that `flowbench list` has"
            }
            _ if path.is_dir() => "; give the path of a file in this folder",
            _ => "",
        };
        format!("cannot be read: {error}{fix}")
    })?;
    match text.len() as u64 > TEXT_BYTES_MAX {
        true => Err(format!("is larger than {} KiB, so it is no pipeline", TEXT_BYTES_MAX >> 10)),
        false => Ok(text),
    }
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
