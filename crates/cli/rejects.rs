//! Rows that cannot be read: the first of them are listed in a file, all are counted, and their commonest reasons told.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flowbench_events::{Output, Reject, RejectWriter};

use crate::failure::Failure;

/// Rejects that are listed; the rest are only counted.
const LISTED_MAX: u64 = 10_000;
/// Reasons for rejects that the summary shows.
const TOLD_MAX: usize = 3;

/// Where rejects are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: they are counted.
    Nowhere,
    /// Where nobody has asked for them: the first one creates the file, and if that cannot be, they are only counted.
    Default(PathBuf),
    /// Where they were asked for: if that cannot be, it is an error.
    Asked(PathBuf),
}

/// Takes the rejects of a log.
pub(crate) struct Rejects {
    place: Place,
    writer: Option<RejectWriter>,
    /// Why there is no list where there should be one.
    unlisted: Option<String>,
    count: u64,
    reasons: Reasons,
}

impl Place {
    /// The place asked for by `--rejects`, or the default of a command.
    pub(crate) fn new(asked: Option<&Path>, default: Place) -> Place {
        match asked {
            None => default,
            Some(path) if path == Path::new("none") => Place::Nowhere,
            Some(path) => Place::Asked(path.to_owned()),
        }
    }

    /// The file, if there is to be one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Place::Nowhere => None,
            Place::Default(path) | Place::Asked(path) => Some(path),
        }
    }
}

impl Rejects {
    /// Before the first reject. A file that is no list of rejects is not replaced, and a link not followed.
    pub(crate) fn new(place: Place) -> Result<Self, Failure> {
        place.path().map_or(Ok(()), refuse_to_replace_what_is_not_ours)?;
        let writer = match &place {
            Place::Asked(path) => Some(RejectWriter::new(Output::create(path).map_err(Failure::failed)?)),
            Place::Default(_) | Place::Nowhere => None,
        };
        Ok(Self { place, writer, unlisted: None, count: 0, reasons: Reasons::default() })
    }

    /// Counts a reject, and lists it if it is one of the first.
    pub(crate) fn take(&mut self, reject: &Reject) -> io::Result<()> {
        self.count += 1;
        self.reasons.count(reject);
        if self.count > LISTED_MAX || self.unlisted.is_some() {
            return Ok(());
        }
        match (self.list(reject), &self.place) {
            (Err(error), Place::Default(_)) => {
                self.writer = None;
                self.unlisted = Some(error.to_string());
                Ok(())
            }
            (listed, _) => listed,
        }
    }

    fn list(&mut self, reject: &Reject) -> io::Result<()> {
        if let (Place::Default(path), None) = (&self.place, &self.writer) {
            self.writer = Some(RejectWriter::new(Output::create(path).map_err(io::Error::other)?));
        }
        self.writer.as_mut().map_or(Ok(()), |writer| Ok(writer.write(reject)?))
    }

    /// Finishes the list; what is to be said of the rejects, nothing if there are none.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        if let Some(writer) = self.writer.take() {
            match (writer.finish(self.count.saturating_sub(LISTED_MAX)), &self.place) {
                (Err(error), Place::Default(_)) => self.unlisted = Some(error.to_string()),
                (finished, _) => finished?,
            }
        }
        if self.count == 0 {
            return Ok(String::new());
        }
        let where_listed = match (self.place.path(), &self.unlisted) {
            (None, _) => "not listed (--rejects FILE lists them)".to_owned(),
            (_, Some(why)) => format!("only counted, since {why}; name another place with --rejects FILE"),
            (Some(path), _) if self.count > LISTED_MAX => format!("the first {LISTED_MAX} are in {}", path.display()),
            (Some(path), _) => format!("see {}", path.display()),
        };
        Ok(format!("{} rows rejected: {where_listed}{}", self.count, self.reasons.in_words()))
    }
}

/// Rejects by their reasons, one of each kept as the example.
#[derive(Default)]
struct Reasons(HashMap<String, (u64, Reject)>);

impl Reasons {
    /// Reasons beyond so many different ones are not told apart.
    const DIFFERENT_MAX: usize = 1000;

    fn count(&mut self, reject: &Reject) {
        let kind = kind_of(reject);
        if let Some((count, _)) = self.0.get_mut(&kind) {
            *count += 1;
        } else if self.0.len() < Self::DIFFERENT_MAX {
            self.0.insert(kind, (1, reject.clone()));
        }
    }

    /// The commonest, each on a line of its own with its example.
    fn in_words(self) -> String {
        let mut reasons: Vec<(u64, Reject)> = self.0.into_values().collect();
        reasons.sort_by_key(|(count, example)| (u64::MAX - count, example.line));
        reasons.iter().take(TOLD_MAX).map(|(count, example)| format!("\n  {count} like {example}")).collect()
    }
}

/// The reason without what differs from row to row: what is quoted of the row, numbers, and details behind a colon.
fn kind_of(reject: &Reject) -> String {
    let (before, quoted) = reject.reason.split_once('\'').unwrap_or((&reject.reason, ""));
    let after = quoted.split_once("' ").map_or("", |(_, after)| after);
    let general = before.chars().chain(after.chars()).take_while(|letter| *letter != ':');
    reject.column.chars().chain(['\n']).chain(general.filter(|letter| !letter.is_ascii_digit())).collect()
}

fn refuse_to_replace_what_is_not_ours(path: &Path) -> Result<(), Failure> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    let is_link_to_file = found.is_symlink() && path.metadata().is_ok_and(|target| target.is_file());
    let what = match path.metadata() {
        Err(_) => "is a link to nothing",
        Ok(_) if is_link_to_file => "is a link, which is not followed",
        Ok(target) if target.is_file() && !is_list_of_rejects(path) => "holds something other than rejects",
        Ok(_) => return Ok(()),
    };
    let path = path.display();
    Err(Failure::usage_error(format!(
        "{path}: {what} and is not replaced; say where rejects go: --rejects FILE or none"
    )))
}

/// True for a list of rejects, and for an empty file.
fn is_list_of_rejects(path: &Path) -> bool {
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(RejectWriter::HEADER.len() as u64).read_to_end(&mut begin));
    read.is_ok() && (begin.is_empty() || begin == RejectWriter::HEADER.as_bytes())
}

/// `answers.csv` -> `answers.rejects.csv`, beside it.
pub(crate) fn rejects_of(answers: &Path) -> PathBuf {
    let name = answers.file_name().map_or_else(|| "answers".to_owned(), |name| name.to_string_lossy().into_owned());
    let stem =
        [".gz", ".zst", ".csv"].iter().fold(name.as_str(), |stem, ending| stem.strip_suffix(ending).unwrap_or(stem));
    answers.with_file_name(format!("{stem}.rejects.csv"))
}

/// `some/log.csv` -> `log.rejects.csv` in the current folder; `stdin.rejects.csv` for standard input.
pub(crate) fn rejects_beside(log: &Path) -> PathBuf {
    let name = if log == Path::new("-") { Path::new("stdin") } else { log };
    PathBuf::from(rejects_of(name).file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64, reason: &str) -> Reject {
        Reject { line, column: "c".to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn reasons_that_differ_in_what_they_quote_are_one() {
        let mut reasons = Reasons::default();
        for (line, reason) in (2..).zip([
            "the row has 3 fields, the header 5",
            "'ten' is not a number",
            "'it's' is not a number",
            "'9:00' is not a number: after '9' comes ':'",
            "the row has 12 fields, the header 5",
            "the field is not UTF-8",
            "the field holds a NUL byte",
        ]) {
            reasons.count(&reject(line, reason));
        }
        let words = [
            "\n  3 like line 3, column c: 'ten' is not a number",
            "\n  2 like line 2, column c: the row has 3 fields, the header 5",
            "\n  1 like line 7, column c: the field is not UTF-8",
        ];
        assert_eq!(reasons.in_words(), words.concat());
    }

    #[test]
    fn rejects_go_beside_the_answers_or_into_the_current_folder() {
        assert_eq!(rejects_of(Path::new("a/answers.csv.gz")), Path::new("a/answers.rejects.csv"));
        assert_eq!(rejects_of(Path::new("answers")), Path::new("answers.rejects.csv"));
        assert_eq!(rejects_beside(Path::new("a/log.jsonl")), Path::new("log.jsonl.rejects.csv"));
        assert_eq!(rejects_beside(Path::new("-")), Path::new("stdin.rejects.csv"));
    }
}
