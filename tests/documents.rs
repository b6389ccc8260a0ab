//! Documents and code refer to each other: what the code cites is written down, and what is written down is cited.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::command::{repository, rust_files};

/// The decisions of each crate, in its README.
const DECISIONS: [&str; 7] = [
    "crates/pipelines",
    "crates/events",
    "generators",
    "crates/live",
    "crates/measurement",
    "crates/harness",
    "crates/report",
];

#[test]
fn every_cited_decision_is_recorded_and_every_recorded_one_is_cited() {
    let mut recorded = BTreeMap::new();
    for folder in DECISIONS {
        let readme = fs::read_to_string(repository(&format!("{folder}/README.md"))).unwrap();
        for line in readme.lines().filter(|line| line.starts_with("**D-")) {
            let number = citations(line).next().expect("a decision begins with its number");
            assert!(recorded.insert(number.clone(), folder).is_none(), "{number} is there twice");
        }
    }
    let mut cited = BTreeSet::new();
    for file in sources() {
        for number in citations(&fs::read_to_string(&file).unwrap()) {
            assert!(recorded.contains_key(&number), "{} cites {number}, which is nowhere", file.display());
            cited.insert(number);
        }
    }
    let uncited: Vec<_> = recorded.iter().filter(|(number, _)| !cited.contains(*number)).collect();
    assert!(uncited.is_empty(), "no code cites {uncited:?}");
}

#[test]
fn doc_comments_stand_alone() {
    let elliptic = ["Of ", "That ", "The same ", "So many "];
    let mut found = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let mut in_comment = false;
        for (number, line) in (1..).zip(text.lines()) {
            let comment = line.trim_start().strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let is_elliptic = |words: &str| elliptic.iter().any(|begin| words.trim_start().starts_with(begin));
            if !in_comment && comment.is_some_and(is_elliptic) {
                found.push(format!("{}:{number}: {}", file.display(), line.trim()));
            }
            in_comment = comment.is_some();
        }
    }
    assert!(found.is_empty(), "say in a whole sentence what the item is or returns: {found:#?}");
}

/// Numbers such as `D-013` in a text.
fn citations(text: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_alphanumeric();
    let numbers = text.match_indices("D-").filter(move |(at, _)| !text[..*at].ends_with(is_part));
    numbers.filter_map(move |(at, _)| {
        let rest = &text[at + 2..];
        let digits = rest.get(..3).filter(|digits| digits.chars().all(|c| c.is_ascii_digit()))?;
        (!rest[3..].starts_with(is_part)).then(|| format!("D-{digits}"))
    })
}

/// The sources of all crates, without their tests.
fn sources() -> Vec<PathBuf> {
    let folders = DECISIONS.map(|folder| format!("{folder}/src")).into_iter().chain(["crates/cli".to_owned()]);
    let files: Vec<PathBuf> = folders.flat_map(|folder| rust_files(&folder)).map(|(_, file)| file).collect();
    assert!(files.len() > 100, "{} sources", files.len());
    files
}
