//! `export`: writes results in the formats of other tools.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flowbench_measurement::export::{
    AppendError, ExportOutput, ExportSource, ExportedFile, FileGrowth, appended, with_entries,
};
use flowbench_measurement::results_dir::{check_writable, write_atomically};

use crate::args::{Export, ExportTo};
use crate::failure::{Failure, OK, eprint, print};
use crate::kept_run::{check_results_dir, files_of_run};
use crate::overwriting::{Named, refuse_to_overwrite};

/// The variable in which GitHub names the file of a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

pub(crate) fn export(args: &Export, quiet: bool) -> Result<i32, Failure> {
    check_results_dir(&args.dir)?;
    let output = args.output.clone().filter(|path| path != Path::new("-"));
    write(&ExportTo { format: args.to, output }, &args.dir, args.force, quiet)?;
    Ok(OK)
}

/// Checks before a run that its results can be exported: the format is built in, no file is in the way, one that is there
/// can grow, and the place can be written to.
pub(crate) fn check(to: &ExportTo) -> Result<(), Failure> {
    to.format.check().map_err(Failure::failed)?;
    let Some(path) = target(to)? else { return Ok(()) };
    let is_taken = |path: &Path| match to.format.output {
        ExportOutput::File => path.exists(),
        ExportOutput::Folder => path.is_file(),
        ExportOutput::GrowingFile | ExportOutput::StepSummary => path.is_dir(),
    };
    if is_taken(&path) {
        return Err(Failure::usage_error(format!("--export: {} exists already; choose another name", path.display())));
    }
    if let Some(file) = to.format.empty() {
        new_content(&file, &path_of(&path, &file), false)?;
    }
    let is_folder = to.format.output == ExportOutput::Folder;
    check_writable(&path, is_folder).map_err(|error| Failure::usage_error(format!("--export: {error}")))
}

/// Returns true if an export goes to standard output.
pub(crate) fn is_printed(to: &ExportTo) -> bool {
    to.output.is_none() && to.format.output == ExportOutput::File
}

/// Writes the results of a run in a format, to standard output if there is no other place.
pub(crate) fn write(to: &ExportTo, dir: &Path, is_forced: bool, quiet: bool) -> Result<(), Failure> {
    let target = target(to)?;
    let source = ExportSource::read(dir).map_err(Failure::failed)?;
    let files = to.format.files(&source).map_err(Failure::failed)?;
    match &target {
        None => files.iter().try_for_each(|file| print(&text_of(file)))?,
        Some(path) if to.format.output == ExportOutput::StepSummary => append(path, &files)?,
        Some(path) => write_files(&files_of_run(dir, &source.run), path, &files, is_forced)?,
    }
    if !quiet {
        eprint(summary(&source, target.as_deref(), files.len()));
    }
    Ok(())
}

/// Returns the file or folder that an export is written to; `None` for standard output.
fn target(to: &ExportTo) -> Result<Option<PathBuf>, Failure> {
    let named = |what: &str| {
        let problem = format!("{} is written to {what}: name it with -o", to.format.name);
        to.output.clone().ok_or_else(|| Failure::usage_error(problem)).map(Some)
    };
    match to.format.output {
        ExportOutput::File => Ok(to.output.clone()),
        ExportOutput::Folder => named("a folder"),
        ExportOutput::GrowingFile => named("a file that grows by each run"),
        ExportOutput::StepSummary => step_summary(to).map(Some),
    }
}

fn step_summary(to: &ExportTo) -> Result<PathBuf, Failure> {
    if to.output.is_some() {
        return Err(Failure::usage_error("github is added to $GITHUB_STEP_SUMMARY; for a file, use --to markdown -o"));
    }
    let named = std::env::var_os(STEP_SUMMARY).filter(|name| !name.is_empty());
    named.map(PathBuf::from).ok_or_else(|| {
        Failure::usage_error("GITHUB_STEP_SUMMARY is not set: this is no step of a GitHub workflow; use --to markdown")
    })
}

/// Adds the text to the end of a file that others add to as well.
fn append(path: &Path, files: &[ExportedFile]) -> Result<(), Failure> {
    let text: String = files.iter().map(text_of).collect();
    let written = OpenOptions::new().create(true).append(true).open(path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::failed(format!("{}: cannot be written: {error}", path.display())))
}

/// Writes all files, or none if one of them is in the way of another.
fn write_files(of_run: &[PathBuf], target: &Path, files: &[ExportedFile], is_forced: bool) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = files.iter().map(|file| path_of(target, file)).collect();
    refuse_to_replace_results(of_run, &paths)?;
    let contents: Vec<Option<Vec<u8>>> =
        files.iter().zip(&paths).map(|(file, path)| new_content(file, path, is_forced)).collect::<Result<_, _>>()?;
    for ((content, path), file) in contents.iter().zip(&paths).zip(files) {
        let Some(content) = content else { continue };
        if !file.name.is_empty() {
            let folder = path.parent().unwrap_or(target);
            let created = fs::create_dir_all(folder);
            created.map_err(|error| Failure::failed(format!("{}: cannot be created: {error}", folder.display())))?;
        }
        // A link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        write_atomically(&path, content).map_err(Failure::failed)?;
    }
    Ok(())
}

fn path_of(target: &Path, file: &ExportedFile) -> PathBuf {
    if file.name.is_empty() { target.to_owned() } else { target.join(&file.name) }
}

/// Fails if an export would replace a file of the run, whether `--force` is given or not.
fn refuse_to_replace_results(of_run: &[PathBuf], paths: &[PathBuf]) -> Result<(), Failure> {
    let read: Vec<Named> = of_run.iter().map(|path| ("results of the run", path.as_path())).collect();
    let written: Vec<(Named, &str)> = paths.iter().map(|path| (("export", path.as_path()), "-o")).collect();
    refuse_to_overwrite(&written, &read)
}

/// Returns the new content of a file; `None` if it stays as it is.
fn new_content(file: &ExportedFile, path: &Path, is_forced: bool) -> Result<Option<Vec<u8>>, Failure> {
    let problem = |problem: &str| Failure::failed(format!("{}: {problem}", path.display()));
    let existing = || fs::read_to_string(path).map_err(|error| problem(&format!("cannot be read: {error}")));
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(file.bytes.clone())),
        Err(error) => return Err(problem(&format!("cannot be looked at: {error}"))),
        Ok(found) if !found.is_file() => return Err(problem("is no regular file; choose another name")),
        Ok(_) => {}
    }
    match file.growth {
        FileGrowth::ByRows => {
            match appended(&existing()?, &text_of(file)) {
                Ok(grown) => Ok(Some(grown.into_bytes())),
                // One case of many: a metric that this run lacks, or has for the first time.
                Err(AppendError::OtherHeader) if !file.name.is_empty() => {
                    eprint(format!("note: {}: this run has other metrics, and is not added", path.display()));
                    Ok(None)
                }
                Err(error) => Err(problem(&error.to_string())),
            }
        }
        FileGrowth::ByEntries => {
            let grown = with_entries(&existing()?, &text_of(file)).map_err(|error| problem(&error.to_string()))?;
            Ok(Some(grown.into_bytes()))
        }
        FileGrowth::Never if is_forced => Ok(Some(file.bytes.clone())),
        FileGrowth::Never => Err(problem("exists already; choose another name, or replace it with --force")),
    }
}

/// Returns the content of a file that is text.
fn text_of(file: &ExportedFile) -> Cow<'_, str> {
    String::from_utf8_lossy(&file.bytes)
}

fn summary(source: &ExportSource, target: Option<&Path>, files: usize) -> String {
    let (done, planned) = (source.cases.len(), source.run.planned_cases);
    let without = source.cases.iter().filter(|case| case.numbers.is_none()).count();
    let mut text = format!("{done} results exported");
    if let Some(target) = target {
        let files = if files == 1 { String::new() } else { format!("{files} files in ") };
        text.push_str(&format!(" to {files}{}", target.display()));
    }
    if without > 0 {
        text.push_str(&format!(", {without} of them without numbers"));
    }
    if done < planned {
        text.push_str(&format!("; {planned} were planned"));
    }
    text
}
