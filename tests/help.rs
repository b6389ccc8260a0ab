//! What is printed about the commands: help as it was, completions that a shell can read, man pages of all commands.

use std::fs;

use crate::command::{Scratch, repository};

/// Returns the commands that `flowbench --help` lists.
fn commands(scratch: &Scratch) -> Vec<String> {
    let help = scratch.ok("flowbench --help").stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// What stands before it is written by hand.
const PRINTED_FROM_HERE: &str = "<!-- From here on, what `--help` prints; tests/help.rs writes it. -->\n";

#[test]
fn the_reference_has_the_help_of_every_command() {
    let scratch = Scratch::new();
    let commands = commands(&scratch);
    assert!(commands.len() >= 17, "{commands:?}");
    let mut printed = String::new();
    for name in std::iter::once("").chain(commands.iter().map(String::as_str)) {
        let text = scratch.ok(&format!("flowbench {name} --help")).stdout;
        let heading = format!("flowbench {name}");
        printed.push_str(&format!("\n## {}\n\n```text\n{text}```\n", heading.trim_end()));
    }
    let path = repository("crates/cli/REFERENCE.md");
    let reference = fs::read_to_string(&path).unwrap();
    let (by_hand, kept) = reference.split_once(PRINTED_FROM_HERE).unwrap();
    if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
        fs::write(&path, format!("{by_hand}{PRINTED_FROM_HERE}{printed}")).unwrap();
        return;
    }
    let differs = printed.lines().zip(kept.lines()).find(|(one, other)| one != other);
    assert!(kept == printed, "{differs:#?}; FLOWBENCH_REWRITE=1 writes it again");
}

#[test]
fn bash_completes_commands_options_and_values() {
    let scratch = Scratch::new();
    let complete = |words: &str, count: usize| {
        let line = format!(
            "flowbench completions bash > completions; bash -c 'source ./completions; COMP_WORDS=({words}); COMP_CWORD={count}; \
             _flowbench flowbench \"${{COMP_WORDS[$COMP_CWORD]}}\" \"\"; echo \"${{COMPREPLY[@]}}\"'"
        );
        scratch.ok(&line).stdout
    };
    assert_eq!(complete("flowbench repo", 1).trim(), "report");
    assert!(complete("flowbench run --res", 2).contains("--resume"));
    assert!(complete("flowbench list do", 2).contains("doubts"));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(scratch.ok(&format!("flowbench completions {shell}")).stdout.contains("flowbench"), "{shell}");
    }
    scratch.fails("flowbench completions tcsh", 2, &["tcsh", "possible values"]);
}

#[test]
fn every_command_and_option_has_its_place_in_the_man_pages() {
    let scratch = Scratch::new();
    assert_eq!(scratch.ok("flowbench man pages --quiet").stderr, "");
    let main = scratch.text("pages/flowbench.1");
    for command in commands(&scratch) {
        let page = scratch.text(&format!("pages/flowbench-{command}.1"));
        assert!(page.starts_with(".ie") && page.contains(".SH NAME"), "{command}");
        assert!(main.contains(&format!("flowbench\\-{command}(1)")), "{command} is not in flowbench.1");
    }
    let run = scratch.text("pages/flowbench-run.1");
    assert!(run.contains("\\-\\-resume") && run.contains("FLOWBENCH_RESUME"), "{run}");
    fs::write(scratch.path("file"), "").unwrap();
    scratch.fails("flowbench man file", 1, &["file: cannot be written"]);
}
