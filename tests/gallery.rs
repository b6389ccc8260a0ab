//! The gallery shows every figure of the reference runs with the sentence that answers it, whose numbers are theirs.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use crate::command::repository;
use crate::notes::{problems, rows_of};

#[test]
fn every_figure_of_a_reference_is_in_the_gallery_once_with_an_answer() {
    let mut expected = BTreeSet::new();
    for folder in fs::read_dir(repository("results")).unwrap().map(|entry| entry.unwrap().path().join("reference")) {
        for file in folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "svg") {
                expected.insert(file.strip_prefix(repository("")).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut shown = BTreeSet::new();
    for (experiment, section) in sections() {
        let mut paragraphs = section.split("\n\n").skip(2).filter(|paragraph| !paragraph.trim().is_empty());
        while let Some((answer, picture)) = paragraphs.next().zip(paragraphs.next()) {
            let (question, path) = picture.trim().strip_prefix("![").and_then(|rest| rest.split_once("](../")).unwrap();
            assert!(question.ends_with('?') && path.ends_with(')'), "{experiment}: {picture}");
            let answer = answer.replace('\n', " ");
            let answered = answer.strip_prefix(&format!("**{question}** "));
            assert!(answered.is_some_and(|answer| answer.ends_with('.')), "{experiment}: no answer to {question}");
            assert!(shown.insert(path.trim_end_matches(')').to_owned()), "{path} is there twice");
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn numbers_of_the_gallery_are_those_of_the_references() {
    let mut wrong = String::new();
    for (experiment, section) in sections() {
        let rows =
            rows_of(&fs::read_to_string(repository(&format!("results/{experiment}/reference/cases.csv"))).unwrap());
        for problem in problems(&section, &rows) {
            writeln!(wrong, "{experiment}, {problem} below its heading").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The part of the gallery for each experiment, by its name.
fn sections() -> Vec<(String, String)> {
    let text = fs::read_to_string(repository("experiments/GALLERY.md")).unwrap();
    let sections: Vec<(String, String)> = text
        .split("\n## ")
        .skip(1)
        .map(|section| (section.lines().next().unwrap().to_owned(), section.to_owned()))
        .collect();
    assert!(sections.len() >= 10, "{} sections", sections.len());
    sections
}
