//! `export`: writes results in the formats of other tools.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flowbench_measurement::export::{
    AppendError, ExportOutput, ExportSource, ExportedFile, FileGrowth, appended, with_entries,
};
use flowbench_measurement::results_dir::write_atomically;

use crate::args::Export;
use crate::failure::{Failure, OK, eprint, print};
use crate::overwriting::{Named, refuse_to_overwrite};
use crate::run::{check_results_dir, files_of_run};

/// The variable in which GitHub names the file of a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

pub(crate) fn export(args: &Export, quiet: bool) -> Result<i32, Failure> {
    check_results_dir(&args.dir)?;
    let output = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let format = args.to.name;
    let needs = |what: &str| Failure::usage_error(format!("{format} is written to {what}: name it with -o"));
    let target = match args.to.output {
        ExportOutput::File => output.map(Path::to_owned),
        ExportOutput::Folder => Some(output.ok_or_else(|| needs("a folder"))?.to_owned()),
        ExportOutput::GrowingFile => Some(output.ok_or_else(|| needs("a file that grows by each run"))?.to_owned()),
        ExportOutput::StepSummary => Some(step_summary(args)?),
    };
    let source = ExportSource::read(&args.dir).map_err(Failure::failed)?;
    let files = args.to.files(&source).map_err(Failure::failed)?;
    match &target {
        None => files.iter().try_for_each(|file| print(&text_of(file)))?,
        Some(path) if args.to.output == ExportOutput::StepSummary => append(path, &files)?,
        Some(path) => write(args, &source, path, &files)?,
    }
    if !quiet {
        eprint(summary(&source, target.as_deref(), files.len()));
    }
    Ok(OK)
}

fn step_summary(args: &Export) -> Result<PathBuf, Failure> {
    if args.output.is_some() {
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
fn write(args: &Export, source: &ExportSource, target: &Path, files: &[ExportedFile]) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = files.iter().map(|file| path_of(target, file)).collect();
    refuse_to_replace_results(args, source, &paths)?;
    let contents: Vec<Option<Vec<u8>>> =
        files.iter().zip(&paths).map(|(file, path)| new_content(file, path, args.force)).collect::<Result<_, _>>()?;
    for (content, path) in contents.iter().zip(&paths) {
        let Some(content) = content else { continue };
        if args.to.output == ExportOutput::Folder {
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
fn refuse_to_replace_results(args: &Export, source: &ExportSource, paths: &[PathBuf]) -> Result<(), Failure> {
    let of_run = files_of_run(&args.dir, &source.run);
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
