//! `plot`: draws answers.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flowbench_events::{Input, Output};
use flowbench_harness::find_pipeline;
use flowbench_pipelines::{Pipeline, Registry};
use flowbench_report::{AnswersFigure, AnswersTable, ExternalSeries, answers_figures, drawn_along, what_if};

use crate::args::Plot;
use crate::failure::{Failure, OK, eprint};
use crate::overwriting::{Named, refuse_to_overwrite};
use crate::signals::remove_unfinished_outputs_on_signals;

/// Maximum size of answers and series; what is drawn of more could not be told apart.
const BYTES_MOST: u64 = 1 << 30;
/// The question of answers that no known pipeline gives.
const QUESTION: &str = "What was answered, and when?";

pub(crate) fn plot(args: &Plot, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    let named = args.pipeline.as_deref().map(|name| find_pipeline(name, registry)).transpose()?;
    let files = FigureFiles::new(args.output.as_deref().unwrap_or(&beside(&args.answers)))?;
    let files = FigureFiles { with_png: args.with_png(), ..files };
    let answers = AnswersTable::read(&name_of(&args.answers), &text_of(&args.answers)?).map_err(Failure::failed)?;
    if let Some(pipeline) = named {
        answers.check_columns(pipeline.name(), pipeline.about().columns).map_err(Failure::usage_error)?;
    }
    let read_series = |path: &PathBuf| ExternalSeries::read(&name_of(path), &text_of(path)?).map_err(Failure::failed);
    let external = args.external.iter().map(read_series).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<&str> = answers.columns().collect();
    let written = files.of_columns(&columns);
    let written: Vec<(Named, &str)> = written.iter().map(|path| (("figure", path.as_path()), "-o")).collect();
    let series = args.external.iter().map(|path| ("series", path.as_path()));
    let read: Vec<Named> = std::iter::once(("answers", args.answers.as_path())).chain(series).collect();
    refuse_to_overwrite(&written, &read)?;
    remove_unfinished_outputs_on_signals();
    let pipeline = named.or_else(|| pipeline_of(&columns, registry));
    let question = pipeline.map_or(QUESTION, |pipeline| pipeline.about().question);
    draw(&answers, question, &external, &files, quiet)?;
    Ok(OK)
}

/// Writes the figures of answers and their numbers, and says what they say of faster pages unless `quiet`.
pub(crate) fn draw(
    answers: &AnswersTable,
    question: &str,
    external: &[ExternalSeries],
    files: &FigureFiles,
    quiet: bool,
) -> Result<(), Failure> {
    let noun = if answers.len() == 1 { "answer" } else { "answers" };
    let source = format!("{} {noun}: {}", answers.len(), answers.origin());
    for figure in answers_figures(answers, question, external).map_err(Failure::failed)? {
        let [svg, csv, png] = files.along(figure.along);
        write(&svg, figure.svg(&source).as_bytes())?;
        write(&csv, figure.csv().as_bytes())?;
        if files.with_png {
            write_png(&png, &figure, &source)?;
        }
        if !quiet {
            eprint(format!("{} (numbers: {})", svg.display(), csv.display()));
        }
    }
    if let Some(found) = what_if(answers).filter(|_| !quiet) {
        eprint(found.sentence());
    }
    Ok(())
}

/// The files of the figures of answers: one over event time, and one for each column along which they are drawn.
pub(crate) struct FigureFiles {
    /// Path of the first without its ending.
    stem: PathBuf,
    /// True if each has a picture beside it.
    with_png: bool,
}

impl FigureFiles {
    /// Takes the path of the first figure, whose name ends in `.svg`.
    pub(crate) fn new(svg: &Path) -> Result<FigureFiles, Failure> {
        match svg.extension() == Some(OsStr::new("svg")) {
            true => Ok(FigureFiles { stem: svg.with_extension(""), with_png: false }),
            false => Err(Failure::usage_error(format!("{}: a figure is SVG; give it a name in .svg", svg.display()))),
        }
    }

    /// Returns the figure along a column, or over event time if it is empty, the CSV of its numbers, and its picture.
    fn along(&self, column: &str) -> [PathBuf; 3] {
        let mut stem = self.stem.clone().into_os_string();
        if !column.is_empty() {
            stem.push(format!("-by-{column}"));
        }
        [".svg", ".csv", ".png"].map(|ending| {
            let mut path = stem.clone();
            path.push(ending);
            path.into()
        })
    }

    /// Returns all files that may be written for answers with these columns.
    pub(crate) fn of_columns(&self, columns: &[&str]) -> Vec<PathBuf> {
        let kinds = if self.with_png { 3 } else { 2 };
        let drawn = std::iter::once("").chain(drawn_along(columns));
        drawn.flat_map(|column| self.along(column).into_iter().take(kinds)).collect()
    }
}

/// Returns the pipeline that alone has these columns.
fn pipeline_of(columns: &[&str], registry: Registry) -> Option<&'static dyn Pipeline> {
    let mut with_columns = registry.pipelines().filter(|pipeline| pipeline.about().columns == columns);
    with_columns.next().filter(|_| with_columns.next().is_none())
}

/// Returns the path of the figure of answers for which none is named: in the current folder.
fn beside(answers: &Path) -> PathBuf {
    let name = answers.file_name().unwrap_or(OsStr::new("answers")).to_string_lossy();
    let stem = name.trim_end_matches(".gz").trim_end_matches(".zst").trim_end_matches(".csv");
    PathBuf::from(format!("{}-figure.svg", if stem == "-" { "answers" } else { stem }))
}

/// Returns the name of a file without its folder, which is nobody's business in a figure.
fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let reader = Input::new(path).open().map_err(Failure::failed)?;
    let unreadable = |problem: &dyn std::fmt::Display| Failure::failed(format!("{}: {problem}", path.display()));
    reader.take(BYTES_MOST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > BYTES_MOST {
        return Err(unreadable(&"more than 1 GiB; draw a part of it"));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(&"is not UTF-8; give a CSV file in UTF-8"))
}

/// Writes the picture of a figure, unless it is too high for paper.
#[cfg(feature = "png")]
fn write_png(path: &Path, figure: &AnswersFigure, source: &str) -> Result<(), Failure> {
    figure.png(source).map_err(Failure::failed)?.map_or(Ok(()), |picture| write(path, &picture))
}

#[cfg(not(feature = "png"))]
fn write_png(_path: &Path, _figure: &AnswersFigure, _source: &str) -> Result<(), Failure> {
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut output = Output::create(path).map_err(Failure::failed)?;
    output.write_all(bytes).map_err(|error| output.error(error))?;
    Ok(output.finish()?)
}
