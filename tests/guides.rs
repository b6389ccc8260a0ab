//! What the guides show works: every command is understood, those that take seconds are run, what stands below a prompt is
//! what is printed, and messages that are quoted are messages of the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use flowbench_report::{Results, terminal_tables};

use crate::command::{Ended, Scratch, repository, rust_files};

/// The documents for users.
const GUIDES: [&str; 15] = [
    "README.md",
    "experiments/README.md",
    "experiments/pipelines/README.md",
    "crates/events/LOGS.md",
    "crates/live/LIVE.md",
    "results/README.md",
    ".github/actions/gate/README.md",
    "crates/cli/examples/README.md",
    "crates/cli/TUTORIAL.md",
    "crates/cli/REFERENCE.md",
    "crates/cli/TROUBLESHOOTING.md",
    "crates/cli/JUDGE.md",
    "crates/cli/STABILITY.md",
    "crates/measurement/METHODS.md",
    "generators/README.md",
];

/// Commands that are not run as they stand, because that takes minutes or something is in the way, with what is run
/// in their place.
const SMALLER: [(&str, &str); 22] = [
    (
        "flowbench token add wall --allow wall --for 90d",
        "rm tokens.toml && flowbench token add wall --allow wall --for 90d",
    ),
    (
        "flowbench serve --generate retail --speed 3600 --slack 2h",
        "flowbench serve --listen 127.0.0.1:0 --generate tiny --count 2000 --speed 1000000 --slack 2h --max-ahead 1d --until-end",
    ),
    (
        "flowbench serve --pipeline large=export-review --set large:threshold=100 --pipeline ./mine.toml",
        "flowbench serve --pipeline large=export-review --set large:threshold=100 --listen 127.0.0.1:0 \
      --recording large.jsonl.zst --generate tiny --count 100 --speed 1000000 --until-end",
    ),
    (
        "flowbench bench orders.csv --map map.toml --pipeline sessions",
        "flowbench bench orders.csv --map map.toml --pipeline sessions --strategies sequential,exchange --workers 1",
    ),
    (
        "flowbench bench log.csv --pipeline ./mine.toml --deduplicate",
        "flowbench bench log.csv --pipeline ./mine.toml --deduplicate --strategies sequential,exchange --workers 1",
    ),
    (
        "flowbench generate --profile tiny --events 20000 -o log.csv",
        "flowbench generate --profile tiny -o new.csv --events 900",
    ),
    (
        "flowbench bench log.csv --pipeline sessions --slack 10min --strategies sequential,exchange,pre-aggregate",
        "flowbench bench log.csv --pipeline sessions --slack 10min --strategies exchange --workers 1",
    ),
    ("flowbench judge answers.csv --trace log.csv --pipeline sessions --quiet", JUDGE_OF_THE_TUTORIAL),
    (
        "flowbench run ./week.toml --out week",
        "flowbench run ./week.toml --set repeats=1 --set slack.trace.events=2000 --out new",
    ),
    ("flowbench map orders.csv -o map.toml", "rm map.toml && flowbench map orders.csv -o map.toml"),
    (
        JUDGE_LATE,
        "flowbench replay log.csv --pipeline sessions --slack 1h -o sessions.csv && flowbench judge sessions.csv \
      --trace log.csv --pipeline sessions --slack 1h --differences differences.csv",
    ),
    (
        "flowbench judge answers.csv --trace log.csv --pipeline ./mine.toml --set least=2",
        "flowbench replay log.csv --pipeline ./mine.toml --set least=2 -o answers.csv && \
      flowbench judge answers.csv --trace log.csv --pipeline ./mine.toml --set least=2",
    ),
    ("flowbench run parallelism", "flowbench explain parallelism"),
    ("flowbench run parallelism --profile quick", "flowbench run parallelism --profile quick --dry-run"),
    (
        "flowbench run parallelism --only throughput --skip 'strategy=differential|broadcast'",
        "flowbench run parallelism --only throughput --skip 'strategy=differential|broadcast' --dry-run",
    ),
    (
        "flowbench run parallelism --only 'pipeline=sessions & strategy=sequential|exchange'",
        "flowbench run parallelism --only 'pipeline=sessions & strategy=sequential|exchange' --dry-run",
    ),
    ("flowbench run quickstart --set 'latency.rate=[100000]' --set repeats=3 --out mine", QUICKSTART),
    ("flowbench run ./mine.toml", "flowbench run ./mine.toml --set phones.trace.events=2000 --set repeats=1"),
    ("flowbench reproduce results/quickstart/reference", "flowbench reproduce mine"),
    ("flowbench pack DIR", "flowbench pack mine"),
    ("flowbench run --resume DIR", "flowbench run --resume mine"),
    ("flowbench run --resume DIR --allow-mixed", "flowbench run --resume mine --allow-mixed"),
];

/// The log has late events, and the answers in the folder are the truth.
const JUDGE_LATE: &str =
    "flowbench judge sessions.csv --trace log.csv --pipeline sessions --slack 1h --differences differences.csv";

/// Answers with a slack are no truth; those of the template are.
const JUDGE_OF_THE_TUTORIAL: &str = "flowbench judge sessions.csv --trace log.csv --pipeline sessions";

const QUICKSTART: &str = "flowbench run quickstart --set 'latency.rate=[100000]' --set repeats=1 --out quickstart \
                          --set latency.duration=100ms --set latency.warmup=0s --set memory.trace.events=50000 \
                          --set slack.trace.events=20000";

/// Commands that are only parsed here, with the reason.
const NOT_RUN: [(&str, &str); 5] = [
    ("flowbench gate --against ../main/target/release/flowbench", "two builds; tests/gate.rs gives it one twice"),
    ("flowbench gate --calibrate", "minutes; tests/gate.rs calibrates with a small experiment"),
    ("flowbench gate --baseline results/ci/reference --only exact", "a minute; .ci/run runs it"),
    ("flowbench run quickstart --hosts hosts.txt --process 0", "several machines; tests/processes.rs has them on one"),
    ("flowbench run quickstart --hosts hosts.txt --process 1", "the same"),
];

#[test]
fn every_command_of_the_guides_is_understood() {
    let scratch = Scratch::new();
    let mut understood = 0;
    for (guide, command) in commands() {
        // Help is printed once all that stands before it has been parsed.
        let ended = scratch.sh(&format!("{command} --help"));
        assert_eq!(ended.code, Some(0), "{guide}: {command}\n{}", ended.stderr);
        understood += 1;
    }
    assert!(understood >= 30, "{understood} commands");
}

#[test]
fn every_command_that_stands_in_a_sentence_is_understood() {
    let scratch = Scratch::new();
    let mut understood = BTreeSet::new();
    for (guide, text) in texts() {
        let spans = text.split("```").step_by(2).collect::<String>().replace('\n', " ");
        let commands = spans.split('`').skip(1).step_by(2).flat_map(|span| span.split(" | "));
        for command in commands.filter(|command| command.starts_with("flowbench ")) {
            // What is written in capitals stands for something of the reader's.
            let stands_for = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
            let is_whole = !command.split([' ', '/', '=']).any(|word| stands_for(word) || word == "S");
            if is_whole && understood.insert(command.to_owned()) {
                let ended = scratch.sh(&format!("{command} --help"));
                assert_eq!(ended.code, Some(0), "{guide}: {command}\n{}", ended.stderr);
            }
        }
    }
    assert!(understood.len() >= 10, "{understood:?}");
}

#[test]
fn commands_of_the_guides_do_what_they_are_shown_for() {
    let scratch = Scratch::new();
    fill(&scratch);
    let excepted: Vec<&str> = SMALLER.iter().chain(&NOT_RUN).map(|(command, _)| *command).collect();
    let mut seen = BTreeSet::new();
    for (guide, command) in commands() {
        seen.insert(command.clone());
        if NOT_RUN.iter().any(|(one, _)| *one == command) {
            continue;
        }
        let smaller = SMALLER.iter().find(|(one, _)| *one == command).map(|(_, smaller)| *smaller);
        // Of the files of a reader's own, some are experiments and some pipelines.
        let is_of_pipeline =
            ["--pipeline ./mine.toml", "explain ./mine.toml"].iter().any(|part| command.contains(part));
        let mine = if is_of_pipeline { "cp question.toml mine.toml && " } else { "" };
        // Each begins with the same files, whatever the others have left.
        let line = format!("rm -rf ../here && cp -r . ../here && cd ../here && {mine}{}", smaller.unwrap_or(&command));
        let ended = scratch.sh(&format!("cd template && {line}"));
        assert_eq!(ended.code, Some(0), "{guide}: {command}\n{}", ended.stderr);
    }
    let stale: Vec<_> = excepted.into_iter().filter(|command| !seen.contains(*command)).collect();
    assert!(stale.is_empty(), "no guide shows {stale:?}");
}

/// Makes a folder `template` with the files that the commands of the guides are about.
fn fill(scratch: &Scratch) -> Ended {
    let data = repository("tests/data");
    let first_toml = |guide: &str| {
        let guide = fs::read_to_string(repository(guide)).unwrap();
        guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap().to_owned()
    };
    scratch.ok("mkdir -p template/tests template/results/quickstart");
    scratch.ok(
        "cd template && flowbench serve --listen 127.0.0.1:0 --generate tiny --count 2000 --speed 1000000 --slack 2h \
         --max-ahead 1d --until-end -q && flowbench token add wall --allow wall -q && \
         flowbench replay live.jsonl.zst --pipeline dispatch-overdue -o overdue.csv -q",
    );
    scratch.write("template/mine.toml", first_toml("experiments/README.md"));
    scratch.write("template/question.toml", first_toml("experiments/pipelines/README.md"));
    scratch.write("template/week.toml", first_toml("crates/cli/TUTORIAL.md"));
    let data = data.display();
    let small = "--set phones.trace.events=2000 --set repeats=2 --quiet";
    scratch.ok(&format!(
        "cd template && cp -r {data} tests/data && cp -r {reference} results/quickstart/reference && \
         cp {data}/online_retail_excerpt.csv orders.csv && cp {data}/online_retail.toml map.toml && \
         flowbench generate --profile tiny --events 2000 -o log.csv --quiet && \
         flowbench replay log.csv --pipeline sessions -o sessions.csv --quiet && \
         printf 'time,cpu_share\n2026-01-05T10:00:00Z,0.5\n' >cpu.csv && \
         flowbench generate --profile stormy --events 2000 -o storm.csv.zst --quiet && \
         for out in mine before after; do flowbench run ./mine.toml --out $out {small} || exit 1; done && cp -r mine week",
        reference = repository("results/quickstart/reference").display(),
    ))
}

#[test]
fn mappings_of_the_guide_read_what_they_are_about() {
    let scratch = Scratch::new();
    let guide = fs::read_to_string(repository("crates/events/LOGS.md")).unwrap();
    let mappings = guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let logs = [
        (
            "event_time,event_type,customer_id,order_id,value,country_or_state\n2026-03-01T10:00:00,order,1,2,9.99,GB\n",
            "",
            1,
        ),
        (
            "when,InvoiceNo,UnitPrice,Quantity\n01/03/2026 10:00,7,\"1.203,39\",2\n",
            "kind = { constant = 'order_placed' }\n",
            1,
        ),
        ("purchased_at,delivered_at\n2026-03-01T10:00:00Z,2026-03-04T10:00:00Z\n", "", 2),
    ];
    assert_eq!(mappings.clone().count(), logs.len());
    for (mapping, (log, more, events)) in mappings.zip(logs) {
        scratch.write("log.csv", log);
        scratch.write("map.toml", format!("{mapping}{more}"));
        let facts = scratch.ok("flowbench inspect log.csv --map map.toml --json").json();
        assert_eq!(facts["events"], events, "{mapping}");
    }
}

#[test]
fn claims_of_the_guide_can_be_checked() {
    let scratch = Scratch::new();
    let guide = fs::read_to_string(repository("experiments/README.md")).unwrap();
    let mut blocks = guide.split("```toml\n").filter_map(|rest| rest.split("```").next());
    let claims = blocks.find(|block| block.starts_with("claims = ")).unwrap();
    let part = "[[part]]\nname = 'few'\nquestion = 'Few?'\ntrace = { profile = 'tiny', events = 500 }\n\
                axes = { pipeline = 'sessions', slack = '1d', strategy = ['sequential', 'exchange'], workers = [1, 2], \
                eviction = ['never', 'frontier'] }\n";
    scratch.write("mine.toml", format!("name = 'mine'\ntitle = 'Mine?'\nrepeats = 1\n{claims}{part}"));
    let ended = scratch.ok("flowbench run ./mine.toml --out mine --quiet");
    let told =
        claims.lines().filter_map(|line| line.trim().strip_prefix('"')).filter_map(|line| line.strip_suffix("\","));
    let told: Vec<&str> = told.collect();
    // A claim about another part is counted, and a long one is wrapped.
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = plain(&ended.stdout);
    let is_printed = |claim: &&&str| printed.contains(&plain(claim));
    assert!(told.len() == 3 && told.iter().filter(is_printed).count() >= 1, "{}", ended.stdout);
}

#[test]
fn what_stands_below_a_prompt_is_what_is_printed() {
    let scratch = Scratch::new();
    scratch.ok(&format!("mkdir tests && cp -r {} tests/data", repository("tests/data").display()));
    scratch.ok("flowbench generate --profile tiny --events 20000 -o log.csv");
    scratch.ok("flowbench replay log.csv --pipeline sessions --slack 10min -o answers.csv");
    let mut shown = 0;
    for (guide, block) in blocks() {
        let lines = joined(&block);
        let Some((prompt, output)) = lines.split_first().filter(|(prompt, _)| prompt.starts_with("$ ")) else {
            continue;
        };
        let (command, filter) = prompt[2..].split_once(" | ").map_or((&prompt[2..], "cat"), |parts| parts);
        let printed = scratch.sh(&format!("({command}) 2>&1 | {filter}")).stdout;
        assert_eq!(printed.trim_end(), output.join("\n"), "{guide}");
        shown += 1;
    }
    assert!(shown > 0);
}

#[test]
fn the_table_of_the_readme_is_that_of_the_reference_run() {
    let results = Results::read(&repository("results/quickstart/reference")).unwrap();
    let printed = terminal_tables(&results, flowbench_report::Screen::plain(80));
    let printed: BTreeSet<&str> = printed.lines().map(str::trim_end).collect();
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let block = readme.split("```").skip(1).step_by(2).find(|block| block.contains("Medians of 3 repeats")).unwrap();
    // What is left out stands as an ellipsis.
    for line in block.lines().map(str::trim_end).filter(|line| !line.is_empty() && *line != "…") {
        assert!(printed.contains(line), "the table of today has no line `{line}`: {printed:#?}");
    }
}

#[test]
fn messages_that_are_quoted_are_those_of_the_program() {
    let words = words_of_the_program();
    let guide = fs::read_to_string(repository("crates/cli/TROUBLESHOOTING.md")).unwrap();
    let mut quoted = 0;
    for block in guide.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        for message in block.lines() {
            for part in message.split('…').map(str::trim).filter(|part| part.chars().any(char::is_alphabetic)) {
                assert!(words.contains(part), "nothing says `{part}` of `{message}`");
                quoted += 1;
            }
        }
    }
    assert!(quoted >= 40, "{quoted} quoted messages");
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        let prose: String = text.split("```").step_by(2).collect();
        for (_, rest) in prose.match_indices("](").map(|(at, _)| prose.split_at(at + 2)) {
            let link = rest.split([')', '#']).next().unwrap();
            let is_file = !link.is_empty() && !link.contains("://") && !link.contains('\n');
            assert!(!is_file || folder.join(link).exists(), "{} links to {link}", document.display());
            links += 1;
        }
    }
    assert!(links > 150, "{links} links");
}

/// All documents that are kept, but for those that a run has left.
fn documents() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.md"]).current_dir(repository("")).output().unwrap();
    let files = String::from_utf8(output.stdout).unwrap();
    let kept: Vec<PathBuf> = files.lines().filter(|file| !file.contains("/golden/")).map(repository).collect();
    // Without git, at least the guides.
    if kept.is_empty() { GUIDES.into_iter().map(repository).collect() } else { kept }
}

/// The guides by their name.
fn texts() -> impl Iterator<Item = (&'static str, String)> {
    GUIDES.into_iter().map(|guide| (guide, fs::read_to_string(repository(guide)).unwrap()))
}

/// The commands of flowbench in the blocks of the guides.
fn commands() -> Vec<(&'static str, String)> {
    let mut commands = Vec::new();
    for (guide, block) in blocks() {
        for line in joined(&block) {
            commands.extend(line.split(" | ").filter_map(command_of).map(|command| (guide, command.to_owned())));
        }
    }
    commands
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

/// The code of the program, literals that go over several lines in one.
fn words_of_the_program() -> String {
    let folders =
        ["crates/cli", "crates/events/src", "crates/harness/src", "crates/measurement/src", "crates/report/src"];
    let mut words = String::new();
    for (_, path) in folders.into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut parts = code.split("\\\n");
        words.push_str(parts.next().unwrap_or_default());
        parts.for_each(|part| words.push_str(part.trim_start()));
    }
    // As it is printed.
    words.replace("{{", "{").replace("}}", "}")
}
