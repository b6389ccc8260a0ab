//! Every reference run is drawn again to the same bytes: what is committed is what the program draws today. And all of
//! them were measured by one build, or numbers of two notes could not be compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flowbench_harness::experiment::LoadedExperiment;
use flowbench_measurement::claims::{Standing, check_claims};
use flowbench_measurement::column_absences::absence;
use flowbench_measurement::columns::{Cell, cases_csv};
use flowbench_measurement::record::CaseRecord;
use flowbench_measurement::results_dir::read_cases;
use flowbench_report::{Results, Screen, draw, terminal_tables};
use serde_json::Value;

use crate::command::repository;

#[test]
fn every_reference_is_drawn_again_byte_for_byte() {
    let mut differ = Vec::new();
    for dir in references() {
        let committed = files_of(&dir);
        let again = tempfile::tempdir().unwrap();
        committed.iter().for_each(|(name, bytes)| fs::write(again.path().join(name), bytes).unwrap());
        let drawn = draw(again.path()).unwrap();
        assert_eq!(drawn.problems, [], "{}", dir.display());
        let again = files_of(again.path());
        let names = again.keys().filter(|name| committed.get(*name) != again.get(*name));
        differ.extend(names.map(|name| format!("{}", dir.join(name).display())));
    }
    assert!(
        differ.is_empty(),
        "what is drawn has changed; CONTRIBUTING.md, References, says how to draw anew: {differ:#?}"
    );
}

#[test]
fn tables_of_cases_are_those_of_their_records() {
    for dir in references() {
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let cases: Vec<CaseRecord> =
            read("cases.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let table = cases_csv(&cases);
        if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
            fs::write(dir.join("cases.csv"), &table).unwrap();
        }
        assert!(read("cases.csv") == table, "{}: cases.csv differs", dir.display());
    }
}

/// No value is missing without a reason that `flowbench explain COLUMN` gives.
#[test]
fn every_value_that_a_case_with_numbers_lacks_has_a_reason() {
    let without_numbers = absence("elapsed_s");
    for dir in references() {
        let text = fs::read_to_string(dir.join("cases.ndjson")).unwrap();
        let cases = text.lines().map(|line| serde_json::from_str::<CaseRecord>(line).unwrap());
        for case in cases.filter(|case| case.numbers.is_some()) {
            let empty =
                case.columns().into_iter().filter(|(_, cell)| *cell == Cell::Empty || cell.to_string().is_empty());
            for (column, _) in empty {
                assert_ne!(absence(column), without_numbers, "{}: {column} is empty without a reason", dir.display());
            }
        }
    }
}

/// What was measured by different builds is not compared by mistake: the table in `results/README.md` says which is which.
#[test]
fn what_an_experiment_claims_holds_in_its_reference() {
    let mut wrong = String::new();
    for dir in references() {
        let name = dir.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let claims = LoadedExperiment::load(&name, &[]).unwrap().experiment.claims;
        assert!(!claims.is_empty(), "{name} claims nothing");
        for checked in check_claims(&claims, &read_cases(&dir).unwrap().rows) {
            if checked.standing != Standing::Holds {
                wrong += &format!("{name}: {checked}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_table_of_the_readme_is_that_of_the_reference() {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let (_, rest) = readme.split_once("ended like\nthis:\n\n```\n").unwrap();
    let (shown, _) = rest.split_once("\n```\n").unwrap();
    let results = Results::read(&repository("results/quickstart/reference")).unwrap();
    let tables = terminal_tables(&results, Screen::plain(80));
    let is_printed = |line: &&str| tables.lines().any(|printed| printed.trim_end() == line.trim_end());
    let others: Vec<&str> = shown.lines().filter(|line| *line != "…" && !is_printed(line)).collect();
    assert!(others.is_empty(), "README.md shows {others:#?}\nand the reference prints\n{tables}");
}

#[test]
fn every_reference_is_of_a_commit_that_is_listed() {
    let readme = fs::read_to_string(repository("results/README.md")).unwrap();
    for dir in references() {
        let run: Value = serde_json::from_slice(&fs::read(dir.join("run.json")).unwrap()).unwrap();
        let build = &run["build"];
        let is_of_a_commit = build["commit"].is_string() && build["dirty"] == false && build["profile"] == "release";
        assert!(is_of_a_commit, "{}: {build}", dir.display());
        let (experiment, commit) = (run["experiment"].as_str().unwrap(), build["commit"].as_str().unwrap());
        let is_listed = |line: &str| line.contains(&format!("`{experiment}`")) && line.contains(commit);
        assert!(readme.lines().any(is_listed), "results/README.md does not list `{experiment}` as of {commit}");
    }
}

/// The folders of all reference runs.
fn references() -> Vec<PathBuf> {
    let experiments = fs::read_dir(repository("results")).unwrap();
    let dirs = experiments.map(|experiment| experiment.unwrap().path().join("reference"));
    let dirs: Vec<PathBuf> = dirs.filter(|dir| dir.is_dir()).collect();
    assert!(dirs.len() >= 8, "{} references", dirs.len());
    dirs
}

/// The files of a folder by name.
fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}
