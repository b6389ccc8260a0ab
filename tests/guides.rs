//! What the guides show works: every command is understood, and what stands below a prompt is what is printed.

use std::fs;

use crate::command::{Scratch, repository};

/// The documents for users.
const GUIDES: [&str; 8] = [
    "README.md",
    "experiments/README.md",
    "crates/events/LOGS.md",
    "results/README.md",
    "crates/measurement/METHODS.md",
    ".github/actions/gate/README.md",
    "crates/cli/examples/README.md",
    "generators/README.md",
];

#[test]
fn every_command_of_the_guides_is_understood() {
    let scratch = Scratch::new();
    let mut commands = 0;
    for (guide, block) in blocks() {
        for line in joined(&block) {
            for command in line.split(" | ").filter_map(command_of) {
                // Help is printed once all that stands before it has been parsed.
                let ended = scratch.sh(&format!("{command} --help"));
                assert_eq!(ended.code, Some(0), "{guide}: {command}\n{}", ended.stderr);
                commands += 1;
            }
        }
    }
    assert!(commands >= 30, "{commands} commands");
}

#[test]
fn what_stands_below_a_prompt_is_what_is_printed() {
    let scratch = Scratch::new();
    scratch.ok(&format!("mkdir tests && cp -r {} tests/data", repository("tests/data").display()));
    let mut shown = 0;
    for (guide, block) in blocks() {
        let lines = joined(&block);
        let Some((prompt, output)) = lines.split_first().filter(|(prompt, _)| prompt.starts_with("$ ")) else {
            continue;
        };
        let printed = scratch.ok(&format!("({}) 2>&1", &prompt[2..])).stdout;
        assert_eq!(printed.trim_end(), output.join("\n"), "{guide}");
        shown += 1;
    }
    assert!(shown > 0);
}

#[test]
fn links_of_the_guides_lead_somewhere() {
    for (guide, text) in texts() {
        let folder = repository(guide).parent().unwrap().to_owned();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split([')', '#']).next().unwrap();
            let is_file = !link.is_empty() && !link.contains("://");
            assert!(!is_file || folder.join(link).exists(), "{guide} links to {link}");
        }
    }
}

/// The guides by their name.
fn texts() -> impl Iterator<Item = (&'static str, String)> {
    GUIDES.into_iter().map(|guide| (guide, fs::read_to_string(repository(guide)).unwrap()))
}

/// The fenced blocks that are not of another language.
fn blocks() -> Vec<(&'static str, String)> {
    let of_guide = |(guide, text): (&'static str, String)| {
        let parts: Vec<String> = text.split("```").skip(1).step_by(2).map(str::to_owned).collect();
        parts.into_iter().filter(|part| part.starts_with('\n')).map(move |part| (guide, part))
    };
    texts().flat_map(of_guide).collect()
}

/// The lines of a block, those that end in a backslash with the next one, without empty ones.
fn joined(block: &str) -> Vec<String> {
    let text = block.replace("\\\n", " ");
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// The command of a line, if it is one of flowbench, without its comment.
fn command_of(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches("$ ");
    let command = line.split_once("  #").map_or(line, |(command, _)| command).split(" # ").next()?;
    command.starts_with("flowbench ").then(|| command.trim())
}
