//! The recording in the README is a picture that stands alone, and shows a run to its end.

use std::fs;

use crate::command::repository;

#[test]
fn the_recording_is_a_small_picture_without_scripts_or_names_of_a_machine() {
    let svg = fs::read_to_string(repository("results/quickstart/recording.svg")).unwrap();
    assert!(svg.len() < 150_000, "{} bytes", svg.len());
    for part in ["<title id=\"title\">", "<desc id=\"desc\">", "prefers-color-scheme:dark", "prefers-reduced-motion"] {
        assert!(svg.contains(part), "{part}");
    }
    for foreign in ["<script", "href", "url(", "@import", "<image", "/home/", "/root/", "/tmp/"] {
        assert!(!svg.contains(foreign), "{foreign}");
    }
    // Results are named by paths that begin at the current folder.
    let texts = svg.split('>').filter_map(|rest| rest.split('<').next());
    let absolute: Vec<&str> = texts.flat_map(str::split_whitespace).filter(|word| word.starts_with('/')).collect();
    assert!(absolute.is_empty(), "{absolute:?}");
}

#[test]
fn the_recording_begins_with_the_command_and_ends_with_the_report() {
    let svg = fs::read_to_string(repository("results/quickstart/recording.svg")).unwrap();
    let title = svg.split("<title id=\"title\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert!(title.starts_with("flowbench run"), "{title}");
    // What is there at the end has no time at which it goes.
    let last: Vec<&str> = svg.lines().filter(|line| line.starts_with("<text class=\"k")).collect();
    assert!(last.len() > 20, "{} lines", last.len());
    assert!(last.iter().any(|line| line.contains("report.html")), "{last:#?}");
    assert!(svg.contains("p50") && svg.contains("p99"), "no table");
}
