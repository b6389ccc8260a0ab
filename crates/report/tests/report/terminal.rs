//! The tables of the terminal: what each question asks for, within 80 columns.

use std::fs;
use std::path::{Path, PathBuf};

use flowbench_measurement::record::Status;
use flowbench_report::{Results, Screen, terminal_tables};

use crate::synthetic::Synthetic;

/// Reference runs of different shapes: three small questions, evictions, ten strategies, policies by slack, rates.
const REFERENCES: [&str; 5] = ["quickstart", "eviction", "parallelism", "disorder", "latency"];

fn reference(name: &str) -> Results {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Results::read(&root.join("results").join(name).join("reference")).unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("terminal-{name}.txt"))
}

/// Compares a text with its golden file, which `FLOWBENCH_REWRITE=1` writes again.
fn check(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept == text, "{}: FLOWBENCH_REWRITE=1 writes it again\n{text}", path.display());
}

/// Results of which some cases are invalid, some have failed for one reason, and one has failed for another.
fn with_failures() -> Results {
    let mut results = Results::read(Synthetic::full().written().path()).unwrap();
    for (n, case) in results.cases.iter_mut().enumerate() {
        let cause = match n % 6 {
            0 => Status::Failed { cause: "deadline: still running after 30 s".into(), stderr_tail: String::new() },
            1 => Status::Invalid { cause: format!("{} answers are missing", n + 1) },
            _ => continue,
        };
        (case.status, case.numbers) = (cause, None);
    }
    results
}

#[test]
fn tables_of_the_references_are_as_they_were() {
    for name in REFERENCES {
        check(name, &terminal_tables(&reference(name), Screen::plain(80)));
    }
    check("failures", &terminal_tables(&with_failures(), Screen::plain(80)));
}

/// Returns how many columns the tables of a text leave to the report.
fn left_out_columns(text: &str) -> usize {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lists = text.split("Only in the report: ").skip(1);
    lists.map(|rest| rest.split(". ").next().unwrap().split(", ").count()).sum()
}

#[test]
fn no_line_is_wider_than_the_screen_and_a_wider_screen_shows_no_less() {
    for results in REFERENCES.map(reference).into_iter().chain([with_failures()]) {
        let mut left_out = usize::MAX;
        for width in [80, 90, 100, 120, 160] {
            let text = terminal_tables(&results, Screen::plain(width));
            let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > width).collect();
            assert!(wide.is_empty(), "{width}: {wide:#?}\n{text}");
            let now = left_out_columns(&text);
            assert!(now <= left_out, "{width}: {now} and not {left_out}\n{text}");
            left_out = now;
        }
    }
}

#[test]
fn styles_add_nothing_but_escape_codes_and_failures_are_red() {
    let results = with_failures();
    let plain = terminal_tables(&results, Screen::plain(80));
    let styled = terminal_tables(&results, Screen { is_styled: true, ..Screen::plain(80) });
    let mut without_codes = String::new();
    for (n, piece) in styled.split('\u{1b}').enumerate() {
        without_codes.push_str(if n == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    assert_eq!(without_codes, plain);
    assert!(styled.contains("\u{1b}[1m\u{1b}[31minvalid\u{1b}[0m"), "{styled}");
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn failures_with_one_cause_stand_together() {
    let text = terminal_tables(&with_failures(), Screen::plain(80));
    assert_eq!(text.matches("deadline: still running after 30 s").count(), 1, "{text}");
}
